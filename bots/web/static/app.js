// The page: choose, adjust, watch, keep.

import { ApiError, cancel, discard, forgetme, freshKey, look, repaint, send } from "./api.js";
import { chosen, email, form, layOut, options } from "./choices.js";
import { copy } from "./copy.js";
import { $, later, pair, photoBytes, say, standing, words } from "./say.js";
import { complain, offer, show, status } from "./scenes.js";
import { ask, asking, withdraw } from "./sure.js";

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

// What was asked to be painted again, and by which key, when nobody knows whether it arrived.
const unanswered = new Map();
// The secret links of what was sent from here: whoever keeps no cookies is told of them only once.
const pages = new Map();
const state = {
  photos: [],
  made: new Set(), // the jobs that these photos were sent for; the photos of others can't be sent again from here
  job: null,
  page: null,
  kept: null, // the job whose pictures were shown last; what is made of it, and fails, leads back to them
  retry: null,
  lost: false,
  abort: null,
  watching: null,
};

/** Put a job into the address, or none; with `further`, the way back leads to the one before. */
function go(id, further = false) {
  history[further ? "pushState" : "replaceState"](null, "", id ? `#${id}` : location.pathname + location.search);
}

// Choose

function take(files) {
  const photos = [...files];
  if (!photos.length) return;
  if (!photos.every((file) => KINDS.test(file.type) || NAMES.test(file.name))) return complain(words.not_a_picture);
  if (photos.some((file) => file.size > photoBytes)) return complain(words.too_large);
  stop();
  state.photos = photos;
  state.made.clear();
  state.kept = null;
  layOut(photos);
  adjust();
  form.querySelector("[type=submit]").focus();
}

/** What is shown while nothing is painted. */
function rest() {
  show(state.photos.length ? "choices" : "start");
  if (state.photos.length) chosen();
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
  }, { sends: true, own: true });
}

/** Another picture of the photo that the service still has. */
function again(variant, id = state.job) {
  const wish = `${id} ${variant}`;
  const key = unanswered.get(wish) ?? freshKey();
  unanswered.delete(wish);
  const begin = () => {
    status(words.accepted, null);
    cancelButton().hidden = true; // until its id is known
    return repaint(id, variant, key).catch((error) => {
      if (error.code === "no_connection") unanswered.set(wish, key);
      throw error;
    });
  };
  return work(() => again(variant, id), begin, { back: state.kept, own: state.made.has(id) });
}

/**
 * Watch a job to its end.
 * @param {(lost: boolean) => void} retry  starts it anew; with the same key when nobody knows whether it arrived
 * @param {() => Promise<{id: string, links: {page: string}}>} begin
 * @param {object?} options.back  the job that is shown again when nothing comes of it
 * @param {boolean} options.sends  whether a photo is sent
 * @param {boolean} options.own  whether it is made of the photos that are here
 */
async function work(retry, begin, { back = null, sends = false, own }) {
  stop();
  state.retry = retry;
  const watching = (state.watching = { back, sends, own });
  show("work");
  try {
    const job = await begin();
    pages.set(job.id, job.links.page);
    if (state.watching !== watching) return throwAway(job.id);
    state.abort = null;
    if (own) state.made.add(job.id);
    go(job.id, Boolean(back));
    if (watching.unwanted) await callBack(job.id);
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
      now.links.page ??= pages.get(job.id) ?? null;
      pause = PAUSE;
      wait = patience(now);
      if (now.pictures.length) return finished(now);
      if (now.state === "delivered") return failed(new ApiError("", "not_found")); // its pictures are deleted
      if (["failed", "cancelled", "expired"].includes(now.state)) {
        return failed(new ApiError(now.message, now.code), now);
      }
      tell(now);
    } catch (error) {
      if (!passing(error)) throw error;
      if (state.watching === watching) status(words.lost, null);
      pause = Math.min(pause * 2, PAUSE_LONGEST);
    }
    await sleep(pause);
  }
}

/** Delete what was taken in when nobody waited for it any more. A lost connection is waited out, for two minutes. */
async function throwAway(id) {
  for (let pause = PAUSE; pause < 60_000; pause *= 2) {
    try {
      return await discard(pages.get(id));
    } catch (error) {
      if (!passing(error)) return null;
    }
    await sleep(pause);
  }
  return null;
}

const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time));

/** Whether the same may go well a little later. */
const passing = (error) => error instanceof ApiError && (error.code === "no_connection" || error.status >= 500);

/** Seconds until a place in a line is worth another look: a third of what is left. The picture is told of at once anyway. */
function patience({ eta }) {
  return Math.min(10, Math.max(3, Math.round((eta ?? 0) / 3)));
}

function tell(job) {
  // No page: it is somebody else's.
  cancelButton().hidden = !job.links.page || (job.state !== "queued" && job.state !== "running");
  status(standing(job), null);
}

/** Watch no longer. What can't be called back any more is thrown away once it is known by what name; see work(). */
function stop() {
  state.abort?.();
  state.abort = null;
  state.watching = null;
}

async function takeBack() {
  const { watching } = state;
  const id = watching?.id;
  if (!id && (state.abort?.() ?? true)) {
    stop();
    return rest();
  }
  cancelButton().hidden = true;
  if (!id) {
    watching.unwanted = true; // all of it is sent: it is taken back as soon as it is known by what name
    return;
  }
  await callBack(id);
}

