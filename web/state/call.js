/** The call of this tab: its phase, the agent in it, the microphone, the sound, the levels. */

import { asNumber, asText } from './read.js';
import { topicOf } from './stages.js';

/**
 * @typedef {object} Call
 * @property {'idle'|'connecting'|'connected'|'reconnecting'} phase
 * @property {string} room the room of the call, or of the last one
 * @property {boolean} hasToken the proxy let this tab into the room
 * @property {string} agentId the Letta agent asked for, '' for the worker's default
 * @property {string} agentName as far as it is known
 * @property {'absent'|'joined'|'ready'|'left'} agent
 * @property {string} agentState the agent's own word: initializing, listening, thinking, speaking
 * @property {'off'|'enabling'|'on'|'failed'} microphone
 * @property {boolean} muted
 * @property {boolean} soundBlocked the browser waits for a gesture before it plays the agent
 * @property {import('../types.js').Problem|null} microphoneProblem
 * @property {import('../types.js').Problem|null} endProblem why the last call ended or never began
 * @property {boolean} ended there was a call, and the caller ended it
 */

/** @type {Call} */
export const initialCall = {
  phase: 'idle',
  room: '',
  hasToken: false,
  agentId: '',
  agentName: '',
  agent: 'absent',
  agentState: '',
  microphone: 'off',
  muted: false,
  soundBlocked: false,
  microphoneProblem: null,
  endProblem: null,
  ended: false,
};

/**
 * @param {Call} call
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Call}
 */
export function reduceCall(call, event) {
  const { data } = event;
  switch (topicOf(event)) {
    case 'token.requested':
      return {
        ...initialCall,
        phase: 'connecting',
        room: event.room,
        agentId: asText(data.agent_id),
        agentName: asText(data.agent_name),
      };
    case 'token.received':
      return { ...call, hasToken: true };
    case 'token.failed':
    case 'token.room_mismatch':
    case 'signal.failed':
    case 'media.failed':
      return { ...over(call), endProblem: problem(data) };
    case 'media.connected':
      return { ...call, phase: 'connected' };
    case 'media.reconnecting':
    case 'signal.reconnecting':
      return { ...call, phase: 'reconnecting' };
    case 'media.reconnected':
      return { ...call, phase: 'connected' };
    case 'media.disconnected':
      return data.intended
        ? { ...over(call), ended: true }
        : { ...over(call), endProblem: problem(data) };
    case 'join.agent_joined':
      return { ...call, agent: 'joined' };
    case 'join.agent_ready':
      return { ...call, agent: 'ready' };
    case 'join.agent_left':
      return { ...call, agent: 'left', agentState: '' };
    case 'join.agent_state':
      return { ...call, agentState: asText(data.to) };
    case 'join.conversation':
      return {
        ...call,
        agentId: asText(data.agent_id) || call.agentId,
        agentName: asText(data.agent_name) || call.agentName,
      };
    case 'hear.microphone_enabling':
      return { ...call, microphone: 'enabling', microphoneProblem: null };
    case 'hear.microphone_on':
      return { ...call, microphone: 'on' };
    case 'hear.microphone_failed':
      return { ...call, microphone: 'failed', microphoneProblem: problem(data) };
    case 'hear.muted':
      // What the system does to the microphone is not undone by the button.
      return data.by === 'system' ? call : { ...call, muted: data.muted === true };
    case 'play.audio_blocked':
      return { ...call, soundBlocked: true };
    case 'play.audio_started':
      return { ...call, soundBlocked: false };
    default:
      return call;
  }
}

/** @param {Call} call @returns {Call} */
function over(call) {
  const { room, agentId, agentName } = call;
  return { ...initialCall, room, agentId, agentName };
}

/** @param {Record<string, unknown>} data @returns {import('../types.js').Problem} */
function problem(data) {
  return { what: asText(data.what), next: asText(data.next) };
}

/** @typedef {{microphone: number, agent: number}} Levels */

/** @type {Levels} */
export const initialLevels = { microphone: 0, agent: 0 };

/**
 * @param {Levels} levels
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Levels}
 */
export function reduceLevels(levels, event) {
  if (topicOf(event) !== 'levels.measured') return levels;
  const microphone = asNumber(event.data.microphone) ?? 0;
  const agent = asNumber(event.data.agent) ?? 0;
  const same = microphone === levels.microphone && agent === levels.agent;
  return same ? levels : { microphone, agent };
}
