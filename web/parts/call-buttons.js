/** Connect, Disconnect, Mute. */

import { connect, disconnect, toggleMute } from '../call/call.js';
import { h, icon, isEnabled, setEnabled, setIcon } from './dom.js';
import { Part } from './part.js';

export class CallButtons extends Part {
  #connect = h('button', { type: 'button', class: 'primary' }, 'Connect');
  #disconnect = h('button', { type: 'button' }, 'Disconnect');
  #microphone = icon('mic');
  #mute = h('button', { type: 'button', 'aria-pressed': 'false' }, this.#microphone, 'Mute');

  build() {
    when(this.#connect, connect);
    when(this.#disconnect, disconnect);
    when(this.#mute, toggleMute);
    this.append(this.#connect, this.#disconnect, this.#mute);
  }

  /** @param {import('./part.js').State} state */
  needs({ call }) {
    return [call.phase, call.microphone, call.muted];
  }

  /** @param {import('./part.js').State} state */
  render({ call }) {
    const idle = call.phase === 'idle';
    setEnabled(this.#connect, idle);
    setEnabled(this.#disconnect, !idle);
    setEnabled(this.#mute, call.microphone === 'on');
    this.#mute.setAttribute('aria-pressed', String(call.muted));
    setIcon(this.#microphone, call.muted ? 'mic-off' : 'mic');
  }
}

/** @param {HTMLButtonElement} button @param {() => Promise<void>} act */
function when(button, act) {
  button.addEventListener('click', () => {
    if (isEnabled(button)) void act();
  });
}
