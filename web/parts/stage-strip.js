/** The strip of the twelve stages. One stop of the tab key; arrows go from stage to stage. */

import { firstFailing, STAGES } from '../state/stages.js';
import { viewOf } from '../state/state.js';
import { duration, seconds, waited } from '../state/times.js';
import { now, tell } from '../store.js';
import { arrowKeys, GLYPHS, h, icon, setIcon, setText } from './dom.js';
import { Part } from './part.js';

/** How often the time of a stage that waits is shown anew. */
const TICK_MS = 500;

export class StageStrip extends Part {
  /** @type {Map<import('../types.js').Stage, ReturnType<typeof cell>>} */
  #cells = new Map();
  #trouble = h('span', { class: 'strip-trouble' });
  #judge = h('span', { class: 'strip-judge' });
  #announced = h('p', { class: 'hidden', 'aria-live': 'polite' });
  /** @type {ReturnType<typeof setInterval>|undefined} */
  #ticking;

  build() {
    this.#cells = new Map(STAGES.map((stage) => [stage, cell(stage)]));
    const buttons = [...this.#cells.values()].map(({ button }) => button);
    const bar = h('div', { role: 'toolbar', 'aria-label': 'Stages of the call' }, ...buttons);
    arrowKeys(bar, buttons);
    this.append(bar, h('p', { class: 'strip-note' }, this.#trouble, this.#judge), this.#announced);
    this.life.addEventListener('abort', () => clearInterval(this.#ticking), { once: true });
  }

  /** @param {import('./part.js').State} state */
  needs({ verdicts, judge, selection, calls, announced }) {
    return [verdicts, judge, selection.view, selection.stage, calls.open, announced];
  }

  /** @param {import('./part.js').State} state */
  render(state) {
    const { verdicts, judge, selection, calls } = viewOf(state);
    for (const [stage, { button, glyph, word }] of this.#cells) {
      const verdict = verdicts[stage];
      const selected = selection.view === 'stage' && selection.stage === stage;
      button.dataset.state = verdict.state;
      button.setAttribute('aria-pressed', String(selected));
      button.title = verdict.sentence;
      setIcon(glyph, GLYPHS[verdict.state]);
      setText(word, verdict.state);
    }
    setText(this.#judge, judgeWords(judge, calls.open !== null));
    this.#tick(verdicts, calls.open);

    clearInterval(this.#ticking);
    const waits = STAGES.some((stage) => verdicts[stage].state === 'waiting');
    if (waits && !calls.open) {
      this.#ticking = setInterval(() => this.#tick(verdicts, null), TICK_MS);
    }
    // Of the call of now, whatever is looked at. Waiting changes too often to be read out.
    setText(this.#announced, state.announced.text);
  }

  /**
   * Shows the times, those of waiting stages as they are at this moment.
   * @param {import('../state/stages.js').Verdicts} verdicts
   * @param {import('../state/calls.js').PastCall|null} past
   */
  #tick(verdicts, past) {
    const moment = past ? (past.call.ended ?? past.call.started) : now();
    for (const [stage, { time }] of this.#cells) setText(time, timeOf(verdicts[stage], moment));
    setText(this.#trouble, troubleOf(verdicts, moment));
  }
}

/** @param {import('../types.js').Verdict} verdict @param {number} moment */
function timeOf({ state, ms, since }, moment) {
  if (state === 'waiting') return since === null ? '' : seconds(moment - since);
  return state === 'ok' && ms !== null ? duration(ms) : '';
}

/** @param {import('../state/stages.js').Verdicts} verdicts @param {number} moment */
function troubleOf(verdicts, moment) {
  const failing = firstFailing(verdicts);
  if (failing) return `${failing} fails: ${verdicts[failing].cause || verdicts[failing].sentence}`;
  const waiting = STAGES.find((stage) => verdicts[stage].state === 'waiting');
  if (!waiting) return '';
  const times = waited(verdicts[waiting], moment);
  return `${waiting} waits${times && ` ${times}`}: ${verdicts[waiting].sentence}`;
}

/** @param {'proxy'|'page'} judge @param {boolean} past */
function judgeWords(judge, past) {
  if (past) return 'as the proxy judged it at the end';
  return judge === 'proxy' ? 'judged by the proxy' : 'as this browser sees it';
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
