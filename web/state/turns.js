/** What the worker reported about each turn, and where the time of a turn went. */

import { asNumber, asRecord, asShown, asText } from './read.js';
import { topicOf } from './stages.js';

/** Turns kept; the oldest go first. */
export const MOST_TURNS = 300;
/** Events kept of one turn; the oldest go first. */
export const MOST_TURN_EVENTS = 200;

/**
 * @typedef {object} Turns
 * @property {Record<string, import('../types.js').Turn>} byId in the order of their beginning
 * @property {string|null} current the turn that is going on, null between two
 * @property {import('../types.js').VoiceEvent[]} ahead what was heard before the turn it leads to
 */

/** @type {Turns} */
export const initialTurns = { byId: {}, current: null, ahead: [] };

/**
 * The name of a turn once another agent has come, which counts from 1 again.
 * @param {string} id
 */
export const earlier = (id) => `${id}′`;

const HEARING = new Set(['hear', 'transcribe']);
const ANSWERING = new Set(['think', 'speak', 'play']);

/**
 * @param {Turns} turns
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Turns}
 */
export function reduceTurns(turns, event) {
  const topic = topicOf(event);
  if (topic === 'signal.connecting') return event.data.again === true ? turns : initialTurns;
  if (event.source !== 'agent' || event.stage === null) return turns;
  if (topic === 'job.handshake_start') {
    const kept = Object.values(turns.byId).map((turn) => ({ ...turn, id: earlier(turn.id) }));
    return { ...initialTurns, byId: Object.fromEntries(kept.map((turn) => [turn.id, turn])) };
  }
  if (HEARING.has(event.stage)) {
    return { ...turns, ahead: [...turns.ahead, event].slice(-MOST_TURN_EVENTS) };
  }
  if (!ANSWERING.has(event.stage)) return turns;
  const id = asText(event.data.turn) || turns.current;
  if (!id) return turns;

  const begins = topic === 'think.request';
  const ends = topic === 'play.turn';
  const before = turns.byId[id] ?? newTurn(id);
  const events = [...before.events, ...(begins ? turns.ahead : []), event];
  const turn = { ...before, ...change(before, event), events: events.slice(-MOST_TURN_EVENTS) };
  return {
    byId: bounded({ ...turns.byId, [id]: turn }),
    current: begins ? id : ends && id === turns.current ? null : turns.current,
    ahead: begins ? [] : turns.ahead,
  };
}

/**
 * What an event changes in its turn, apart from being one of its events.
 * @param {import('../types.js').Turn} turn
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Partial<import('../types.js').Turn>}
 */
function change(turn, event) {
  const { data } = event;
  switch (topicOf(event)) {
    case 'think.reasoning':
      return { reasoning: turn.reasoning + asText(data.text) };
    case 'think.tool_call':
      return { tools: withTool(turn.tools, asText(data.id), toolCall(data)) };
    case 'think.tool_return':
      return {
        tools: withTool(turn.tools, asText(data.id), {
          status: asText(data.status) || 'returned',
          result: asShown(data.text),
        }),
      };
    case 'think.memory': {
      const change = { label: asText(data.label), before: asText(data.before), after: asText(data.after) };
      return { tools: withTool(turn.tools, asText(data.id), { change }) };
    }
    case 'think.waiting':
    case 'think.error':
      return { problem: { what: asText(data.message), next: asText(data.next_step) } };
    case 'think.back':
      return { problem: null };
    case 'play.interrupted':
      return { interrupted: true, heard: asText(data.heard) };
    case 'play.turn':
      return {
        ms: marks(data.ms),
        reply: asText(data.reply),
        interrupted: turn.interrupted || data.interrupted === true,
        heard: data.interrupted === true ? asText(data.heard) : turn.heard,
      };
    default:
      return {};
  }
}

/** @param {Record<string, unknown>} data */
function toolCall(data) {
  return { name: asText(data.name), arguments: asShown(data.arguments) };
}

/**
 * @param {import('../types.js').ToolCall[]} tools
 * @param {string} id
 * @param {Partial<import('../types.js').ToolCall>} news
 */
function withTool(tools, id, news) {
  const isKnown = tools.some((tool) => tool.id === id);
  if (isKnown) return tools.map((tool) => (tool.id === id ? { ...tool, ...news } : tool));
  return [...tools, { id, name: '', arguments: '', status: null, result: '', change: null, ...news }];
}

/** What the mark of the first token is called in calls that were kept before other agents had one. */
const EARLIER_NAME = 'letta_first_token';

/** @param {unknown} ms @returns {Record<string, number|null>} */
function marks(ms) {
  const named = Object.entries(asRecord(ms)).map(([mark, at]) => [
    mark === EARLIER_NAME ? 'first_token' : mark,
    asNumber(at),
  ]);
  return Object.fromEntries(named);
}

/** @param {string} id @returns {import('../types.js').Turn} */
function newTurn(id) {
  return {
    id,
    ms: null,
    reasoning: '',
    tools: [],
    interrupted: false,
    heard: null,
    reply: '',
    problem: null,
    events: [],
  };
}

/** @param {Record<string, import('../types.js').Turn>} byId */
function bounded(byId) {
  const ids = Object.keys(byId);
  if (ids.length <= MOST_TURNS) return byId;
  return Object.fromEntries(Object.entries(byId).slice(ids.length - MOST_TURNS));
}

/** The marks of a `turn` event in the order of the legend, with the words of the page. */
export const MARKS = /** @type {const} */ ([
  { mark: 'end_of_utterance', label: 'end of utterance', short: 'end of utterance' },
  { mark: 'transcript', label: 'transcript', short: 'transcript' },
  { mark: 'first_token', label: 'first token of the reply', short: 'model' },
  { mark: 'tts_first_byte', label: 'first byte of speech', short: 'voice' },
  { mark: 'first_sound', label: 'first sound', short: 'playout' },
]);

/**
 * @typedef {object} Segment
 * @property {string} mark the mark that ends the segment
 * @property {string} label
 * @property {string} short
 * @property {number} at ms from the end of the caller's speech
 * @property {number} ms length
 */

/**
 * Segments by the time of the mark that ends them: a transcript may be there before the end of the
 * utterance is decided, and a reply begun early may be there before either.
 * @param {Record<string, number|null>} ms
 * @returns {Segment[]}
 */
export function segments(ms) {
  const reached = MARKS.flatMap((mark) => {
    const at = ms[mark.mark];
    return typeof at === 'number' ? [{ ...mark, at: Math.max(0, at) }] : [];
  });
  reached.sort((earlierMark, laterMark) => earlierMark.at - laterMark.at);
  return reached.map((mark, index) => ({
    ...mark,
    ms: mark.at - (reached[index - 1]?.at ?? 0),
  }));
}

/**
 * Time from the end of the caller's speech to the last mark known.
 * @param {Record<string, number|null>} ms
 */
export function total(ms) {
  return segments(ms).at(-1)?.at ?? 0;
}

/** Bars of one conversation share a scale, so that lengths can be compared by eye. */
export const LEAST_SCALE_MS = 1000;
/** One very slow turn must not make hairlines of all others: longer bars are drawn full. */
export const MOST_SCALE_MS = 4000;

/** The ms of a full bar. @param {Iterable<import('../types.js').Turn>} turns @returns {number} */
export function scaleOf(turns) {
  let longest = LEAST_SCALE_MS;
  for (const turn of turns) longest = Math.max(longest, turn.ms ? total(turn.ms) : 0);
  return Math.min(MOST_SCALE_MS, Math.ceil(longest / 500) * 500);
}
