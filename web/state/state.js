/** The whole state of the page, and how one event changes it: each part by a reducer of its own. */

import { initialAgents, reduceAgents } from './agents.js';
import { initialCall, reduceCall } from './call.js';
import { initialCalls, reduceCalls } from './calls.js';
import { initialConfig, reduceConfig } from './config.js';
import { initialConsole, reduceConsole } from './console.js';
import { initialConversation, reduceConversation } from './conversation.js';
import { initialHealth, reduceHealth } from './health.js';
import { initialLevels, reduceLevels } from './levels.js';
import { initialListening, reduceListening } from './listening.js';
import { initialMemory, reduceMemory } from './memory.js';
import { initialSelection, reduceSelection } from './selection.js';
import { firstFailing, initialStages, reduceStages, verdictsOf } from './stages.js';
import { initialTold, reduceTold, shownVerdicts } from './told-verdicts.js';
import { initialTurns, reduceTurns } from './turns.js';

/**
 * @typedef {object} State
 * @property {import('./agents.js').Agents} agents
 * @property {import('./call.js').Call} call
 * @property {import('./calls.js').Calls} calls
 * @property {import('./config.js').Config} config
 * @property {import('./console.js').Console} console
 * @property {import('./conversation.js').Conversation} conversation
 * @property {import('./health.js').Health} health
 * @property {import('./levels.js').Levels} levels
 * @property {import('./listening.js').Listening} listening
 * @property {import('./memory.js').Memory} memory
 * @property {import('./selection.js').Selection} selection
 * @property {'proxy'|'page'} judge whose verdicts are shown
 * @property {import('./stages.js').Stages} stages as this page judges them
 * @property {import('./told-verdicts.js').Told} told as the proxy judges them
 * @property {import('./turns.js').Turns} turns
 * @property {import('./stages.js').Stages} verdicts the stages as they are shown
 */

/** Whose events change what the page knows of the call. */
const OURS = new Set(['browser', 'agent']);

/** @type {State} */
export const initialState = {
  agents: initialAgents,
  call: initialCall,
  calls: initialCalls,
  config: initialConfig,
  console: initialConsole,
  conversation: initialConversation,
  health: initialHealth,
  judge: 'page',
  levels: initialLevels,
  listening: initialListening,
  memory: initialMemory,
  selection: initialSelection,
  stages: initialStages,
  told: initialTold,
  turns: initialTurns,
  verdicts: initialStages,
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
  const { console, conversation, turns, stages, verdicts } = open;
  return { ...state, console, conversation, turns, stages, verdicts, judge: 'proxy' };
}

/**
 * What the proxy and the server report changes nothing that this page or the agent has reported.
 * @param {State} state
 * @param {import('../types.js').VoiceEvent} event
 * @returns {State}
 */
function reduceOthers(state, event) {
  const stages = reduceStages(state.stages, event);
  const { verdicts, judge } = judged(state, state.call, stages, state.told);
  return { ...state, console: reduceConsole(state.console, event), judge, stages, verdicts };
}

/** @param {State} state @param {import('../types.js').VoiceEvent} event @returns {State} */
function reduceOurs(state, event) {
  const turns = reduceTurns(state.turns, event);
  const health = reduceHealth(state.health, event);
  const memory = reduceMemory(state.memory, event);
  const stages = reduceStages(state.stages, event);
  const call = reduceCall(state.call, event);
  const told = reduceTold(state.told, event, call.phase !== 'idle');
  const { verdicts, judge } = judged(state, call, stages, told);
  return {
    agents: reduceAgents(state.agents, event),
    call,
    calls: reduceCalls(state.calls, event),
    config: reduceConfig(state.config, event),
    console: reduceConsole(state.console, event, [
      ...healthChanges(state.health, health),
      ...memoryChanges(state.memory, memory),
    ]),
    conversation: reduceConversation(state.conversation, event, turns.current),
    health,
    judge,
    levels: reduceLevels(state.levels, event),
    listening: reduceListening(state.listening, event),
    memory,
    selection: withFailure(reduceSelection(state.selection, event), state.verdicts, verdicts),
    stages,
    told,
    turns,
    verdicts,
  };
}

/**
 * @param {State} before
 * @param {import('./call.js').Call} call
 * @param {import('./stages.js').Stages} stages
 * @param {import('./told-verdicts.js').Told} told
 * @returns {Pick<State, 'verdicts'|'judge'>}
 */
function judged(before, call, stages, told) {
  const calling = call.phase !== 'idle';
  const same =
    stages === before.stages && told === before.told && calling === (before.call.phase !== 'idle');
  return same ? before : shownVerdicts(verdictsOf(stages), told, calling);
}

/**
 * A stage that begins to fail is shown at once, with its evidence and its next step.
 * @param {import('./selection.js').Selection} selection
 * @param {import('./stages.js').Stages} before
 * @param {import('./stages.js').Stages} after
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
 * @returns {import('./console-lines.js').Words[]}
 */
function healthChanges(before, after) {
  if (before === after || after.problem) return [];
  /** @type {import('./console-lines.js').Words[]} */
  const answers = before.problem ? [{ tone: 'good', text: '✅ The proxy answers again' }] : [];
  if (before.processes.length === 0) return answers;
  const changes = after.processes.flatMap(({ name, state, detail }) => {
    const old = before.processes.find((each) => each.name === name)?.state ?? 'unknown';
    if (old === state) return [];
    /** @type {import('./console-lines.js').Tone} */
    const tone =
      state === 'ready' ? 'good' : state === 'failed' || state === 'stopped' ? 'bad' : 'plain';
    return [{ tone, text: `${name}: ${old} → ${state}${detail ? ` (${detail})` : ''}` }];
  });
  return [...answers, ...changes];
}

/**
 * @param {import('./memory.js').Memory} before
 * @param {import('./memory.js').Memory} after
 * @returns {import('./console-lines.js').Words[]}
 */
function memoryChanges(before, after) {
  if (before.changedAt === after.changedAt) return [];
  const labels = after.blocks.filter((each) => each.id in after.before).map((each) => each.label);
  return labels.length ? [{ tone: 'plain', text: `🧠 Memory changed: ${labels.join(', ')}` }] : [];
}
