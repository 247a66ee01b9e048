/** The debug console: which events become lines, in which words, and how many lines are kept. */

import { asNumber, asRecord, asShown, asText } from './read.js';
import { topicOf } from './stages.js';
import { clock } from './times.js';
import { segments } from './turns.js';

/**
 * @typedef {'plain'|'good'|'warn'|'bad'} Tone
 * @typedef {{tone: Tone, text: string}} Words
 * @typedef {Record<string, unknown>} Data
 */

/** Longest text of a line; arguments of a tool can be of any length. */
const MOST_CHARACTERS = 2000;

/** @type {Record<string, (data: Data) => Words|null>} by stage and name */
const LINES = {
  // The six lines of every call, in this order and wording: tests and people look for them.
  'signal.connecting': (d) => plain(`🔗 Connecting to room: ${asText(d.room)} on ${asText(d.url)}`),
  'media.connected': () => good('✅ Room connected successfully'),
  'dispatch.requested': () => plain('📡 Requesting agent dispatch to room...'),
  'dispatch.accepted': (d) => good(`✅ Agent dispatch requested: ${asText(d.message)}`),
  'dispatch.refused': (d) => warn(`Dispatch warning: ${asText(d.error)}`),
  'dispatch.unreachable': (d) => bad(`Failed to request agent dispatch: ${asText(d.error)}`),
  'hear.microphone_enabling': () => plain('🎤 Enabling microphone...'),
  'hear.microphone_on': () => good('✅ Microphone enabled successfully!'),

  'hear.microphone_failed': (d) => bad(`❌ ${problem(d)}`),
  'hear.muted': (d) => plain(mutedLine(d)),
  'hear.device_changed': (d) => plain(`🎤 Microphones there now: ${asText(d.microphones)}`),
  'hear.typed': (d) => plain(`Caller, typed: ${asText(d.text)}`),
  'hear.typed_failed': (d) => bad(`❌ ${problem(d)}`),
  'token.failed': (d) => bad(`❌ ${problem(d)}`),
  'token.room_mismatch': (d) => bad(`❌ ${problem(d)}`),
  'signal.failed': (d) => bad(`❌ ${problem(d)}`),
  'signal.reconnecting': () => warn('🔄 The signal connection is lost; reconnecting...'),
  'media.failed': (d) => bad(`❌ ${problem(d)}`),
  'media.ice': (d) =>
    d.state === 'failed' || (d.state === 'disconnected' && !d.search)
      ? warn(`The ${asText(d.transport)}’s path for sound is ${asText(d.state)}`)
      : null,
  'media.candidate_pair': (d) =>
    plain(
      // A browser that found the server by its packets alone does not tell the server's address.
      `Sound goes by ${asText(d.protocol).toUpperCase()}, ` +
        [d.local, d.remote].map(asText).filter(Boolean).join(' ↔ '),
    ),
  'media.reconnecting': () => warn('🔄 The connection is lost; reconnecting...'),
  'media.reconnected': (d) => good(`✅ Reconnected after ${asText(d.ms)} ms`),
  'media.disconnected': (d) =>
    d.intended ? plain('🔌 Disconnected') : bad(`🔌 Disconnected. ${problem(d)}`),
  'join.agent_joined': (d) =>
    good(`🤖 Agent joined as ${asText(d.identity)} after ${asText(d.ms)} ms`),
  'join.agent_state': (d) => plain(`Agent state: ${asText(d.from) || 'none'} → ${asText(d.to)}`),
  'join.agent_left': (d) => warn(`🤖 Agent left: ${asText(d.identity)}`),
  'join.conversation': (d) =>
    plain(`Letta conversation ${asText(d.conversation_id)} of agent ${asText(d.agent_name)}`),
  'job.ctx_connected': (d) => plain(`Agent job: connected after ${asText(d.elapsed_ms)} ms`),
  'job.session_started': (d) =>
    plain(`Agent job: session started after ${asText(d.elapsed_ms)} ms`),
  'job.init_done': (d) => plain(`Agent job: everything ready after ${asText(d.elapsed_ms)} ms`),
  'job.settings': settingsLine,
  'job.retry': (d) =>
    warn(
      `Agent job: ${asText(d.what)} failed, try ${asText(d.attempt)} of ${asText(d.of)}: ` +
        asText(d.error),
    ),
  'job.degraded': (d) =>
    warn(
      `Agent job goes on without ${asText(d.what)} (${asText(d.error)}): ${asText(d.consequence)}`,
    ),
  'job.out_of_cpu': (d) =>
    warn(`⏳ The machine is out of CPU; the caller waited ${asText(d.waited)} s and was told`),
  'job.refused': (d) => warn(`The worker refused the job: ${asText(d.reason)}`),
  'job.process_ended': (d) =>
    d.exit_code === 0
      ? plain(`Agent job: its process has ended: ${asText(d.reason)}`)
      : bad(`❌ The agent’s process (pid ${asText(d.pid)}) ended: ${asText(d.reason)}`),
  'job.error': (d) => bad(`❌ Agent job failed: ${asText(d.message)}`),
  'transcribe.segment': (d) => (d.final ? plain(`Caller: ${asText(d.text)}`) : null),
  'speak.segment': (d) => (d.final ? plain(`Agent: ${asText(d.text)}`) : null),
  'think.tool_call': (d) => plain(`Tool call: ${asText(d.name)}(${asShown(d.arguments)})`),
  'think.tool_return': (d) =>
    plain(`Tool ${asText(d.name)} returned ${asText(d.status)}: ${asShown(d.text)}`),
  'think.waiting': (d) =>
    warn(`⏳ Letta is away, and is waited for (${asText(d.patience)} s): ${asText(d.message)}`),
  'think.back': (d) => good(`✅ Letta is back after ${asText(d.seconds)} s`),
  'think.error': (d) => bad(`❌ Letta: ${asText(d.message)} ${asText(d.next_step)}`),
  'play.audio_blocked': () =>
    warn('🔈 The browser holds the sound back until you press Start audio'),
  'play.audio_started': () => good('🔊 Sound is on'),
  'play.interrupted': () => plain('Interrupted by the caller'),
  'play.turn': (d) => plain(turnLine(d)),

  // Of the page's own life.
  'agents.failed': (d) => bad(`❌ ${problem(d)}`),
  'agents.changed': (d) => {
    const agent = asRecord(d.agent);
    return good(`✅ ${asText(agent.name)} thinks with ${asText(agent.model)} from now on`);
  },
  'agents.created': (d) => good(`✅ Letta agent created: ${asText(asRecord(d.agent).name)}`),
  'health.unreachable': (d) => bad(`❌ ${problem(d)}`),
  'memory.failed': (d) => warn(problem(d)),
  'events.lost': (d) =>
    warn(`${asText(d.count)} events are missing in the timeline: ${asText(d.why)}`),
  'page.error': (d) => bad(`❌ The page itself failed: ${problem(d)}`),
  'agent.unreadable': (d) => warn(problem(d)),
};

