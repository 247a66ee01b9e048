/** Loads the calls that were kept, and opens the one that the address names: /debug#call=ID. */

import { deleteCall, getCall, getCalls, problemOf } from '../proxy-client.js';
import { store, tell } from '../store.js';

const AT_ONCE = 50;
const NAMED = /^#call=(.+)$/;
/** The end of a call reaches the list a moment after the call. */
const SETTLED_MS = 1500;

let lastRequest = 0;

/** Starts to watch, for as long as the page lives. */
export function watchCalls() {
  window.addEventListener('hashchange', followAddress);
  followAddress();
  let view = '';
  let phase = 'idle';
  store.subscribe(({ selection, call }) => {
    const opened = selection.view === 'calls' && view !== 'calls';
    const ended = call.phase === 'idle' && phase !== 'idle';
    const begun = call.phase !== 'idle' && phase === 'idle';
    ({ view } = selection);
    ({ phase } = call);
    if (opened) queueMicrotask(() => void loadCalls());
    if (ended && view === 'calls') setTimeout(() => void loadCalls(), SETTLED_MS);
    if (begun) clearAddress();
  }, new AbortController().signal);
}

/** Loads the newest calls, or those before the oldest one known. @param {boolean} [older] */
export async function loadCalls(older = false) {
  lastRequest += 1;
  const request = lastRequest;
  const last = older ? store.state.calls.items.at(-1) : undefined;
  tell('calls.loading');
  try {
    const calls = await getCalls(AT_ONCE, last ? last.started : null);
    if (request !== lastRequest) return;
    tell('calls.loaded', { calls, older, more: calls.length === AT_ONCE });
  } catch (error) {
    if (request === lastRequest) tell('calls.failed', { ...problemOf(error) });
  }
}

/** @param {string} id */
export function openCall(id) {
  location.hash = `call=${encodeURIComponent(id)}`;
}

/** Back to the call of now. */
export function closeCall() {
  clearAddress();
  tell('call.closed');
}

/** @param {string} id */
export async function removeCall(id) {
  try {
    await deleteCall(id);
    clearAddress();
    tell('call.deleted', { id });
  } catch (error) {
    tell('view.selected', { view: 'calls' });
    tell('call.failed', { ...problemOf(error) });
  }
}

function followAddress() {
  const named = NAMED.exec(location.hash)?.[1];
  // The page's own anchors (#talk, #console) change what is in sight, not which call it is of.
  if (named) void load(decoded(named));
  else if (!location.hash && store.state.calls.open) tell('call.closed');
}

/** @param {string} id */
async function load(id) {
  if (store.state.calls.open?.call.id === id) return;
  tell('call.opening', { id });
  try {
    tell('call.opened', await getCall(id));
  } catch (error) {
    tell('view.selected', { view: 'calls' });
    tell('call.failed', { ...problemOf(error) });
  }
}

function clearAddress() {
  if (NAMED.test(location.hash)) history.pushState(null, '', location.pathname + location.search);
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not an address of ours: the proxy will say that there is no such call.
    return text;
  }
}
