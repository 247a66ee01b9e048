/** A tab that lost its room joins it again by itself, unless somebody wanted it to leave. */

import { test } from 'node:test';
import { comesBack, PAUSES_MS, serverIsThere } from '../../../../web/call/problems.js';
import { initialTurns, reduceTurns } from '../../../../web/state/turns.js';
import { after, agent, event, healthyCall, oneTurn } from './events.js';

import assert from 'node:assert/strict';

test('a server that went away is waited for, a person who decided is not', () => {
  for (const reason of ['', 'SERVER_SHUTDOWN', 'STATE_MISMATCH', 'JOIN_FAILURE', 'SIGNAL_CLOSE']) {
    assert.equal(comesBack(reason), true, reason);
  }
  for (const reason of [
    'CLIENT_INITIATED',
    'DUPLICATE_IDENTITY',
    'PARTICIPANT_REMOVED',
    'ROOM_DELETED',
    'ROOM_CLOSED',
  ]) {
    assert.equal(comesBack(reason), false, reason);
  }
});

test('it is tried soon, and for about a minute', () => {
  assert.ok(PAUSES_MS[0] < 500);
  const all = PAUSES_MS.reduce((sum, each) => sum + each, 0);
  assert.ok(all > 50_000 && all < 70_000, `${all}`);
});

test('not before the server is there, as far as its launcher tells', () => {
  const with_ = (/** @type {string} */ state) => ({ processes: { livekit: { state } } });
  assert.equal(serverIsThere(with_('restarting')), false);
  assert.equal(serverIsThere(with_('failed')), false);
  assert.equal(serverIsThere(with_('ready')), true);
  assert.equal(serverIsThere(with_('monitoring')), true);
  assert.equal(serverIsThere({ processes: {} }), true);
});

test('another agent in the same call counts its turns from 1 again', () => {
  const second = oneTurn(1, 'I am the second.').map((each) => {
    const { id } = each.data; // of a segment, which no other agent has
    return id === undefined ? each : { ...each, data: { ...each.data, id: `${id} again` } };
  });
  const call = after([
    ...healthyCall(),
    ...oneTurn(1, 'I am the first.'),
    agent('job.handshake_start'),
    ...second,
  ]);
  const replies = call.conversation.rows.filter((each) => each.who === 'agent');
  assert.deepEqual(
    replies.map((each) => [each.turn, each.text]),
    [
      ['1′', 'I am the first.'],
      ['1', 'I am the second.'],
    ],
  );
  assert.equal(call.turns.byId['1′']?.reply, 'I am the first.');
  assert.equal(call.turns.byId['1']?.reply, 'I am the second.');
  const lost = after([event('signal.connecting', { room: 'r', again: true })], call);
  assert.equal(lost.conversation.rows.length, call.conversation.rows.length);
  const other = after([event('signal.connecting', { room: 'r' })], call);
  assert.deepEqual(other.conversation.rows, []);
});

test('a call that goes on keeps its turns, and a turn tells that it waits', () => {
  const begun = [
    agent('think.request', { turn: 1, text: 'hello' }),
    agent('think.waiting', { turn: 1, message: 'Letta is away', next_step: 'start it' }),
  ].reduce(reduceTurns, initialTurns);
  assert.equal(begun.byId['1']?.problem?.what, 'Letta is away');
  const back = reduceTurns(begun, agent('think.back', { turn: 1, seconds: 9 }));
  assert.equal(back.byId['1']?.problem, null);
  const again = reduceTurns(back, event('signal.connecting', { room: 'r', again: true }));
  assert.deepEqual(Object.keys(again.byId), ['1']);
  const other = reduceTurns(back, event('signal.connecting', { room: 'r' }));
  assert.deepEqual(Object.keys(other.byId), []);
});
