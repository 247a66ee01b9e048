/** Why the microphone is off although the call goes on, and a way to try again. */

import { retryMicrophone } from '../call/call.js';
import { h, setText } from './dom.js';
import { Part } from './part.js';

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
