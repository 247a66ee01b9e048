/** One turn in detail: its marks as a table, its trouble, and its events. */

import { clock } from '../state/times.js';
import { MARKS, segments } from '../state/turns.js';
import { h } from './dom.js';
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
  const missing = MARKS.filter(({ mark }) => !reached.some((segment) => segment.mark === mark));
  const rows = [
    ...reached.map((segment) => ({
      ...segment,
      at: String(Math.round(segment.at)),
      share: `+${Math.round(segment.ms)}`,
    })),
    ...missing.map((mark) => ({ ...mark, at: '–', share: '' })),
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

/**
 * A list of events, one row each; a row opens to what the event carries.
 * @param {import('../types.js').VoiceEvent[]} events oldest first
 * @returns {HTMLElement}
 */
export function eventList(events) {
  if (events.length === 0) return h('p', { class: 'empty' }, 'No events yet.');
  return h('ol', { class: 'events' }, ...events.map((event) => h('li', {}, row(event))));
}

/** @param {import('../types.js').VoiceEvent} event */
function row(event) {
  const head = [
    h('time', {}, clock(event.at)),
    h('span', { class: 'event-name' }, `${event.stage} ${event.name}`),
    h('span', { class: 'event-source' }, event.source),
  ];
  if (Object.keys(event.data).length === 0) return h('div', { class: 'event' }, ...head);
  return h(
    'details',
    { class: 'event' },
    h('summary', {}, ...head),
    h('pre', { tabindex: 0 }, JSON.stringify(event.data, null, 2)),
  );
}
