/** A small dialog that creates a Letta agent. */

import { problemOf } from '../proxy-client.js';
import { makeAgent } from '../watch/letta-watch.js';
import { h, setText, uniqueId } from './dom.js';
import { Part } from './part.js';

export class NewAgentDialog extends Part {
  #name = h('input', {
    type: 'text',
    required: true,
    maxlength: 100,
    autocomplete: 'off',
    // What Letta takes; its own refusal is hard to read.
    pattern: "[\\p{L}\\p{N}_ '\\-]+",
    title: 'Letters, digits, spaces, hyphens, underscores and apostrophes',
  });
  #persona = h('textarea', { rows: 3, placeholder: 'a friendly voice assistant' });
  #human = h('textarea', { rows: 3, placeholder: 'nothing yet' });
  #model = h('input', {
    type: 'text',
    autocomplete: 'off',
    placeholder: 'that of the first agent',
  });
  #models = h('datalist', { id: uniqueId('models') });
  #problem = h('p', { role: 'alert', class: 'problem' });
  #create = h('button', { type: 'submit', class: 'primary' }, 'Create');
  #dialog = h('dialog');
  #request = 0;

  build() {
    const title = h('h2', { id: uniqueId('title') }, 'New agent');
    const cancel = h('button', { type: 'button' }, 'Cancel');
    cancel.addEventListener('click', () => this.#dialog.close());
    const form = h(
      'form',
      {},
      title,
      field('Name', this.#name),
      field('Persona: who the agent is', this.#persona),
      field('Human: what it knows of you', this.#human),
      field('Model', this.#model),
      this.#models,
      this.#problem,
      h('div', { class: 'dialog-buttons' }, cancel, this.#create),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit();
    });
    // An answer that comes after the dialog was closed belongs to nobody.
    this.#dialog.addEventListener('close', () => (this.#request += 1));
    this.#model.setAttribute('list', this.#models.id);
    this.#dialog.setAttribute('aria-labelledby', title.id);
    this.#dialog.append(form);
    this.append(this.#dialog);
  }

  /** @param {import('./part.js').State} state */
  needs({ selection }) {
    return [selection.agentDialogs];
  }

  /** @param {import('./part.js').State} state */
  render({ selection, agents }) {
    if (selection.agentDialogs === 0 || this.#dialog.open) return;
    this.#name.value = '';
    this.#persona.value = '';
    this.#human.value = '';
    this.#model.value = '';
    this.#models.replaceChildren(
      ...agents.models.map(({ handle, isScript }) =>
        h('option', { value: handle }, isScript ? 'a script, not a language model' : ''),
      ),
    );
    this.#say('', false);
    this.#dialog.showModal();
    this.#name.focus();
  }

  async #submit() {
    if (this.#create.disabled) return;
    this.#request += 1;
    const request = this.#request;
    this.#say('Creating…', true);
    try {
      await makeAgent({
        name: this.#name.value.trim(),
        ...given('persona', this.#persona.value),
        ...given('human', this.#human.value),
        ...given('model', this.#model.value),
      });
      if (request === this.#request) this.#dialog.close();
    } catch (error) {
      if (request !== this.#request) return;
      const { what, next } = problemOf(error);
      this.#say([what, next].filter(Boolean).join(' '), false);
    }
  }

  /** @param {string} text @param {boolean} busy */
  #say(text, busy) {
    setText(this.#problem, text);
    this.#problem.dataset.tone = busy ? 'calm' : 'bad';
    this.#create.disabled = busy;
  }
}

/** @param {string} label @param {HTMLInputElement|HTMLTextAreaElement} control */
function field(label, control) {
  return h('label', { class: 'stacked' }, label, control);
}

/** @param {string} key @param {string} value */
function given(key, value) {
  return value.trim() ? { [key]: value.trim() } : {};
}
