// Copies what stands in a field.

/** Copy the field's text. Without the right to (a page over http, say) it is selected, ready for Ctrl-C. */
export async function copy(field, button, copied) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    return;
  }
  button.textContent = copied;
}
