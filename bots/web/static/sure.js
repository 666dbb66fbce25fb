// Asks whether something is really to be deleted, in the page's one dialogue for that.

import { ApiError } from "./api.js";

const dialog = document.getElementById("sure");
const part = (name) => dialog.querySelector(`[data-part=${name}]`);
let asked = null;

/**
 * @template T
 * @param {string} question
 * @param {string} yes  what the button says
 * @param {() => Promise<T>} options.remove  once it was pressed; when it fails that is said, and the dialogue stays open
 * @param {(answer: T) => void} options.done  once it went well and the dialogue is closed, which gives the focus back
 * @param {(problem: string) => void} options.failed  instead of in the dialogue, when that is closed already
 */
export function ask(question, yes, { remove, done, failed }) {
  asked = { remove, done, failed };
  part("question").textContent = question;
  part("yes").textContent = yes;
  part("problem").hidden = true;
  dialog.showModal();
}

/** Whether a question is open. */
export const asking = () => dialog.open;

/** Take the question back: what it was about is out of sight. */
export const withdraw = () => dialog.close();

function wait(waiting) {
  part("yes").disabled = part("no").disabled = waiting;
}

part("no").addEventListener("click", () => dialog.close());
dialog.addEventListener("cancel", (event) => part("yes").disabled && event.preventDefault()); // Escape
part("yes").addEventListener("click", async () => {
  const { remove, done, failed } = asked;
  wait(true);
  const { answer, error } = await remove().then(
    (answer) => ({ answer }),
    (error) => ({ error }),
  );
  wait(false);
  if (!error) {
    dialog.close();
    return done(answer);
  }
  const problem = (error instanceof ApiError && error.message) || dialog.dataset.lost;
  if (!dialog.open) return failed(problem);
  part("problem").textContent = problem;
  part("problem").hidden = false;
  return part("yes").focus(); // which lost it while it was disabled
});
