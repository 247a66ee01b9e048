/** The whole state of the page, and how one event changes it: each part by a reducer of its own. */

import { initialAgents, reduceAgents } from './agents.js';
import { initialCall, initialLevels, reduceCall, reduceLevels } from './call.js';
import { initialCalls, reduceCalls } from './calls.js';
import { initialConsole, reduceConsole } from './console.js';
import { initialConversation, reduceConversation } from './conversation.js';
import { initialMet, reduceMet, shownVerdicts } from './fallback-verdicts.js';
import { initialHealth, reduceHealth } from './health.js';
import { initialListening, reduceListening } from './listening.js';
import { initialMemory, reduceMemory } from './memory.js';
import { initialSelection, reduceSelection } from './selection.js';
import { initialServerVerdicts, reduceServerVerdicts } from './server-verdicts.js';
import {
  announce,
  firstFailing,
  initialEvidence,
  keepUnchanged,
  NO_ANNOUNCEMENT,
  ofEachStage,
  reduceEvidence,
  verdict,
} from './stages.js';
import { initialTurns, reduceTurns } from './turns.js';

/**
 * @typedef {object} State
 * @property {import('./agents.js').Agents} agents
 * @property {import('./stages.js').Announcement} announced of the call of now
 * @property {import('./call.js').Call} call
 * @property {import('./calls.js').Calls} calls
 * @property {import('./console.js').Console} console
 * @property {import('./conversation.js').Conversation} conversation
 * @property {import('./stages.js').Evidence} evidence
 * @property {import('./health.js').Health} health
 * @property {import('./call.js').Levels} levels
 * @property {import('./listening.js').Listening} listening
 * @property {import('./memory.js').Memory} memory
 * @property {import('./fallback-verdicts.js').Met} met what this browser met in the call
 * @property {import('./selection.js').Selection} selection
 * @property {import('./server-verdicts.js').ServerVerdicts} server
 * @property {'proxy'|'page'} judge whose verdicts are shown
 * @property {import('./turns.js').Turns} turns
 * @property {import('./stages.js').Verdicts} verdicts the ones that are shown
 */

/** Whose events change what the page knows of the call. */
const OURS = new Set(['browser', 'agent']);

/** @type {State} */
export const initialState = {
  agents: initialAgents,
  announced: NO_ANNOUNCEMENT,
  call: initialCall,
  calls: initialCalls,
  console: initialConsole,
  conversation: initialConversation,
  evidence: initialEvidence,
  health: initialHealth,
  judge: 'page',
  levels: initialLevels,
  listening: initialListening,
  memory: initialMemory,
  met: initialMet,
  selection: initialSelection,
  server: initialServerVerdicts,
  turns: initialTurns,
  verdicts: ofEachStage(() => verdict()),
};

/**
 * @param {State} state
 * @param {import('../types.js').VoiceEvent} event
 * @returns {State} the same object if nothing changed
 */
export function reduce(state, event) {
  const next = OURS.has(event.source) ? reduceOurs(state, event) : reduceOthers(state, event);
  const parts = /** @type {(keyof State)[]} */ (Object.keys(next));
  return parts.every((part) => next[part] === state[part]) ? state : next;
}

/**
 * What the page shows of a call: the one of now, or the past one that is looked at.
 * @param {State} state
 * @returns {State}
 */
export function viewOf(state) {
  const { open } = state.calls;
  if (!open) return state;
  const { console, conversation, evidence, turns, verdicts } = open;
  return { ...state, console, conversation, evidence, turns, verdicts, judge: 'proxy' };
}

/**
 * What the proxy and the server report changes nothing that this page or the agent has reported.
 * @param {State} state
 * @param {import('../types.js').VoiceEvent} event
 * @returns {State}
 */
function reduceOthers(state, event) {
  return {
    ...state,
    console: reduceConsole(state.console, event),
    evidence: reduceEvidence(state.evidence, event),
  };
}

