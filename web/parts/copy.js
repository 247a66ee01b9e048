/** Copies text, and says so on the button that was pressed. */

import { setText } from './dom.js';

const THANKS_MS = 2000;

/**
 * @param {string} text
 * @param {Element|undefined} label of the button
 * @param {Element} shown where the text stands
 */
export async function copyText(text, label, shown) {
  let said = 'Copied';
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // The clipboard may be forbidden: then the text is selected, and a key does the rest.
    getSelection()?.selectAllChildren(shown);
    said = 'Press Ctrl+C';
  }
  if (!label) return;
  setText(label, said);
  setTimeout(() => setText(label, 'Copy'), THANKS_MS);
}
