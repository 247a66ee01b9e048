/**
 * What the proxy says of the stages: of the call while its stream is there, else of the system only.
 */

import { asNumber, asRecord, asRecords, asText } from './read.js';
import { STAGES } from './stage-names.js';

/**
 * @typedef {import('../types.js').Verdict} Verdict
 * @typedef {import('./stage-rules.js').Stages} Stages
 *
 * @typedef {object} Told
 * @property {boolean} live the stream of the room's verdicts is there
 * @property {string} call the proxy's id of the call
 * @property {Stages|null} stages all of them, once the proxy has judged the call
 * @property {Verdict|null} system as the proxy judges it between two calls
 */

/** @type {Told} */
export const initialTold = { live: false, call: '', stages: null, system: null };

/** Two times that differ by less are one, told twice. */
const SAME_S = 0.5;

const STATES = /** @type {const} */ (['ok', 'waiting', 'failing', 'not reached']);

/**
 * @param {Told} told
 * @param {import('../types.js').VoiceEvent} event
 * @param {boolean} calling a call is going on
 * @returns {Told}
 */
export function reduceTold(told, event, calling) {
  const { data } = event;
  if (event.stage === 'token' && event.name === 'requested') {
    return { ...told, live: false, call: '', stages: null };
  }
  if (event.stage !== null) return told;
  switch (event.name) {
    case 'verdicts.told': {
      const stages = unchanged(told.stages, toldStages(data, event.at));
      const call = asText(data.call);
      // A call that is over keeps what was said of it, whatever comes next in its room.
      const other = !calling && told.stages !== null && call !== told.call;
      if (other) return { ...told, live: true, system: stages.system };
      return { live: true, call, stages, system: stages.system };
    }
    case 'verdicts.lost':
      return { ...told, live: false };
    case 'verdicts.system':
      return { ...told, system: unchangedVerdict(told.system, toldStages(data, event.at).system) };
    case 'health.unreachable':
      return { ...told, live: false, system: null };
    default:
      return told;
  }
}

/**
 * The stages as they are shown: the proxy's where it is heard, else the page's own.
 * @param {Stages} own
 * @param {Told} told
 * @param {boolean} calling a call is going on
 * @returns {{verdicts: Stages, judge: 'proxy'|'page'}}
 */
export function shownVerdicts(own, { live, stages, system }, calling) {
  // A proxy that is gone judges nobody, itself least of all.
  if (own.system.cause === 'proxy-down') return { verdicts: own, judge: 'page' };
  if (stages && (live || !calling)) {
    return { verdicts: calling || !system ? stages : { ...stages, system }, judge: 'proxy' };
  }
  if (!system || calling) return { verdicts: own, judge: 'page' };
  return { verdicts: { ...own, system }, judge: 'proxy' };
}

/**
 * The verdicts in an answer of the proxy. Its clock may differ from this page's: times since when a
 * stage is as it is are told by ours.
 * @param {Record<string, unknown>} answer
 * @param {number} at when it came, by our clock
 * @returns {Stages}
 */
export function toldStages(answer, at) {
  const said = asRecords(answer.verdicts);
  const ahead = (asNumber(answer.now) ?? at) - at;
  return /** @type {Stages} */ (
    Object.fromEntries(
      STAGES.map((stage) => [
        stage,
        toldVerdict(said.find((each) => each.stage === stage) ?? {}, ahead),
      ]),
    )
  );
}

/** @param {Record<string, unknown>} said @param {number} ahead @returns {Verdict} */
function toldVerdict(said, ahead) {
  const since = asNumber(said.since);
  return {
    state: STATES.find((each) => each === said.state) ?? 'not reached',
    cause: asText(said.cause),
    sentence: asText(said.sentence) || 'Not reached yet.',
    next: asText(said.next),
    ms: asNumber(said.ms),
    usualMs: asNumber(said.usual_ms),
    since: since === null ? null : since - ahead,
    quotes: asRecords(said.evidence).map((each) => ({
      text: asText(asRecord(each).text),
      source: asText(each.source),
      at: asNumber(each.at),
    })),
    evidence: [],
  };
}

/**
 * Verdicts that say what they said are the same objects: nothing is drawn anew for them.
 * @param {Stages|null} before
 * @param {Stages} now
 * @returns {Stages}
 */
function unchanged(before, now) {
  if (!before) return now;
  return /** @type {Stages} */ (
    Object.fromEntries(STAGES.map((stage) => [stage, unchangedVerdict(before[stage], now[stage])]))
  );
}

/** @param {Verdict|null} before @param {Verdict} now */
function unchangedVerdict(before, now) {
  // The answer's way here takes a little more or less time each time.
  const sameSince = Math.abs((before?.since ?? 0) - (now.since ?? 0)) < SAME_S;
  const said = (/** @type {Verdict|null} */ each) => JSON.stringify({ ...each, since: null });
  return before && sameSince && said(before) === said(now) ? before : now;
}
