/**
 * How the system's processes are, as the proxy's /health says; and whether the proxy answers at
 * all.
 */

import { asNumber, asRecord, asText } from './read.js';
import { topicOf } from './stages.js';

/**
 * @typedef {object} Health
 * @property {boolean} known false until the proxy has answered or failed to
 * @property {import('../types.js').ProcessHealth[]} processes
 * @property {import('../types.js').Problem|null} problem the proxy itself cannot be reached
 */

/** @type {Health} */
export const initialHealth = { known: false, processes: [], problem: null };

const GOOD = new Set(['ready', 'monitoring']);
const ON_ITS_WAY = new Set(['preparing', 'starting', 'restarting']);

/**
 * @param {Health} health
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Health}
 */
export function reduceHealth(health, event) {
  switch (topicOf(event)) {
    case 'health.checked': {
      const processes = processesOf(event.data);
      const same = health.known && !health.problem && equal(processes, health.processes);
      return same ? health : { known: true, processes, problem: null };
    }
    case 'health.unreachable': {
      const problem = { what: asText(event.data.what), next: asText(event.data.next) };
      if (health.problem?.what === problem.what) return health;
      // What the processes were is no longer known once the proxy does not answer.
      return { known: true, processes: [], problem };
    }
    default:
      return health;
  }
}

/**
 * @param {import('../types.js').ProcessHealth} process
 * @returns {import('../types.js').VerdictState}
 */
export function processVerdict({ state, answers }) {
  if (ON_ITS_WAY.has(state)) return 'waiting';
  return GOOD.has(state) && answers ? 'ok' : 'failing';
}

/**
 * The processes in an answer of /health, in the order in which it names them.
 * @param {Record<string, unknown>} answer
 * @returns {import('../types.js').ProcessHealth[]}
 */
export function processesOf(answer) {
  return Object.entries(asRecord(answer.processes)).map(([name, value]) => {
    const process = asRecord(value);
    return {
      name,
      state: asText(process.state) || 'stopped',
      detail: asText(process.detail),
      since: asNumber(process.since),
      answers: process.answers !== false,
      cause: asText(process.cause),
      restarts: asNumber(process.restarts) ?? 0,
      log: Array.isArray(process.log) ? process.log.map(asText) : [],
    };
  });
}

/**
 * @param {import('../types.js').ProcessHealth[]} some
 * @param {import('../types.js').ProcessHealth[]} others
 */
function equal(some, others) {
  return JSON.stringify(some) === JSON.stringify(others);
}
