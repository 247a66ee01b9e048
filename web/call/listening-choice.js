/** Remembers across visits how the agent shall listen. */

import { asRecord } from '../state/read.js';
import { store, tell } from '../store.js';

const REMEMBERED = 'voice.listening';

/** What was set in an earlier visit. */
export function recallListening() {
  try {
    tell('listening.remembered', {
      wanted: asRecord(JSON.parse(localStorage.getItem(REMEMBERED) ?? '{}')),
    });
  } catch {
    // Storage is switched off in this browser, or holds what is not ours: all is as usual.
  }
}

/** @param {string} name @param {number|boolean} value */
export function setListening(name, value) {
  tell('listening.set', { name, value });
  remember();
}

export function resetListening() {
  tell('listening.reset');
  remember();
}

function remember() {
  try {
    localStorage.setItem(REMEMBERED, JSON.stringify(store.state.listening.wanted));
  } catch {
    // As above: it lasts for this visit only.
  }
}
