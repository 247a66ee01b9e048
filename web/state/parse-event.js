/** Reads an event as it comes over the network. */

import { asNumber, asRecord, asText } from './read.js';
import { STAGES } from './stages.js';

/** @typedef {import('../types.js').VoiceEvent} VoiceEvent */

/** @type {VoiceEvent['source'][]} */
const SOURCES = ['browser', 'agent', 'proxy', 'sfu', 'letta'];

/**
 * An event as the timeline gives it.
 * @param {unknown} said
 * @param {number} seen seconds since 1970
 * @returns {VoiceEvent|null} null if it is not an event
 */
export function readEvent(said, seen) {
  const { at, room, source, stage, name, data, key } = asRecord(said);
  const from = SOURCES.find((each) => each === source);
  const where = STAGES.find((each) => each === stage);
  if (!from || !where || !asText(name)) return null;
  return {
    at: asNumber(at) ?? seen,
    room: asText(room),
    source: from,
    stage: where,
    name: asText(name),
    data: asRecord(data),
    seen,
    ...(asText(key) && { key: asText(key) }),
  };
}

/**
 * An event as the worker sends it; who sends on its topic speaks for the agent and for nobody else.
 * @param {string} text JSON
 * @param {number} seen seconds since 1970
 * @returns {VoiceEvent|null} null if it is not an event
 */
export function parseAgentEvent(text, seen) {
  try {
    return readEvent({ ...asRecord(JSON.parse(text)), source: 'agent' }, seen);
  } catch {
    // The caller tells that it could not be read.
    return null;
  }
}
