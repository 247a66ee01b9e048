/**
 * What every part of the page is: an element that renders from the store while it is on the page.
 */

import { viewOf } from '../state/state.js';
import { store } from '../store.js';

/** @typedef {import('../state/state.js').State} State */

export class Part extends HTMLElement {
  #life = new AbortController();

  connectedCallback() {
    this.#life = new AbortController();
    this.replaceChildren();
    this.build();
    /** @type {unknown[]|null} */
    let last = null;
    store.subscribe((now) => {
      const state = this.view(now);
      const needed = this.needs(state);
      const known = last;
      if (known && needed.every((part, index) => part === known[index])) return;
      last = needed;
      this.render(state);
    }, this.#life.signal);
  }

  disconnectedCallback() {
    this.#life.abort();
  }

  /** Aborted when the element leaves the page; listeners outside of it end with it. */
  get life() {
    return this.#life.signal;
  }

  /** Makes the element's children, once. */
  build() {}

  /** The state that the element shows. @param {State} state @returns {State} */
  view(state) {
    return state;
  }

  /**
   * The parts of the state on which the element depends: it is rendered when one is another object.
   * @param {State} state
   * @returns {unknown[]}
   */
  needs(state) {
    return [state];
  }

  /** Shows the state. @param {State} _state */
  render(_state) {}
}

/** A part that shows a call: the one of now, or the past one that is looked at. */
export class CallPart extends Part {
  /** @param {State} state */
  view(state) {
    return viewOf(state);
  }
}
