// Asks whether something is really to be deleted, in the page's one dialogue for that.

const dialog = document.getElementById("sure");
const part = (name) => dialog.querySelector(`[data-part=${name}]`);
let deletion = null;

/**
 * @param {string} question
 * @param {string} yes  what the button says
 * @param {() => Promise<void>} remove  once it was pressed; what it throws is shown, and the dialogue stays open
 */
export function ask(question, yes, remove) {
  deletion = remove;
  part("question").textContent = question;
  part("yes").textContent = yes;
  part("problem").hidden = true;
  dialog.showModal();
}

/** Whether a question is open. */
export const asking = () => dialog.open;

/** Take the question back: what it was about is out of sight. */
export const withdraw = () => dialog.close();

part("no").addEventListener("click", () => dialog.close());
part("yes").addEventListener("click", async () => {
  part("yes").disabled = true;
  try {
    await deletion();
    dialog.close();
  } catch (error) {
    part("problem").textContent = error.message || dialog.dataset.lost;
    part("problem").hidden = false;
  } finally {
    part("yes").disabled = false;
  }
});
