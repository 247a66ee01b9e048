/** Text can be read on its ground in both themes: WCAG AA, 4.5 to 1; marks and edges 3 to 1. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const css = readFileSync(new URL('../../../../web/style/tokens.css', import.meta.url), 'utf8');
const colors = Object.fromEntries(
  [...css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)].map(
    ([, name, light, dark]) => [name, [light, dark]],
  ),
);

const GROUNDS = ['ground', 'surface', 'sunken', 'raised'];
const TEXT = [
  ...['ink', 'ink-2', 'ink-3', 'accent', 'ok', 'waiting', 'failing'].flatMap((text) =>
    GROUNDS.map((ground) => [text, ground]),
  ),
  ['on-accent', 'accent'],
  ['ink-2', 'accent-soft'],
  ['accent', 'accent-soft'],
  ['ok', 'ok-soft'],
  ['waiting', 'waiting-soft'],
  ['ink', 'waiting-soft'],
  ['ink-2', 'waiting-soft'],
  ['ink-3', 'waiting-soft'],
  ['failing', 'failing-soft'],
  ['ink', 'failing-soft'],
  ['ink', 'added'],
  ['ink-2', 'removed'],
];
const MARKS = [
  ...['mark-end', 'mark-transcript', 'mark-letta', 'mark-voice', 'mark-playout'].flatMap((mark) => [
    [mark, 'surface'],
    [mark, 'sunken'],
    [mark, 'accent-soft'],
  ]),
  ['edge', 'surface'],
  ['edge', 'raised'],
];

for (const [theme, index] of /** @type {[string, number][]} */ ([
  ['light', 0],
  ['dark', 1],
])) {
  for (const [pairs, least] of /** @type {[string[][], number][]} */ ([
    [TEXT, 4.5],
    [MARKS, 3],
  ])) {
    test(`${theme}: at least ${least} to 1`, () => {
      for (const [front, back] of pairs) {
        const ratio = contrast(color(front, index), color(back, index));
        assert.ok(ratio >= least, `${front} on ${back} is ${ratio.toFixed(2)} to 1`);
      }
    });
  }
}

/** @param {string|undefined} name @param {number} index */
function color(name, index) {
  const found = colors[name ?? '']?.[index];
  assert.ok(found, `tokens.css has no --${name} for both themes`);
  return found;
}

/** @param {string} one @param {string} other */
function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05);
}

/** @param {string} hex */
function luminance(hex) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * (red ?? 0) + 0.7152 * (green ?? 0) + 0.0722 * (blue ?? 0);
}
