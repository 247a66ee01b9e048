/** The proxy's verdicts: of the call while there is one, else of the system only. */

import { asNumber, asRecord, asRecords, asText } from './read.js';
import { ofEachStage, topicOf, verdict } from './stages.js';

/**
 * @typedef {import('../types.js').Verdict} Verdict
 * @typedef {import('./stages.js').Verdicts} Verdicts
 *
 * @typedef {object} ServerVerdicts
 * @property {string} call the proxy's id of the judged call
 * @property {Verdicts|null} stages null until the proxy has judged the call
 * @property {Verdict|null} system also judged while there is no call; null if not known
 */

/** @type {ServerVerdicts} */
export const initialServerVerdicts = { call: '', stages: null, system: null };

const STATES = /** @type {const} */ ([
  'ok',
  'waiting',
  'failing',
  'not seen yet',
  'not told',
  'not reached',
]);

/**
 * @param {ServerVerdicts} server
 * @param {import('../types.js').VoiceEvent} event
 * @param {boolean} calling a call is going on
 * @returns {ServerVerdicts}
 */
export function reduceServerVerdicts(server, event, calling) {
  const { data } = event;
  switch (topicOf(event)) {
    case 'token.requested':
      return { ...server, call: '', stages: null };
    case 'verdicts.call': {
      const stages = readVerdicts(data, event.at);
      const call = asText(data.call);
      // A call that is over keeps its verdicts when another one begins in its room.
      const isOther = !calling && server.stages !== null && call !== server.call;
      const { system } = stages;
      return isOther ? { ...server, system } : { call, stages, system };
    }
    case 'verdicts.system':
      return { ...server, system: readVerdicts(data, event.at).system };
    case 'health.unreachable':
      return { ...server, stages: null, system: null };
    default:
      return server;
  }
}

/**
 * The verdicts in an answer of the proxy. The proxy's clock may differ from this page's: `since` is
 * turned into a time of the page's clock.
 * @param {Record<string, unknown>} answer
 * @param {number} at when it came, in seconds since 1970 by the page's clock
 * @returns {Verdicts}
 */
export function readVerdicts(answer, at) {
  const rows = asRecords(answer.verdicts);
  const ahead = (asNumber(answer.now) ?? at) - at;
  return ofEachStage((stage) => readVerdict(rows.find((row) => row.stage === stage) ?? {}, ahead));
}

/** @param {Record<string, unknown>} row @param {number} ahead seconds @returns {Verdict} */
function readVerdict(row, ahead) {
  const since = asNumber(row.since);
  return verdict({
    state: STATES.find((state) => state === row.state) ?? 'not seen yet',
    cause: asText(row.cause),
    ...(asText(row.sentence) && { sentence: asText(row.sentence) }),
    next: asText(row.next),
    ms: asNumber(row.ms),
    usualMs: asNumber(row.usual_ms),
    since: since === null ? null : since - ahead,
    quotes: asRecords(row.evidence).map((quote) => ({
      text: asText(asRecord(quote).text),
      source: asText(quote.source),
      at: asNumber(quote.at),
    })),
  });
}