/** @type {typeof LINES} what the proxy and the server report, and nobody else sees */
const LINES_OF_OTHERS = {
  'dispatch.retry': (d) => warn(`Dispatch failed, try ${asText(d.attempt)}: ${asText(d.error)}`),
  'dispatch.waiting_for_worker': (d) => warn(`⏳ ${asText(d.message)}`),
  'dispatch.alarm': (d) => bad(`❌ ${asText(d.message)}`),
  'system.process': (d) => plain(processLine(d)),
  'system.timeline_full': () => warn('The timeline of this call is full: nothing more is kept'),
};

/**
 * The line of an event in the console; null for most events.
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Words|null}
 */
export function lineOf(event) {
  const isOurs = event.source === 'browser' || event.source === 'agent';
  const words = (isOurs ? LINES : LINES_OF_OTHERS)[topicOf(event)]?.(event.data) ?? null;
  if (!words || words.text.length <= MOST_CHARACTERS) return words;
  const dropped = words.text.length - MOST_CHARACTERS;
  return { ...words, text: `${words.text.slice(0, MOST_CHARACTERS)}… (${dropped} characters cut)` };
}

/** Only the settings that this call has otherwise than usual. @param {Data} data */
function settingsLine(data) {
  const names = Array.isArray(data.changed) ? data.changed.map(asText) : [];
  const ignored = Array.isArray(data.ignored) ? data.ignored.map(asText) : [];
  const settings = [
    ...names.map((name) => `${name} ${asText(data[name])}`),
    ...ignored.map((name) => `${name} is ignored`),
  ];
  return settings.length ? plain(`Agent job: listens with ${settings.join(', ')}`) : null;
}

