/** The memory blocks of one Letta agent, and what changed in them last, word by word. */

import { asNumber, asRecords, asText } from './read.js';
import { topicOf } from './stages.js';

/**
 * @typedef {object} Memory
 * @property {string} agentId whose memory this is, '' for nobody's
 * @property {'none'|'loading'|'ready'|'failed'} state
 * @property {import('../types.js').MemoryBlock[]} blocks
 * @property {boolean} keepsHistory whether blocks have versions
 * @property {Record<string, string>} before value of each changed block before its last change
 * @property {number|null} changedAt seconds since 1970
 * @property {import('../types.js').Problem|null} problem
 */

/** @type {Memory} */
export const initialMemory = {
  agentId: '',
  state: 'none',
  blocks: [],
  keepsHistory: false,
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
  switch (topicOf(event)) {
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
        keepsHistory: event.data.keeps_history === true,
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
    const old = memory.blocks.find(({ id }) => id === block.id);
    if ((old?.value ?? '') !== block.value) changed[block.id] = old?.value ?? '';
  }
  return changed;
}

/** @param {Record<string, unknown>} row @returns {import('../types.js').MemoryBlock} */
function memoryBlock(row) {
  return {
    id: asText(row.id) || asText(row.label),
    label: asText(row.label),
    value: asText(row.value),
    limit: asNumber(row.limit),
    description: asText(row.description),
  };
}

/** Beyond this many words a comparison costs too much for what it shows: then it is all new. */
export const MOST_WORDS = 1500;
/** With less in common than this share of words, the text was not edited but written anew. */
const LEAST_COMMON = 0.3;

/** @typedef {{kind: 'same'|'added'|'removed', text: string}} Piece */

/**
 * The words that changed between two texts.
 * @param {string} before
 * @param {string} after
 * @returns {Piece[]} in reading order; same and added pieces joined are `after`, same and removed
 *   ones `before`
 */
export function wordDiff(before, after) {
  const old = words(before);
  const now = words(after);
  if (old.length > MOST_WORDS || now.length > MOST_WORDS) return rewritten(before, after);
  const common = commonLengths(old, now);
  const kept = longest(common, 0, 0);
  if (kept < LEAST_COMMON * Math.min(old.length, now.length)) return rewritten(before, after);

  /** @type {Piece[]} */
  const pieces = [];
  let removed = '';
  let added = '';
  const change = () => {
    if (removed) pieces.push({ kind: 'removed', text: removed });
    if (added) pieces.push({ kind: 'added', text: added });
    removed = added = '';
  };
  let i = 0;
  let j = 0;
  while (i < old.length && j < now.length) {
    if (old[i] === now[j]) {
      change();
      keep(pieces, old[i] ?? '');
      i += 1;
      j += 1;
    } else if (longest(common, i + 1, j) >= longest(common, i, j + 1)) {
      removed += old[i];
      i += 1;
    } else {
      added += now[j];
      j += 1;
    }
  }
  removed += old.slice(i).join('');
  added += now.slice(j).join('');
  change();
  return pieces;
}

/**
 * Words, each with the white space after it: joined they give the text back.
 * @param {string} text
 */
function words(text) {
  return text.match(/^\s+|\S+\s*/g) ?? [];
}

/** @param {string} before @param {string} after @returns {Piece[]} */
function rewritten(before, after) {
  /** @type {Piece[]} */
  const pieces = [
    { kind: 'removed', text: before },
    { kind: 'added', text: after },
  ];
  return pieces.filter(({ text }) => text);
}

/**
 * Length of the longest common subsequence of old[i..] and now[j..], for each i and j.
 * @param {string[]} old
 * @param {string[]} now
 */
function commonLengths(old, now) {
  const rows = Array.from({ length: old.length + 1 }, () => new Uint16Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) {
      const row = /** @type {Uint16Array} */ (rows[i]);
      row[j] =
        old[i] === now[j]
          ? longest(rows, i + 1, j + 1) + 1
          : Math.max(longest(rows, i + 1, j), longest(rows, i, j + 1));
    }
  }
  return rows;
}

/** @param {Uint16Array[]} rows @param {number} i @param {number} j */
function longest(rows, i, j) {
  return rows[i]?.[j] ?? 0;
}

/** @param {Piece[]} pieces @param {string} word */
function keep(pieces, word) {
  const last = pieces.at(-1);
  if (last?.kind === 'same') last.text += word;
  else pieces.push({ kind: 'same', text: word });
}
