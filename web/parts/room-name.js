/** The name of the room for the next call. The page proposes one; Enter connects. */

import { connect, proposeRoom } from '../call/call.js';
import { tell } from '../store.js';
import { h, icon, uniqueId } from './dom.js';
import { Part } from './part.js';

/** What the proxy accepts. */
const MOST_CHARACTERS = 128;

export class RoomName extends Part {
  #id = uniqueId('room');
  #input = h('input', {
    id: this.#id,
    type: 'text',
    maxlength: MOST_CHARACTERS,
    autocomplete: 'off',
    autocapitalize: 'none',
    spellcheck: 'false',
  });

  build() {
    const another = h('button', { type: 'button', class: 'quiet', title: 'Propose another name' });
    another.append(icon('dice'), h('span', { class: 'hidden' }, 'Propose another name'));
    another.addEventListener('click', () =>
      tell('room.named', { room: proposeRoom(), proposed: true }),
    );
    const form = h('form', {}, this.#input);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void connect();
    });
    this.#input.addEventListener('input', () =>
      tell('room.named', { room: this.#input.value, proposed: false }),
    );
    this.append(
      h('div', { class: 'field-head' }, h('label', { for: this.#id }, 'Room name'), another),
      form,
    );
  }

  /** @param {import('./part.js').State} state */
  needs({ selection, call }) {
    return [selection.roomName, call.phase];
  }

  /** @param {import('./part.js').State} state */
  render({ selection, call }) {
    if (this.#input.value !== selection.roomName) this.#input.value = selection.roomName;
    this.#input.readOnly = call.phase !== 'idle';
  }
}
