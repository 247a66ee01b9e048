/** One turn in detail: its marks as a table, what was said, and its events. */

import { MARKS, segments } from '../state/time-bar.js';
import { h } from './dom.js';
import { eventList } from './event-list.js';
import { CallPart } from './part.js';

export class TurnDetails extends CallPart {
  /** @param {import('./part.js').State} state */
  needs({ turns, selection }) {
    return [selectedTurn(turns, selection)];
  }

  /** @param {import('./part.js').State} state */
  render({ turns, selection }) {
    const turn = selectedTurn(turns, selection);
    if (!turn) {
      this.replaceChildren(
        h('p', { class: 'empty' }, 'After the first reply, its times and events are here.'),
      );
      return;
    }
    this.replaceChildren(h('h2', {}, `Turn ${turn.id}`));
    if (turn.problem) {
      this.append(h('p', { class: 'problem' }, `${turn.problem.what} ${turn.problem.next}`));
    }
    if (turn.ms) this.append(marks(turn.ms));
    this.append(h('h3', {}, 'Events'), eventList(turn.events));
  }
}

/**
 * The selected turn, or the latest.
 * @param {import('../state/turns.js').Turns} turns
 * @param {import('../state/selection.js').Selection} selection
 */
function selectedTurn({ byId }, { turn }) {
  return turn === null ? Object.values(byId).at(-1) : byId[turn];
}

/** @param {Record<string, number|null>} ms */
function marks(ms) {
  const reached = segments(ms);
  const missing = MARKS.filter(({ mark }) => !reached.some((each) => each.mark === mark));
  const rows = [
    ...reached.map((each) => ({
      ...each,
      at: String(Math.round(each.at)),
      share: `+${Math.round(each.ms)}`,
    })),
    ...missing.map((each) => ({ ...each, at: '–', share: '' })),
  ];
  return h(
    'table',
    {},
    h('caption', {}, 'Milliseconds after the caller’s speech ended'),
    h(
      'tbody',
      {},
      ...rows.map(({ mark, label, at, share }) =>
        h(
          'tr',
          { 'data-mark': mark },
          h('th', { scope: 'row' }, h('span', { class: 'swatch', 'aria-hidden': 'true' }), label),
          h('td', {}, share),
          h('td', {}, at),
        ),
      ),
    ),
  );
}
