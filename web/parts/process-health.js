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
    const gone = health.problem && { ...PROXY_GONE, detail: health.problem.what };
    this.#list.replaceChildren(...(gone ? [gone] : health.processes).map(chip));
  }
}

/** @type {import('../types.js').ProcessHealth} */
const PROXY_GONE = {
  name: 'proxy',
  state: 'gone',
  detail: '',
  since: null,
  answers: false,
  cause: '',
  restarts: 0,
  log: [],
};

/** @param {import('../types.js').ProcessHealth} process */
function chip(process) {
  const verdict = processVerdict(process);
  const silent = verdict === 'failing' && process.state === 'ready';
  // The launcher's word for the crash, when it has one, says more than that there was one.
  const word = silent ? 'does not answer' : process.cause || process.state;
  return h(
    'li',
    { class: 'chip', 'data-verdict': verdict, title: process.detail || process.state },
    icon(GLYPHS[verdict]),
    h('span', { class: 'chip-name' }, process.name),
    h('span', { class: verdict === 'ok' ? 'hidden' : 'chip-state' }, word),
  );
}
