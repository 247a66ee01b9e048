/** The whole page. Its data attributes tell styles and tests how the call is. */

import { statusOf } from '../state/status.js';
import { store } from '../store.js';

export class VoiceApp extends HTMLElement {
  #life = new AbortController();

  connectedCallback() {
    this.#life = new AbortController();
    store.subscribe((state) => {
      this.dataset.phase = state.call.phase;
      this.dataset.agent = state.call.agent;
      this.toggleAttribute('data-past', state.calls.open !== null);
      this.dataset.tone = statusOf(state).tone;
    }, this.#life.signal);
  }

  disconnectedCallback() {
    this.#life.abort();
  }
}
