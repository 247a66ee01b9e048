/**
 * How the agent listens in the next call: what can be set, and what this person has set otherwise.
 */

import { asNumber, asRecord, asRecords, asText } from './read.js';

/** @typedef {number|boolean} Value */

/**
 * @typedef {object} Tunable a setting that a call may have otherwise
 * @property {string} name
 * @property {Value} usual
 * @property {number|null} least null for one that is on or off
 * @property {number|null} most
 * @property {string} help
 */

/**
 * @typedef {object} Listening
 * @property {Tunable[]} tunables as the proxy lists them
 * @property {Record<string, Value>} wanted what was set; one that no call can have is never sent
 */

/** @type {Listening} */
export const initialListening = { tunables: [], wanted: {} };

const SHORTER = 'endpointing_min_delay';
const LONGER = 'endpointing_max_delay';

/**
 * @param {Listening} listening
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Listening}
 */
export function reduceListening(listening, event) {
  if (event.stage !== null) return listening;
  const { data } = event;
  switch (event.name) {
    case 'config.loaded':
      return { ...listening, tunables: asRecords(data.listening).flatMap(tunable) };
    case 'listening.remembered':
      return { ...listening, wanted: values(asRecord(data.wanted)) };
    case 'listening.set':
      return {
        ...listening,
        wanted: { ...listening.wanted, ...values({ [asText(data.name)]: data.value }) },
      };
    case 'listening.reset':
      return { ...listening, wanted: {} };
    default:
      return listening;
  }
}

/**
 * What the next call shall have otherwise than usual.
 * @param {Listening} listening
 * @returns {Record<string, Value>}
 */
export function changes({ tunables, wanted }) {
  const changed = tunables.filter((each) => {
    const value = wanted[each.name];
    return value !== undefined && value !== each.usual && !outside(each, value);
  });
  const found = Object.fromEntries(changed.map(({ name }) => [name, wanted[name] ?? false]));
  const inOrder = valueOf(tunables, found, SHORTER) <= valueOf(tunables, found, LONGER);
  if (inOrder) return found;
  // Each was possible when it was set; the usual value of the other has changed since.
  const { [SHORTER]: _shorter, [LONGER]: _longer, ...rest } = found;
  return rest;
}

/**
 * Why a call cannot have this value; '' when it can.
 * @param {Listening} listening
 * @param {string} name
 * @param {Value} value
 */
export function refusal(listening, name, value) {
  const { tunables } = listening;
  const one = tunables.find((each) => each.name === name);
  if (!one) return 'There is no such setting.';
  if (outside(one, value)) return `From ${one.least} to ${one.most}.`;
  const next = { ...changes(listening), [name]: value };
  if (valueOf(tunables, next, SHORTER) <= valueOf(tunables, next, LONGER)) return '';
  return name === SHORTER
    ? `At most ${valueOf(tunables, next, LONGER)}, as after an unfinished sentence.`
    : `At least ${valueOf(tunables, next, SHORTER)}, as after a complete sentence.`;
}

/** @param {Tunable} one @param {Value} value */
function outside({ least, most, usual }, value) {
  if (typeof value !== typeof usual) return true;
  if (typeof value === 'boolean') return false;
  return !Number.isFinite(value) || value < (least ?? -Infinity) || value > (most ?? Infinity);
}

/** @param {Tunable[]} tunables @param {Record<string, Value>} changed @param {string} name */
function valueOf(tunables, changed, name) {
  return Number(changed[name] ?? tunables.find((each) => each.name === name)?.usual ?? 0);
}

/** @param {Record<string, unknown>} each @returns {Tunable[]} */
function tunable(each) {
  const usual = typeof each.default === 'boolean' ? each.default : asNumber(each.default);
  if (usual === null) return [];
  const [least, most] = [asNumber(each.least), asNumber(each.most)];
  return [{ name: asText(each.name), usual, least, most, help: asText(each.help) }];
}

/** @param {Record<string, unknown>} found @returns {Record<string, Value>} */
function values(found) {
  return /** @type {Record<string, Value>} */ (
    Object.fromEntries(
      Object.entries(found).filter(([, value]) => ['number', 'boolean'].includes(typeof value)),
    )
  );
}
