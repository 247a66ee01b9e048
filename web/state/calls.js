/** The calls that the proxy has kept, newest first, and the one of them that is looked at. */

import { keptCall } from './kept-call.js';
import { replayed } from './past-call.js';
import { asRecords, asText } from './read.js';

/**
 * @typedef {object} Calls
 * @property {'none'|'loading'|'ready'|'failed'} state of the list
 * @property {import('./kept-call.js').KeptCall[]} items
 * @property {boolean} more there may be older ones
 * @property {import('../types.js').Problem|null} problem
 * @property {string} opening id of the call that is being opened, or ''
 * @property {import('./past-call.js').PastCall|null} open the call that is looked at instead of now
 */

/** @type {Calls} */
export const initialCalls = {
  state: 'none',
  items: [],
  more: false,
  problem: null,
  opening: '',
  open: null,
};

/**
 * @param {Calls} calls
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Calls}
 */
export function reduceCalls(calls, event) {
  const { data } = event;
  if (event.stage === 'token' && event.name === 'requested') {
    return { ...calls, opening: '', open: null };
  }
  if (event.stage !== null) return calls;
  switch (event.name) {
    case 'calls.loading':
      return calls.state === 'ready' ? calls : { ...calls, state: 'loading' };
    case 'calls.loaded': {
      const loaded = asRecords(data.calls).map(keptCall);
      const items = data.older === true ? [...calls.items, ...loaded] : loaded;
      return { ...calls, state: 'ready', items, more: data.more === true, problem: null };
    }
    case 'calls.failed':
      return { ...calls, state: calls.items.length ? 'ready' : 'failed', problem: problem(data) };
    case 'call.opening':
      return { ...calls, opening: asText(data.id), problem: null };
    case 'call.opened': {
      const open = replayed(data, event.at);
      return open.call.id === calls.opening ? { ...calls, opening: '', open } : calls;
    }
    case 'call.failed':
      return { ...calls, opening: '', problem: problem(data) };
    case 'call.closed':
      return { ...calls, opening: '', open: null };
    case 'call.deleted': {
      const items = calls.items.filter((each) => each.id !== data.id);
      const open = calls.open?.call.id === data.id ? null : calls.open;
      return { ...calls, items, open };
    }
    default:
      return calls;
  }
}

/** @param {Record<string, unknown>} data @returns {import('../types.js').Problem} */
function problem(data) {
  return { what: asText(data.what), next: asText(data.next) };
}
