/** The agent's memory blocks, and what changed in them last. */

import { isAnother } from '../state/agents.js';
import { clock } from '../state/times.js';
import { wordDiff } from '../state/memory.js';
import { loadMemory } from '../watch/letta-watch.js';
import { h, icon, TAGS } from './dom.js';
import { Part } from './part.js';

export class MemoryBlocks extends Part {
  #content = h('div', { class: 'memory' });
  #refresh = h('button', { type: 'button', class: 'quiet' }, icon('refresh'), 'Read again');
  #dialog = /** @type {import('./block-dialog.js').BlockDialog} */ (
    document.createElement('block-dialog')
  );

  build() {
    this.#refresh.addEventListener('click', () => void loadMemory());
    this.append(this.#content, this.#refresh, this.#dialog);
  }

  /** @param {import('./part.js').State} state */
  needs({ memory, agents }) {
    return [memory, agents.items, isAnother(agents)];
  }

  /** @param {import('./part.js').State} state */
  render({ memory, agents }) {
    this.#refresh.hidden = isAnother(agents);
    if (isAnother(agents)) {
      const known = 'The agent of another worker keeps its memory, if it has one, where it runs.';
      this.#content.replaceChildren(h('h2', {}, 'Memory'), h('p', { class: 'empty' }, known));
      return;
    }
    const agent = agents.items.find((item) => item.id === memory.agentId);
    const title = h('h2', {}, agent ? `Memory of ${agent.name}` : 'Memory');
    this.#content.replaceChildren(title, ...body(memory, this.#dialog));
  }
}

/**
 * @param {import('../state/memory.js').Memory} memory
 * @param {import('./block-dialog.js').BlockDialog} dialog
 * @returns {Node[]}
 */
function body(memory, dialog) {
  if (memory.problem) {
    return [h('p', { class: 'problem' }, `${memory.problem.what} ${memory.problem.next}`)];
  }
  if (memory.state === 'none') return [h('p', { class: 'empty' }, 'Choose an agent to see it.')];
  if (memory.state === 'loading') return [h('p', { class: 'empty' }, 'Reading…')];
  if (memory.blocks.length === 0) return [h('p', { class: 'empty' }, 'This agent has no blocks.')];
  return memory.blocks.map((item) => {
    const edit = h('button', { type: 'button', class: 'quiet', title: `Edit ${item.label}` }, 'Edit');
    edit.addEventListener('click', () => dialog.open(memory.agentId, item, memory.keepsHistory));
    return block(item, memory, edit);
  });
}

/**
 * @param {import('../types.js').MemoryBlock} memoryBlock
 * @param {import('../state/memory.js').Memory} memory
 * @param {HTMLButtonElement} edit
 */
function block({ id, label, value, limit, description }, { before, changedAt }, edit) {
  const old = before[id];
  const length = limit === null ? `${value.length}` : `${value.length} / ${limit}`;
  const head = h(
    'div',
    { class: 'block-head' },
    h('h3', { title: description }, label),
    h('span', { class: 'block-length', title: 'characters' }, length),
    edit,
  );
  if (old === undefined)
    return h('section', { class: 'block' }, head, h('p', {}, value || '(empty)'));
  const pieces = wordDiff(old, value).map(({ kind, text }) => h(TAGS[kind], {}, text));
  const changed = h('span', { class: 'tag' }, `changed ${clock(changedAt ?? 0).slice(0, 8)}`);
  head.insertBefore(changed, head.children[1] ?? null);
  return h('section', { class: 'block', 'data-changed': true }, head, h('p', {}, ...pieces));
}
