/** Posting: batches, proof, failures, bounds, and the last letter. */

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import {
  BATCH_AFTER_MS,
  MOST_AT_ONCE,
  MOST_WAITING,
  Outbox,
} from '../../../../web/call/outbox.js';
import { event } from './events.js';

/** @typedef {{keys: string[], token: string, leaving: boolean}} Letter */

/** An outbox whose postman keeps what he is given; `answers` are statuses, in their order. */
function outbox(/** @type {(number|null)[]} */ answers = []) {
  /** @type {Letter[]} */
  const letters = [];
  /** @type {[number, string][]} */
  const lost = [];
  const box = new Outbox({
    send: async (events, token, leaving) => {
      letters.push({ keys: events.map((each) => each.key ?? ''), token, leaving });
      const status = answers.shift();
      if (status !== undefined) throw Object.assign(new Error(`answer ${status}`), { status });
    },
    lost: (count, why) => lost.push([count, why]),
  });
  return { box, letters, lost };
}

/** @param {string} key */
const keyed = (key, name = 'media.connected') => ({ ...event(name), key });

/** Lets time pass, and whoever waits for a promise go on. @param {number} ms */
async function pass(ms) {
  for (let passed = 0; passed < ms; passed += 50) {
    mock.timers.tick(50);
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  }
}

test.beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
test.afterEach(() => mock.timers.reset());

test('events of one moment travel together, once there is a token', async () => {
  const { box, letters } = outbox();
  box.add(keyed('1'));
  box.add(keyed('2'));
  await pass(1000);
  assert.deepEqual(letters, []);
  box.authorize('proof');
  await pass(BATCH_AFTER_MS);
  assert.deepEqual(letters, [{ keys: ['1', '2'], token: 'proof', leaving: false }]);
  assert.ok(box.isEmpty);
  await pass(5000);
  assert.equal(letters.length, 1);
});

test('what the proxy did not take is sent again, after longer and longer pauses', async () => {
  const { box, letters } = outbox([503, /* no answer */ null, 503]);
  box.authorize('proof');
  box.add(keyed('1'));
  await pass(BATCH_AFTER_MS + 450);
  assert.equal(letters.length, 1);
  box.add(keyed('2'));
  await pass(3600);
  assert.deepEqual(
    letters.map((each) => each.keys.join()),
    ['1', '1,2', '1,2', '1,2'],
  );
  assert.ok(box.isEmpty);
});

test('a bad event is found among the others, and the others arrive', async () => {
  /** @type {string[]} */
  const taken = [];
  /** @type {number[]} */
  const lost = [];
  const box = new Outbox({
    send: async (events) => {
      const keys = events.map((each) => each.key ?? '');
      if (keys.includes('bad')) throw Object.assign(new Error('BAD_EVENT'), { status: 400 });
      taken.push(...keys);
    },
    lost: (count) => lost.push(count),
  });
  box.authorize('proof');
  for (const key of ['1', '2', 'bad', '3', '4']) box.add(keyed(key));
  await pass(3000);
  assert.deepEqual(taken, ['1', '2', '3', '4']);
  assert.deepEqual(lost, [1]);
});

test('a proof that is refused is not tried again', async () => {
  const { box, letters, lost } = outbox([401]);
  box.authorize('proof');
  box.add(keyed('1'));
  await pass(60_000);
  assert.equal(letters.length, 1);
  assert.deepEqual(lost, [[1, 'answer 401']]);
});

test('at most so many go at once, and the rest right after', async () => {
  const { box, letters } = outbox();
  box.authorize('proof');
  for (let number = 0; number < MOST_AT_ONCE + 5; number += 1) box.add(keyed(String(number)));
  await pass(2 * BATCH_AFTER_MS);
  assert.deepEqual(
    letters.map((each) => each.keys.length),
    [MOST_AT_ONCE, 5],
  );
});

test('while the proxy is away, figures are given up before what happened', () => {
  const { box, letters, lost } = outbox();
  for (let number = 0; number < 10; number += 1) box.add(keyed('figures', 'media.stats'));
  for (let number = 0; number < MOST_WAITING; number += 1) box.add(keyed(String(number)));
  assert.deepEqual(lost, []);
  box.add(keyed('one too many'));
  assert.equal(lost.length, 1);
  box.authorize('proof');
  box.leave();
  assert.equal(letters.at(-1)?.keys.at(-1), 'one too many');
});

test('a page that goes away sends what is left at once, and no more than a browser takes', () => {
  const { box, letters } = outbox();
  box.authorize('proof');
  box.leave();
  assert.deepEqual(letters, []);
  const long = { ...event('play.turn', { reply: 'x'.repeat(9000) }) };
  for (const key of ['1', '2', '3', '4', '5']) box.add({ ...long, key });
  box.leave();
  const [letter] = letters;
  assert.equal(letter?.leaving, true);
  assert.equal(letter?.keys.at(-1), '5');
  assert.ok(letter && letter.keys.length * 9000 < 64_000 && letter.keys.length > 1);
});
