/** What a screen reader says when a verdict changes: that a stage fails, and that it works again. */

import { firstFailing } from './stages.js';

/**
 * @typedef {object} Announced
 * @property {import('../types.js').Stage|null} stage that fails
 * @property {string} text
 */

/** @type {Announced} */
export const NOTHING_ANNOUNCED = { stage: null, text: '' };

/**
 * @param {Announced} before
 * @param {import('./stage-rules.js').Stages} verdicts
 * @returns {Announced} the same object if there is nothing new to say
 */
export function announcement(before, verdicts) {
  const stage = firstFailing(verdicts);
  if (stage) {
    const { sentence, next } = verdicts[stage];
    const text = `${stage} fails: ${sentence}${next ? ` Next step: ${next}` : ''}`;
    return text === before.text ? before : { stage, text };
  }
  // A stage that is tried again is not well yet.
  if (!before.stage || verdicts[before.stage].state === 'waiting') return before;
  const mended = verdicts[before.stage].state === 'ok';
  return { stage: null, text: mended ? `${before.stage} works again.` : '' };
}
