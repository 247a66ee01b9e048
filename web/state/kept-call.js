/** A call as the proxy keeps it, without its events. */

import { asNumber, asRecord, asText } from './read.js';

/**
 * @typedef {object} KeptCall
 * @property {string} id
 * @property {string} room
 * @property {number} started seconds since 1970
 * @property {number|null} ended null while it goes on
 * @property {number} turns
 * @property {number} events
 * @property {string} failing the stage that failed at its end or, if none did, before; or ''
 * @property {string} cause
 */

/** @param {Record<string, unknown>} each @returns {KeptCall} */
export function keptCall(each) {
  const worst = asRecord(each.worst);
  const failed = asText(each.failing);
  return {
    id: asText(each.id),
    room: asText(each.room),
    started: asNumber(each.started) ?? 0,
    ended: asNumber(each.ended),
    turns: asNumber(each.turns) ?? 0,
    events: asNumber(each.events) ?? 0,
    failing: failed || asText(worst.stage),
    cause: failed ? asText(each.cause) : asText(worst.cause),
  };
}

/** How long a call was, in words. @param {KeptCall} call */
export function lengthOf({ started, ended }) {
  if (ended === null) return 'goes on';
  const seconds = Math.max(0, Math.round(ended - started));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${seconds % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
