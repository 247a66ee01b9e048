/** The twelve stages of a call: their names, their verdicts, and the last events of each. */

/** @typedef {import('../types.js').Stage} Stage */
/** @typedef {import('../types.js').Verdict} Verdict */
/** @typedef {Record<Stage, Verdict>} Verdicts */

/** @type {Stage[]} in the order in which a call reaches them */
export const STAGES = [
  'system',
  'token',
  'signal',
  'media',
  'dispatch',
  'job',
  'join',
  'hear',
  'transcribe',
  'think',
  'speak',
  'play',
];

/**
 * What an event is called: `stage.name` when it is one of a call, such as `token.requested`; its
 * bare name when it is one of the page's own life, such as `agents.loaded`.
 * @param {Pick<import('../types.js').VoiceEvent, 'stage'|'name'>} event
 */
export function topicOf({ stage, name }) {
  return stage === null ? name : `${stage}.${name}`;
}

/** Two times that differ by less are the same time, reported twice. */
const SAME_S = 0.5;

/**
 * @param {Partial<Verdict>} [parts] that differ from those of a stage of which nothing was seen
 * @returns {Verdict}
 */
export function verdict(parts = {}) {
  return {
    state: 'not seen yet',
    cause: '',
    sentence: 'Not seen yet.',
    next: '',
    ms: null,
    usualMs: null,
    since: null,
    quotes: [],
    ...parts,
  };
}

/**
 * @template Value
 * @param {(stage: Stage) => Value} valueOf
 * @returns {Record<Stage, Value>}
 */
export function ofEachStage(valueOf) {
  return /** @type {Record<Stage, Value>} */ (
    Object.fromEntries(STAGES.map((stage) => [stage, valueOf(stage)]))
  );
}

/** The earliest stage that fails, or null. @param {Verdicts} verdicts */
export function firstFailing(verdicts) {
  return STAGES.find((stage) => verdicts[stage].state === 'failing') ?? null;
}

/**
 * Verdicts that have not changed are the same objects as before: nothing is drawn again for them.
 * @param {Verdicts} before
 * @param {Verdicts} now
 * @returns {Verdicts}
 */
export function keepUnchanged(before, now) {
  const kept = ofEachStage((stage) =>
    isSame(before[stage], now[stage]) ? before[stage] : now[stage],
  );
  return STAGES.every((stage) => kept[stage] === before[stage]) ? before : kept;
}

/** @param {Verdict} before @param {Verdict} now */
function isSame(before, now) {
  // An answer takes a little more or less time on its way here each time.
  const sameSince = Math.abs((before.since ?? 0) - (now.since ?? 0)) < SAME_S;
  const rest = (/** @type {Verdict} */ all) => JSON.stringify({ ...all, since: null });
  return sameSince && rest(before) === rest(now);
}

/**
 * @typedef {object} Announcement what a screen reader says when a verdict changes
 * @property {Stage|null} stage that fails
 * @property {string} text
 */

/** @type {Announcement} */
export const NO_ANNOUNCEMENT = { stage: null, text: '' };

/**
 * Announces that a stage fails, and that it works again.
 * @param {Announcement} before
 * @param {Verdicts} verdicts
 * @returns {Announcement} the same object if there is nothing new to say
 */
export function announce(before, verdicts) {
  const stage = firstFailing(verdicts);
  if (stage) {
    const { sentence, next } = verdicts[stage];
    const text = `${stage} fails: ${sentence}${next ? ` Next step: ${next}` : ''}`;
    return text === before.text ? before : { stage, text };
  }
  // A stage that is tried again does not work yet.
  if (!before.stage || verdicts[before.stage].state === 'waiting') return before;
  const works = verdicts[before.stage].state === 'ok';
  return { stage: null, text: works ? `${before.stage} works again.` : '' };
}

/** Words that come as drafts before they are final. */
const DRAFTED = new Set(['transcribe.segment', 'speak.segment']);

/** Events kept of a stage; the oldest go first. */
export const MOST_EVIDENCE = 12;

/** @typedef {import('../types.js').VoiceEvent} VoiceEvent */
/** @typedef {Record<import('../types.js').Stage, VoiceEvent[]>} Evidence oldest first */

/** @type {Evidence} */
export const initialEvidence = ofEachStage(() => []);

/**
 * @param {Evidence} evidence
 * @param {VoiceEvent} event
 * @returns {Evidence}
 */
export function reduceEvidence(evidence, event) {
  const { stage, source, data } = event;
  if (stage === null) return evidence;
  const topic = topicOf(event);
  // Figures come each second, drafts of words many times a second: neither tells a reader anything.
  const isFigure = topic === 'media.stats';
  const isDraft = DRAFTED.has(topic) && data.final !== true;
  if (isFigure || isDraft) return evidence;
  const isNewCall = topic === 'token.requested' && source === 'browser';
  const before = isNewCall ? { ...initialEvidence, system: evidence.system } : evidence;
  return { ...before, [stage]: [...before[stage], event].slice(-MOST_EVIDENCE) };
}
