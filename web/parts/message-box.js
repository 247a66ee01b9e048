/** Where one types instead of speaking. Enter sends. */

import { sendText } from '../call/call.js';
import { h, icon, isEnabled, setEnabled, uniqueId } from './dom.js';
import { Part } from './part.js';

const MOST_CHARACTERS = 4000;

export class MessageBox extends Part {
  #id = uniqueId('message');
  #input = h('input', {
    id: this.#id,
    type: 'text',
    maxlength: MOST_CHARACTERS,
    autocomplete: 'off',
    enterkeyhint: 'send',
  });
  #send = h('button', { type: 'submit' }, icon('send'), 'Send');

  build() {
    const label = h('label', { for: this.#id, class: 'hidden' }, 'Message');
    const form = h('form', {}, label, this.#input, this.#send);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = this.#input.value.trim();
      if (!text || !isEnabled(this.#send)) return;
      this.#input.value = '';
      void sendText(text);
    });
    this.append(form);
  }

  /** @param {import('./part.js').State} state */
  needs({ call, calls }) {
    return [call.phase, call.agent, calls.open];
  }

  /** @param {import('./part.js').State} state */
  render({ call, calls }) {
    // What is typed goes into the call of now: it has no place below another one.
    this.hidden = calls.open !== null;
    const open = call.phase === 'connected' || call.phase === 'reconnecting';
    this.#input.readOnly = !open;
    this.#input.placeholder = !open
      ? 'Connect, then type or speak'
      : call.agent === 'ready'
        ? 'Type instead of speaking'
        : 'Type: it waits for the agent';
    setEnabled(this.#send, open);
  }
}
