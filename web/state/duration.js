/** Lengths of time in words, as short as they can be read. */

/** @param {number} ms */
export function duration(ms) {
  if (ms < 10_000) return `${Math.round(ms)} ms`;
  return seconds(ms / 1000);
}

/** How long something goes on already: it changes before the reader's eyes. @param {number} time in s */
export function seconds(time) {
  const shown = Math.max(0, time);
  if (shown < 10) return `${shown.toFixed(1)} s`;
  if (shown < 100) return `${Math.round(shown)} s`;
  const minutes = Math.round(shown / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** How long a stage waits, and how long it usually does. */
export function waited(
  /** @type {import('../types.js').Verdict} */ { since, usualMs },
  /** @type {number} */ now,
) {
  const so = since === null ? '' : `for ${seconds(now - since)}`;
  return [so, usualMs === null ? '' : `usually ${duration(usualMs)}`].filter(Boolean).join(', ');
}