/** @param {State} state @param {import('../types.js').VoiceEvent} event @returns {State} */
function reduceOurs(state, event) {
  const turns = reduceTurns(state.turns, event);
  const health = reduceHealth(state.health, event);
  const memory = reduceMemory(state.memory, event);
  const call = reduceCall(state.call, event);
  const met = reduceMet(state.met, event);
  const server = reduceServerVerdicts(state.server, event, call.phase !== 'idle');
  const { verdicts, judge } = judged(state, { call, health, met, server });
  const announced = announce(state.announced, verdicts);
  return {
    agents: reduceAgents(state.agents, event),
    announced,
    call,
    calls: reduceCalls(state.calls, event),
    console: reduceConsole(state.console, event, [
      ...healthChanges(state.health, health),
      ...memoryChanges(state.memory, memory),
      ...(judge === 'proxy' ? verdictChanges(state.announced, announced, met) : []),
    ]),
    conversation: reduceConversation(state.conversation, event, turns.current),
    evidence: reduceEvidence(state.evidence, event),
    health,
    judge,
    levels: reduceLevels(state.levels, event),
    listening: reduceListening(state.listening, event),
    memory,
    met,
    selection: withFailure(reduceSelection(state.selection, event), state.verdicts, verdicts),
    server,
    turns,
    verdicts,
  };
}

/**
 * @param {State} before
 * @param {Pick<State, 'call'|'health'|'met'|'server'>} now
 * @returns {Pick<State, 'verdicts'|'judge'>}
 */
function judged(before, { call, health, met, server }) {
  const calling = call.phase !== 'idle';
  const isSame =
    met === before.met &&
    server === before.server &&
    health.problem === before.health.problem &&
    calling === (before.call.phase !== 'idle');
  if (isSame) return before;
  const { verdicts, judge } = shownVerdicts({ met, server, gone: health.problem, calling });
  return { verdicts: keepUnchanged(before.verdicts, verdicts), judge };
}

/**
 * A stage that begins to fail is shown at once, with its evidence and its next step.
 * @param {import('./selection.js').Selection} selection
 * @param {import('./stages.js').Verdicts} before
 * @param {import('./stages.js').Verdicts} after
 * @returns {import('./selection.js').Selection}
 */
function withFailure(selection, before, after) {
  const stage = firstFailing(after);
  if (stage === null || stage === firstFailing(before)) return selection;
  return { ...selection, view: 'stage', stage };
}

/**
 * Lines for processes whose state changed, in the way of "old → new".
 * @param {import('./health.js').Health} before
 * @param {import('./health.js').Health} after
 * @returns {import('./console.js').Words[]}
 */
function healthChanges(before, after) {
  if (before === after || after.problem) return [];
  /** @type {import('./console.js').Words[]} */
  const answers = before.problem ? [{ tone: 'good', text: '✅ The proxy answers again' }] : [];
  if (before.processes.length === 0) return answers;
  const changes = after.processes.flatMap(({ name, state, detail }) => {
    const old = before.processes.find((process) => process.name === name)?.state ?? 'unknown';
    if (old === state) return [];
    /** @type {import('./console.js').Tone} */
    const tone =
      state === 'ready' ? 'good' : state === 'failed' || state === 'stopped' ? 'bad' : 'plain';
    return [{ tone, text: `${name}: ${old} → ${state}${detail ? ` (${detail})` : ''}` }];
  });
  return [...answers, ...changes];
}

/**
 * @param {import('./memory.js').Memory} before
 * @param {import('./memory.js').Memory} after
 * @returns {import('./console.js').Words[]}
 */
function memoryChanges(before, after) {
  if (before.changedAt === after.changedAt) return [];
  const labels = after.blocks.filter(({ id }) => id in after.before).map(({ label }) => label);
  return labels.length ? [{ tone: 'plain', text: `🧠 Memory changed: ${labels.join(', ')}` }] : [];
}

/**
 * Lines for a verdict that changed, unless this browser met the trouble and has a line for it.
 * @param {import('./stages.js').Announcement} before
 * @param {import('./stages.js').Announcement} after
 * @param {import('./fallback-verdicts.js').Met} met
 * @returns {import('./console.js').Words[]}
 */
function verdictChanges(before, after, met) {
  if (before === after || !after.text) return [];
  if (!after.stage) return [{ tone: 'good', text: `✅ ${after.text}` }];
  return met[after.stage]?.state === 'failing' ? [] : [{ tone: 'bad', text: `❌ ${after.text}` }];
}
