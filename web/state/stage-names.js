/** The twelve stages of a call. */

/** @type {import('../types.js').Stage[]} in the order in which a call reaches them */
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
