/** What the proxy says of itself at /api/config, as far as the page needs it. */

import { asNumber } from './read.js';

/**
 * @typedef {object} Config
 * @property {number} joinTimeoutS after this long without an agent the page says why
 */

/** @type {Config} */
export const initialConfig = { joinTimeoutS: 15 };

/**
 * @param {Config} config
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Config}
 */
export function reduceConfig(config, event) {
  if (event.stage !== null || event.name !== 'config.loaded') return config;
  return { joinTimeoutS: asNumber(event.data.join_timeout_s) ?? initialConfig.joinTimeoutS };
}
