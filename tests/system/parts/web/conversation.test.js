/** The conversation and its turns, folded from events. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOST_ROWS } from '../../../../web/state/conversation.js';
import { MOST_TURNS } from '../../../../web/state/turns.js';
import { after, agent, event, healthyCall, oneTurn } from './events.js';

/** @param {import('../../../../web/state/state.js').State} state */
const rows = (state) => state.conversation.rows.map(({ who, text }) => `${who}: ${text}`);

test('words stream into one row, and a late draft does not undo the final words', () => {
  const draft = event('transcribe.segment', { id: 'C1', text: 'my name is', final: false });
  const final = event('transcribe.segment', { id: 'C1', text: 'my name is Ada', final: true });
  const state = after([draft, final, draft]);
  assert.deepEqual(rows(state), ['caller: my name is Ada']);
  assert.equal(state.conversation.rows[0]?.final, true);
});

test('a reply belongs to the turn it answers', () => {
  const state = after([...healthyCall(), ...oneTurn(1), ...oneTurn(2, 'Yes.')]);
  assert.deepEqual(
    state.conversation.rows.map((each) => each.turn),
    [null, '1', null, '2'],
  );
  assert.equal(state.turns.byId['1']?.ms?.first_sound, 676);
});

test('a turn has what was heard before it, and everything until it is over', () => {
  const { turns } = after([...oneTurn(1), agent('hear.speech_started')]);
  assert.deepEqual(
    turns.byId['1']?.events.map((each) => each.name),
    [
      'speech_started',
      'speech_ended',
      'transcript',
      'request',
      'first_token',
      'first_byte',
      'speaking',
      'silent',
      'turn',
    ],
  );
  assert.equal(turns.current, null);
  assert.deepEqual(
    turns.ahead.map((each) => each.name),
    ['speech_started'],
  );
});

test('a reply without text on the wire is written down from its turn, once', () => {
  const wordless = oneTurn(1).filter((each) => each.name !== 'segment');
  assert.deepEqual(rows(after(wordless)), ['agent: Nice to meet you.']);
  assert.deepEqual(
    rows(after(oneTurn(1))).filter((each) => each.startsWith('agent')),
    ['agent: Nice to meet you.'],
  );
});

test('an interrupted turn knows what was heard of it', () => {
  const [turn] = Object.values(
    after([
      agent('think.request', { turn: 1, text: 'a story' }),
      agent('play.interrupted', { turn: 1, heard: 'There was' }),
      agent('play.turn', {
        turn: 1,
        reply: 'There was once a river.',
        heard: 'There was',
        interrupted: true,
        ms: {},
      }),
    ]).turns.byId,
  );
  assert.equal(turn?.interrupted, true);
  assert.equal(turn?.heard, 'There was');
  assert.equal(turn?.reply, 'There was once a river.');
});

test('a tool call, its return and what it made of the memory are one tool', () => {
  const state = after([
    agent('think.request', { turn: 1, text: 'x' }),
    agent('think.tool_call', { id: 'c1', name: 'memory_insert', arguments: '{"a":1}' }),
    agent('think.tool_return', { id: 'c1', name: 'memory_insert', status: 'success', text: 'ok' }),
    agent('think.memory', { id: 'c1', label: 'human', before: '', after: 'name: Ada' }),
  ]);
  assert.deepEqual(state.turns.byId['1']?.tools, [
    {
      id: 'c1',
      name: 'memory_insert',
      arguments: '{"a":1}',
      status: 'success',
      result: 'ok',
      change: { label: 'human', before: '', after: 'name: Ada' },
    },
  ]);
});

test('trouble with Letta is a note in the conversation', () => {
  const state = after([
    agent('think.error', {
      code: 'gone',
      message: 'The agent was deleted.',
      next_step: 'Choose another.',
    }),
  ]);
  assert.deepEqual(rows(state), ['note: The agent was deleted. Choose another.']);
});

test('typed words wait for the agent, and stop waiting when they are sent', () => {
  const typed = event('hear.typed', { id: 't1', text: 'hello', held: true });
  assert.equal(after([typed]).conversation.rows[0]?.held, true);
  const sent = event('hear.typed_sent', { id: 't1' });
  assert.equal(after([typed, sent]).conversation.rows[0]?.held, false);
});

test('another call begins with an empty conversation', () => {
  const again = event('signal.connecting', { room: 'r2', url: 'ws://x' });
  const state = after([...healthyCall(), ...oneTurn(1), again]);
  assert.deepEqual(state.conversation.rows, []);
  assert.deepEqual(state.turns.byId, {});
});

test('rows and turns are bounded', () => {
  let state = after(healthyCall());
  for (let turn = 1; turn <= MOST_TURNS + 3; turn += 1) state = after(oneTurn(turn), state);
  assert.equal(state.conversation.rows.length, MOST_ROWS);
  assert.equal(state.conversation.cut, 2 * (MOST_TURNS + 3) - MOST_ROWS);
  assert.equal(Object.keys(state.turns.byId).length, MOST_TURNS);
  assert.equal(state.turns.byId['3'], undefined);
});

test('values of the wrong kind become neutral ones', () => {
  const state = after([
    agent('think.request', { turn: 1, text: 7 }),
    agent('play.turn', { turn: 1, reply: null, ms: 'soon' }),
    event('speak.segment', { id: {}, text: ['x'] }),
  ]);
  assert.deepEqual(state.turns.byId['1']?.ms, {});
});
