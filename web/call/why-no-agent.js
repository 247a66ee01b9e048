/** Why no agent is there yet, out of what the worker's health and the dispatch know. Pure. */

import { asText } from '../state/read.js';

const WORKER_LOG = './restart_voice_system.sh logs agent';
const STAYS_OPEN = '(The call stays open: the agent joins by itself.)';
const RESTART_WORKER = 'In a terminal: ./restart_voice_system.sh agent';

/**
 * @typedef {object} Known
 * @property {Record<string, unknown>} worker answer of /health/agent, or {unreachable: sentence}
 * @property {Record<string, unknown>} dispatch answer of /api/dispatch-agent/ROOM, likewise
 * @property {import('../types.js').Problem|null} request why the request for an agent failed
 * @property {boolean} joined an agent is in the room, but does not listen yet
 *
 * @param {Known} known
 * @returns {{stage: import('../types.js').Stage, what: string, next: string}}
 */
export function whyNoAgent({ worker, dispatch, request, joined }) {
  if (joined) {
    return {
      stage: 'join',
      what: 'The agent is in the room, but its session has not started.',
      next: `Look at its log: ${WORKER_LOG}`,
    };
  }
  if (worker.unreachable && dispatch.unreachable) {
    return {
      stage: 'dispatch',
      what: `${asText(worker.unreachable)} So it cannot be asked what became of the agent.`,
      next: 'In a terminal: ./restart_voice_system.sh proxy',
    };
  }
  const name = asText(worker.agent_name);
  const expected = asText(worker.expected_name);
  if (worker.registered === true && name !== expected) {
    return {
      stage: 'dispatch',
      what: `The worker is registered as “${name}”, but “${expected}” is asked for.`,
      next: asText(worker.next_step) || 'Give both the same LIVEKIT_AGENT_NAME, then restart them.',
    };
  }
  if (worker.registered === false) {
    return {
      stage: 'dispatch',
      what: asText(worker.message) || 'No worker is registered with LiveKit.',
      next: `${asText(worker.next_step) || RESTART_WORKER} ${STAYS_OPEN}`,
    };
  }
  if (request)
    return { stage: 'dispatch', what: request.what, next: request.next || RESTART_WORKER };
  return byDispatch(dispatch, asText(worker.message) || asText(worker.unreachable));
}

/**
 * @param {Record<string, unknown>} dispatch
 * @param {string} worker what the worker says of itself
 * @returns {{stage: import('../types.js').Stage, what: string, next: string}}
 */
function byDispatch(dispatch, worker) {
  const said = asText(dispatch.message) || asText(dispatch.unreachable);
  const next = `Look at the worker’s log: ${WORKER_LOG}`;
  switch (dispatch.state) {
    case 'none':
      return {
        stage: 'dispatch',
        what: said || 'The proxy knows of no request for an agent in this room.',
        next: 'Disconnect, then connect again.',
      };
    case 'requested':
      return {
        stage: 'job',
        what: `${said || 'The agent was asked for.'} Nobody has come yet. ${worker}`.trim(),
        next,
      };
    case 'waiting_for_worker':
      return { stage: 'dispatch', what: said || 'No worker is registered.', next: RESTART_WORKER };
    case 'joined':
      return {
        stage: 'join',
        what: said || 'The agent joined the room, but this page does not see it.',
        next: `It may have left at once. ${next}`,
      };
    default:
      return {
        stage: 'job',
        what: `${said || 'The agent was asked for, but did not join.'} ${worker}`.trim(),
        next,
      };
  }
}
