// The page's words, and what is said of jobs and pictures.

export const $ = (id) => document.getElementById(id);
const app = $("app");
export const words = JSON.parse(app.dataset.words);
export const photoBytes = Number(app.dataset.photoBytes);
export const say = (key, values = {}) => words[key].replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);

/** Where a job stands. */
export function standing({ position, eta }) {
  const seconds = eta === null ? null : Math.max(1, Math.round(eta));
  const key = position === null ? "painting" : "waiting";
  return seconds === null ? say(key, { position }) : say(`${key}_eta`, { position, seconds });
}

/** One face: the part of the photo, and the picture with its downloads. */
export function pair(picture, number, painted) {
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

/** When it makes sense to try again, said as a time of day once it is more than a moment away. */
export function later(seconds) {
  if (!(seconds > 45)) return "";
  const time = new Date(Date.now() + seconds * 1000 + 59_000);
  return say("retry_at", { time: time.toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" }) });
}
