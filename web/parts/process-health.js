/** A small chip for each process of the system, and one for the proxy when it does not answer. */

import { processVerdict } from '../state/health.js';
import { h, icon } from './dom.js';
import { Part } from './part.js';

const GLYPHS = { ok: 'ok', waiting: 'waiting', failing: 'failing', 'not reached': 'open' };

export class ProcessHealth extends Part {
  #list = h('ul', { 'aria-label': 'Processes' });

  build() {
    this.append(this.#list);
  }

  /** @param {import('./part.js').State} state */
  needs({ health }) {
    return [health];
  }

  /** @param {import('./part.js').State} state */
  render({ health }) {
    const shown = health.problem
      ? [{ name: 'proxy', state: 'gone', detail: health.problem.what, since: null, answers: false }]
      : health.processes;
    this.#list.replaceChildren(...shown.map(chip));
  }
}

/** @param {import('../types.js').ProcessHealth} process */
function chip(process) {
  const verdict = processVerdict(process);
  const silent = verdict === 'failing' && process.state === 'ready';
  const word = silent ? 'does not answer' : process.state;
  return h(
    'li',
    { class: 'chip', 'data-verdict': verdict, title: process.detail || process.state },
    icon(GLYPHS[verdict]),
    h('span', { class: 'chip-name' }, process.name),
    h('span', { class: verdict === 'ok' ? 'hidden' : 'chip-state' }, word),
  );
}
