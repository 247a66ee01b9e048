/** Reads what came over the network: a value that is not of the expected kind becomes neutral. */

import { STAGES } from './stages.js';

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

/** @param {unknown} value @returns {string[]} */
export function asTexts(value) {
  return Array.isArray(value) ? value.map(asText).filter(Boolean) : [];
}

/**
 * Text as it is, anything else as JSON: for arguments and results of tools.
 * @param {unknown} value
 */
export function asShown(value) {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** @typedef {import('../types.js').VoiceEvent} VoiceEvent */

/** @type {VoiceEvent['source'][]} */
const SOURCES = ['browser', 'agent', 'proxy', 'sfu', 'letta'];

/**
 * An event as the timeline gives it.
 * @param {unknown} value
 * @param {number} seen when it came, in seconds since 1970
 * @returns {VoiceEvent|null} null if it is not an event
 */
export function readEvent(value, seen) {
  const { at, room, source, stage, name, data, key } = asRecord(value);
  const knownSource = SOURCES.find((known) => known === source);
  const knownStage = STAGES.find((known) => known === stage);
  if (!knownSource || !knownStage || !asText(name)) return null;
  return {
    at: asNumber(at) ?? seen,
    room: asText(room),
    source: knownSource,
    stage: knownStage,
    name: asText(name),
    data: asRecord(data),
    seen,
    ...(asText(key) && { key: asText(key) }),
  };
}

/**
 * An event as the worker sends it; who sends on its topic speaks for the agent and for nobody else.
 * @param {string} text JSON
 * @param {number} seen when it came, in seconds since 1970
 * @returns {VoiceEvent|null} null if it is not an event
 */
export function parseAgentEvent(text, seen) {
  try {
    return readEvent({ ...asRecord(JSON.parse(text)), source: 'agent' }, seen);
  } catch {
    // Whoever calls this says that it could not be read.
    return null;
  }
}

/** Events that are remembered; one comes again within seconds or never. */
const MOST_REMEMBERED = 5000;

/** @type {Set<string>} */
const remembered = new Set();

/**
 * Whether this event was not here before: the agent's come directly and by the timeline.
 * @param {VoiceEvent} event
 */
export function isNew({ key, source, at, stage, name }) {
  const id = key ? `${source} ${key}` : `${source} ${at} ${stage} ${name}`;
  if (remembered.has(id)) return false;
  remembered.add(id);
  if (remembered.size > MOST_REMEMBERED) {
    remembered.delete(/** @type {string} */ (remembered.values().next().value));
  }
  return true;
}
