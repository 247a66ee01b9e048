/** The strip of the twelve stages. One stop of the tab key; arrows go from stage to stage. */

import { STAGES } from '../state/stage-names.js';
import { firstFailing } from '../state/stages.js';
import { tell } from '../store.js';
import { h, icon, setIcon, setText } from './dom.js';
import { arrowKeys } from './arrow-keys.js';
import { Part } from './part.js';

const GLYPHS = { ok: 'ok', waiting: 'waiting', failing: 'failing', 'not reached': 'open' };

export class StageStrip extends Part {
  /** @type {Map<import('../types.js').Stage, ReturnType<typeof cell>>} */
  #cells = new Map();
  #said = h('p', { class: 'hidden', 'aria-live': 'polite' });

  build() {
    this.#cells = new Map(STAGES.map((stage) => [stage, cell(stage)]));
    const buttons = [...this.#cells.values()].map((each) => each.button);
    const bar = h('div', { role: 'toolbar', 'aria-label': 'Stages of the call' }, ...buttons);
    arrowKeys(bar, buttons);
    this.append(bar, this.#said);
  }

  /** @param {import('./part.js').State} state */
  needs({ verdicts, selection }) {
    return [verdicts, selection.view, selection.stage];
  }

  /** @param {import('./part.js').State} state */
  render({ verdicts, selection }) {
    for (const [stage, { button, glyph, time, word }] of this.#cells) {
      const { state, ms, sentence } = verdicts[stage];
      const selected = selection.view === 'stage' && selection.stage === stage;
      button.dataset.state = state;
      button.setAttribute('aria-pressed', String(selected));
      button.title = sentence;
      setIcon(glyph, GLYPHS[state]);
      setText(word, state);
      setText(time, ms === null ? '' : duration(ms));
    }
    const failing = firstFailing(verdicts);
    setText(this.#said, failing ? `${failing} fails: ${verdicts[failing].sentence}` : '');
  }
}

/** @param {import('../types.js').Stage} stage */
function cell(stage) {
  const glyph = icon('open');
  const word = h('span', { class: 'stage-word' });
  const time = h('span', { class: 'stage-time' });
  const button = h(
    'button',
    { type: 'button', class: 'stage' },
    glyph,
    h('span', { class: 'stage-name' }, stage),
    word,
    time,
  );
  button.addEventListener('click', () => tell('stage.selected', { stage }));
  return { button, glyph, word, time };
}

/** @param {number} ms */
function duration(ms) {
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