/** Painted in the meantime, or no connection: watching goes on and shows what became of it. */
function callBack(id) {
  return cancel(id)
    .catch((error) => error.code === "not_found" && pages.has(id) && discard(pages.get(id))) // not known to be one's own
    .catch(() => undefined);
}

function cancelButton() {
  return document.querySelector("[data-act=cancel]");
}

// Keep

function finished(job) {
  state.watching = null;
  state.kept = job;
  state.job = job.id;
  const painted = job.pictures.length;
  const found = job.found ?? painted;
  const key = found > painted ? "result_some" : painted > 1 ? "result_many" : "result_one";
  $("result-title").textContent = say(key, { painted, found });
  $("pictures").replaceChildren(...job.pictures.map((picture, index) => pair(picture, index + 1, painted)));
  $("missed").textContent = [...job.missed, ...(job.left ? [job.left] : [])].join("\n");
  keepPage("result", job);
  $("share").hidden = !job.links.page;
  $("share-link").value = job.links.page && new URL(job.links.page, location.href).href;
  copyButton().textContent = words.copy_link;
  $("all-faces").textContent = say("all_faces", { found });
  offer("result", job.again, { adjust: state.made.has(job.id) });
  show("result", { focus: true });
}

function copyButton() {
  return document.querySelector("[data-act=copy]");
}

/** @param {object?} job  as it ended, when it came so far */
function failed(error, job = null) {
  const { back, sends, own, id } = state.watching;
  state.watching = null;
  state.abort = null;
  const code = error instanceof ApiError ? error.code : "unexpected";
  const unwanted = code === "cancelled" || code === "aborted";
  // A proxy that takes no such photo has no words of ours.
  const text = code === "not_found" ? words.gone : error.message || (code === "photo_too_large" && words.too_large);
  const lost = sends && !id ? words.no_connection : words.no_answer;
  const why = [(error instanceof ApiError && text) || lost, later(error.retryAfter)].join(" ").trim();
  if (back) {
    go(back.id);
    finished(code === "photo_gone" ? { ...back, again: [] } : back);
    return complain(unwanted ? "" : why);
  }
  if (unwanted) {
    go(null);
    return rest();
  }
  $("failure-text").textContent = why;
  keepPage("failure", job);
  const faceless = code === "no_face" || code === "face_too_small";
  if (["bad_email", "mail_quota"].includes(code)) {
    show("choices");
    return complain($("failure-text").textContent);
  }
  state.lost = code === "no_connection";
  offer("failure", job?.again ?? [], {
    adjust: own && faceless,
    retry: own && !faceless && !HOPELESS.includes(code) && state.retry,
  });
  return show("failure", { focus: true });
}

/** What of a job can be deleted here: that of whoever sent it. */
function keepPage(scene, job) {
  state.page = job?.links.page ?? null;
  $(scene).querySelector("[data-act=delete]").hidden = !state.page;
}

function wipe(question, yes, remove) {
  const done = ({ message, known = true }) => {
    if (known) restart();
    complain(message, { good: known });
  };
  ask(question, yes, { remove, done, failed: complain });
}

function adjust() {
  go(null);
  rest();
}

function restart() {
  // Taken in after all was wiped, perhaps, and before that was known here.
  if (pages.has(state.watching?.id)) throwAway(state.watching.id);
  stop();
  go(null);
  state.photos = [];
  state.made.clear();
  state.kept = null;
  $("file").value = "";
  $("camera").value = "";
  show("start");
  $("file").focus();
}

// Wires

const acts = {
  other: restart,
  cancel: takeBack,
  adjust,
  again: (button) => again(button.dataset.variant),
  copy: () => copy($("share-link"), copyButton(), words.copied),
  retry: () => state.retry(state.lost),
  delete: () => {
    const { page } = state; // of what is asked about, whatever is shown by the time of the answer
    wipe(words.delete_sure, words.delete_now, () => discard(page));
  },
  forget: () => wipe(words.forget_sure, words.forget_now, forgetme),
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  acts[button?.dataset.act]?.(button);
});
for (const id of ["file", "camera"]) $(id).addEventListener("change", (event) => take(event.target.files));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  paint(options());
});

const busy = () => !$("work").hidden || asking();
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

// Leaving the page, for another language too, would lose a photo that is chosen, or on its way.
window.addEventListener("beforeunload", (event) => {
  if (!$("choices").hidden || (state.watching?.sends && !state.watching.id)) event.preventDefault();
});

// A page that is opened again (or its address, sent to oneself) goes on where the job stands, and so does one that goes
// back from what was made of a result to that result; without a job in its address it shows the photo that is chosen.
function resume() {
  stop();
  const known = location.hash.slice(1);
  if (!/^[\w-]+$/.test(known)) return rest();
  state.retry = null;
  const watching = (state.watching = { own: state.made.has(known) });
  show("work");
  status(words.accepted, null);
  cancelButton().hidden = true;
  watch({ id: known }, watching).catch((error) => state.watching === watching && failed(error));
}
document.querySelector(".languages").addEventListener("click", ({ target }) => {
  if (target.href) target.hash = location.hash; // goes on there, in the other language
});
window.addEventListener("popstate", () => {
  withdraw();
  resume();
});
resume();
