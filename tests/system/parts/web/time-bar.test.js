/** Time bars, word differences, and the lists that are loaded. */

import { test } from 'node:test';
import { wordDiff } from '../../../../web/state/memory.js';
import { parseAgentEvent } from '../../../../web/state/read.js';
import { MOST_SCALE_MS, scaleOf, segments, total } from '../../../../web/state/turns.js';
import { after, event, oneTurn } from './events.js';

import assert from 'node:assert/strict';

test('segments follow the marks in the order in which they were reached', () => {
  const ms = {
    end_of_utterance: 400,
    transcript: 363,
    first_token: 380,
    tts_first_byte: null,
    first_sound: 676,
  };
  assert.deepEqual(
    segments(ms).map((each) => [each.mark, each.at, each.ms]),
    [
      ['transcript', 363, 363],
      ['first_token', 380, 17],
      ['end_of_utterance', 400, 20],
      ['first_sound', 676, 276],
    ],
  );
  assert.equal(total(ms), 676);
  assert.deepEqual(segments({}), []);
});

test('bars share a scale, and one very slow turn does not flatten the others', () => {
  const turns = (/** @type {number} */ ms) => {
    const { turns } = after(oneTurn(1));
    const turn = turns.byId['1'];
    assert.ok(turn);
    return [turn, { ...turn, ms: { first_sound: ms } }];
  };
  assert.equal(scaleOf(turns(900)), 1000);
  assert.equal(scaleOf(turns(1800)), 2000);
  assert.equal(scaleOf(turns(60_000)), MOST_SCALE_MS);
});

test('a difference shows edited words, and joins back to both texts', () => {
  const before = 'Name: unknown. Likes tea. Lives in Rome.';
  const now = 'Name: Ada. Likes tea and rain. Lives in Rome.';
  const pieces = wordDiff(before, now);
  assert.deepEqual(
    pieces.filter((each) => each.kind !== 'same').map((each) => `${each.kind} ${each.text.trim()}`),
    ['removed unknown.', 'added Ada.', 'removed tea.', 'added tea and rain.'],
  );
  const join = (/** @type {string} */ without) =>
    pieces
      .filter((each) => each.kind !== without)
      .map((each) => each.text)
      .join('');
  assert.equal(join('removed'), now);
  assert.equal(join('added'), before);
});

test('a text written anew is not shown as a patchwork', () => {
  const pieces = wordDiff('Nothing is known of the caller yet.', 'Name: Ada. Color: green.');
  assert.deepEqual(
    pieces.map((each) => each.kind),
    ['removed', 'added'],
  );
  assert.deepEqual(wordDiff('', 'x'), [{ kind: 'added', text: 'x' }]);
  assert.deepEqual(wordDiff('same', 'same'), [{ kind: 'same', text: 'same' }]);
  const huge = 'word '.repeat(5000);
  assert.equal(wordDiff(huge, `${huge}more`).length, 2);
});

test('an event of the agent is read, and anything else is not one', () => {
  const text = JSON.stringify({
    at: 1,
    room: 'r',
    source: 'agent',
    stage: 'think',
    name: 'done',
    data: {},
  });
  assert.equal(parseAgentEvent(text, 2)?.seen, 2);
  for (const each of ['', '[]', '{"stage":"elsewhere","name":"x"}', '{"stage":"think"}', 'null']) {
    assert.equal(parseAgentEvent(each, 2), null, each);
  }
  // Who sends on the agent's topic speaks for the agent, whatever it claims to be.
  assert.equal(parseAgentEvent(text.replace('"agent"', '"proxy"'), 2)?.source, 'agent');
});

test('the chosen agent stays chosen while the list is refreshed, else the remembered or first one is', () => {
  const list = (/** @type {string[]} */ ids, remembered = '') =>
    event('.agents.loaded', { agents: ids.map((id) => ({ id, name: id })), remembered });
  assert.equal(after([list(['a', 'b'])]).agents.chosen, 'a');
  assert.equal(after([list(['a', 'b'], 'b')]).agents.chosen, 'b');
  const chosen = [list(['a', 'b']), event('.agents.chosen', { id: 'b' })];
  assert.equal(after([...chosen, list(['c', 'b'])]).agents.chosen, 'b');
  assert.equal(after([...chosen, list(['c'])]).agents.chosen, 'c');
  const none = after([...chosen, list([])]).agents;
  assert.deepEqual([none.state, none.chosen], ['empty', '']);
});

test('a memory that comes late, for an agent no longer in sight, is not shown', () => {
  const loading = (/** @type {string} */ id) => event('.memory.loading', { agent_id: id });
  const loaded = (/** @type {string} */ id) =>
    event('.memory.loaded', { agent_id: id, blocks: [{ id: 'b', label: 'human', value: id }] });
  const { memory } = after([loading('a'), loading('b'), loaded('b'), loaded('a')]);
  assert.equal(memory.blocks[0]?.value, 'b');
});
