// The form beside a photo: what of it is to be painted, and how.

import { CropBox } from "./crop.js";
import { $, say } from "./say.js";

export const form = $("choices");
let several = false;
let address = null; // of the first photo, for this page alone

const crop = new CropBox($("crop"), $("shade"), $("preview"), (region) => {
  const percent = (value) => Math.round(value * 100);
  $("crop-now").textContent = say("crop_now", {
    percent: percent(region.width * region.height),
    x: percent(region.x),
    y: percent(region.y),
  });
});

/** Lay the form out anew for these photos; only the address for e-mail stays. */
export function layOut(photos) {
  if (address) URL.revokeObjectURL(address);
  address = URL.createObjectURL(photos[0]);
  several = photos.length > 1;
  const preview = $("preview");
  preview.onload = () => shown(true);
  preview.onerror = () => shown(false);
  preview.src = address;
  $("file-name").textContent = photos[0].name;
  $("several").textContent = several ? say("several", { number: photos.length }) : "";
  const written = email();
  form.reset();
  if (written) form.elements.email.value = written;
  crop.forget();
}

/**
 * Whether the browser can show the (first) photo: HEIC mostly not. It is sent all the same, only no square can be drawn;
 * nor can one be for several photos.
 */
function shown(visible) {
  $("preview").hidden = !visible;
  $("no-preview").hidden = visible;
  const drawable = visible && !several;
  form.querySelector("[value=own]").disabled = !drawable;
  form.querySelector("[value=own]").closest("label").hidden = !drawable;
  $("work-photo").toggleAttribute("src", false);
  if (visible) $("work-photo").src = address;
}

/** Show what belongs to the area that is chosen; the form has to be visible. */
export function chosen() {
  const area = form.elements.area.value;
  $("face-choices").hidden = area !== "faces";
  $("own-choices").hidden = area !== "own";
  crop.show(area === "own");
}

/** The choices as fields of an upload. */
export function options() {
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
export function email() {
  return form.elements.email?.value.trim() ?? "";
}

form.addEventListener("change", chosen);
