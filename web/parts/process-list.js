/** The processes of the system in full: how each is, and the last words of one that fails. */

import { processVerdict } from '../state/health.js';
import { h, icon } from './dom.js';

const GLYPHS = { ok: 'ok', waiting: 'waiting', failing: 'failing', 'not reached': 'open' };

/** @param {import('../state/health.js').Health} health */
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
