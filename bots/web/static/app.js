// The page: choose, adjust, watch, keep.

import { ApiError, cancel, look, repaint, send } from "./api.js";
import { copy } from "./copy.js";
import { CropBox } from "./crop.js";

const PAUSE = 250; // ms at least between looks: most of the time the service holds the answer back until there is news
const PAUSE_LONGEST = 5000; // while the connection is lost
const KINDS = /^image\//;
const NAMES = /\.(jpe?g|png|webp|hei[cf])$/i;

// The same again would be refused again.
const HOPELESS = [
  "unreadable",
  "unsupported_format",
  "photo_too_large",
  "too_much",
  "photo_gone",
  "nothing_new",
  "blocked",
];

const $ = (id) => document.getElementById(id);
const app = $("app");
const words = JSON.parse(app.dataset.words);
const photoBytes = Number(app.dataset.photoBytes);
const say = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);

const scenes = ["start", "choices", "work", "result", "failure"];
const form = $("choices");
const state = { photos: [], address: null, job: null, retry: null, lost: false, abort: null, watching: null };

const crop = new CropBox($("crop"), $("shade"), $("preview"), (region) => {
  const percent = (value) => Math.round(value * 100);
  $("crop-now").textContent = say("crop_now", {
    percent: percent(region.width * region.height),
    x: percent(region.x),
    y: percent(region.y),
  });
});

function show(scene, { focus = false } = {}) {
  for (const id of scenes) $(id).hidden = id !== scene;
  $("problem").hidden = true;
  if (focus) $(scene).focus();
}

function complain(text) {
  $("problem").textContent = text;
  $("problem").hidden = false;
}

// Choose

function take(files) {
  const photos = [...files];
  if (!photos.length) return;
  if (!photos.every((file) => KINDS.test(file.type) || NAMES.test(file.name))) return complain(words.not_a_picture);
  if (photos.some((file) => file.size > photoBytes)) return complain(words.too_large);
  stop();
  if (state.address) URL.revokeObjectURL(state.address);
  state.photos = photos;
  state.address = URL.createObjectURL(photos[0]);
  const preview = $("preview");
  preview.onload = () => shown(true);
  preview.onerror = () => shown(false);
  preview.src = state.address;
  $("file-name").textContent = photos[0].name;
  $("several").textContent = photos.length > 1 ? say("several", { number: photos.length }) : "";
  const address = email();
  form.reset();
  if (address) form.elements.email.value = address;
  crop.forget();
  history.replaceState(null, "", location.pathname);
  show("choices");
  chosen();
  form.querySelector("[type=submit]").focus();
}

/**
 * Whether the browser can show the (first) photo: HEIC mostly not. It is sent all the same, only no square can be drawn;
 * nor can one be for several photos.
 */
function shown(visible) {
  $("preview").hidden = !visible;
  $("no-preview").hidden = visible;
  const drawable = visible && state.photos.length === 1;
  form.querySelector("[value=own]").disabled = !drawable;
  form.querySelector("[value=own]").closest("label").hidden = !drawable;
  $("work-photo").toggleAttribute("src", false);
  if (visible) $("work-photo").src = state.address;
}

function chosen() {
  const area = form.elements.area.value;
  $("face-choices").hidden = area !== "faces";
  $("own-choices").hidden = area !== "own";
  crop.show(area === "own");
}

function options() {
  const { area, faces, crop: distance, direction } = form.elements;
  return { direction: direction.value, ...where(area.value, faces.value, distance.value) };
}

function where(area, faces, distance) {
  if (area === "whole") return { whole: "true" };
  if (area === "own") {
    const { x, y, width, height } = crop.region();
    return { region: [x, y, width, height].map((value) => value.toFixed(5)).join(",") };
  }
  return { faces, crop: distance };
}

/** Where the link is mailed to; empty: nowhere, or this service sends no e-mail. */
function email() {
  return form.elements.email?.value.trim() ?? "";
}

// Watch

