/**
 * What this page says by itself: only what the proxy cannot know while it is out of reach. That is
 * that it is out of reach, and what this browser met on its way into the call.
 */

import { asNumber, asText } from './read.js';
import { ofEachStage, topicOf, verdict } from './stages.js';

/**
 * @typedef {import('../types.js').Verdict} Verdict
 * @typedef {import('./stages.js').Verdicts} Verdicts
 * @typedef {Partial<Verdicts>} Met what this browser met, by stage
 * @typedef {Record<string, unknown>} Data
 */

/** What is said of a stage that only the proxy can judge. */
const UNKNOWN = { sentence: 'Only the proxy can tell, and it does not answer.' };

/** @type {Met} */
export const initialMet = {};

/** @type {Record<string, (data: Data) => Verdict>} by stage and name of this browser's events */
const MET = {
  'token.requested': () => waiting('Asking the proxy for a token.'),
  'token.received': (d) => ok('The proxy gave a token.', d),
  'token.failed': failing,
  'token.room_mismatch': failing,
  'signal.connecting': (d) => waiting(`Connecting to ${asText(d.url)}.`),
  'signal.connected': (d) => ok('The signal connection is open.', d),
  'signal.reconnecting': () => waiting('The signal connection is lost; reconnecting.'),
  'signal.failed': failing,
  'media.connected': (d) => ok('Sound has a path to the server.', d),
  'media.reconnecting': () => waiting('The connection is lost; reconnecting.'),
  'media.reconnected': (d) => ok('Connected again.', d),
  'media.failed': failing,
  'hear.microphone_enabling': () => waiting('Asking for the microphone.'),
  'hear.microphone_on': (d) => ok(`${asText(d.label) || 'The microphone'} is on.`, d),
  'hear.microphone_failed': failing,
  'hear.muted': (d) => (d.muted ? muted(d) : ok('The microphone is on.')),
  'play.audio_blocked': () =>
    failing({ what: 'The browser holds the sound back.', next: 'Press Start audio.' }),
  'play.audio_started': () => ok('Sound is on.'),
};

/**
 * @param {Met} met
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Met}
 */
export function reduceMet(met, event) {
  const { stage, source, data } = event;
  if (stage === null || source !== 'browser') return met;
  const topic = topicOf(event);
  if (topic === 'media.disconnected') return ended(met, data);
  const verdictFor = MET[topic];
  if (!verdictFor) return met;
  const before = topic === 'token.requested' ? initialMet : met;
  // A connection that came back as a whole has its signal, too.
  const both = topic === 'media.reconnected' ? { signal: ok('Open again.') } : {};
  return { ...before, ...both, [stage]: { ...verdictFor(data), since: event.at } };
}

/**
 * The verdicts to show: the proxy's while it can be asked, else the page's own few.
 * @param {object} known
 * @param {Met} known.met
 * @param {import('./server-verdicts.js').ServerVerdicts} known.server
 * @param {import('../types.js').Problem|null} known.gone why the proxy is out of reach
 * @param {boolean} known.calling a call is going on
 * @returns {{verdicts: Verdicts, judge: 'proxy'|'page'}}
 */
export function shownVerdicts({ met, server, gone, calling }) {
  const { stages, system } = server;
  if (!gone && stages) {
    const verdicts = calling || !system ? stages : { ...stages, system };
    return { verdicts, judge: 'proxy' };
  }
  const rest = gone && calling ? UNKNOWN : {};
  const verdicts = ofEachStage((stage) => met[stage] ?? verdict(rest));
  if (gone) {
    verdicts.system = { ...failing({ ...gone }), cause: 'proxy-down' };
    // No token comes from a proxy that does not answer: that is one trouble, not two.
    if (verdicts.token.state === 'failing') {
      verdicts.token = verdict({ state: 'not reached', sentence: 'Stopped at system.' });
    }
  } else {
    verdicts.system = system ?? verdict({ sentence: 'The proxy is asked how the system is.' });
  }
  const isProxys = !gone && system !== null && Object.keys(met).length === 0;
  return { verdicts, judge: isProxys ? 'proxy' : 'page' };
}

/** A call that is over waits for nothing. @param {Met} met @param {Data} data @returns {Met} */
function ended(met, data) {
  const settled = Object.entries(met).map(([stage, last]) => [
    stage,
    last.state === 'waiting'
      ? verdict({ state: 'not reached', sentence: 'The call ended before.' })
      : last,
  ]);
  return { ...Object.fromEntries(settled), ...(data.intended ? {} : { media: failing(data) }) };
}

/** @param {Data} data */
function muted({ by }) {
  const who = by === 'system' ? 'by this computer' : by === 'server' ? 'by the server' : 'by you';
  const next = by === 'system' ? 'Look at the keyboard and the system settings.' : 'Press Unmute.';
  return { ...waiting(`The microphone is muted ${who}.`), next };
}

/** @param {string} sentence */
function waiting(sentence) {
  return verdict({ state: 'waiting', sentence });
}

/** @param {string} sentence @param {Data} [data] with the time it took, as `ms` */
function ok(sentence, data = {}) {
  return verdict({ state: 'ok', sentence, ms: asNumber(data.ms) });
}

/** @param {Data} data */
function failing({ what, next }) {
  return verdict({ state: 'failing', sentence: asText(what), next: asText(next) });
}
