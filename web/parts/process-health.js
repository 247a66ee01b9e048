/** The processes of the system: a chip for each, and all of them in full. */

import { processVerdict } from '../state/health.js';
import { GLYPHS, h, icon } from './dom.js';
import { Part } from './part.js';

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

/**
 * How each process is, and the last words of one that fails.
 * @param {import('../state/health.js').Health} health
 */
export function processList({ processes }) {
  return h('ul', { class: 'processes' }, ...processes.map(row));
}

/** @param {import('../types.js').ProcessHealth} process */
function row(process) {
  const { name, state, detail, cause, restarts, log } = process;
  const verdict = processVerdict(process);
  const words = [state, cause, restarts ? `restarted ${restarts}×` : ''].filter(Boolean);
  const item = h(
    'li',
    { 'data-verdict': verdict },
    icon(GLYPHS[verdict]),
    h('strong', {}, name),
    h('span', {}, words.join(' · ')),
    h('p', {}, detail),
  );
  if (verdict !== 'ok' && log.length) item.append(h('pre', { tabindex: 0 }, log.join('\n')));
  return item;
}
