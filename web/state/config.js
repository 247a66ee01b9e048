/** What the proxy says of itself at /api/config. */

import { asNumber, asText } from './read.js';

/**
 * @typedef {object} Config
 * @property {string} livekitUrl
 * @property {string} agentName name under which the worker registers
 * @property {string} version
 * @property {number} joinTimeoutS after this long without an agent the page says why
 */

/** @type {Config} */
export const initialConfig = { livekitUrl: '', agentName: '', version: '', joinTimeoutS: 15 };

/**
 * @param {Config} config
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Config}
 */
export function reduceConfig(config, event) {
  if (event.stage !== null || event.name !== 'config.loaded') return config;
  const { data } = event;
  return {
    livekitUrl: asText(data.livekit_url),
    agentName: asText(data.agent_name),
    version: asText(data.version),
    joinTimeoutS: asNumber(data.join_timeout_s) ?? initialConfig.joinTimeoutS,
  };
}
