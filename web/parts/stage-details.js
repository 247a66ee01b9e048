/** What is known of the selected stage: its verdict, the next step, what proves it. */

import {
  askForAgent,
  connectAgain,
  retryMicrophone,
  startSound,
  toggleMute,
} from '../call/call.js';
import { problemOf } from '../proxy-client.js';
import { nextStep } from '../state/status.js';
import { clock, duration, waited } from '../state/times.js';
import { now } from '../store.js';
import { copyText, GLYPHS, h, icon, setText } from './dom.js';
import { CallPart } from './part.js';
import { processList } from './process-health.js';
import { eventList } from './turn-details.js';

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
      const room = open ? (open.call.ended === null ? open.call.room : '') : call.room;
      this.#draw(stage, verdict, open ? null : call, room);
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
   * @param {string} room
   */
  #draw(stage, verdict, call, room) {
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
    if (verdict.next) this.#verdict.append(nextStepOf(verdict.next, call, room));
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
  return after.some((value, index) => value !== before[index]);
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

/** @type {Record<import('../state/status.js').Action, (room: string) => Promise<void>>} */
const DO = {
  'ask-for-agent': askForAgent,
  'start-audio': startSound,
  unmute: toggleMute,
  'retry-microphone': retryMicrophone,
  'connect-again': connectAgain,
};

/**
 * What to do: in words, as a button where this page can do it, as a command to copy where not.
 * @param {string} next
 * @param {import('../state/call.js').Call|null} call that a button can do something about
 * @param {string} room where an agent can be asked for, if anywhere
 * @returns {HTMLElement}
 */
function nextStepOf(next, call, room) {
  const { button, commands } = nextStep(next, call, room);
  const box = h('div', { class: 'next-step' }, h('h3', {}, 'Next step'), h('p', {}, next));
  const doing = h('div', { class: 'next-buttons' });
  if (button) {
    const act = h('button', { type: 'button', class: 'primary' }, button.label);
    act.addEventListener('click', () => {
      DO[button.action](room).catch((/** @type {unknown} */ error) => {
        const { what, next: then } = problemOf(error);
        doing.append(h('p', { role: 'alert' }, `${what} ${then}`));
      });
    });
    doing.append(act);
  }
  for (const command of commands) {
    const shown = h('code', {}, command);
    const copy = h('button', { type: 'button' }, icon('copy'), h('span', {}, 'Copy'), shown);
    copy.addEventListener('click', () => void copyText(command, copy.children[1], shown));
    doing.append(copy);
  }
  if (doing.childElementCount) box.append(doing);
  return box;
}
