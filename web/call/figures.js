/**
 * What the browser's statistics of a call's connections say, in figures of the last second. Pure.
 */

import { asNumber, asText } from '../state/read.js';

/** What is told of a server with many networks. */
const MOST_ADDRESSES = 8;
/** A path on which nothing comes for so long is worth a word: some packet comes every half second. */
const SILENT_S = 1;

/** @typedef {Record<string, any>} Stat one entry of a statistics report */

/**
 * @typedef {object} Totals what only grows, to be compared with what it was
 * @property {number} bytesIn
 * @property {number} bytesOut
 * @property {number} received packets
 * @property {number} lost packets
 * @property {number} energyIn of the microphone, in seconds of full scale
 * @property {number} secondsIn
 * @property {number} energyOut of the agent's voice
 * @property {number} secondsOut
 */

/**
 * The totals of all reports of a call.
 * @param {Stat[]} stats
 * @returns {Totals}
 */
export function totals(stats) {
  const sum = (/** @type {string} */ type, /** @type {string} */ field) =>
    ofKind(stats, type).reduce((so, stat) => so + (asNumber(stat[field]) ?? 0), 0);
  return {
    bytesIn: sum('inbound-rtp', 'bytesReceived'),
    bytesOut: sum('outbound-rtp', 'bytesSent'),
    received: sum('inbound-rtp', 'packetsReceived'),
    lost: sum('inbound-rtp', 'packetsLost'),
    energyIn: sum('media-source', 'totalAudioEnergy'),
    secondsIn: sum('media-source', 'totalSamplesDuration'),
    energyOut: sum('inbound-rtp', 'totalAudioEnergy'),
    secondsOut: sum('inbound-rtp', 'totalSamplesDuration'),
  };
}

/**
 * The figures between two looks. What is not known, for want of a track, is left out.
 * @param {Stat[]} stats now
 * @param {Totals} now
 * @param {Totals} before
 * @returns {Record<string, number>}
 */
export function figures(stats, now, before) {
  const pair = selectedPair(stats);
  const rtt =
    latest(stats, 'remote-inbound-rtp', 'roundTripTime') ?? asNumber(pair?.currentRoundTripTime);
  const silent = silence(pair);
  const jitter = latest(stats, 'inbound-rtp', 'jitter');
  const lostOut = latest(stats, 'remote-inbound-rtp', 'fractionLost');
  const lost = Math.max(0, now.lost - before.lost);
  const expected = lost + Math.max(0, now.received - before.received);
  const level = {
    in: loudness(now.energyIn - before.energyIn, now.secondsIn - before.secondsIn),
    out: loudness(now.energyOut - before.energyOut, now.secondsOut - before.secondsOut),
  };
  return {
    ...(rtt !== null && { rtt_ms: rounded(rtt * 1000, 1) }),
    ...(jitter !== null && { jitter_ms: rounded(jitter * 1000, 1) }),
    ...(expected > 0 && { loss_in: rounded(lost / expected, 4) }),
    ...(lostOut !== null && { loss_out: rounded(lostOut, 4) }),
    bytes_in: Math.max(0, now.bytesIn - before.bytesIn),
    bytes_out: Math.max(0, now.bytesOut - before.bytesOut),
    ...(level.in !== null && { level_in: level.in }),
    ...(level.out !== null && { level_out: level.out }),
    ...(silent !== null && silent >= SILENT_S && { silent_s: rounded(silent, 1) }),
  };
}

/** Seconds since anything came by a path. @param {Stat|undefined} pair */
function silence(pair) {
  const now = asNumber(pair?.timestamp);
  const last = asNumber(pair?.lastPacketReceivedTimestamp);
  return now !== null && last ? (now - last) / 1000 : null;
}

/**
 * The path that sound takes: the candidate pair in use.
 * @param {Stat[]} stats of one connection
 */
export function candidatePair(stats) {
  const pair = selectedPair(stats);
  if (!pair) return null;
  const local = candidate(stats, pair.localCandidateId);
  const remote = candidate(stats, pair.remoteCandidateId);
  const rtt = asNumber(pair.currentRoundTripTime);
  return {
    protocol: asText(local.relayProtocol) || asText(local.protocol),
    local: address(local),
    remote: address(remote),
    type: asText(local.candidateType),
    remote_type: asText(remote.candidateType),
    ...(rtt !== null && { rtt_ms: rounded(rtt * 1000, 1) }),
  };
}

/**
 * How the search for a path goes: candidates of both sides by protocol, the addresses of the
 * server's, and pairs by their state.
 * @param {Stat[]} stats of one connection
 */
export function search(stats) {
  const pairs = stats.filter((stat) => stat.type === 'candidate-pair');
  const count = (/** @type {string} */ state) =>
    pairs.filter((stat) => stat.state === state).length;
  const protocols = (/** @type {string} */ type) =>
    stats.filter((stat) => stat.type === type).map((stat) => asText(stat.protocol));
  const ofServer = stats
    .filter((stat) => stat.type === 'remote-candidate')
    .map((stat) => `${asText(stat.protocol)} ${address(stat)}`);
  return {
    pairs: pairs.length,
    tried: pairs.filter((stat) => (asNumber(stat.requestsSent) ?? 0) > 0).length,
    answered: pairs.filter((stat) => (asNumber(stat.responsesReceived) ?? 0) > 0).length,
    failed: count('failed'),
    local: tally(protocols('local-candidate')),
    remote: tally(protocols('remote-candidate')),
    addresses: [...new Set(ofServer)].slice(0, MOST_ADDRESSES),
  };
}

/** @param {Stat[]} stats @returns {Stat|undefined} */
function selectedPair(stats) {
  const transport = stats.find((stat) => stat.type === 'transport' && stat.selectedCandidatePairId);
  if (transport) return stats.find((stat) => stat.id === transport.selectedCandidatePairId);
  // Firefox has no transports in its statistics, but says which pair is selected.
  return stats.find((stat) => stat.type === 'candidate-pair' && stat.selected === true);
}

/** @param {Stat[]} stats @param {unknown} id @returns {Stat} */
function candidate(stats, id) {
  return stats.find((stat) => stat.id === id) ?? {};
}

/** @param {Stat} candidate */
function address(candidate) {
  const host = asText(candidate.address) || asText(candidate.ip);
  return host ? `${host.includes(':') ? `[${host}]` : host}:${asText(candidate.port)}` : '';
}

/** Sound only; a page without video has no other. @param {Stat[]} stats @param {string} type */
function ofKind(stats, type) {
  return stats.filter((stat) => stat.type === type && (stat.kind ?? 'audio') === 'audio');
}

/** The largest of a field: of several tracks, the one that is worst off. @param {Stat[]} stats */
function latest(stats, /** @type {string} */ type, /** @type {string} */ field) {
  const known = ofKind(stats, type).flatMap((stat) => asNumber(stat[field]) ?? []);
  return known.length ? Math.max(...known) : null;
}

/** Root mean square, 1 being full scale. @param {number} energy @param {number} seconds */
function loudness(energy, seconds) {
  return seconds > 0 ? rounded(Math.min(1, Math.sqrt(Math.max(0, energy) / seconds)), 5) : null;
}

/** @param {string[]} names @returns {Record<string, number>} */
function tally(names) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** @param {number} value @param {number} digits */
function rounded(value, digits) {
  return Number(value.toFixed(digits));
}
