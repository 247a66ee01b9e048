/**
 * A verdict for each of the twelve stages, as far as the page can tell by itself.
 *
 * Pure, and in the shape of the server's verdicts, so that theirs can take its place.
 */

import { processTrouble, processVerdict, processesOf } from './health.js';
import { STAGES } from './stage-names.js';
import { changesBy, failing, ok, waiting } from './stage-rules.js';

/** Events kept as a stage's evidence. */
export const MOST_EVIDENCE = 12;

/** Comes each second, and says nothing that a figure would not say better. */
const PROVES_NOTHING = new Set(['stats']);

/** @typedef {import('./stage-rules.js').Stages} Stages */

/** @type {Stages} */
export const initialStages = /** @type {Stages} */ (
  Object.fromEntries(STAGES.map((stage) => [stage, notReached()]))
);

/**
 * @param {Stages} stages
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Stages}
 */
export function reduceStages(stages, event) {
  if (event.stage === null) return systemVerdict(stages, event);
  // What the proxy and the server report is for the proxy to judge; here it is evidence only.
  if (event.source !== 'browser' && event.source !== 'agent') return withEvidence(stages, event);
  if (PROVES_NOTHING.has(event.name)) return stages;
  // Drafts of words come many times a second and prove nothing that the final ones do not.
  if (event.name === 'segment' && event.data.final !== true) return stages;
  if (event.stage === 'token' && event.name === 'requested') {
    return apply({ ...initialStages, system: stages.system }, event);
  }
  if (event.stage === 'media' && event.name === 'disconnected') return ended(stages, event);
  return apply(stages, event);
}

/** The earliest stage that fails, or null. @param {Stages} stages */
export function firstFailing(stages) {
  return STAGES.find((stage) => stages[stage].state === 'failing') ?? null;
}

/**
 * The verdicts as they are shown: only the earliest failing stage fails, what waits or fails behind
 * it is not reached, for its own trouble would be an echo.
 * @param {Stages} stages
 * @returns {Stages}
 */
export function verdictsOf(stages) {
  const first = firstFailing(stages);
  // A microphone that fails stops nobody: the call goes on with typed text.
  if (!first || first === 'hear') return stages;
  const shown = { ...stages };
  for (const stage of STAGES.slice(STAGES.indexOf(first) + 1)) {
    if (shown[stage].state === 'waiting' || shown[stage].state === 'failing') {
      const sentence = `Stopped at ${first}.`;
      shown[stage] = { ...shown[stage], state: 'not reached', sentence, next: '' };
    }
  }
  return shown;
}

/** @param {Stages} stages @param {import('../types.js').VoiceEvent} event @returns {Stages} */
function apply(stages, event) {
  const changes = changesBy(event, stages);
  const next = { ...stages };
  for (const stage of STAGES) {
    const change = changes[stage];
    // An event is evidence for its own stage, and for each that it says something of.
    if (!change && stage !== event.stage) continue;
    const before = next[stage];
    // That a stage should come next does not mend it; only its own events do.
    if (change?.state === 'waiting' && before.state === 'failing' && stage !== event.stage)
      continue;
    const isOther = change?.state !== undefined && change.state !== before.state;
    next[stage] = {
      ...before,
      ...change,
      ms: change?.ms ?? before.ms,
      since: isOther || change?.state === 'waiting' ? (event.seen ?? event.at) : before.since,
      evidence: [...before.evidence, event].slice(-MOST_EVIDENCE),
    };
  }
  return next;
}

/** @param {Stages} stages @param {import('../types.js').VoiceEvent} event @returns {Stages} */
function withEvidence(stages, event) {
  const stage = /** @type {import('../types.js').Stage} */ (event.stage);
  const evidence = [...stages[stage].evidence, event].slice(-MOST_EVIDENCE);
  return { ...stages, [stage]: { ...stages[stage], evidence } };
}

/**
 * A call that is over keeps what it showed, but waits for nothing.
 * @param {Stages} stages
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Stages}
 */
function ended(stages, event) {
  const next = { ...stages };
  for (const stage of STAGES) {
    if (stage !== 'system' && next[stage].state === 'waiting') {
      next[stage] = { ...next[stage], state: 'not reached', sentence: 'The call ended before.' };
    }
  }
  const evidence = [...next.media.evidence, event].slice(-MOST_EVIDENCE);
  next.media = event.data.intended
    ? { ...next.media, evidence }
    : { ...next.media, ...failing(event.data), evidence };
  return next;
}

/** @param {Stages} stages @param {import('../types.js').VoiceEvent} event @returns {Stages} */
function systemVerdict(stages, event) {
  const change = systemChange(event);
  if (!change) return stages;
  const same = change.state === stages.system.state && change.sentence === stages.system.sentence;
  if (same) return stages;
  const { evidence } = stages.system;
  return { ...stages, system: { ...notReached(), ...change, since: event.at, evidence } };
}

/**
 * @param {import('../types.js').VoiceEvent} event
 * @returns {import('./stage-rules.js').Change|null}
 */
function systemChange(event) {
  if (event.name === 'health.unreachable') return { ...failing(event.data), cause: 'proxy-down' };
  if (event.name !== 'health.checked') return null;
  const processes = processesOf(event.data);
  const failed = processes.find((each) => processVerdict(each) === 'failing');
  if (failed) {
    return failing({
      what: processTrouble(failed),
      next: `In a terminal: ./restart_voice_system.sh ${failed.name}`,
    });
  }
  const late = processes.find((each) => processVerdict(each) === 'waiting');
  if (late) return waiting(`${late.name}: ${late.detail || late.state}`);
  return ok('Every process is ready.');
}

/** @returns {import('../types.js').Verdict} */
function notReached() {
  return {
    state: 'not reached',
    cause: '',
    sentence: 'Not reached yet.',
    next: '',
    ms: null,
    usualMs: null,
    since: null,
    quotes: [],
    evidence: [],
  };
}
