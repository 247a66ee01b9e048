/** The memory blocks of one Letta agent, and what they were before the last change. */

import { asNumber, asRecords, asText } from './read.js';

/**
 * @typedef {object} Memory
 * @property {string} agentId whose memory this is, '' for nobody's
 * @property {'none'|'loading'|'ready'|'failed'} state
 * @property {import('../types.js').MemoryBlock[]} blocks
 * @property {Record<string, string>} before value of each changed block before its last change
 * @property {number|null} changedAt seconds since 1970
 * @property {import('../types.js').Problem|null} problem
 */

/** @type {Memory} */
export const initialMemory = {
  agentId: '',
  state: 'none',
  blocks: [],
  before: {},
  changedAt: null,
  problem: null,
};

/**
 * @param {Memory} memory
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Memory}
 */
export function reduceMemory(memory, event) {
  const agentId = asText(event.data.agent_id);
  switch (event.name) {
    case 'memory.loading':
      // What is known of an agent stays in sight while it is loaded again.
      if (agentId === memory.agentId) return memory;
      return { ...initialMemory, agentId, state: 'loading' };
    case 'memory.loaded': {
      if (agentId !== memory.agentId) return memory;
      const blocks = asRecords(event.data.blocks).map(memoryBlock);
      const changed = changedValues(memory, blocks);
      const isChanged = Object.keys(changed).length > 0;
      return {
        agentId,
        state: 'ready',
        blocks,
        before: isChanged ? changed : memory.before,
        changedAt: isChanged ? event.at : memory.changedAt,
        problem: null,
      };
    }
    case 'memory.failed':
      if (agentId !== memory.agentId) return memory;
      return {
        ...memory,
        state: 'failed',
        problem: { what: asText(event.data.what), next: asText(event.data.next) },
      };
    default:
      return memory;
  }
}

/**
 * Values before, of the blocks that are other than they were. The first load changes nothing.
 * @param {Memory} memory
 * @param {import('../types.js').MemoryBlock[]} blocks
 */
function changedValues(memory, blocks) {
  /** @type {Record<string, string>} */
  const changed = {};
  if (memory.blocks.length === 0) return changed;
  for (const block of blocks) {
    const old = memory.blocks.find((each) => each.id === block.id);
    if ((old?.value ?? '') !== block.value) changed[block.id] = old?.value ?? '';
  }
  return changed;
}

/** @param {Record<string, unknown>} each @returns {import('../types.js').MemoryBlock} */
function memoryBlock(each) {
  return {
    id: asText(each.id) || asText(each.label),
    label: asText(each.label),
    value: asText(each.value),
    limit: asNumber(each.limit),
    description: asText(each.description),
  };
}
