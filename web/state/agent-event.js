/** Reads an event as the worker sends it. */

import { asNumber, asRecord, asText } from './read.js';
import { STAGES } from './stage-names.js';

/**
 * @param {string} text JSON
 * @param {number} seen seconds since 1970
 * @returns {import('../types.js').VoiceEvent|null} null if it is not an event
 */
export function parseAgentEvent(text, seen) {
  let sent;
  try {
    sent = asRecord(JSON.parse(text));
  } catch {
    // The caller tells that it could not be read.
    return null;
  }
  const stage = STAGES.find((each) => each === sent.stage);
  const name = asText(sent.name);
  if (!stage || !name) return null;
  return {
    at: asNumber(sent.at) ?? seen,
    room: asText(sent.room),
    source: 'agent',
    stage,
    name,
    data: asRecord(sent.data),
    seen,
  };
}
