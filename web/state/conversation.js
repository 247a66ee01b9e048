/** The conversation: what either side said, as it streams, and which turn each reply belongs to. */

import { asText } from './read.js';
import { topicOf } from './stages.js';
import { earlier } from './turns.js';

/** Rows kept; the oldest go first, and the page says how many went. */
export const MOST_ROWS = 500;

/**
 * @typedef {object} Conversation
 * @property {import('../types.js').Utterance[]} rows
 * @property {number} cut rows that were dropped
 */

/** @type {Conversation} */
export const initialConversation = { rows: [], cut: 0 };

/**
 * @param {Conversation} conversation
 * @param {import('../types.js').VoiceEvent} event
 * @param {string|null} currentTurn
 * @returns {Conversation}
 */
export function reduceConversation(conversation, event, currentTurn) {
  const { data } = event;
  switch (topicOf(event)) {
    case 'signal.connecting':
      return data.again === true ? conversation : initialConversation;
    case 'job.handshake_start':
      return { ...conversation, rows: conversation.rows.map(ofEarlierAgent) };
    case 'transcribe.segment':
      return withSegment(conversation, event, 'caller', null);
    case 'speak.segment':
      return withSegment(conversation, event, 'agent', currentTurn);
    case 'hear.typed':
      return withRow(conversation, {
        ...row(event, 'caller'),
        typed: true,
        held: data.held === true,
      });
    case 'hear.typed_sent':
      return changed(conversation, asText(data.id), { held: false });
    case 'hear.typed_failed':
      return withNote(changed(conversation, asText(data.id), { held: false }), event);
    case 'think.error':
      return withNote(conversation, event);
    case 'play.turn':
      return withReply(conversation, event);
    default:
      return conversation;
  }
}

/** @param {import('../types.js').Utterance} utterance */
function ofEarlierAgent(utterance) {
  return utterance.turn === null ? utterance : { ...utterance, turn: earlier(utterance.turn) };
}

/**
 * Adds a piece of streaming text, or replaces the text of the segment it continues.
 * @param {Conversation} conversation
 * @param {import('../types.js').VoiceEvent} event
 * @param {'caller'|'agent'} who
 * @param {string|null} turn
 */
function withSegment(conversation, event, who, turn) {
  const made = { ...row(event, who), final: event.data.final === true, turn };
  const known = conversation.rows.find((utterance) => utterance.id === made.id);
  if (!known) return made.text ? withRow(conversation, made) : conversation;
  // Nothing that was final becomes a draft again: a late piece of an older stream is stale.
  if (known.final && !made.final) return conversation;
  return changed(conversation, made.id, { text: made.text || known.text, final: made.final });
}

/**
 * A turn that is over: its reply gets it, and one that never came as text is written down from it.
 * @param {Conversation} conversation
 * @param {import('../types.js').VoiceEvent} event
 */
function withReply(conversation, event) {
  const turn = asText(event.data.turn);
  const { rows } = conversation;
  if (rows.some((utterance) => utterance.turn === turn)) return conversation;
  const reply = asText(event.data.reply);
  if (!reply) return conversation;
  const last = rows.findLast((utterance) => utterance.who === 'agent');
  if (last && last.turn === null) return changed(conversation, last.id, { turn });
  return withRow(conversation, { ...row(event, 'agent'), id: `turn-${turn}`, text: reply, turn });
}

/** @param {Conversation} conversation @param {import('../types.js').VoiceEvent} event */
function withNote(conversation, event) {
  const { message, what, next_step: step, next } = event.data;
  const sentences = [asText(what) || asText(message), asText(next) || asText(step)];
  return withRow(conversation, {
    ...row(event, 'note'),
    id: `note-${event.at}`,
    text: sentences.filter(Boolean).join(' '),
  });
}

/**
 * @param {import('../types.js').VoiceEvent} event
 * @param {import('../types.js').Utterance['who']} who
 * @returns {import('../types.js').Utterance}
 */
function row(event, who) {
  return {
    id: asText(event.data.id),
    who,
    text: asText(event.data.text),
    final: true,
    typed: false,
    held: false,
    at: event.at,
    turn: null,
  };
}

/** @param {Conversation} conversation @param {import('../types.js').Utterance} added */
function withRow({ rows, cut }, added) {
  const all = [...rows, added];
  const tooMany = Math.max(0, all.length - MOST_ROWS);
  return { rows: all.slice(tooMany), cut: cut + tooMany };
}

/**
 * @param {Conversation} conversation
 * @param {string} id
 * @param {Partial<import('../types.js').Utterance>} news
 */
function changed(conversation, id, news) {
  const rows = conversation.rows.map((utterance) =>
    utterance.id === id ? { ...utterance, ...news } : utterance,
  );
  return { ...conversation, rows };
}
