/** What is known of the selected stage: its verdict, the next step, what proves it. */

import { now } from '../clock.js';
import { clock } from '../state/console.js';
import { duration, waited } from '../state/duration.js';
import { h, icon, setText } from './dom.js';
import { eventList } from './event-list.js';
import { nextStepOf } from './next-step.js';
import { CallPart } from './part.js';
import { processList } from './process-list.js';

const GLYPHS = { ok: 'ok', waiting: 'waiting', failing: 'failing', 'not reached': 'open' };
const TICK_MS = 500;

export class StageDetails extends CallPart {
  #verdict = h('div');
  #events = h('div', { class: 'stacked' });
  #time = h('span', { class: 'verdict-time' });
  /** @type {unknown[]} what the verdict was drawn from */
  #drawn = [];
  /** @type {unknown[]} what the events were drawn from */
  #listed = [];
  /** @type {ReturnType<typeof setInterval>|undefined} */
  #ticking;

  build() {
    this.#drawn = [];
    this.#listed = [];
    this.append(this.#verdict, this.#events);
    this.life.addEventListener('abort', () => clearInterval(this.#ticking), { once: true });
  }

  /** @param {import('./part.js').State} state */
  needs({ verdicts, evidence, selection: { stage }, health, call, calls }) {
    return [verdicts[stage], evidence[stage], stage, health, call, calls.open];
  }

  /** @param {import('./part.js').State} state */
  render({ verdicts, evidence, selection: { stage }, health, call, calls: { open } }) {
    const verdict = verdicts[stage];
    // What has not changed is left alone: a reader may have opened or marked something in it.
    const drawn = [verdict, stage, open, call.phase, call.muted, call.microphone, call.soundBlocked];
    if (changed(this.#drawn, drawn)) {
      this.#drawn = drawn;
      this.#draw(stage, verdict, open ? null : call);
      clearInterval(this.#ticking);
      const moment = open ? (open.call.ended ?? open.call.started) : null;
      this.#tick(verdict, moment);
      if (verdict.state === 'waiting' && !open) {
        this.#ticking = setInterval(() => this.#tick(verdict, null), TICK_MS);
      }
    }
    const events = evidence[stage];
    const listed = [events, stage, stage === 'system' && !open && health];
    if (changed(this.#listed, listed)) {
      this.#listed = listed;
      this.#events.replaceChildren(
        ...(stage === 'system' && !open ? [processList(health)] : []),
        ...(stage === 'system' && events.length === 0
          ? []
          : [h('h3', {}, 'Events of this stage'), eventList(events)]),
      );
    }
  }

  /**
   * @param {string} stage
   * @param {import('../types.js').Verdict} verdict
   * @param {import('../state/call.js').Call|null} call
   */
  #draw(stage, verdict, call) {
    this.#verdict.className = 'stacked';
    this.#verdict.replaceChildren(
      h(
        'div',
        { class: 'verdict', 'data-state': verdict.state },
        icon(GLYPHS[verdict.state]),
        h('h2', {}, stage),
        h('span', { class: 'verdict-state' }, verdict.state),
        this.#time,
      ),
      h('p', {}, verdict.sentence),
    );
    if (verdict.cause) {
      this.#verdict.append(h('p', { class: 'cause' }, 'Cause: ', h('code', {}, verdict.cause)));
    }
    if (verdict.next) this.#verdict.append(nextStepOf(verdict.next, call));
    if (verdict.quotes.length) {
      this.#verdict.append(
        h('h3', {}, 'Evidence'),
        h('ul', { class: 'quotes' }, ...verdict.quotes.map(quoteRow)),
      );
    }
  }

  /** @param {import('../types.js').Verdict} verdict @param {number|null} moment null for now */
  #tick(verdict, moment) {
    const { state, ms } = verdict;
    const waits = state === 'waiting' ? waited(verdict, moment ?? now()) : '';
    const took = state === 'ok' && ms !== null ? duration(ms) : '';
    setText(this.#time, waits || took);
  }
}

/** @param {unknown[]} before @param {unknown[]} after */
function changed(before, after) {
  return after.some((each, index) => each !== before[index]);
}

/** @param {import('../types.js').Quote} quote */
function quoteRow({ text, source, at }) {
  const when = at === null ? [] : [h('time', {}, clock(at))];
  return h(
    'li',
    {},
    h('p', { class: 'quote-head' }, h('span', {}, source), ...when),
    h('blockquote', {}, text),
  );
}
