// The result page. It shows everything without this as well, and over https deletes, too.

import { copy } from "./copy.js";

const main = document.querySelector("main");
const deletion = document.getElementById("delete");

// A page that waits looks again, but not while somebody is about to delete.
if (main.dataset.refresh) setInterval(() => deletion?.open || location.reload(), main.dataset.refresh * 1000);

const button = document.getElementById("copy");
button?.addEventListener("click", () => copy(document.getElementById("share-link"), button, button.dataset.copied));

// Sent from here rather than by the form: a page that sends no referrer has its origin hidden in forms, and over plain
// http nothing else tells the service that the form is its own.
deletion?.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const headers = { Accept: "application/json", "Accept-Language": document.documentElement.lang };
  const answer = await fetch(event.target.action, { method: "POST", headers })
    .then(async (response) => ({ ok: response.ok, body: await response.json() }))
    .catch(() => null);
  if (!answer?.ok) {
    const problem = deletion.querySelector("[role=alert]");
    problem.textContent = answer?.body.detail ?? deletion.dataset.lost;
    problem.hidden = false;
    return;
  }
  const notice = deletion.querySelector("template").content.cloneNode(true);
  notice.querySelector("p").textContent = answer.body.message;
  main.removeAttribute("data-refresh");
  main.replaceChildren(notice);
});
