/**
 * Waits for the agent, and after the usual time says why it is not there, as far as can be known.
 */

import { getDispatch, getWorkerHealth, problemOf } from '../proxy-client.js';
import { whyNoAgent } from './why-no-agent.js';

/** How often the reason is looked up again while nobody comes: it may change, or be mended. */
const AGAIN_MS = 5000;

/**
 * @param {import('./session.js').CallContext} call
 * @param {typeof import('../store.js').store} store
 */
export function watchJoin({ room, emit, signal }, store) {
  const seconds = store.state.config.joinTimeoutS;
  let said = '';

  const look = async () => {
    if (signal.aborted || store.state.call.agent === 'ready') return;
    const [worker, dispatch] = await Promise.all([
      getWorkerHealth().catch(failedAs),
      getDispatch(room.name || store.state.call.room).catch(failedAs),
    ]);
    const { call } = store.state;
    if (signal.aborted || call.agent === 'ready') return;
    const { stage, what, next } = whyNoAgent({
      worker,
      dispatch,
      request: call.dispatchProblem,
      joined: call.agent === 'joined',
    });
    const sentence = `No agent after ${seconds} s. ${what}`;
    if (sentence !== said) emit('join', 'late', { stage, what: sentence, next, worker, dispatch });
    said = sentence;
    timer = setTimeout(look, AGAIN_MS);
  };

  let timer = setTimeout(look, seconds * 1000);
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

/** @param {unknown} error @returns {Record<string, unknown>} */
function failedAs(error) {
  return { unreachable: problemOf(error).what };
}
