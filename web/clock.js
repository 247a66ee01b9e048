/** The page's clock: seconds since 1970, monotonic within a tab, to the microsecond. */
export function now() {
  return (performance.timeOrigin + performance.now()) / 1000;
}
