/** How things are in one line, and what can be done about it right here. */

import { isAnother } from './agents.js';
import { processVerdict } from './health.js';
import { firstFailing } from './stages.js';

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
  const { call, health, verdicts } = state;
  switch (call.phase) {
    case 'connecting':
      return failure(state) ?? busy('Connecting...');
    case 'reconnecting':
      return { ...busy('Connection lost. Reconnecting...'), next: whyLost(verdicts.system) };
    case 'connected':
      return failure(state) ?? inCall(state);
    default:
      if (call.endProblem) return failure(state) ?? bad(call.endProblem);
      if (health.problem) return bad(health.problem);
      return beforeCall(state);
  }
}

/**
 * The verdict that fails. A microphone that fails stops nobody and has a place of its own; and a
 * call that is connected goes on without the proxy.
 * @param {import('./state.js').State} state
 */
function failure({ call, health, verdicts }) {
  const stage = firstFailing(verdicts);
  if (!stage || stage === 'hear') return null;
  if (health.problem && call.phase !== 'connecting') return null;
  return bad({ what: verdicts[stage].sentence, next: verdicts[stage].next });
}

/**
 * What is known of the reason while livekit-client tries by itself.
 * @param {import('../types.js').Verdict} system
 */
function whyLost({ state, sentence, next }) {
  return state === 'failing' || state === 'waiting' ? `${sentence} ${next}`.trim() : '';
}

/** @param {import('./state.js').State} state @returns {Status} */
function inCall({ call, health }) {
  if (health.problem) {
    const what = call.agent === 'ready' ? 'The call goes on without verdicts.' : 'Connected.';
    return { ...busy(`${what} ${health.problem.what}`), next: health.problem.next };
  }
  if (call.agent === 'left') return busy('The agent left the call.');
  if (call.agent !== 'ready') return busy('Connected! Waiting for agent to join...');
  const text =
    call.microphone === 'failed'
      ? 'Agent connected! Type your message: the microphone is off.'
      : 'Agent connected! Start speaking...';
  return { tone: 'good', text, next: '' };
}

/** @param {import('./state.js').State} state @returns {Status} */
function beforeCall({ call, health, agents, verdicts }) {
  const { system } = verdicts;
  if (system.state === 'failing') return bad({ what: system.sentence, next: system.next });
  const late = health.processes.filter((process) => processVerdict(process) === 'waiting');
  if (late.length) {
    const names = late.map(({ name, state, detail }) => `${name} (${detail || state})`);
    return busy(`Waiting for ${names.join(', ')}.`);
  }
  if (agents.problem && !isAnother(agents)) return bad(agents.problem);
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

/**
 * What the page can do about a verdict.
 *
 * @typedef {'start-audio'|'unmute'|'retry-microphone'|'ask-for-agent'|'connect-again'} Action
 *
 * @typedef {object} NextStep
 * @property {{action: Action, label: string}|null} button
 * @property {string[]} commands
 */

/** The words by which a next step names what this page can do. @type {[RegExp, Action, string][]} */
const BUTTONS = [
  [/\bStart audio\b/, 'start-audio', 'Start audio'],
  [/\bUnmute\b/, 'unmute', 'Unmute'],
  [/\bTry again\b|\bRetry microphone\b/, 'retry-microphone', 'Retry microphone'],
  [/\bAsk for the agent\b/, 'ask-for-agent', 'Ask for the agent'],
  [/\bconnect again\b|\bpress Connect\b/i, 'connect-again', 'Connect again'],
];
const PROCESSES = 'stop|status|logs|livekit|models|letta|agent|proxy';
const COMMAND = new RegExp(
  `\`([^\`]+)\`|(\\./restart_voice_system\\.sh(?: (?:${PROCESSES})\\b)*|` +
    `\\./scripts/[\\w-]+(?: --[\\w-]+)*)`,
  'g',
);

/**
 * @param {string} next the next step in words
 * @param {import('./call.js').Call|null} call the page's own; null while another one is looked at
 * @param {string} [room] where an agent can be asked for, if anywhere
 * @returns {NextStep}
 */
export function nextStep(next, call, room = '') {
  const can = (/** @type {Action} */ action) =>
    action === 'ask-for-agent' ? room !== '' : call !== null && possible(action, call);
  const offer = BUTTONS.find(([words, action]) => words.test(next) && can(action));
  const commands = [...next.matchAll(COMMAND)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  return {
    button: offer ? { action: offer[1], label: offer[2] } : null,
    commands: [...new Set(commands)],
  };
}

/** @param {Action} action @param {import('./call.js').Call} call */
function possible(action, call) {
  const connected = call.phase === 'connected';
  switch (action) {
    case 'start-audio':
      return connected && call.soundBlocked;
    case 'unmute':
      return connected && call.muted;
    case 'retry-microphone':
      return connected && call.microphone === 'failed';
    default:
      // Before the first call there is nothing to do again; and while it begins, it begins.
      return connected || call.room !== '';
  }
}
