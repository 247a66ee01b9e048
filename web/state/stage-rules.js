/** What each event says of the stages: one rule an event, by stage and name. */

import { asNumber, asRecord, asText } from './read.js';
import { STAGES } from './stage-names.js';

/**
 * @typedef {Record<import('../types.js').Stage, import('../types.js').Verdict>} Stages
 * @typedef {Partial<Omit<import('../types.js').Verdict, 'evidence'>>} Change
 * @typedef {Partial<Record<import('../types.js').Stage, Change>>} Changes
 * @typedef {Record<string, unknown>} Data
 */

const LOG_STEP = 'The reason is in the log: ./restart_voice_system.sh logs agent';

/**
 * @type {Record<string, (data: Data, stages: Stages) => Changes>} by stage and name of the event
 */
const RULES = {
  'token.requested': () => ({ token: waiting('Asking the proxy for a token.') }),
  'token.received': (d) => ({ token: ok(`Token for ${asText(d.identity)}.`, d.ms) }),
  'token.failed': (d) => ({ token: failing(d) }),
  'token.room_mismatch': (d) => ({ token: failing(d) }),

  'signal.connecting': (d) => ({ signal: waiting(`Connecting to ${asText(d.url)}.`) }),
  'signal.connected': (d) => ({
    signal: ok('The signal connection is open.', d.ms),
    media: waiting('Finding a path for sound (ICE, DTLS).'),
  }),
  'signal.failed': (d) => ({ signal: failing(d) }),
  'signal.reconnecting': () => ({ signal: waiting('Lost; reconnecting.') }),

  'media.connected': (d) => ({
    signal: { state: 'ok' },
    media: ok('Sound has a path to the server.', d.ms),
  }),
  'media.failed': (d) => ({ media: failing(d) }),
  'media.reconnecting': () => ({ media: waiting('Lost; reconnecting.') }),
  'media.reconnected': (d) => ({ signal: ok('Open again.'), media: ok('Connected again.', d.ms) }),

  'dispatch.requested': () => ({ dispatch: waiting('Asking for an agent.') }),
  'dispatch.accepted': (d, { join }) => ({
    dispatch: ok(asText(d.message), d.ms),
    ...(join.state === 'ok' ? {} : { job: waiting('Waiting for a worker to take the job.') }),
  }),
  'dispatch.refused': (d) => ({ dispatch: failing({ what: d.error, next: d.next }) }),
  'dispatch.unreachable': (d) => ({ dispatch: failing({ what: d.error, next: d.next }) }),

  'job.handshake_start': () => ({ job: waiting('A worker took the job.') }),
  'job.job': () => ({ job: waiting('A worker took the job.') }),
  'job.ctx_connected': () => ({ job: waiting('The job is connected to the room.') }),
  'job.session_started': (d) => ({ job: ok('The session has started.', d.elapsed_ms) }),
  'job.init_done': (d) => ({ job: ok('Everything the job needs is ready.', d.elapsed_ms) }),
  'job.retry': (d) => ({ job: waiting(`Trying ${asText(d.what)} again: ${asText(d.error)}`) }),
  'job.degraded': (d) => ({ [degradedStage(d.what)]: degraded(d) }),
  'job.error': (d) => ({ job: failing({ what: d.message, next: LOG_STEP }) }),

  'join.agent_joined': (d, { dispatch }) => ({
    // An agent that is here was dispatched, whatever the request for it came back with.
    ...(dispatch.state === 'ok' ? {} : { dispatch: ok('An agent came.') }),
    job: ok('A worker runs the job.'),
    join: waiting(`${asText(d.identity)} is here and gets ready.`, d.ms),
  }),
  'join.agent_ready': (d) => ({ join: ok('The agent listens.', d.ms) }),
  'join.agent_left': () => ({
    join: failing({
      what: 'The agent left the call.',
      next: `Disconnect and connect again. ${LOG_STEP}`,
    }),
  }),
  'join.late': (d) => ({ [lateStage(d.stage)]: failing(d) }),

  'hear.microphone_enabling': () => ({ hear: waiting('Asking for the microphone.') }),
  'hear.microphone_on': (d) => ({
    hear: ok(`${asText(d.label) || 'The microphone'} is on.`, d.ms),
  }),
  'hear.microphone_failed': (d) => ({ hear: failing(d) }),
  'hear.muted': (d) => ({ hear: d.muted ? muted(d) : ok('The microphone is on.') }),
  'hear.speech_started': () => ({ hear: ok('The agent hears speech.') }),
  'hear.speech_ended': () => ({ transcribe: waiting('Speech becomes words.') }),

  'transcribe.transcript': (d) =>
    d.final ? { transcribe: ok(`“${asText(d.text)}”`) } : { transcribe: waiting('Hears words.') },
  'think.request': () => ({ think: waiting('Waiting for Letta’s first token.') }),
  'think.first_token': (d) => ({
    think: ok('Letta answers.', d.ms),
    speak: waiting('Waiting for the first sound of the reply.'),
  }),
  'think.tool_call': (d) => ({ think: waiting(`Runs the tool ${asText(d.name)}.`) }),
  'think.tool_return': (d) => ({ think: ok(`The tool ${asText(d.name)} has returned.`) }),
  'think.done': () => ({ think: ok('Letta has answered.') }),
  'think.waiting': (d) => ({ think: waiting(`Waits for Letta: ${asText(d.message)}.`) }),
  'think.error': (d) => ({ think: failing({ what: d.message, next: d.next_step }) }),
  'speak.first_byte': (d) => ({
    speak: ok('The reply is spoken.', d.ms),
    play: waiting('The first sound is on its way.'),
  }),
  'play.speaking': (_, stages) => ifAudible(stages, ok('The agent is audible.')),
  'play.silent': (_, stages) => ifAudible(stages, ok('The agent has spoken.')),
  'play.interrupted': (_, stages) => ifAudible(stages, ok('Interrupted by the caller.')),
  'play.audio_blocked': () => ({
    play: failing({ what: 'The browser holds the sound back.', next: 'Press Start audio.' }),
  }),
  'play.audio_started': () => ({ play: ok('Sound is on.') }),
  'play.turn': (d) => turnTimes(asRecord(d.ms)),
};

