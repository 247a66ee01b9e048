/** The one store: events go in, state comes out, whoever subscribed is told. */

/**
 * @template State
 * @param {State} initial
 * @param {(state: State, event: import('../types.js').VoiceEvent) => State} reduce pure
 */
export function createStore(initial, reduce) {
  let state = initial;
  /** @type {Set<(state: State) => void>} */
  const listeners = new Set();

  return {
    get state() {
      return state;
    },

    /** @param {import('../types.js').VoiceEvent} event */
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
