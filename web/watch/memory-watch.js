/** Keeps the memory blocks of the agent in sight fresh: after each turn and after each tool. */

import { getMemory, problemOf } from '../proxy-client.js';
import { store, tell } from '../store.js';

let asked = 0;

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
  asked += 1;
  const number = asked;
  tell('memory.loading', { agent_id: agentId });
  try {
    const blocks = await getMemory(agentId);
    if (number === asked) tell('memory.loaded', { agent_id: agentId, blocks });
  } catch (error) {
    if (number !== asked) return;
    const problem = problemOf(error);
    const known = store.state.memory.problem?.what === problem.what;
    if (!known) tell('memory.failed', { agent_id: agentId, ...problem });
  }
}

/**
 * The agent of the call, or the one chosen for the next.
 * @param {import('../state/state.js').State} state
 */
function agentInSight({ call, agents }) {
  return call.phase === 'idle' ? agents.chosen : call.agentId || agents.chosen;
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
