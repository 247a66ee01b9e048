/**
 * What a reply is made of beside its words: the agent's reasoning, its tools, and trouble; folded.
 */

import { wordDiff } from '../state/memory.js';
import { h, icon, TAGS } from './dom.js';
import { CallPart } from './part.js';

export class TurnWork extends CallPart {
  /** @type {Map<string, {fold: HTMLDetailsElement, head: HTMLElement, body: HTMLElement}>} */
  #folds = new Map();

  build() {
    this.#folds.clear();
  }

  /** @param {import('./part.js').State} state */
  needs({ turns }) {
    const turn = turns.byId[this.getAttribute('turn') ?? ''];
    return [turn?.reasoning, turn?.tools];
  }

  /** @param {import('./part.js').State} state */
  render({ turns }) {
    const turn = turns.byId[this.getAttribute('turn') ?? ''];
    if (!turn) return;
    if (turn.reasoning) {
      const { head, body } = this.#fold('reasoning', 'thought');
      head.textContent = 'Reasoning';
      body.replaceChildren(h('p', {}, turn.reasoning));
    }
    for (const tool of turn.tools) {
      const { fold, head, body } = this.#fold(`tool ${tool.id}`, 'tool');
      fold.dataset.status = tool.status ?? 'running';
      head.textContent = `${tool.name || 'a tool'} · ${tool.status ?? 'running'}`;
      body.replaceChildren(h('pre', { tabindex: 0 }, readable(tool.arguments)));
      if (tool.change) {
        const { label, before, after } = tool.change;
        const pieces = wordDiff(before, after).map(({ kind, text }) => h(TAGS[kind], {}, text));
        body.append(h('p', { class: 'block-change' }, h('strong', {}, `${label}: `), ...pieces));
      } else if (tool.result) body.append(h('pre', { tabindex: 0 }, readable(tool.result)));
    }
  }

  /**
   * The fold of this name, opened or not as the reader left it.
   * @param {string} name
   * @param {string} drawing
   */
  #fold(name, drawing) {
    const known = this.#folds.get(name);
    if (known) return known;
    const head = h('span', { class: 'fold-head' });
    const body = h('div', { class: 'fold-body' });
    const fold = h('details', { class: 'fold' }, h('summary', {}, icon(drawing), head), body);
    const made = { fold, head, body };
    this.#folds.set(name, made);
    this.append(fold);
    return made;
  }
}

/** JSON on several lines, other text as it is. @param {string} text */
function readable(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // Not JSON: shown as it came.
    return text;
  }
}
