/** Two meters: how loud the microphone is, and how loud the agent. */

import { h } from './dom.js';
import { Part } from './part.js';

export class LevelMeters extends Part {
  #microphone = meter('You', 'Microphone level');
  #agent = meter('Agent', 'Agent voice level');

  build() {
    this.append(this.#microphone.row, this.#agent.row);
  }

  /** @param {import('./part.js').State} state */
  needs({ levels, call }) {
    return [levels, call.microphone, call.muted];
  }

  /** @param {import('./part.js').State} state */
  render({ levels, call }) {
    const quiet = call.muted ? 'muted' : call.microphone === 'failed' ? 'off' : '';
    show(this.#microphone, levels.microphone, quiet);
    show(this.#agent, levels.agent, '');
  }
}

/** @param {string} label @param {string} name */
function meter(label, name) {
  const fill = h('span', { class: 'meter-fill' });
  const bar = h(
    'span',
    {
      class: 'meter',
      role: 'meter',
      'aria-label': name,
      'aria-valuemin': 0,
      'aria-valuemax': 100,
      'aria-valuenow': 0,
    },
    fill,
  );
  const note = h('span', { class: 'meter-note' });
  const row = h(
    'div',
    { class: 'meter-row' },
    h('span', { class: 'meter-label' }, label),
    bar,
    note,
  );
  return { row, bar, fill, note };
}

/** @param {ReturnType<typeof meter>} meter @param {number} level @param {string} quietWord */
function show({ bar, fill, note }, level, quietWord) {
  const percent = Math.round(level * 100);
  bar.setAttribute('aria-valuenow', String(percent));
  bar.dataset.quiet = String(Boolean(quietWord));
  fill.style.setProperty('--level', String(level));
  note.textContent = quietWord;
}
