/** The Letta agents one can talk to, and which of them is chosen. */

import { asRecord, asRecords, asText } from './read.js';
import { topicOf } from './stages.js';

/**
 * @typedef {object} Agents
 * @property {'loading'|'ready'|'empty'|'failed'} state
 * @property {import('../types.js').LettaAgent[]} items
 * @property {string} chosen id, '' when there is none
 * @property {{handle: string, isScript: boolean}[]} models an agent can think with
 * @property {import('../types.js').Problem|null} problem
 */

/** @type {Agents} */
export const initialAgents = { state: 'loading', items: [], chosen: '', models: [], problem: null };

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
      const isKnown = items.some((agent) => agent.id === agents.chosen);
      const remembered = asText(event.data.remembered);
      const first = items.find((agent) => agent.id === remembered) ?? items[0];
      return {
        state: items.length ? 'ready' : 'empty',
        items,
        chosen: isKnown ? agents.chosen : (first?.id ?? ''),
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
