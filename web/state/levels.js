/** How loud either side is right now, 0 to 1. */

import { asNumber } from './read.js';

/** @typedef {{microphone: number, agent: number}} Levels */

/** @type {Levels} */
export const initialLevels = { microphone: 0, agent: 0 };

/**
 * @param {Levels} levels
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Levels}
 */
export function reduceLevels(levels, event) {
  if (event.stage !== null || event.name !== 'levels.measured') return levels;
  const microphone = asNumber(event.data.microphone) ?? 0;
  const agent = asNumber(event.data.agent) ?? 0;
  const same = microphone === levels.microphone && agent === levels.agent;
  return same ? levels : { microphone, agent };
}
