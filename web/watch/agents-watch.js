/** Loads the list of Letta agents, and remembers across visits which one was chosen. */

import { createAgent, getAgents, problemOf } from '../proxy-client.js';
import { store, tell } from '../store.js';

const REMEMBERED = 'voice.letta-agent';
let asked = 0;

export async function loadAgents() {
  asked += 1;
  const number = asked;
  try {
    const agents = await getAgents();
    if (number === asked) tell('agents.loaded', { agents, wanted: remembered() });
  } catch (error) {
    if (number !== asked) return;
    const problem = problemOf(error);
    // Tried again every few seconds: the same trouble is told once.
    if (problem.what !== store.state.agents.problem?.what) tell('agents.failed', { ...problem });
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
 * @param {{name: string, persona?: string, human?: string, model?: string}} wanted
 */
export async function makeAgent(wanted) {
  const agent = await createAgent(wanted);
  asked += 1; // A list that was asked for before does not have it.
  tell('agents.created', { agent });
  chooseAgent(store.state.agents.chosen);
}

function remembered() {
  try {
    return localStorage.getItem(REMEMBERED) ?? '';
  } catch {
    // As above.
    return '';
  }
}
