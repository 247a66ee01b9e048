/** A call that is over, folded from its events into what the page shows of a call. */

import { initialConsole, reduceConsole } from './console.js';
import { initialConversation, reduceConversation } from './conversation.js';
import { initialEvidence, reduceEvidence } from './evidence.js';
import { keptCall } from './kept-call.js';
import { readEvent } from './parse-event.js';
import { asRecord, asRecords } from './read.js';
import { readVerdicts } from './server-verdicts.js';
import { initialTurns, reduceTurns } from './turns.js';

/**
 * @typedef {object} PastCall
 * @property {import('./kept-call.js').KeptCall} call
 * @property {import('./console.js').Console} console
 * @property {import('./conversation.js').Conversation} conversation
 * @property {import('./evidence.js').Evidence} evidence
 * @property {import('./turns.js').Turns} turns
 * @property {import('./stages.js').Verdicts} verdicts as they were at its end
 */

/**
 * @param {Record<string, unknown>} answer of the proxy: the call, its events, its verdicts
 * @param {number} at now
 * @returns {PastCall}
 */
export function replayed(answer, at) {
  let console = initialConsole;
  let conversation = initialConversation;
  let turns = initialTurns;
  let evidence = initialEvidence;
  for (const said of asRecords(answer.events)) {
    const event = readEvent(said, at);
    if (!event) continue;
    // The page that saw it is not this one: what it learned when is not known, when it was is.
    const then = { ...event, seen: event.at };
    console = reduceConsole(console, then);
    evidence = reduceEvidence(evidence, then);
    if (then.source !== 'browser' && then.source !== 'agent') continue;
    turns = reduceTurns(turns, then);
    conversation = reduceConversation(conversation, then, turns.current);
  }
  const call = keptCall(asRecord(answer.call));
  return { call, console, conversation, evidence, turns, verdicts: readVerdicts(answer, at) };
}