function paint(choice, key = freshKey()) {
  return work((lost) => paint(choice, lost ? key : freshKey()), () => {
    status(say("uploading", { percent: 0 }), 0);
    const fields = email() ? { ...choice, email: email() } : choice;
    const { accepted, abort } = send(state.photos, fields, key, (fraction) =>
      status(say("uploading", { percent: Math.round(fraction * 100) }), fraction * 100),
    );
    state.abort = abort;
    cancelButton().hidden = false;
    return accepted;
  });
}

/** Another picture of the photo that the service still has. */
function again(variant, id = state.job, key = freshKey()) {
  return work((lost) => again(variant, id, lost ? key : freshKey()), () => {
    status(words.accepted, null);
    cancelButton().hidden = true; // until its id is known
    return repaint(id, variant, key);
  });
}

/**
 * Watch a job to its end.
 * @param {(lost: boolean) => void} retry  starts it anew; with the same key when nobody knows whether it arrived
 * @param {() => Promise<{id: string}>} begin
 */
async function work(retry, begin) {
  stop();
  state.retry = retry;
  const watching = (state.watching = {});
  show("work");
  try {
    const job = await begin();
    if (state.watching !== watching) return;
    state.abort = null;
    history.replaceState(null, "", `#${job.id}`);
    await watch(job, watching);
  } catch (error) {
    if (state.watching === watching) failed(error);
  }
}

/**
 * Look again and again until the job has ended. A lost connection is waited out.
 * @param {{id: string}} job  as far as it is known: once it was taken in, with its place in line
 */
