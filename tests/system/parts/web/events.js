/** Events for the tests, in the shape of the timeline. */

import { STAGES } from '../../../../web/state/stages.js';
import { initialState, reduce } from '../../../../web/state/state.js';

let clock = 1_795_000_000;

/**
 * An event such as `event('signal.connecting', {room: 'r'})`; `'.agents.loaded'` is one of the page.
 * @param {string} path
 * @param {Record<string, unknown>} [data]
 * @param {'browser'|'agent'} [source]
 * @returns {import('../../../../web/types.js').VoiceEvent}
 */
export function event(path, data = {}, source = 'browser') {
  const at = path.indexOf('.');
  const stage = /** @type {import('../../../../web/types.js').Stage|null} */ (
    path.slice(0, at) || null
  );
  clock += 0.01;
  return { at: clock, room: 'r', source, stage, name: path.slice(at + 1), data };
}

/** @param {string} path @param {Record<string, unknown>} [data] */
export function agent(path, data = {}) {
  return event(path, data, 'agent');
}

/**
 * The state after these events.
 * @param {import('../../../../web/types.js').VoiceEvent[]} events
 * @param {import('../../../../web/state/state.js').State} [from]
 */
export function after(events, from = initialState) {
  return events.reduce(reduce, from);
}

/** A healthy call up to the agent's first words. */
export function healthyCall() {
  return [
    event('token.requested', { agent_id: 'agent-1', agent_name: 'first' }),
    event('token.received', { identity: 'caller-1', ms: 12 }),
    event('signal.connecting', { room: 'r', url: 'ws://localhost:7880' }),
    event('signal.connected', { ms: 60 }),
    event('media.connected', { ms: 45 }),
    event('dispatch.requested', { agent_id: 'agent-1' }),
    event('dispatch.accepted', { message: 'asked', ms: 20 }),
    event('hear.microphone_enabling'),
    event('hear.microphone_on', { label: 'Fake microphone', ms: 80 }),
    event('join.agent_joined', { identity: 'agent-AJ_1', ms: 300 }),
    event('join.agent_state', { from: '', to: 'listening' }),
    event('join.agent_ready', { ms: 480 }),
  ];
}

/** One turn as the worker reports it. @param {number} turn */
export function oneTurn(turn, reply = 'Nice to meet you.') {
  return [
    agent('hear.speech_started'),
    event('transcribe.segment', { id: `C${turn}`, text: 'my name', final: false }),
    agent('hear.speech_ended'),
    event('transcribe.segment', { id: `C${turn}`, text: 'my name is Ada', final: true }),
    agent('transcribe.transcript', { text: 'my name is Ada', final: true }),
    agent('think.request', { turn, text: 'my name is Ada' }),
    agent('think.first_token', { turn, ms: 190 }),
    agent('speak.first_byte', { turn, ms: 40 }),
    agent('play.speaking'),
    event('speak.segment', { id: `R${turn}`, text: reply, final: true }),
    agent('play.silent'),
    agent('play.turn', {
      turn,
      user: 'my name is Ada',
      reply,
      heard: reply,
      interrupted: false,
      ms: {
        end_of_utterance: 302,
        transcript: 363,
        first_token: 596,
        tts_first_byte: 637,
        first_sound: 676,
      },
    }),
  ];
}

/**
 * The proxy's answer of verdicts: every stage is ok but those said to be otherwise.
 * @param {string} path `.verdicts.call` or `.verdicts.system`
 * @param {Record<string, object>} [otherwise] by stage
 * @param {object} [more] of the answer
 */
export function verdicts(path, otherwise = {}, more = {}) {
  return event(path, answer(otherwise, more));
}

/** @param {Record<string, object>} [otherwise] @param {object} [more] */
export function answer(otherwise = {}, more = {}) {
  const rest = { state: 'ok', cause: '', sentence: 'Well.', next: '', evidence: [], since: null };
  return {
    call: 'c1',
    now: 1_795_000_000,
    verdicts: STAGES.map((stage) => ({ stage, ...rest, ms: 5, usual_ms: 40, ...otherwise[stage] })),
    ...more,
  };
}
