/** The debug console: what happens, to the millisecond, to read and to copy. */

import { consoleText, cutSentence } from '../state/console.js';
import { clock } from '../state/times.js';
import { viewOf } from '../state/state.js';
import { store, tell } from '../store.js';
import { copyText, h, icon, keepAtEnd, setText } from './dom.js';
import { CallPart } from './part.js';

/** A zip; what was said in the calls is not in it. */
const BUNDLE = '/api/bundle';

export class DebugConsole extends CallPart {
  #cut = h('p', { class: 'cut' });
  #lines = h('div', { class: 'lines' });
  #content = h('div', {}, this.#cut, this.#lines);
  // Read out, every line would talk over the call: the status line speaks for what matters.
  #log = h(
    'div',
    { role: 'log', 'aria-label': 'Debug console', 'aria-live': 'off', tabindex: 0 },
    this.#content,
  );
  #copyLabel = h('span', {}, 'Copy');
  #clear = h('button', { type: 'button', class: 'quiet' }, icon('clear'), 'Clear');
  #newest = 0;
  /** @type {import('../state/calls.js').PastCall|null} the call whose lines are shown */
  #of = null;

  build() {
    const report = h('a', { class: 'button quiet', href: BUNDLE, download: true });
    report.title = 'Download logs, settings, versions and the last calls, without secrets';
    report.append(icon('report'), 'Bug report');
    const copy = h('button', { type: 'button', class: 'quiet' }, icon('copy'), this.#copyLabel);
    copy.addEventListener('click', () => {
      const text = consoleText(viewOf(store.state).console);
      void copyText(text, this.#copyLabel, this.#log);
    });
    this.#clear.addEventListener('click', () => tell('console.cleared'));
    const taller = h('button', { type: 'button', class: 'quiet', 'aria-pressed': 'false' });
    taller.append(icon('taller'), 'Taller');
    taller.addEventListener('click', () => {
      this.toggleAttribute('taller');
      taller.setAttribute('aria-pressed', String(this.hasAttribute('taller')));
    });
    this.#lines.replaceChildren();
    this.#newest = 0;
    this.append(
      h('div', { class: 'console-head' }, h('h2', {}, 'Console'), report, copy, this.#clear, taller),
      this.#log,
    );
    keepAtEnd(this.#log, this.#content, this.life);
  }

  /** @param {import('./part.js').State} state */
  needs(state) {
    return [state.console, state.calls.open];
  }

  /** @param {import('./part.js').State} state */
  render({ console: { lines, cut }, calls }) {
    if (this.#of !== calls.open) {
      this.#of = calls.open;
      this.#newest = 0;
      this.#lines.replaceChildren();
    }
    this.#clear.hidden = calls.open !== null;
    const fresh = lines.filter((line) => line.number > this.#newest);
    if (lines.length === 0) this.#lines.replaceChildren();
    this.#lines.append(...fresh.map(row));
    while (this.#lines.childElementCount > lines.length) this.#lines.firstElementChild?.remove();
    this.#newest = lines.at(-1)?.number ?? 0;
    this.#cut.hidden = cut === 0;
    setText(this.#cut, cutSentence(cut));
  }
}

/** @param {import('../state/console.js').Line} line */
function row({ at, tone, text }) {
  return h(
    'div',
    { class: 'line', 'data-tone': tone },
    h('time', {}, clock(at)),
    ' ',
    h('span', {}, text),
  );
}
