/** Splits a turn's marks into the segments of its time bar. */

/** The marks of a `turn` event in the order of the legend, with the words of the page. */
export const MARKS = /** @type {const} */ ([
  { mark: 'end_of_utterance', label: 'end of utterance', short: 'end of utterance' },
  { mark: 'transcript', label: 'transcript', short: 'transcript' },
  { mark: 'letta_first_token', label: 'Letta’s first token', short: 'Letta' },
  { mark: 'tts_first_byte', label: 'first byte of speech', short: 'voice' },
  { mark: 'first_sound', label: 'first sound', short: 'playout' },
]);

/**
 * @typedef {object} Segment
 * @property {string} mark the mark that ends the segment
 * @property {string} label
 * @property {string} short
 * @property {number} at ms from the end of the caller's speech
 * @property {number} ms length
 */

/**
 * Segments by the time of the mark that ends them: a transcript may be there before the end of the
 * utterance is decided, and a reply begun early may be there before either.
 * @param {Record<string, number|null>} ms
 * @returns {Segment[]}
 */
export function segments(ms) {
  const reached = MARKS.flatMap((each) => {
    const at = ms[each.mark];
    return typeof at === 'number' ? [{ ...each, at: Math.max(0, at) }] : [];
  });
  reached.sort((one, other) => one.at - other.at);
  return reached.map((each, index) => ({
    ...each,
    ms: each.at - (reached[index - 1]?.at ?? 0),
  }));
}

/**
 * Time from the end of the caller's speech to the last mark known.
 * @param {Record<string, number|null>} ms
 */
export function total(ms) {
  return segments(ms).at(-1)?.at ?? 0;
}

/** Bars of one conversation share a scale, so that lengths can be compared by eye. */
export const LEAST_SCALE_MS = 1000;
/** One very slow turn must not make hairlines of all others: longer bars are drawn full. */
export const MOST_SCALE_MS = 4000;

/** @param {Iterable<import('../types.js').Turn>} turns @returns {number} ms of a full bar */
export function scaleOf(turns) {
  let longest = LEAST_SCALE_MS;
  for (const turn of turns) longest = Math.max(longest, turn.ms ? total(turn.ms) : 0);
  return Math.min(MOST_SCALE_MS, Math.ceil(longest / 500) * 500);
}
