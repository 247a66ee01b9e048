/** How the agent listens in the next call: only what is otherwise and possible is sent. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changes, refusal } from '../../../../web/state/listening.js';
import { after, agent, event } from './events.js';

/** @param {object} [more] */
const config = (more = {}) =>
  event('.config.loaded', {
    listening: [
      { name: 'vad_threshold', default: 0.5, least: 0.01, most: 0.99, help: 'x', ...more },
      { name: 'endpointing_min_delay', default: 0.35, least: 0, most: 10, help: 'x' },
      { name: 'endpointing_max_delay', default: 0.9, least: 0, most: 30, help: 'x' },
      { name: 'interruption_enabled', default: true, least: null, most: null, help: 'x' },
    ],
  });
/** @param {string} name @param {unknown} value */
const set = (name, value) => event('.listening.set', { name, value });
/** @param {import('../../../../web/types.js').VoiceEvent[]} events */
const listening = (...events) => after([config(), ...events]).listening;

test('nothing is sent until something is otherwise than usual', () => {
  assert.deepEqual(changes(listening()), {});
  assert.deepEqual(changes(listening(set('vad_threshold', 0.5))), {});
  assert.deepEqual(
    changes(listening(set('vad_threshold', 0.7), set('interruption_enabled', false))),
    { vad_threshold: 0.7, interruption_enabled: false },
  );
  assert.deepEqual(changes(listening(set('vad_threshold', 0.7), event('.listening.reset'))), {});
});

test('what was remembered is sent only where the proxy still takes it', () => {
  const choices = { vad_threshold: 0.7, endpointing_min_delay: 99, gone: 1, interruption_enabled: 1 };
  const remembered = event('.listening.remembered', { choices });
  assert.deepEqual(changes(after([remembered, config()]).listening), { vad_threshold: 0.7 });
  const usual = after([remembered, config({ default: 0.7 })]).listening;
  assert.deepEqual(changes(usual), {});
  assert.deepEqual(changes(after([event('.listening.remembered', { choices: null })]).listening), {});
});

test('a value that no call can have is refused with what can be', () => {
  assert.equal(refusal(listening(), 'vad_threshold', 0.7), '');
  assert.equal(refusal(listening(), 'vad_threshold', 2), 'From 0.01 to 0.99.');
  assert.equal(refusal(listening(), 'vad_threshold', NaN), 'From 0.01 to 0.99.');
  assert.match(refusal(listening(), 'endpointing_min_delay', 1), /^At most 0\.9/);
  assert.match(refusal(listening(), 'endpointing_max_delay', 0.1), /^At least 0\.35/);
  const longer = listening(set('endpointing_max_delay', 2));
  assert.equal(refusal(longer, 'endpointing_min_delay', 1), '');
});

test('two delays that do not go together anymore are both as usual', () => {
  const remembered = { endpointing_min_delay: 1, endpointing_max_delay: 0.5 };
  const both = listening(event('.listening.remembered', { wanted: remembered }));
  assert.deepEqual(changes(both), {});
});

test('the console says what a call has otherwise, and nothing when all is as usual', () => {
  const told = { vad_threshold: 0.7, endpointing_min_delay: 0.35 };
  const usual = after([agent('job.settings', { ...told, changed: [], ignored: [] })]);
  assert.equal(usual.console.lines.length, 0);
  const line = { ...told, changed: ['vad_threshold'], ignored: ['nonsense'] };
  const own = after([agent('job.settings', line)]);
  assert.match(own.console.lines[0]?.text ?? '', /vad_threshold 0\.7, nonsense is ignored/);
});
