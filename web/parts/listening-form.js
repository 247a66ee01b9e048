/** How the agent listens in the next call: folded away, since most people never change it. */

import { isAnother } from '../state/agents.js';
import { changes, refusal } from '../state/listening.js';
import { asRecord } from '../state/read.js';
import { store, tell } from '../store.js';
import { h, isEnabled, setEnabled, setText, uniqueId } from './dom.js';
import { Part } from './part.js';

/** In this order; a label, and its unit. */
const FIELDS = /** @type {const} */ ({
  vad_threshold: ['Counts as speech from', '0–1'],
  vad_min_speech: ['Speech begins after', 's'],
  vad_min_silence: ['Speech ends after', 's'],
  endpointing_min_delay: ['Answers after a sentence', 's'],
  endpointing_max_delay: ['… after an unfinished one', 's'],
  interruption_enabled: ['Can be interrupted', ''],
  interruption_min_duration: ['… by speaking for', 's'],
});

/** @typedef {import('../state/listening.js').Tunable} Tunable */
/** @typedef {{input: HTMLInputElement, row: HTMLElement, problem: HTMLElement}} Field */

export class ListeningForm extends Part {
  #count = h('span', { class: 'tag' });
  #fields = h('div', { class: 'listening-fields' });
  #reset = h('button', { type: 'button', class: 'quiet' }, 'Reset');
  /** @type {Map<string, Field>} */
  #known = new Map();
  /** @type {Tunable[]|null} */
  #shown = null;

  build() {
    recallListening();
    this.#shown = null;
    this.#reset.addEventListener('click', () => {
      if (isEnabled(this.#reset)) resetListening();
      for (const { input, problem } of this.#known.values()) {
        input.removeAttribute('aria-invalid');
        setText(problem, '');
      }
      // A refused value is in no state, so resetting may change nothing there.
      this.render(store.state);
    });
    const hint = h('p', { class: 'hint' }, 'For the next call.');
    const foot = h('div', { class: 'listening-foot' }, hint, this.#reset);
    const form = h('form', {}, this.#fields, foot);
    form.addEventListener('submit', (event) => event.preventDefault());
    const fold = h('details', {}, h('summary', {}, 'Listening ', this.#count), form);
    this.append(fold);
  }

  /** @param {import('./part.js').State} state */
  needs({ listening, agents }) {
    return [listening, isAnother(agents)];
  }

  /** @param {import('./part.js').State} state */
  render({ listening, agents }) {
    const { tunables } = listening;
    // They are settings of our worker: another's has its own.
    this.hidden = tunables.length === 0 || isAnother(agents);
    if (this.#shown !== tunables) {
      this.#shown = tunables;
      const again = () => this.render(store.state);
      this.#known = new Map(
        ordered(tunables).map((tunable) => [tunable.name, field(tunable, again)]),
      );
      this.#fields.replaceChildren(
        ...[...this.#known.values()].flatMap(({ row, problem }) => [row, problem]),
      );
    }
    const changed = changes(listening);
    for (const tunable of tunables) {
      show(this.#known.get(tunable.name), tunable, changed[tunable.name]);
    }
    const count = Object.keys(changed).length;
    setText(this.#count, count ? `${count} changed` : '');
    setEnabled(this.#reset, count > 0 || this.#refused);
  }

  get #refused() {
    return [...this.#known.values()].some(({ input }) => input.ariaInvalid === 'true');
  }
}

/** Those without a label here come last, by their own names. @param {Tunable[]} tunables */
function ordered(tunables) {
  const names = Object.keys(FIELDS);
  const place = (/** @type {Tunable} */ tunable) => (names.indexOf(tunable.name) + 1 || 99);
  return tunables.toSorted((before, after) => place(before) - place(after));
}

/**
 * @param {Tunable} tunable
 * @param {() => void} refused called when a value cannot be had
 * @returns {Field}
 */
function field({ name, usual, least, most, help }, refused) {
  const [label, unit] = FIELDS[/** @type {keyof FIELDS} */ (name)] ?? [name, ''];
  const id = uniqueId('listening');
  const isNumber = typeof usual === 'number';
  const range = isNumber ? ` ${least} to ${most}, usually ${usual}.` : '';
  const input = h('input', {
    id,
    type: isNumber ? 'number' : 'checkbox',
    title: help + range,
    'aria-errormessage': `${id}-problem`,
    ...(isNumber && { min: least ?? '', max: most ?? '', step: 'any' }),
  });
  const problem = h('p', { class: 'problem', id: `${id}-problem`, role: 'alert' });
  input.addEventListener('change', () => {
    const value = isNumber ? input.valueAsNumber : input.checked;
    const why = refusal(store.state.listening, name, value);
    setText(problem, why);
    if (why) {
      input.setAttribute('aria-invalid', 'true');
      refused();
    } else {
      input.removeAttribute('aria-invalid');
      setListening(name, value);
    }
  });
  const row = h(
    'div',
    { class: 'listening-field' },
    h('label', { for: id }, label),
    input,
    h('span', { class: 'unit', 'aria-hidden': 'true' }, unit),
  );
  return { input, row, problem };
}

/**
 * @param {Field|undefined} field
 * @param {Tunable} tunable
 * @param {number|boolean|undefined} changed
 */
function show(field, { usual }, changed) {
  if (!field || field.input.ariaInvalid === 'true') return;
  const value = changed ?? usual;
  if (typeof value === 'boolean') field.input.checked = value;
  else if (field.input.valueAsNumber !== value) field.input.value = String(value);
  field.row.toggleAttribute('data-changed', changed !== undefined);
}

/** Where the choices are kept across visits. */
const REMEMBERED = 'voice.listening';

/** What this person has chosen in an earlier visit. */
function recallListening() {
  try {
    tell('listening.remembered', {
      choices: asRecord(JSON.parse(localStorage.getItem(REMEMBERED) ?? '{}')),
    });
  } catch {
    // Storage is switched off in this browser, or holds what is not ours: all is as usual.
  }
}

/** @param {string} name @param {number|boolean} value */
function setListening(name, value) {
  tell('listening.set', { name, value });
  remember();
}

function resetListening() {
  tell('listening.reset');
  remember();
}

function remember() {
  try {
    localStorage.setItem(REMEMBERED, JSON.stringify(store.state.listening.choices));
  } catch {
    // As above: it lasts for this visit only.
  }
}
