/**
 * Makes elements, and what several parts do with them. Data becomes text nodes and values of
 * attributes, never markup.
 */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, string|number|boolean>} [attributes] `true` is an empty one, `false` none
 * @param {...(Node|string)} children strings become text
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(key, value === true ? '' : String(value));
  }
  element.append(...children);
  return element;
}

/**
 * One of the drawings at the top of index.html. It says nothing that words beside it do not say.
 * @param {string} name
 */
export function icon(name) {
  const drawing = document.createElementNS(SVG, 'svg');
  drawing.setAttribute('class', 'icon');
  drawing.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#icon-${name}`);
  drawing.append(use);
  return drawing;
}

/** The element of each kind of piece of a comparison. */
export const TAGS = /** @type {const} */ ({ same: 'span', added: 'ins', removed: 'del' });

/** The drawing of each state of a verdict. */
export const GLYPHS = {
  ok: 'ok',
  waiting: 'waiting',
  failing: 'failing',
  'not seen yet': 'open',
  'not told': 'untold',
  'not reached': 'behind',
};

/** Shows another drawing. @param {SVGElement} drawing @param {string} name */
export function setIcon(drawing, name) {
  drawing.firstElementChild?.setAttribute('href', `#icon-${name}`);
}

/**
 * Sets text only where it differs, so that a selection of it by the mouse survives.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {HTMLElement} button @param {boolean} enabled */
export function setEnabled(button, enabled) {
  // Not the attribute `disabled`: the button keeps the focus when pressing it disables it.
  button.setAttribute('aria-disabled', String(!enabled));
}

/** @param {HTMLElement} button */
export function isEnabled(button) {
  return button.getAttribute('aria-disabled') !== 'true';
}

let counted = 0;

/** An id for what has to be referred to, such as a field by its label. @param {string} name */
export function uniqueId(name) {
  counted += 1;
  return `${name}-${counted}`;
}

/**
 * Makes a row of buttons one stop of the tab key; arrow keys, Home and End go along it.
 * @param {HTMLElement} row
 * @param {HTMLElement[]} buttons
 */
export function arrowKeys(row, buttons) {
  /** @param {HTMLElement|undefined} chosen */
  const stopAt = (chosen) => {
    for (const button of buttons) button.tabIndex = button === chosen ? 0 : -1;
  };
  stopAt(buttons[0]);
  row.addEventListener('focusin', ({ target }) => {
    const focused = buttons.find((button) => button === target);
    if (focused) stopAt(focused);
  });
  row.addEventListener('keydown', (event) => {
    const at = buttons.findIndex((button) => button === document.activeElement);
    const to = indexAfter(event.key, at, buttons.length);
    if (at < 0 || to === null) return;
    event.preventDefault();
    buttons[to]?.focus();
  });
}

/** @param {string} key @param {number} at @param {number} count */
function indexAfter(key, at, count) {
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

/** Closer to the end than this counts as being there. */
const NEAR_PX = 32;

/**
 * Keeps a log at its end while it grows, unless its reader has gone back or opened something.
 * @param {HTMLElement} log what scrolls
 * @param {HTMLElement} content all that is in it
 * @param {AbortSignal} signal
 */
export function keepAtEnd(log, content, signal) {
  let following = true;
  let top = 0;
  log.addEventListener(
    'scroll',
    () => {
      const wentBack = log.scrollTop < top;
      top = log.scrollTop;
      // Growth between our scrolling and this event is not the reader's doing: only going back is.
      if (log.scrollHeight - top - log.clientHeight < NEAR_PX) following = true;
      else if (wentBack) following = false;
    },
    { signal, passive: true },
  );
  // What the reader opens must not jump away from under the pointer.
  content.addEventListener(
    'click',
    ({ target }) => {
      if (target instanceof Element && target.closest('summary')) following = false;
    },
    { signal },
  );
  const sizes = new ResizeObserver(() => {
    if (following) log.scrollTop = log.scrollHeight;
  });
  sizes.observe(content);
  sizes.observe(log);
  signal.addEventListener('abort', () => sizes.disconnect(), { once: true });
}

const THANKS_MS = 2000;

/**
 * Copies text, and says so on the button that was pressed.
 * @param {string} text
 * @param {Element|undefined} label of the button
 * @param {Element} shown where the text stands
 */
export async function copyText(text, label, shown) {
  let outcome = 'Copied';
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // The clipboard may be forbidden: then the text is selected, and a key does the rest.
    getSelection()?.selectAllChildren(shown);
    outcome = 'Press Ctrl+C';
  }
  if (!label) return;
  setText(label, outcome);
  setTimeout(() => setText(label, 'Copy'), THANKS_MS);
}
