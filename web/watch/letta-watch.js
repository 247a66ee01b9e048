/** Loads Letta's agents, and keeps the memory of the agent in sight fresh. */

import {
  changeModel,
  createAgent,
  getAgentNames,
  getAgents,
  getMemory,
  getModels,
  getVersion,
  getVersions,
  problemOf,
  writeBlock,
} from '../proxy-client.js';
import { wish } from '../state/agents.js';
import { store, tell } from '../store.js';

/** Where the chosen agent is kept across visits. */
const REMEMBERED = 'voice.letta-agent';
/** Requests are numbered: only the answer of the last one counts. */
let lastListRequest = 0;

/** Loads the list of agents. */
export async function loadAgents() {
  lastListRequest += 1;
  const request = lastListRequest;
  await loadNames();
  if (request !== lastListRequest || !store.state.agents.ours) return;
  try {
    // Without the models one can talk as well.
    const [agents, models] = await Promise.all([getAgents(), getModels().catch(() => [])]);
    if (request !== lastListRequest) return;
    tell('agents.loaded', { agents, models, remembered: rememberedAgent() });
  } catch (error) {
    if (request !== lastListRequest) return;
    const problem = problemOf(error);
    // Tried again every few seconds: the same trouble is told once.
    if (problem.what !== store.state.agents.problem?.what) tell('agents.failed', { ...problem });
  }
}

/** Loads the names of other workers; without them one can type a name. */
async function loadNames() {
  try {
    tell('agents.names', await getAgentNames());
  } catch {
    // The list of Letta's agents tells that the proxy does not answer.
  }
}

/** @param {string} id */
export function chooseAgent(id) {
  tell('agents.chosen', { id });
  try {
    localStorage.setItem(REMEMBERED, id);
  } catch {
    // Storage is switched off in this browser: the choice lasts for this visit only.
  }
}

/**
 * Creates an agent in Letta and chooses it.
 * @param {{name: string, persona?: string, human?: string, model?: string}} properties
 */
export async function makeAgent(properties) {
  const agent = await createAgent(properties);
  lastListRequest += 1; // A list that was asked for before does not have it.
  tell('agents.created', { agent });
  chooseAgent(store.state.agents.chosen);
}

/**
 * Lets an agent think with another model from its next turn on.
 * @param {string} id @param {string} model
 */
export async function chooseModel(id, model) {
  try {
    const agent = await changeModel(id, model);
    lastListRequest += 1; // As above.
    tell('agents.changed', { agent });
  } catch (error) {
    tell('agents.failed', { ...problemOf(error) });
  }
}

function rememberedAgent() {
  try {
    return localStorage.getItem(REMEMBERED) ?? '';
  } catch {
    // As above.
    return '';
  }
}

let lastMemoryRequest = 0;

/** Starts to watch, for as long as the page lives. */
export function watchMemory() {
  let last = '';
  store.subscribe((state) => {
    const agentId = agentInSight(state);
    const occasion = `${agentId} ${settled(state.turns)}`;
    if (occasion === last) return;
    last = occasion;
    // Not while the store is in the middle of telling everybody.
    queueMicrotask(() => void loadMemory());
  }, new AbortController().signal);
}

/** Loads the memory of the agent in sight now. */
export async function loadMemory() {
  const agentId = agentInSight(store.state);
  if (!agentId) return;
  lastMemoryRequest += 1;
  const request = lastMemoryRequest;
  tell('memory.loading', { agent_id: agentId });
  try {
    const memory = await getMemory(agentId);
    if (request === lastMemoryRequest) tellMemory(agentId, memory);
  } catch (error) {
    if (request !== lastMemoryRequest) return;
    const problem = problemOf(error);
    const isKnown = store.state.memory.problem?.what === problem.what;
    if (!isKnown) tell('memory.failed', { agent_id: agentId, ...problem });
  }
}

export { getVersion as readVersion, getVersions as readVersions };

/** @param {string} agentId @param {string} label @param {string} value */
export async function saveBlock(agentId, label, value) {
  const memory = await writeBlock(agentId, label, value);
  lastMemoryRequest += 1; // An answer that was asked for before is older.
  tellMemory(agentId, memory);
}

/** @param {string} agentId @param {import('../proxy-client.js').MemoryAnswer} memory */
function tellMemory(agentId, { blocks, keepsHistory }) {
  tell('memory.loaded', { agent_id: agentId, blocks, keeps_history: keepsHistory });
}

/**
 * The agent of the call, or the one chosen for the next.
 * @param {import('../state/state.js').State} state
 */
function agentInSight({ call, agents }) {
  return (call.phase !== 'idle' && call.agentId) || wish(agents).agentId;
}

/** Counts what may have changed the memory. @param {import('../state/turns.js').Turns} turns */
function settled({ byId }) {
  let count = 0;
  for (const turn of Object.values(byId)) {
    if (turn.ms) count += 1;
    count += turn.tools.filter((tool) => tool.status !== null).length;
  }
  return count;
}
