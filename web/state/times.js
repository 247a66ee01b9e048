/** Moments and lengths of time in words, as short as they can be read. */

const DAY = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

/** A moment that may be of another day, in the reader's way. @param {number} at seconds since 1970 */
export function day(at) {
  return DAY.format(new Date(at * 1000));
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

/** How long something took. @param {number} ms */
export function duration(ms) {
  if (ms < 10_000) return `${Math.round(ms)} ms`;
  return seconds(ms / 1000);
}

/** How long something goes on already. @param {number} time in s */
export function seconds(time) {
  const shown = Math.max(0, time);
  if (shown < 10) return `${shown.toFixed(1)} s`;
  if (shown < 100) return `${Math.round(shown)} s`;
  const minutes = Math.round(shown / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/**
 * How long a stage waits, and how long it usually does.
 * @param {Pick<import('../types.js').Verdict, 'since'|'usualMs'>} verdict
 * @param {number} now seconds since 1970
 */
export function waited({ since, usualMs }, now) {
  const soFar = since === null ? '' : `for ${seconds(now - since)}`;
  return [soFar, usualMs === null ? '' : `usually ${duration(usualMs)}`].filter(Boolean).join(', ');
}

/**
 * How long a call was.
 * @param {{started: number, ended: number|null}} call in seconds since 1970
 */
export function lengthOf({ started, ended }) {
  if (ended === null) return 'goes on';
  const length = Math.max(0, Math.round(ended - started));
  if (length < 60) return `${length} s`;
  const minutes = Math.floor(length / 60);
  return minutes < 60
    ? `${minutes} min ${length % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
