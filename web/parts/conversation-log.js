/** The conversation: what both sides say, as it streams; each reply with its work and its times. */

import { clock } from '../state/times.js';
import { h, icon, keepAtEnd, setText } from './dom.js';
import { CallPart } from './part.js';

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

  /** @type {import('../state/calls.js').PastCall|null} the call whose rows are shown */
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
    const shown = new Set(rows.map((utterance) => utterance.id));
    for (const [id, row] of this.#rows) {
      if (shown.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    // A turn may be spoken in several pieces: its work and its times stand below the last one.
    /** @type {Map<string, string>} */
    const lastOfTurn = new Map();
    for (const utterance of rows) if (utterance.turn) lastOfTurn.set(utterance.turn, utterance.id);

    for (const utterance of rows) {
      let row = this.#rows.get(utterance.id);
      if (!row) {
        row = new Utterance(utterance, clock(utterance.at).slice(0, 8));
        this.#rows.set(utterance.id, row);
        this.#content.append(row.element);
      }
      const turn = utterance.turn === null ? undefined : turns.byId[utterance.turn];
      row.show(utterance, turn, lastOfTurn.get(utterance.turn ?? '') === utterance.id);
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

const NAMES = { caller: 'You', agent: 'Agent', note: 'Note' };

/** One row of the conversation. */
class Utterance {
  #text = h('span', { class: 'said' });
  #unheard = h('span', { class: 'unheard' });
  #tag = h('span', { class: 'tag' });
  #turn = '';

  /** @param {import('../types.js').Utterance} row @param {string} time */
  constructor(row, time) {
    const head = h(
      'div',
      { class: 'utterance-head' },
      h('span', { class: 'who' }, NAMES[row.who]),
      h('time', {}, time),
      this.#tag,
    );
    const text = h('p', { class: 'utterance-text' }, this.#text, this.#unheard);
    this.element = h('div', { class: 'utterance', 'data-who': row.who }, head, text);
  }

  /**
   * @param {import('../types.js').Utterance} row
   * @param {import('../types.js').Turn|undefined} turn
   * @param {boolean} last the last row of its turn: the turn's work and times stand here
   */
  show(row, turn, last) {
    const { heard, unheard } = split(row, turn, last);
    setText(this.#text, heard);
    setText(this.#unheard, unheard);
    setText(this.#tag, tag(row, turn));
    this.#tag.hidden = !this.#tag.textContent;
    // Words that still stream are read out when they are complete.
    this.element.setAttribute('aria-busy', String(!row.final));
    this.#showTurn(last && turn ? turn.id : '');
  }

  /** @param {string} turn */
  #showTurn(turn) {
    if (turn === this.#turn) return;
    this.#turn = turn;
    for (const part of this.element.querySelectorAll('turn-work, time-bar')) part.remove();
    if (turn) this.element.append(ofTurn('turn-work', turn), ofTurn('time-bar', turn));
  }
}

/**
 * What was heard of a reply and what was only written, if it was interrupted.
 * @param {import('../types.js').Utterance} row
 * @param {import('../types.js').Turn|undefined} turn
 * @param {boolean} last
 */
function split(row, turn, last) {
  const heard = turn?.interrupted ? turn.heard : null;
  if (!last || heard === null || heard === undefined) return { heard: row.text, unheard: '' };
  const reply = turn?.reply ?? '';
  // The words on the screen may be a little ahead of the words that were heard.
  return { heard: row.text, unheard: remainder(reply, row.text) ?? remainder(reply, heard) ?? '' };
}

/**
 * What follows in `whole` after its beginning `part`, whatever white space either has; null if
 * it does not begin so.
 * @param {string} whole
 * @param {string} part
 */
function remainder(whole, part) {
  let at = 0;
  for (const character of part.replace(/\s/g, '')) {
    while (/\s/.test(whole[at] ?? '')) at += 1;
    if (whole[at] !== character) return null;
    at += 1;
  }
  return whole.slice(at);
}

/**
 * @param {import('../types.js').Utterance} row
 * @param {import('../types.js').Turn|undefined} turn
 */
function tag(row, turn) {
  if (row.held) return 'typed, waits for the agent';
  if (row.typed) return 'typed';
  if (turn?.interrupted && row.who === 'agent') return 'interrupted';
  return '';
}

/** @param {'turn-work'|'time-bar'} name @param {string} turn */
function ofTurn(name, turn) {
  const part = document.createElement(name);
  part.setAttribute('turn', turn);
  return part;
}
