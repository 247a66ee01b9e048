/** A moment that may be of another day, in words of the reader's country. */

const FORMAT = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

/** @param {number} at seconds since 1970 */
export function day(at) {
  return FORMAT.format(new Date(at * 1000));
}
