/** How the call is: in a line beside the conversation, and as attributes of the whole page. */

import { startSound } from '../call/call.js';
import { statusOf } from '../state/status.js';
import { store } from '../store.js';
import { h, icon, setText } from './dom.js';
import { Part } from './part.js';

/** How the call is; beside it the agent's state, and a button if sound is held back. */
export class StatusLine extends Part {
  #text = h('span', { class: 'status-text' });
  #next = h('span', { class: 'status-next' });
  #status = h('p', { role: 'status' }, this.#text);
  #agentState = h('span', { class: 'agent-state' });
  #sound = h('button', { type: 'button', class: 'primary' }, icon('sound'), 'Start audio');

  build() {
    this.#sound.addEventListener('click', () => void startSound());
    this.append(h('span', { class: 'lamp' }), this.#status, this.#agentState, this.#sound);
  }

  /** @param {import('./part.js').State} state */
  needs({ call, health, agents, verdicts, judge, calls }) {
    return [call, health, agents, verdicts, judge, calls.open];
  }

  /** @param {import('./part.js').State} state */
  render(state) {
    const { tone, text, next } = statusOf(state);
    this.dataset.tone = tone;
    // Beside a past call, how the next could begin is beside the point.
    this.hidden = state.calls.open !== null && state.call.phase === 'idle';
    setText(this.#text, text);
    setText(this.#next, next);
    // The status is the text and nothing else while there is nothing to do.
    if (next) this.#status.append(' ', this.#next);
    else this.#status.replaceChildren(this.#text);

    const { agentState, soundBlocked } = state.call;
    setText(this.#agentState, agentState);
    this.#agentState.hidden = !agentState;
    this.#agentState.dataset.state = agentState;
    this.#sound.hidden = !soundBlocked;
  }
}

/** The whole page. Its data attributes tell styles and tests how the call is. */
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
