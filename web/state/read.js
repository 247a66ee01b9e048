/**
 * Reads values that came over the network: what is not of the expected kind becomes its neutral
 * value.
 */

/** @param {unknown} value @returns {string} */
export function asText(value) {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** @param {unknown} value @returns {number|null} */
export function asNumber(value) {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** @param {unknown} value @returns {Record<string, unknown>} */
export function asRecord(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? /** @type {Record<string, unknown>} */ (value)
    : {};
}

/** @param {unknown} value @returns {Record<string, unknown>[]} */
export function asRecords(value) {
  return Array.isArray(value) ? value.map(asRecord) : [];
}

/**
 * Text as it is, anything else as JSON: for arguments and results of tools.
 * @param {unknown} value
 */
export function asShown(value) {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
