/** The page's clock, its one store, and how the page's own life is told to it. */

import { initialState, reduce } from './state/state.js';

/** The page's clock: seconds since 1970, monotonic within a tab, to the microsecond. */
export function now() {
  return (performance.timeOrigin + performance.now()) / 1000;
}

/**
 * @template State
 * @param {State} initial
 * @param {(state: State, event: import('./types.js').VoiceEvent) => State} reduce pure
 */
export function createStore(initial, reduce) {
  let state = initial;
  /** @type {Set<(state: State) => void>} */
  const listeners = new Set();

  return {
    get state() {
      return state;
    },

    /** @param {import('./types.js').VoiceEvent} event */
    dispatch(event) {
      const before = state;
      state = reduce(state, event);
      if (state === before) return;
      for (const listener of [...listeners]) listener(state);
    },

    /**
     * Calls `listener` now and after every change, until `signal` is aborted.
     * @param {(state: State) => void} listener
     * @param {AbortSignal} signal
     */
    subscribe(listener, signal) {
      listeners.add(listener);
      signal.addEventListener('abort', () => listeners.delete(listener), { once: true });
      listener(state);
    },
  };
}

export const store = createStore(initialState, reduce);

/**
 * Something of the page's own life: a list was loaded, something was selected.
 * @param {string} name
 * @param {Record<string, unknown>} [data]
 */
export function tell(name, data = {}) {
  store.dispatch({ at: now(), room: '', source: 'browser', stage: null, name, data });
}