/**
 * @param {import('../types.js').VoiceEvent} event
 * @param {Stages} stages as they are before it
 * @returns {Changes}
 */
export function changesBy(event, stages) {
  return RULES[`${event.stage}.${event.name}`]?.(event.data, stages) ?? {};
}

/** Each stage's share of a turn's time. @param {Record<string, unknown>} ms @returns {Changes} */
function turnTimes(ms) {
  const at = (/** @type {string} */ mark) => asNumber(ms[mark]);
  const between = (/** @type {number|null} */ from, /** @type {number|null} */ to) =>
    to === null ? undefined : Math.max(0, Math.round(to - (from ?? 0)));
  const words = at('transcript');
  const decided = Math.max(words ?? 0, at('end_of_utterance') ?? 0);
  /** @type {[import('../types.js').Stage, number|undefined][]} */
  const times = [
    ['hear', between(0, at('end_of_utterance'))],
    ['transcribe', between(0, words)],
    ['think', between(decided, at('letta_first_token'))],
    ['speak', between(at('letta_first_token'), at('tts_first_byte'))],
    ['play', between(at('tts_first_byte'), at('first_sound'))],
  ];
  return Object.fromEntries(
    times.filter(([, time]) => time !== undefined).map(([stage, time]) => [stage, { ms: time }]),
  );
}

/**
 * The agent says that it speaks also when it has no voice, or when the browser holds the sound back.
 * @param {Stages} stages
 * @param {Change} play
 * @returns {Changes}
 */
function ifAudible({ speak, play: before }, play) {
  return speak.state === 'failing' || before.state === 'failing' ? {} : { play };
}

/**
 * What the worker calls a part of the call that failed while the rest goes on.
 * @param {unknown} what
 */
function degradedStage(what) {
  if (what === 'speech-to-text') return 'transcribe';
  return what === 'text-to-speech' ? 'speak' : 'job';
}

/** @param {Data} data @returns {Change} */
function degraded(data) {
  const what = `${asText(data.what)} fails (${asText(data.error)}): ${asText(data.consequence)}.`;
  if (degradedStage(data.what) === 'job') return ok(`The call goes on although ${what}`);
  return failing({ what, next: LOG_STEP });
}

/** @param {Data} data @returns {Change} */
function muted({ by }) {
  const next = by === 'system' ? 'Look at the keyboard and the system settings.' : 'Press Unmute.';
  const who = by === 'system' ? 'by this computer' : by === 'server' ? 'by the server' : 'by you';
  return { ...waiting(`The microphone is muted ${who}.`), next };
}

/** @param {unknown} stage @returns {import('../types.js').Stage} */
function lateStage(stage) {
  return STAGES.find((each) => each === stage) ?? 'join';
}

/** @param {string} sentence @param {unknown} [ms] @returns {Change} */
export function waiting(sentence, ms) {
  return { state: 'waiting', sentence, next: '', ms: asNumber(ms) };
}

/** @param {string} sentence @param {unknown} [ms] @returns {Change} */
export function ok(sentence, ms) {
  return { state: 'ok', sentence, next: '', ms: asNumber(ms) };
}

/** @param {Data} data @returns {Change} */
export function failing(data) {
  return { state: 'failing', sentence: asText(data.what), next: asText(data.next) };
}
