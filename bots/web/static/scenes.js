// The page shows one scene at a time, and above it what went wrong.

import { $ } from "./say.js";

const scenes = ["start", "choices", "work", "result", "failure"];

export function show(scene, { focus = false } = {}) {
  for (const id of scenes) $(id).hidden = id !== scene;
  $("problem").hidden = true;
  if (focus) $(scene).focus();
}

export function complain(text, { good = false } = {}) {
  $("problem").classList.toggle("good", good);
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

export function status(text, percent) {
  if ($("status").textContent !== text) $("status").textContent = text;
  if (percent === null) $("bar").removeAttribute("value");
  else $("bar").value = percent;
}

/**
 * Show a scene's buttons that make sense now.
 * @param {string[]} variants  what the service can make of the photo that it has
 * @param {Record<string, boolean>} resending  what needs the photos here, and whether it makes sense
 */
export function offer(scene, variants, resending) {
  for (const button of $(scene).querySelectorAll("[data-variant]")) {
    button.hidden = !variants.includes(button.dataset.variant);
  }
  for (const [act, sensible] of Object.entries(resending)) {
    document.querySelector(`#${scene} [data-act=${act}]`).hidden = !sensible;
  }
}
