/** Connect, Disconnect, Mute; and why the microphone is off although the call goes on. */

import { isNameless } from '../state/agents.js';
import { connect, disconnect, retryMicrophone, toggleMute } from '../call/call.js';
import { h, icon, isEnabled, setEnabled, setIcon, setText } from './dom.js';
import { Part } from './part.js';

/** Connect, Disconnect, Mute. */
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
  needs({ call, agents }) {
    return [call.phase, call.microphone, call.muted, isNameless(agents)];
  }

  /** @param {import('./part.js').State} state */
  render({ call, agents }) {
    const idle = call.phase === 'idle';
    setEnabled(this.#connect, idle && !isNameless(agents));
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

/** Why the microphone is off although the call goes on, and a way to try again. */
export class MicrophoneProblem extends Part {
  #what = h('strong');
  #next = h('span');

  build() {
    const again = h('button', { type: 'button' }, 'Try again');
    again.addEventListener('click', () => void retryMicrophone());
    this.append(h('p', { role: 'alert' }, this.#what, ' ', this.#next), again);
  }

  /** @param {import('./part.js').State} state */
  needs({ call }) {
    return [call.microphoneProblem];
  }

  /** @param {import('./part.js').State} state */
  render({ call: { microphoneProblem: problem } }) {
    this.hidden = !problem;
    setText(this.#what, problem?.what ?? '');
    setText(this.#next, problem?.next ?? '');
  }
}
