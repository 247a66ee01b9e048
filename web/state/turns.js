/** What the worker reported about each turn: marks, reasoning, tool calls, trouble. */

import { asNumber, asRecord, asShown, asText } from './read.js';

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
  if (event.name === 'connecting' && event.stage === 'signal') {
    return event.data.again === true ? turns : initialTurns;
  }
  if (event.source !== 'agent' || event.stage === null) return turns;
  if (event.name === 'handshake_start' && event.stage === 'job') {
    const kept = Object.values(turns.byId).map((each) => ({ ...each, id: earlier(each.id) }));
    return { ...initialTurns, byId: Object.fromEntries(kept.map((each) => [each.id, each])) };
  }
  if (HEARING.has(event.stage)) {
    return { ...turns, ahead: [...turns.ahead, event].slice(-MOST_TURN_EVENTS) };
  }
  if (!ANSWERING.has(event.stage)) return turns;
  const id = asText(event.data.turn) || turns.current;
  if (!id) return turns;

  const begins = event.name === 'request';
  const ends = event.name === 'turn';
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
function change(turn, { stage, name, data }) {
  switch (`${stage}.${name}`) {
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
  const known = tools.some((each) => each.id === id);
  if (known) return tools.map((each) => (each.id === id ? { ...each, ...news } : each));
  return [...tools, { id, name: '', arguments: '', status: null, result: '', ...news }];
}

/** @param {unknown} ms @returns {Record<string, number|null>} */
function marks(ms) {
  return Object.fromEntries(Object.entries(asRecord(ms)).map(([mark, at]) => [mark, asNumber(at)]));
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
