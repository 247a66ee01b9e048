/** The whole state of the page, and how one event changes it: each part by a reducer of its own. */

import { initialAgents, reduceAgents } from './agents.js';
import { initialCall, reduceCall } from './call.js';
import { initialConfig, reduceConfig } from './config.js';
import { initialConsole, reduceConsole } from './console.js';
import { initialConversation, reduceConversation } from './conversation.js';
import { initialHealth, reduceHealth } from './health.js';
import { initialLevels, reduceLevels } from './levels.js';
import { initialMemory, reduceMemory } from './memory.js';
import { initialSelection, reduceSelection } from './selection.js';
import { firstFailing, initialStages, reduceStages, verdictsOf } from './stages.js';
import { initialTurns, reduceTurns } from './turns.js';

/**
 * @typedef {object} State
 * @property {import('./agents.js').Agents} agents
 * @property {import('./call.js').Call} call
 * @property {import('./config.js').Config} config
 * @property {import('./console.js').Console} console
 * @property {import('./conversation.js').Conversation} conversation
 * @property {import('./health.js').Health} health
 * @property {import('./levels.js').Levels} levels
 * @property {import('./memory.js').Memory} memory
 * @property {import('./selection.js').Selection} selection
 * @property {import('./stages.js').Stages} stages
 * @property {import('./turns.js').Turns} turns
 * @property {import('./stages.js').Stages} verdicts the stages as they are shown
 */

/** @type {State} */
export const initialState = {
  agents: initialAgents,
  call: initialCall,
  config: initialConfig,
  console: initialConsole,
  conversation: initialConversation,
  health: initialHealth,
  levels: initialLevels,
  memory: initialMemory,
  selection: initialSelection,
  stages: initialStages,
  turns: initialTurns,
  verdicts: initialStages,
};

/**
 * @param {State} state
 * @param {import('../types.js').VoiceEvent} event
 * @returns {State} the same object if nothing changed
 */
export function reduce(state, event) {
  const turns = reduceTurns(state.turns, event);
  const health = reduceHealth(state.health, event);
  const memory = reduceMemory(state.memory, event);
  const stages = reduceStages(state.stages, event);
  /** @type {State} */
  const next = {
    agents: reduceAgents(state.agents, event),
    call: reduceCall(state.call, event),
    config: reduceConfig(state.config, event),
    console: reduceConsole(state.console, event, [
      ...healthChanges(state.health, health),
      ...memoryChanges(state.memory, memory),
    ]),
    conversation: reduceConversation(state.conversation, event, turns.current),
    health,
    levels: reduceLevels(state.levels, event),
    memory,
    selection: withFailure(reduceSelection(state.selection, event), state.stages, stages),
    stages,
    turns,
    verdicts: stages === state.stages ? state.verdicts : verdictsOf(stages),
  };
  const parts = /** @type {(keyof State)[]} */ (Object.keys(next));
  return parts.every((part) => next[part] === state[part]) ? state : next;
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
