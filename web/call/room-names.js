/** Proposes names for rooms: easy to say, unlikely to be taken. */

const QUALITIES = [
  'amber',
  'brisk',
  'calm',
  'clear',
  'early',
  'fresh',
  'gentle',
  'green',
  'kind',
  'light',
  'mellow',
  'plain',
  'quiet',
  'rapid',
  'steady',
  'warm',
];
const THINGS = [
  'alder',
  'brook',
  'cedar',
  'comet',
  'dune',
  'fern',
  'finch',
  'harbor',
  'heron',
  'lake',
  'maple',
  'meadow',
  'otter',
  'pine',
  'river',
  'wren',
];
const NUMBERS = 10_000;

export function proposeRoom() {
  const random = crypto.getRandomValues(new Uint32Array(3));
  const pick = (/** @type {string[]} */ words, /** @type {number} */ index) =>
    words[(random[index] ?? 0) % words.length];
  const number = String((random[2] ?? 0) % NUMBERS).padStart(4, '0');
  return `${pick(QUALITIES, 0)}-${pick(THINGS, 1)}-${number}`;
}
