/** Makes elements. Data becomes text nodes and attribute values, never markup. */

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
