/**
 * The conversation: what both sides say, as it streams; each reply with its work and its time bar.
 */

import { clock } from '../state/console.js';
import { h, icon, setText } from './dom.js';
import { keepAtEnd } from './log-scroll.js';
import { CallPart } from './part.js';
import { Utterance } from './utterance.js';

const NOTHING_YET = 'What you and the agent say appears here, with the time of every reply.';

export class ConversationLog extends CallPart {
  /** @type {Map<string, Utterance>} */
  #rows = new Map();
  #cut = h('p', { class: 'cut' });
  #empty = h('p', { class: 'empty' });
  #nothing = h('span');
  #content = h('div', { class: 'log-content' });
  #log = h(
    'div',
    { role: 'log', 'aria-label': 'Conversation', tabindex: 0, id: 'conversation' },
    this.#content,
  );

  /** @type {import('../state/past-call.js').PastCall|null} the call whose rows are shown */
  #of = null;

  build() {
    this.#empty.append(icon('wave'), this.#nothing);
    this.#rows.clear();
    this.#content.replaceChildren(this.#empty);
    this.append(this.#log);
    keepAtEnd(this.#log, this.#content, this.life);
  }

  /** @param {import('./part.js').State} state */
  needs({ conversation, turns, calls }) {
    return [conversation, turns, calls.open];
  }

  /** @param {import('./part.js').State} state */
  render({ conversation: { rows, cut }, turns, calls }) {
    if (this.#of !== calls.open) this.#forget();
    this.#of = calls.open;
    this.#empty.hidden = rows.length > 0;
    setText(this.#nothing, calls.open ? 'Nothing was said in this call.' : NOTHING_YET);
    const shown = new Set(rows.map((each) => each.id));
    for (const [id, row] of this.#rows) {
      if (shown.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    // A turn may be spoken in several pieces: its work and its times stand below the last one.
    /** @type {Map<string, string>} */
    const lastOfTurn = new Map();
    for (const each of rows) if (each.turn) lastOfTurn.set(each.turn, each.id);

    for (const each of rows) {
      let row = this.#rows.get(each.id);
      if (!row) {
        row = new Utterance(each, clock(each.at).slice(0, 8));
        this.#rows.set(each.id, row);
        this.#content.append(row.element);
      }
      const turn = each.turn === null ? undefined : turns.byId[each.turn];
      row.show(each, turn, lastOfTurn.get(each.turn ?? '') === each.id);
    }
    setText(this.#cut, `${cut} earlier rows were cut; the conversation keeps ${rows.length}.`);
    if (cut) this.#content.prepend(this.#cut);
    else this.#cut.remove();
  }

  /** Rows of another call may have the same ids, and are not these. */
  #forget() {
    for (const row of this.#rows.values()) row.element.remove();
    this.#rows.clear();
  }
}
