/** One row of the conversation. */

import { h, setText } from './dom.js';

const NAMES = { caller: 'You', agent: 'Agent', note: 'Note' };

export class Utterance {
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
