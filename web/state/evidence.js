/** The last events of each stage: what a reader can look up beside the stage's verdict. */

import { ofEachStage } from './stages.js';

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
  const { stage, name, source, data } = event;
  if (stage === null) return evidence;
  // Figures come each second, drafts of words many times a second: neither tells a reader anything.
  const isFigure = name === 'stats' && source === 'browser';
  const isDraft = name === 'segment' && data.final !== true;
  if (isFigure || isDraft) return evidence;
  const isNewCall = source === 'browser' && stage === 'token' && name === 'requested';
  const before = isNewCall ? { ...initialEvidence, system: evidence.system } : evidence;
  return { ...before, [stage]: [...before[stage], event].slice(-MOST_EVIDENCE) };
}
