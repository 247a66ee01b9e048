/** Events come by more than one way: from the agent directly, and from the timeline. Each once. */

/** What is remembered; an event comes again within seconds or never. */
const MOST = 5000;

/** @type {Set<string>} */
const seen = new Set();

/** Whether this event was not here before. @param {import('../types.js').VoiceEvent} event */
export function isNew({ key, source, at, stage, name }) {
  const id = key ? `${source} ${key}` : `${source} ${at} ${stage} ${name}`;
  if (seen.has(id)) return false;
  seen.add(id);
  if (seen.size > MOST) seen.delete(/** @type {string} */ (seen.values().next().value));
  return true;
}
