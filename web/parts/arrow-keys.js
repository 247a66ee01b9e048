/** A row of buttons as one stop of the tab key; arrow keys, Home and End go along it. */

/**
 * @param {HTMLElement} row
 * @param {HTMLElement[]} buttons
 */
export function arrowKeys(row, buttons) {
  /** @param {HTMLElement|undefined} chosen */
  const stopAt = (chosen) => {
    for (const each of buttons) each.tabIndex = each === chosen ? 0 : -1;
  };
  stopAt(buttons[0]);
  row.addEventListener('focusin', ({ target }) => {
    const focused = buttons.find((each) => each === target);
    if (focused) stopAt(focused);
  });
  row.addEventListener('keydown', (event) => {
    const at = buttons.findIndex((each) => each === document.activeElement);
    const to = target(event.key, at, buttons.length);
    if (at < 0 || to === null) return;
    event.preventDefault();
    buttons[to]?.focus();
  });
}

/** @param {string} key @param {number} at @param {number} count */
function target(key, at, count) {
  switch (key) {
    case 'ArrowRight':
    case 'ArrowDown':
      return (at + 1) % count;
    case 'ArrowLeft':
    case 'ArrowUp':
      return (at + count - 1) % count;
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return null;
  }
}
