/** The calls that were kept, newest first; a press opens one in the view of the call of now. */

import { day, lengthOf } from '../state/times.js';
import { loadCalls, openCall } from '../watch/calls-watch.js';
import { h, icon } from './dom.js';
import { Part } from './part.js';

export class CallList extends Part {
  /** @param {import('./part.js').State} state */
  needs({ calls }) {
    return [calls];
  }

  /** @param {import('./part.js').State} state */
  render({ calls }) {
    const { state, items, more, listProblem, callProblem, open, opening } = calls;
    const shown = open?.call.id ?? opening;
    const focused = this.contains(document.activeElement)
      ? document.activeElement?.getAttribute('data-call')
      : null;
    this.replaceChildren(h('h2', {}, 'Past calls'));
    for (const problem of [listProblem, callProblem]) {
      if (problem) this.append(h('p', { class: 'problem' }, `${problem.what} ${problem.next}`));
    }
    if (items.length) {
      const rows = items.map((call) => row(call, call.id === shown));
      this.append(h('ul', { class: 'calls' }, ...rows));
    } else if (!listProblem) {
      const words = state === 'ready' ? 'No call has been kept yet.' : 'Loading the list…';
      this.append(h('p', { class: 'empty' }, words));
    }
    if (more) {
      const older = h('button', { type: 'button' }, 'Older calls');
      older.addEventListener('click', () => void loadCalls(true));
      this.append(older);
    }
    if (focused) {
      const again = [...this.querySelectorAll('[data-call]')].find(
        (button) => button.getAttribute('data-call') === focused,
      );
      if (again instanceof HTMLElement) again.focus();
    }
  }
}

/** @param {import('../state/calls.js').Trouble} trouble */
function troubleWords({ stage, cause }) {
  return cause ? `${stage}: ${cause}` : stage;
}

/** @param {import('../state/calls.js').KeptCall} call @param {boolean} shown */
function row(call, shown) {
  const turns = `${call.turns} ${call.turns === 1 ? 'turn' : 'turns'}`;
  const ended = call.ended === null ? 'goes on' : 'ended well';
  const verdict = call.failing ? 'failing' : 'ok';
  const button = h(
    'button',
    { type: 'button', class: 'kept-call', 'data-call': call.id, 'aria-current': String(shown) },
    h('strong', {}, call.room),
    h('span', { class: 'kept-when' }, day(call.started)),
    h('span', { class: 'kept-figures' }, `${lengthOf(call)}, ${turns}`),
    h(
      'span',
      { class: 'kept-verdict', 'data-verdict': verdict },
      icon(verdict),
      call.failing ? troubleWords(call.failing) : ended,
    ),
  );
  if (call.met) {
    button.append(h('span', { class: 'kept-met' }, `met on the way: ${troubleWords(call.met)}`));
  }
  button.addEventListener('click', () => openCall(call.id));
  return h('li', {}, button);
}
