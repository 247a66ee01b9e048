/** Keeps a log at its end while new rows come, unless the reader has scrolled back. */

/** Closer to the end than this counts as being there. */
const NEAR_PX = 32;

/**
 * @param {HTMLElement} log
 * @param {() => void} change
 */
export function keepAtEnd(log, change) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
  change();
  if (atEnd) log.scrollTop = log.scrollHeight;
}
