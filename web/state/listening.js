/**
 * How the agent listens in the next call: what can be set, and what this person has chosen.
 */

import { asNumber, asRecord, asRecords, asText } from './read.js';
import { topicOf } from './stages.js';

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
 * @property {Record<string, Value>} choices of this person; one that no call can have is never sent
 */

/** @type {Listening} */
export const initialListening = { tunables: [], choices: {} };

const SHORTER = 'endpointing_min_delay';
const LONGER = 'endpointing_max_delay';

/**
 * @param {Listening} listening
 * @param {import('../types.js').VoiceEvent} event
 * @returns {Listening}
 */
export function reduceListening(listening, event) {
  const { data } = event;
  switch (topicOf(event)) {
    case 'config.loaded':
      return { ...listening, tunables: asRecords(data.listening).flatMap(readTunable) };
    case 'listening.remembered':
      return { ...listening, choices: values(asRecord(data.choices)) };
    case 'listening.set':
      return {
        ...listening,
        choices: { ...listening.choices, ...values({ [asText(data.name)]: data.value }) },
      };
    case 'listening.reset':
      return { ...listening, choices: {} };
    default:
      return listening;
  }
}

/**
 * What the next call shall have otherwise than usual.
 * @param {Listening} listening
 * @returns {Record<string, Value>}
 */
export function changes({ tunables, choices }) {
  const otherwise = tunables.filter((tunable) => {
    const value = choices[tunable.name];
    return value !== undefined && value !== tunable.usual && !outside(tunable, value);
  });
  const changed = Object.fromEntries(otherwise.map(({ name }) => [name, choices[name] ?? false]));
  const inOrder = valueOf(tunables, changed, SHORTER) <= valueOf(tunables, changed, LONGER);
  if (inOrder) return changed;
  // Each was possible when it was set; the usual value of the other has changed since.
  const { [SHORTER]: _shorter, [LONGER]: _longer, ...rest } = changed;
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
  const tunable = tunables.find((candidate) => candidate.name === name);
  if (!tunable) return 'There is no such setting.';
  if (outside(tunable, value)) return `From ${tunable.least} to ${tunable.most}.`;
  const next = { ...changes(listening), [name]: value };
  if (valueOf(tunables, next, SHORTER) <= valueOf(tunables, next, LONGER)) return '';
  return name === SHORTER
    ? `At most ${valueOf(tunables, next, LONGER)}, as after an unfinished sentence.`
    : `At least ${valueOf(tunables, next, SHORTER)}, as after a complete sentence.`;
}

/** @param {Tunable} tunable @param {Value} value */
function outside({ least, most, usual }, value) {
  if (typeof value !== typeof usual) return true;
  if (typeof value === 'boolean') return false;
  return !Number.isFinite(value) || value < (least ?? -Infinity) || value > (most ?? Infinity);
}

/** @param {Tunable[]} tunables @param {Record<string, Value>} changed @param {string} name */
function valueOf(tunables, changed, name) {
  return Number(changed[name] ?? tunables.find((tunable) => tunable.name === name)?.usual ?? 0);
}

/** @param {Record<string, unknown>} row @returns {Tunable[]} empty when it is none */
function readTunable(row) {
  const usual = typeof row.default === 'boolean' ? row.default : asNumber(row.default);
  if (usual === null) return [];
  const [least, most] = [asNumber(row.least), asNumber(row.most)];
  return [{ name: asText(row.name), usual, least, most, help: asText(row.help) }];
}

/** @param {Record<string, unknown>} record @returns {Record<string, Value>} */
function values(record) {
  return /** @type {Record<string, Value>} */ (
    Object.fromEntries(
      Object.entries(record).filter(([, value]) => ['number', 'boolean'].includes(typeof value)),
    )
  );
}
