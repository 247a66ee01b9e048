/** The page's store, and the two ways to tell it that something happened. */

import { now } from './clock.js';
import { createStore } from './state/create-store.js';
import { initialState, reduce } from './state/state.js';

export const store = createStore(initialState, reduce);

/**
 * Something of the page's own life: a list was loaded, something was selected.
 * @param {string} name
 * @param {Record<string, unknown>} [data]
 */
export function tell(name, data = {}) {
  store.dispatch({ at: now(), room: '', source: 'browser', stage: null, name, data });
}
