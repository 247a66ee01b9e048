/** What the browser's statistics and the token say. */

import { test } from 'node:test';
import { candidatePair, figures, search, totals } from '../../../../web/call/figures.js';
import { tokenPayload } from '../../../../web/call/problems.js';

import assert from 'node:assert/strict';

/** Statistics as Chromium gives them, cut to what is read. @param {object} [more] */
const report = (more = {}) => {
  const { received = 100, lost = 0, energy = 0, seconds = 1 } =
    /** @type {Record<string, number>} */ (more);
  return [
    { id: 'T1', type: 'transport', selectedCandidatePairId: 'P1' },
    {
      id: 'P1',
      type: 'candidate-pair',
      state: 'succeeded',
      localCandidateId: 'L1',
      remoteCandidateId: 'R1',
      currentRoundTripTime: 0.002,
      requestsSent: 3,
      responsesReceived: 3,
    },
    {
      id: 'P2',
      type: 'candidate-pair',
      state: 'failed',
      localCandidateId: 'L1',
      remoteCandidateId: 'R2',
      requestsSent: 7,
      responsesReceived: 0,
    },
    { id: 'L1', type: 'local-candidate', protocol: 'udp', address: '127.0.0.1', port: 5, candidateType: 'host' },
    { id: 'R1', type: 'remote-candidate', protocol: 'udp', address: '::1', port: 7882, candidateType: 'host' },
    { id: 'R2', type: 'remote-candidate', protocol: 'tcp', address: '127.0.0.1', port: 7881 },
    {
      id: 'I1',
      type: 'inbound-rtp',
      kind: 'audio',
      packetsReceived: received,
      packetsLost: lost,
      bytesReceived: received * 80,
      jitter: 0.0041,
      totalAudioEnergy: energy,
      totalSamplesDuration: seconds,
    },
    { id: 'O1', type: 'outbound-rtp', kind: 'audio', bytesSent: received * 70 },
    { id: 'M1', type: 'media-source', kind: 'audio', totalAudioEnergy: 0, totalSamplesDuration: seconds },
    { id: 'RI', type: 'remote-inbound-rtp', kind: 'audio', roundTripTime: 0.0123, fractionLost: 0.25 },
  ];
};

test('figures are those of the last second, not of the whole call', () => {
  const before = report({ received: 1000, lost: 50, energy: 5, seconds: 20 });
  const now = report({ received: 1045, lost: 55, energy: 5.01, seconds: 21 });
  assert.deepEqual(figures(now, totals(now), totals(before)), {
    rtt_ms: 12.3,
    jitter_ms: 4.1,
    loss_in: 0.1,
    loss_out: 0.25,
    bytes_in: 45 * 80,
    bytes_out: 45 * 70,
    level_in: 0,
    level_out: 0.1,
  });
});

test('what is not known is left out, not called zero', () => {
  const nothing = totals([]);
  assert.deepEqual(figures([], nothing, nothing), { bytes_in: 0, bytes_out: 0 });
  // A connection that was replaced counts from the beginning again.
  const after = figures(report(), totals(report()), totals(report({ received: 9000, seconds: 99 })));
  assert.equal(after.bytes_in, 0);
  assert.equal(after.level_out, undefined);
});

test('a path on which nothing comes any more is told from one that has little to say', () => {
  const heard = (/** @type {number} */ secondsAgo) => {
    const times = { timestamp: 90_000, lastPacketReceivedTimestamp: 90_000 - secondsAgo * 1000 };
    const stats = report().map((each) => (each.id === 'P1' ? { ...each, ...times } : each));
    return figures(stats, totals(stats), totals(stats)).silent_s;
  };
  assert.equal(heard(3.26), 3.3);
  assert.equal(heard(0.4), undefined);
});

test('the path that sound takes, in both notations of addresses', () => {
  assert.deepEqual(candidatePair(report()), {
    protocol: 'udp',
    local: '127.0.0.1:5',
    remote: '[::1]:7882',
    type: 'host',
    remote_type: 'host',
    rtt_ms: 2,
  });
  assert.equal(candidatePair(report().slice(1)), null);
});

test('how the search for a path goes', () => {
  assert.deepEqual(search(report()), {
    pairs: 2,
    tried: 2,
    answered: 1,
    failed: 1,
    local: { udp: 1 },
    remote: { udp: 1, tcp: 1 },
    addresses: ['udp [::1]:7882', 'tcp 127.0.0.1:7881'],
  });
});

test('a token says which room it is for; what is not a token says nothing', () => {
  const payload = { sub: 'Zoë', exp: 1795000000, video: { room: 'a room ✓' } };
  const middle = Buffer.from(JSON.stringify(payload)).toString('base64url');
  assert.deepEqual(tokenPayload(`head.${middle}.signature`), {
    room: 'a room ✓',
    identity: 'Zoë',
    expires: 1795000000,
  });
  for (const each of ['', 'no token', 'a.b.c', 'a.%%%.c']) assert.equal(tokenPayload(each), null);
});
