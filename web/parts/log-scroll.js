/** Keeps a log at its end while it grows, unless its reader has gone back or opened something. */

/** Closer to the end than this counts as being there. */
const NEAR_PX = 32;

/**
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
