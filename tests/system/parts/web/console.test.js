/** The debug console: exact words, exact order, bounds. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  consoleText,
  initialConsole,
  MOST_LINES,
  reduceConsole,
} from '../../../../web/state/console.js';
import { after, agent, event, healthyCall } from './events.js';

/** @param {import('../../../../web/state/state.js').State} state */
const texts = (state) => state.console.lines.map((each) => each.text);

test('a call begins with six lines, in this order and wording', () => {
  const six = healthyCall().slice(0, 9);
  assert.deepEqual(texts(after(six)), [
    '🔗 Connecting to room: r on ws://localhost:7880',
    '✅ Room connected successfully',
    '📡 Requesting agent dispatch to room...',
    '✅ Agent dispatch requested: asked',
    '🎤 Enabling microphone...',
    '✅ Microphone enabled successfully!',
  ]);
});

test('a dispatch that fails is a warning or a failure, in the wording people search for', () => {
  const refused = event('dispatch.refused', { error: 'No worker is registered.', next: '' });
  const gone = event('dispatch.unreachable', { error: 'The proxy does not answer.', next: '' });
  assert.deepEqual(texts(after([refused, gone])), [
    'Dispatch warning: No worker is registered.',
    'Failed to request agent dispatch: The proxy does not answer.',
  ]);
});

test('each line has the millisecond at which the page learned of it', () => {
  const said = {
    ...event('media.connected'),
    seen: new Date(2026, 10, 21, 9, 5, 7, 42).getTime() / 1000,
  };
  assert.equal(
    consoleText(reduceConsole(initialConsole, said)),
    '09:05:07.042 ✅ Room connected successfully\n',
  );
});

test('the console keeps its newest lines and says how many it cut', () => {
  let console = initialConsole;
  for (let number = 1; number <= MOST_LINES + 5; number += 1) {
    console = reduceConsole(console, event('hear.typed', { id: 'x', text: String(number) }));
  }
  assert.equal(console.lines.length, MOST_LINES);
  assert.equal(console.cut, 5);
  assert.equal(console.lines[0]?.text, 'Caller, typed: 6');
  assert.equal(console.lines[0]?.number, 6);
  assert.match(consoleText(console), /^\(5 earlier lines were cut; the console keeps 2000\)\n/);
});

test('a line of any length is cut, and says so', () => {
  const long = agent('think.tool_call', { id: '1', name: 'archive', arguments: 'x'.repeat(9000) });
  const [line] = texts(after([long]));
  assert.ok(line && line.length < 2100);
  assert.match(line, /characters cut\)$/);
});

test('processes that change their state are told as old → new', () => {
  const health = (/** @type {string} */ state) =>
    event('.health.checked', { processes: { letta: { state, detail: 'after 17.2 s' } } });
  const state = after([health('starting'), health('starting'), health('ready')]);
  assert.deepEqual(texts(state), ['letta: starting → ready (after 17.2 s)']);
});

test('what changes in the memory is told', () => {
  const block = (/** @type {string} */ value) =>
    event('.memory.loaded', { agent_id: 'a', blocks: [{ id: 'b', label: 'human', value }] });
  const loading = event('.memory.loading', { agent_id: 'a' });
  assert.deepEqual(texts(after([loading, block('x'), block('x'), block('y')])), [
    '🧠 Memory changed: human',
  ]);
});
