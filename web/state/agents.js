/** The Letta agents one can talk to, and which of them is chosen. */

import { asRecord, asRecords, asText, asTexts } from './read.js';
import { topicOf } from './stages.js';

/**
 * @typedef {object} Agents
 * @property {'loading'|'ready'|'empty'|'failed'} state
 * @property {import('../types.js').LettaAgent[]} items
 * @property {string} chosen id of a Letta agent, or `another:NAME`; '' when there is none
 * @property {boolean} ours whether this system has an agent of its own, which is a Letta agent
 * @property {string[]} others names that other workers are registered by, as far as is known
 * @property {string} named what was typed as the name of another one
 * @property {string} metadata what another agent is sent with
 * @property {{handle: string, isScript: boolean}[]} models an agent can think with
 * @property {import('../types.js').Problem|null} problem
 */

/** @type {Agents} */
export const initialAgents = {
  state: 'loading',
  items: [],
  chosen: '',
  ours: true,
  others: [],
  named: '',
  metadata: '',
  models: [],
  problem: null,
};

/** Begins the choice of an agent whose worker is not ours; alone, its name is typed. */
export const ANOTHER = 'another:';

/** Whether another's agent is chosen. @param {Agents} agents */
export function isAnother({ chosen }) {
  return chosen.startsWith(ANOTHER);
}

/**
 * Whom Connect asks for.
 * @param {Agents} agents
 * @returns {{agentId: string, agentName: string, workerName: string, metadata: string}}
 */
export function wish(agents) {
  if (isAnother(agents)) {
    const name = agents.chosen.slice(ANOTHER.length) || agents.named.trim();
    return { agentId: '', agentName: name, workerName: name, metadata: agents.metadata.trim() };
  }
  const agent = agents.items.find((item) => item.id === agents.chosen);
  return { agentId: agent?.id ?? '', agentName: agent?.name ?? '', workerName: '', metadata: '' };
}

/** Whether another's agent is chosen, and its name is not known yet. @param {Agents} agents */
export function isNameless(agents) {
  return isAnother(agents) && wish(agents).workerName === '';
}

/** What is wrong with the choice of another's agent, or ''. @param {Agents} agents */
export function wishProblem(agents) {
  if (!isAnother(agents)) return '';
  const { metadata } = wish(agents);
  if (isNameless(agents)) return 'Type the name its worker is registered by (agent_name).';
  try {
    if (metadata) JSON.parse(metadata);
    return '';
  } catch {
    return 'The metadata is not JSON; it is sent as it is.';
  }
}

export const NO_AGENTS = {
  what: 'Letta has no agent yet.',
  next: 'Press New… to create one.',
};

/**
 * @param {Agents} agents
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Agents}
 */
export function reduceAgents(agents, event) {
  switch (topicOf(event)) {
    case 'agents.loaded': {
      const items = asRecords(event.data.agents).map(lettaAgent);
      const isKnown = isAnother(agents) || items.some((agent) => agent.id === agents.chosen);
      const remembered = asText(event.data.remembered);
      const first = items.find((agent) => agent.id === remembered) ?? items[0];
      return {
        ...agents,
        state: items.length ? 'ready' : 'empty',
        items,
        chosen: isKnown ? agents.chosen : remembered.startsWith(ANOTHER) ? remembered : (first?.id ?? ''),
        models: asRecords(event.data.models).map((row) => ({
          handle: asText(row.handle),
          isScript: row.is_script === true,
        })),
        problem: items.length ? null : NO_AGENTS,
      };
    }
    case 'agents.failed':
      return {
        ...agents,
        state: 'failed',
        problem: { what: asText(event.data.what), next: asText(event.data.next) },
      };
    case 'agents.created': {
      const made = lettaAgent(asRecord(event.data.agent));
      const others = agents.items.filter((agent) => agent.id !== made.id);
      return { ...agents, state: 'ready', items: [...others, made], chosen: made.id, problem: null };
    }
    case 'agents.changed': {
      const changed = lettaAgent(asRecord(event.data.agent));
      const items = agents.items.map((agent) => (agent.id === changed.id ? changed : agent));
      return { ...agents, state: 'ready', items, problem: null };
    }
    case 'agents.chosen':
      return { ...agents, chosen: asText(event.data.id) };
    case 'agents.names': {
      const named = { ...agents, others: asTexts(event.data.others) };
      if (asText(event.data.ours)) return { ...named, ours: true };
      const chosen = isAnother(agents) ? agents.chosen : ANOTHER + (named.others[0] ?? '');
      return { ...named, ours: false, state: 'ready', items: [], chosen, problem: null };
    }
    case 'agents.another':
      return { ...agents, named: asText(event.data.named), metadata: asText(event.data.metadata) };
    default:
      return agents;
  }
}

/** @param {Record<string, unknown>} row @returns {import('../types.js').LettaAgent} */
function lettaAgent(row) {
  return {
    id: asText(row.id),
    name: asText(row.name) || asText(row.id),
    model: asText(row.model),
    description: asText(row.description),
  };
}