/** @param {Data} data */
function turnLine(data) {
  const ms = Object.fromEntries(
    Object.entries(asRecord(data.ms)).map(([mark, at]) => [mark, asNumber(at)]),
  );
  const parts = segments(ms).map(({ label, at }) => `${label} ${Math.round(at)}`);
  const interrupted = data.interrupted ? ', interrupted' : '';
  const times = parts.length ? ` (ms after the caller’s speech: ${parts.join(', ')})` : '';
  return `Turn ${asText(data.turn)}${interrupted}${times}`;
}

/** @param {Data} data */
function processLine(data) {
  const detail = asText(data.detail);
  return `${asText(data.name)} is ${asText(data.state)}${detail ? ` (${detail})` : ''}`;
}

/** @param {Data} data */
function mutedLine({ muted, by }) {
  const who = by === 'system' ? ' by this computer' : by === 'server' ? ' by the server' : '';
  return muted ? `🔇 Microphone muted${who}` : `🎤 Microphone unmuted${who}`;
}

/** @param {Data} data */
function problem(data) {
  return [asText(data.what), asText(data.next)].filter(Boolean).join(' ');
}

/** @param {string} text @returns {Words} */
function plain(text) {
  return { tone: 'plain', text };
}
/** @param {string} text @returns {Words} */
function good(text) {
  return { tone: 'good', text };
}
/** @param {string} text @returns {Words} */
function warn(text) {
  return { tone: 'warn', text };
}
/** @param {string} text @returns {Words} */
function bad(text) {
  return { tone: 'bad', text };
}

/** Lines kept; the oldest go first, and the console says how many went. */
export const MOST_LINES = 2000;

/**
 * @typedef {object} Line
 * @property {number} number counts from 1, never reused
 * @property {number} at seconds since 1970 at which the page learned of it
 * @property {Tone} tone
 * @property {string} text
 *
 * @typedef {object} Console
 * @property {Line[]} lines
 * @property {number} cut lines that were dropped
 */

/** @type {Console} */
export const initialConsole = { lines: [], cut: 0 };

/**
 * @param {Console} console
 * @param {import('../types.js').VoiceEvent} event
 * @param {Words[]} [consequences] lines that follow the event's own
 * @returns {Console}
 */
export function reduceConsole(console, event, consequences = []) {
  if (topicOf(event) === 'console.cleared') return initialConsole;
  const own = lineOf(event);
  const news = own ? [own, ...consequences] : consequences;
  if (news.length === 0) return console;
  const last = console.lines.at(-1)?.number ?? console.cut;
  const at = event.seen ?? event.at;
  const lines = [
    ...console.lines,
    ...news.map((words, index) => ({ number: last + index + 1, at, ...words })),
  ];
  const tooMany = Math.max(0, lines.length - MOST_LINES);
  return { lines: lines.slice(tooMany), cut: console.cut + tooMany };
}

/** What the copy button copies. @param {Console} console */
export function consoleText({ lines, cut }) {
  const first = cut ? [cutSentence(cut)] : [];
  return [...first, ...lines.map((line) => `${clock(line.at)} ${line.text}`)].join('\n') + '\n';
}

/** @param {number} cut */
export function cutSentence(cut) {
  return `(${cut} earlier lines were cut; the console keeps ${MOST_LINES})`;
}
