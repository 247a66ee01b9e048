/** The one line that says how things are, and what to do if they are not well. */

import { processTrouble, processVerdict } from './health.js';
import { STAGES } from './stage-names.js';

/** @type {import('../types.js').Stage[]} without which an agent that is there does not answer */
const ANSWERING = ['transcribe', 'think', 'speak', 'play'];

/**
 * @typedef {object} Status
 * @property {'calm'|'busy'|'good'|'bad'} tone
 * @property {string} text
 * @property {string} next '' when there is nothing to do
 *
 * @param {import('./state.js').State} state
 * @returns {Status}
 */
export function statusOf(state) {
  const { call, health } = state;
  const told = toldTrouble(state);
  switch (call.phase) {
    case 'connecting':
      return told ?? busy('Connecting...');
    case 'reconnecting':
      return { ...busy('Connection lost. Reconnecting...'), next: whyLost(health) };
    case 'connected':
      return told ?? inCall(state);
    default:
      if (call.endProblem) return told ?? bad(call.endProblem);
      if (health.problem) return bad(health.problem);
      return beforeCall(state);
  }
}

/**
 * What the proxy says is wrong with the call; it knows more than this page can see. A microphone that
 * fails stops nobody, and has a place of its own.
 * @param {import('./state.js').State} state
 */
function toldTrouble({ judge, verdicts }) {
  if (judge !== 'proxy') return null;
  const stage = STAGES.find((each) => verdicts[each].state === 'failing');
  if (!stage || stage === 'hear') return null;
  return bad({ what: verdicts[stage].sentence, next: verdicts[stage].next });
}

/**
 * What is known of the reason while livekit-client tries by itself.
 * @param {import('./health.js').Health} health
 */
function whyLost(health) {
  const livekit = health.processes.find((each) => each.name === 'livekit');
  if (!livekit || processVerdict(livekit) === 'ok') return '';
  return `${processTrouble(livekit)} In a terminal: ./restart_voice_system.sh livekit`;
}

/** @param {import('./state.js').State} state @returns {Status} */
function inCall({ call, verdicts }) {
  if (call.agent === 'left') {
    return bad({ what: 'The agent left the call.', next: 'Disconnect, then connect again.' });
  }
  if (call.agent === 'ready') {
    const broken = ANSWERING.map((stage) => verdicts[stage]).find(
      (each) => each.state === 'failing',
    );
    if (broken) return bad({ what: broken.sentence, next: broken.next });
    const text =
      call.microphone === 'failed'
        ? 'Agent connected! Type your message: the microphone is off.'
        : 'Agent connected! Start speaking...';
    return { tone: 'good', text, next: '' };
  }
  if (call.joinProblem) return bad(call.joinProblem);
  return busy('Connected! Waiting for agent to join...');
}

/** @param {import('./state.js').State} state @returns {Status} */
function beforeCall({ call, health, agents }) {
  const failed = health.processes.find((each) => processVerdict(each) === 'failing');
  if (failed) {
    return bad({
      what: processTrouble(failed),
      next: `In a terminal: ./restart_voice_system.sh ${failed.name}`,
    });
  }
  const late = health.processes.filter((each) => processVerdict(each) === 'waiting');
  if (late.length) {
    const each = late.map(({ name, state, detail }) => `${name} (${detail || state})`);
    return busy(`Waiting for ${each.join(', ')}.`);
  }
  if (agents.problem) return bad(agents.problem);
  if (!health.known || agents.state === 'loading') return busy('Looking around...');
  const again = call.ended ? 'Disconnected. ' : '';
  return { tone: 'calm', text: `${again}Choose an agent and press Connect.`, next: '' };
}

/** @param {string} text @returns {Status} */
function busy(text) {
  return { tone: 'busy', text, next: '' };
}

/** @param {import('../types.js').Problem} problem @returns {Status} */
function bad({ what, next }) {
  return { tone: 'bad', text: what, next };
}
