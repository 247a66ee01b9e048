/** The calls that the proxy has kept, newest first, and the one of them that is looked at. */

import { initialConsole, reduceConsole } from './console.js';
import { initialConversation, reduceConversation } from './conversation.js';
import { asNumber, asRecord, asRecords, asText, readEvent } from './read.js';
import { readVerdicts } from './server-verdicts.js';
import { initialEvidence, reduceEvidence, topicOf } from './stages.js';
import { initialTurns, reduceTurns } from './turns.js';

/**
 * @typedef {object} Calls
 * @property {'none'|'loading'|'ready'|'failed'} state of the list
 * @property {KeptCall[]} items
 * @property {boolean} more there may be older ones
 * @property {import('../types.js').Problem|null} listProblem why the list is not there
 * @property {import('../types.js').Problem|null} callProblem why a call could not be opened or deleted
 * @property {string} opening id of the call that is being opened, or ''
 * @property {PastCall|null} open the call that is looked at instead of now
 */

/** @type {Calls} */
export const initialCalls = {
  state: 'none',
  items: [],
  more: false,
  listProblem: null,
  callProblem: null,
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
  switch (topicOf(event)) {
    case 'token.requested':
      return { ...calls, opening: '', open: null };
    case 'calls.loading':
      return calls.state === 'ready' ? calls : { ...calls, state: 'loading' };
    case 'calls.loaded': {
      const loaded = asRecords(data.calls).map(keptCall);
      const items = data.older === true ? [...calls.items, ...loaded] : loaded;
      return { ...calls, state: 'ready', items, more: data.more === true, listProblem: null };
    }
    case 'calls.failed':
      return {
        ...calls,
        state: calls.items.length ? 'ready' : 'failed',
        listProblem: problem(data),
      };
    case 'call.opening':
      return { ...calls, opening: asText(data.id), callProblem: null };
    case 'call.opened': {
      const open = replayed(data, event.at);
      return open.call.id === calls.opening ? { ...calls, opening: '', open } : calls;
    }
    case 'call.failed':
      return { ...calls, opening: '', callProblem: problem(data) };
    case 'call.closed':
      return { ...calls, opening: '', open: null };
    case 'call.deleted': {
      const items = calls.items.filter((item) => item.id !== data.id);
      const open = calls.open?.call.id === data.id ? null : calls.open;
      return { ...calls, items, open, callProblem: null };
    }
    default:
      return calls;
  }
}

/** @param {Record<string, unknown>} data @returns {import('../types.js').Problem} */
function problem(data) {
  return { what: asText(data.what), next: asText(data.next) };
}

/**
 * @typedef {object} KeptCall a call as the proxy keeps it, without its events
 * @property {string} id
 * @property {string} room
 * @property {number} started seconds since 1970
 * @property {number|null} ended null while it goes on
 * @property {number} turns
 * @property {number} events
 * @property {Trouble|null} failing what failed at its end, or fails now
 * @property {Trouble|null} met the last that failed on the way and was over at the end
 *
 * @typedef {object} Trouble
 * @property {string} stage
 * @property {string} cause a code, or ''
 */

/** @param {Record<string, unknown>} row @returns {KeptCall} */
function keptCall(row) {
  const failing = trouble(asText(row.failing), asText(row.cause));
  const worst = asRecord(row.worst);
  return {
    id: asText(row.id),
    room: asText(row.room),
    started: asNumber(row.started) ?? 0,
    ended: asNumber(row.ended),
    turns: asNumber(row.turns) ?? 0,
    events: asNumber(row.events) ?? 0,
    failing,
    met: failing ? null : trouble(asText(worst.stage), asText(worst.cause)),
  };
}

/** @param {string} stage @param {string} cause @returns {Trouble|null} */
function trouble(stage, cause) {
  return stage ? { stage, cause } : null;
}

/**
 * @typedef {object} PastCall a kept call, folded from its events into what the page shows of a call
 * @property {KeptCall} call
 * @property {import('./console.js').Console} console
 * @property {import('./conversation.js').Conversation} conversation
 * @property {import('./stages.js').Evidence} evidence
 * @property {import('./turns.js').Turns} turns
 * @property {import('./stages.js').Verdicts} verdicts as they were at its end
 */

/**
 * @param {Record<string, unknown>} answer of the proxy: the call, its events, its verdicts
 * @param {number} at now
 * @returns {PastCall}
 */
function replayed(answer, at) {
  let console = initialConsole;
  let conversation = initialConversation;
  let turns = initialTurns;
  let evidence = initialEvidence;
  for (const row of asRecords(answer.events)) {
    const read = readEvent(row, at);
    if (!read) continue;
    // When the page of that time learned of it is not known; when it happened is.
    const event = { ...read, seen: read.at };
    console = reduceConsole(console, event);
    evidence = reduceEvidence(evidence, event);
    if (event.source !== 'browser' && event.source !== 'agent') continue;
    turns = reduceTurns(turns, event);
    conversation = reduceConversation(conversation, event, turns.current);
  }
  const call = keptCall(asRecord(answer.call));
  return { call, console, conversation, evidence, turns, verdicts: readVerdicts(answer, at) };
}
