/**
 * Where the time of one reply went, as a bar and in figures; pressing it shows the turn's details.
 */

import { scaleOf, segments, total } from '../state/turns.js';
import { tell } from '../store.js';
import { h } from './dom.js';
import { CallPart } from './part.js';

export class TimeBar extends CallPart {
  #bar = h('span', { class: 'bar', 'aria-hidden': 'true' });
  #figures = h('span', { class: 'bar-figures' });
  #button = h('button', { type: 'button', class: 'bar-button' }, this.#bar, this.#figures);

  build() {
    this.#button.addEventListener('click', () =>
      tell('turn.selected', { turn: this.getAttribute('turn') }),
    );
    this.append(this.#button);
  }

  /** @param {import('./part.js').State} state */
  needs({ turns, selection }) {
    return [this.#turn(turns)?.ms, scaleOf(Object.values(turns.byId)), selection];
  }

  /** @param {import('./part.js').State} state */
  render({ turns, selection }) {
    const turn = this.#turn(turns);
    const parts = turn?.ms ? segments(turn.ms) : [];
    this.hidden = parts.length === 0;
    if (!turn?.ms || this.hidden) return;

    const whole = total(turn.ms);
    const full = Math.max(scaleOf(Object.values(turns.byId)), whole);
    this.#bar.replaceChildren(
      ...parts.map((segment) => {
        const piece = h('span', { class: 'piece', 'data-mark': segment.mark });
        piece.style.setProperty('--share', String(segment.ms / full));
        return piece;
      }),
    );
    this.#figures.replaceChildren(
      h('strong', {}, `${Math.round(whole)} ms`),
      ...parts.map((segment) =>
        h(
          'span',
          { class: 'figure', 'data-mark': segment.mark },
          h('span', { class: 'swatch', 'aria-hidden': 'true' }),
          `${segment.short} ${Math.round(segment.ms)}`,
        ),
      ),
    );
    const selected = selection.view === 'turn' && selection.turn === turn.id;
    this.#button.setAttribute('aria-pressed', String(selected));
    this.#button.setAttribute('title', `Turn ${turn.id}: where the time went, in milliseconds`);
  }

  /** @param {import('../state/turns.js').Turns} turns */
  #turn({ byId }) {
    return byId[this.getAttribute('turn') ?? ''];
  }
}
