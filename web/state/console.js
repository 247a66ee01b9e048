/** The lines of the debug console, bounded. */

import { lineOf } from './console-lines.js';

/** Lines kept; the oldest go first, and the console says how many went. */
export const MOST_LINES = 2000;

/**
 * @typedef {object} Line
 * @property {number} number counts from 1, never reused
 * @property {number} at seconds since 1970 at which the page learned of it
 * @property {import('./console-lines.js').Tone} tone
 * @property {string} text
 *
 * @typedef {object} Console
 * @property {Line[]} lines
 * @property {number} cut lines that were dropped
 */

/** @type {Console} */
export const initialConsole = { lines: [], cut: 0 };

/**
 * @param {Console} console
 * @param {import('../types.js').VoiceEvent} event
 * @param {import('./console-lines.js').Words[]} [consequences] said after the event's own line
 * @returns {Console}
 */
export function reduceConsole(console, event, consequences = []) {
  if (event.stage === null && event.name === 'console.cleared') return initialConsole;
  const own = lineOf(event);
  const said = own ? [own, ...consequences] : consequences;
  if (said.length === 0) return console;
  const last = console.lines.at(-1)?.number ?? console.cut;
  const at = event.seen ?? event.at;
  const lines = [
    ...console.lines,
    ...said.map((words, index) => ({ number: last + index + 1, at, ...words })),
  ];
  const tooMany = Math.max(0, lines.length - MOST_LINES);
  return { lines: lines.slice(tooMany), cut: console.cut + tooMany };
}

/** What the copy button copies. @param {Console} console */
export function consoleText({ lines, cut }) {
  const first = cut ? [cutSentence(cut)] : [];
  return [...first, ...lines.map((line) => `${clock(line.at)} ${line.text}`)].join('\n') + '\n';
}

/** @param {number} cut */
export function cutSentence(cut) {
  return `(${cut} earlier lines were cut; the console keeps ${MOST_LINES})`;
}

/** Time of day to the millisecond. @param {number} at seconds since 1970 */
export function clock(at) {
  const date = new Date(at * 1000);
  /** @param {number} value @param {number} digits */
  const pad = (value, digits) => String(value).padStart(digits, '0');
  return (
    `${pad(date.getHours(), 2)}:${pad(date.getMinutes(), 2)}:${pad(date.getSeconds(), 2)}` +
    `.${pad(date.getMilliseconds(), 3)}`
  );
}
