/**
 * Whether and when a tab that lost its room joins it again by itself. Pure, so that node can test it.
 */

import { asRecord, asText } from '../state/read.js';

/** The reasons, by livekit's names, for which nobody wanted the caller to leave. */
const LOST = new Set([
  '',
  'UNKNOWN_REASON',
  'SERVER_SHUTDOWN',
  'STATE_MISMATCH',
  'JOIN_FAILURE',
  'SIGNAL_CLOSE',
  'CONNECTION_TIMEOUT',
]);

/** Milliseconds before each try: a minute in all, for nobody expects to be called back later. */
export const PAUSES_MS = [300, 500, 700, 1000, 1000, 1500, ...Array(18).fill(3000)];

export const NEXT = 'Nothing: this page joins again by itself as soon as the server is there.';

/** @param {string} reason */
export function comesBack(reason) {
  return LOST.has(reason);
}

/**
 * Whether a try makes sense. Where no launcher tells of the server, it does.
 * @param {Record<string, unknown>} health what the proxy answers at /health
 */
export function serverIsThere(health) {
  const state = asText(asRecord(asRecord(health.processes).livekit).state);
  return state === '' || state === 'ready' || state === 'monitoring';
}