async function watch(job, watching) {
  watching.id = state.job = job.id;
  let pause = PAUSE;
  let wait = 0;
  if (job.state) {
    tell(job);
    wait = patience(job);
  }
  while (state.watching === watching) {
    try {
      const now = await look(job.id, wait);
      if (state.watching !== watching) return;
      pause = PAUSE;
      wait = patience(now);
      if (now.pictures.length || now.state === "delivered") return finished(now);
      if (["failed", "cancelled", "expired"].includes(now.state)) {
        return failed(new ApiError(now.message, now.code), now.again);
      }
      tell(now);
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== "no_connection") throw error;
      if (state.watching === watching) status(words.lost, null);
      pause = Math.min(pause * 2, PAUSE_LONGEST);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Seconds until a place in a line is worth another look: a third of what is left. The picture is told of at once anyway. */
function patience({ eta }) {
  return Math.min(10, Math.max(3, Math.round((eta ?? 0) / 3)));
}

function tell(job) {
  cancelButton().hidden = job.state !== "queued" && job.state !== "running";
  status(standing(job), null);
}

function standing({ position, eta }) {
  const seconds = eta === null ? null : Math.max(1, Math.round(eta));
  const key = position === null ? "painting" : "waiting";
  return seconds === null ? say(key, { position }) : say(`${key}_eta`, { position, seconds });
}

function status(text, percent) {
  if ($("status").textContent !== text) $("status").textContent = text;
  if (percent === null) $("bar").removeAttribute("value");
  else $("bar").value = percent;
}

function stop() {
  state.abort?.();
  state.abort = null;
  state.watching = null;
}

async function takeBack() {
  const id = state.watching?.id;
  if (!id) {
    stop();
    return show(state.photos.length ? "choices" : "start");
  }
  cancelButton().hidden = true;
  // Painted in the meantime, or no connection: watching goes on and shows what became of it.
  await cancel(id).catch(() => undefined);
}

function cancelButton() {
  return document.querySelector("[data-act=cancel]");
}

// Keep

function finished(job) {
  state.watching = null;
  const painted = job.pictures.length;
  const found = job.found ?? painted;
  const key = found > painted ? "result_some" : painted > 1 ? "result_many" : "result_one";
  $("result-title").textContent = say(key, { painted, found });
  $("pictures").replaceChildren(...job.pictures.map((picture, index) => pair(picture, index + 1, painted)));
  $("missed").textContent = [...job.missed, ...(job.left ? [job.left] : [])].join("\n");
  $("share").hidden = !job.links.page;
  if (job.links.page) $("share-link").value = new URL(job.links.page, location.href).href;
  copyButton().textContent = words.copy_link;
  $("all-faces").textContent = say("all_faces", { found });
  offer("result", job.again, { adjust: true });
  show("result", { focus: true });
}

function copyButton() {
  return document.querySelector("[data-act=copy]");
}

function pair(picture, number, painted) {
  const copy = $("pair").content.cloneNode(true);
  const part = (name) => copy.querySelector(`[data-part=${name}]`);
  part("before").src = picture.original_url;
  part("before").alt = say("before_alt", { number });
  part("after").src = picture.url;
  part("after").alt = say("after_alt", { number });
  part("download").href = picture.download_url;
  part("download").download = painted > 1 ? `anime-${number}.png` : "anime.png";
  part("beside").href = picture.beside_url;
  if (painted > 1) part("beside").setAttribute("aria-label", `${words.beside}, ${number}`);
  if (painted > 1) part("download").setAttribute("aria-label", say("download_number", { number }));
  return copy;
}

function failed(error, variants = []) {
  state.watching = null;
  state.abort = null;
  const code = error instanceof ApiError ? error.code : "unexpected";
  if (code === "cancelled" || code === "aborted") {
    history.replaceState(null, "", location.pathname);
    return show(state.photos.length ? "choices" : "start");
  }
  const text = code === "not_found" ? words.gone : error instanceof ApiError && error.message;
  $("failure-text").textContent = [text || words.no_connection, later(error.retryAfter)].join(" ").trim();
  const faceless = code === "no_face" || code === "face_too_small";
  if (["bad_email", "mail_quota"].includes(code)) {
    show("choices");
    return complain($("failure-text").textContent);
  }
  state.lost = code === "no_connection";
  offer("failure", variants, { adjust: faceless, retry: !faceless && !HOPELESS.includes(code) && state.retry });
  return show("failure", { focus: true });
}

/**
 * Show a scene's buttons that make sense now.
 * @param {string[]} variants  what the service can make of the photo that it has
 * @param {Record<string, boolean>} resending  what needs the photo here; a page that was opened again has none
 */
function offer(scene, variants, resending) {
  for (const button of $(scene).querySelectorAll("[data-variant]")) {
    button.hidden = !variants.includes(button.dataset.variant);
  }
  for (const [act, sensible] of Object.entries(resending)) {
    document.querySelector(`#${scene} [data-act=${act}]`).hidden = !state.photos.length || !sensible;
  }
}

function adjust() {
  history.replaceState(null, "", location.pathname);
  show("choices");
  chosen();
}

/** When it makes sense to try again, said as a time of day once it is more than a moment away. */
function later(seconds) {
  if (!(seconds > 45)) return "";
  const time = new Date(Date.now() + seconds * 1000 + 59_000);
  return say("retry_at", { time: time.toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" }) });
}

function restart() {
  stop();
  history.replaceState(null, "", location.pathname);
  $("file").value = "";
  $("camera").value = "";
  show("start");
  $("file").focus();
}

function freshKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Wires

const acts = {
  other: restart,
  cancel: takeBack,
  adjust,
  again: (button) => again(button.dataset.variant),
  copy: () => copy($("share-link"), copyButton(), words.copied),
  retry: () => state.retry(state.lost),
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  acts[button?.dataset.act]?.(button);
});
for (const id of ["file", "camera"]) $(id).addEventListener("change", (event) => take(event.target.files));
form.addEventListener("change", chosen);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  paint(options());
});

const busy = () => !$("work").hidden;
document.addEventListener("paste", (event) => !busy() && take(event.clipboardData.files));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
document.addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("dragging"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  if (!busy()) take(event.dataTransfer.files);
});

// A page that is opened again (or its address, sent to oneself) goes on where the job stands.
const known = location.hash.slice(1);
if (/^[\w-]+$/.test(known)) {
  const watching = (state.watching = {});
  show("work");
  status(words.accepted, null);
  cancelButton().hidden = true;
  watch({ id: known }, watching).catch((error) => state.watching === watching && failed(error));
}
