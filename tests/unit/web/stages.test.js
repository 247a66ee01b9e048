/** The verdicts that the page can give by itself. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STAGES } from '../../../web/state/stage-names.js';
import { after, agent, event, healthyCall, oneTurn } from './events.js';

/** @param {import('../../../web/state/state.js').State} state */
const states = (state) => STAGES.map((stage) => state.verdicts[stage].state);

const healthy = event('.health.checked', { processes: { livekit: { state: 'ready' } } });

test('a healthy call reaches stage after stage and never fails', () => {
  let state = after([healthy]);
  for (const each of [...healthyCall(), ...oneTurn(1), ...oneTurn(2)]) {
    state = after([each], state);
    assert.ok(!states(state).includes('failing'), `${each.stage}.${each.name}`);
  }
  assert.deepEqual(new Set(states(state)), new Set(['ok']));
});

test('a turn leaves its share of the time at each stage', () => {
  const { verdicts } = after([...healthyCall(), ...oneTurn(1)]);
  const shares = ['hear', 'transcribe', 'think', 'speak', 'play'];
  assert.deepEqual(
    shares.map((stage) => verdicts[/** @type {'hear'} */ (stage)].ms),
    [302, 363, 233, 41, 39],
  );
});

test('only the earliest failing stage fails; what is behind it is not reached', () => {
  const state = after([
    healthy,
    event('token.requested'),
    event('token.received', { identity: 'c', ms: 5 }),
    event('signal.connecting', { room: 'r', url: 'ws://x' }),
    event('signal.failed', { what: 'Nobody answers.', next: 'Start it.' }),
    event('media.failed', { what: 'An echo.', next: '' }),
  ]);
  assert.equal(state.verdicts.signal.state, 'failing');
  assert.equal(state.verdicts.signal.sentence, 'Nobody answers.');
  assert.equal(state.verdicts.signal.next, 'Start it.');
  assert.equal(state.verdicts.media.state, 'not reached');
});

test('a stage that begins to fail is shown with its evidence', () => {
  const failed = event('token.failed', { what: 'No.', next: 'Try.' });
  const { selection, verdicts } = after([event('token.requested'), failed]);
  assert.deepEqual([selection.view, selection.stage], ['stage', 'token']);
  assert.equal(verdicts.token.evidence.at(-1), failed);
});

test('what is said of another stage is evidence for it too', () => {
  const late = event('join.late', { stage: 'job', what: 'No agent after 15 s.', next: 'Look.' });
  const { verdicts } = after([...healthyCall().slice(0, 7), late]);
  assert.equal(verdicts.job.state, 'failing');
  assert.equal(verdicts.job.evidence.at(-1), late);
});

test('a microphone that fails does not stop what is behind it', () => {
  const state = after([
    ...healthyCall(),
    event('hear.microphone_failed', { what: 'Denied.', next: 'Allow it.' }),
    agent('think.request', { turn: 1, text: 'typed' }),
  ]);
  assert.equal(state.verdicts.hear.state, 'failing');
  assert.equal(state.verdicts.think.state, 'waiting');
});

test('an agent that came by itself mends a dispatch that failed', () => {
  const failed = event('dispatch.unreachable', { error: 'gone', next: '' });
  const joined = event('join.agent_joined', { identity: 'agent-1', ms: 900 });
  const call = healthyCall().slice(0, 6);
  assert.equal(after([...call, failed]).verdicts.dispatch.state, 'failing');
  assert.equal(after([...call, failed, joined]).verdicts.dispatch.state, 'ok');
});

test('the agent is not called audible while the browser holds the sound back', () => {
  const blocked = after([...healthyCall(), event('play.audio_blocked'), ...oneTurn(1)]);
  assert.equal(blocked.verdicts.play.state, 'failing');
  const started = after([event('play.audio_started')], blocked);
  assert.equal(started.verdicts.play.state, 'ok');
});

test('a call that ends waits for nothing, and shows what it showed', () => {
  const state = after([
    ...healthyCall().slice(0, 7),
    event('media.disconnected', { intended: true }),
  ]);
  assert.ok(!states(state).includes('waiting'));
  assert.equal(state.verdicts.dispatch.state, 'ok');
  const again = after([event('token.requested')], state);
  assert.equal(again.verdicts.dispatch.state, 'not reached');
});

test('processes: one that starts is waited for, one that is gone fails', () => {
  const health = (/** @type {Record<string, unknown>} */ letta) =>
    after([event('.health.checked', { processes: { livekit: { state: 'ready' }, letta } })])
      .verdicts.system;
  assert.equal(health({ state: 'starting', detail: '12 s so far' }).state, 'waiting');
  assert.equal(health({ state: 'failed', detail: 'Port 8283 is taken.' }).state, 'failing');
  assert.equal(health({ state: 'ready', answers: false, detail: '' }).state, 'failing');
  assert.equal(health({ state: 'monitoring', answers: null }).state, 'ok');
  const gone = after([
    event('.health.unreachable', { what: 'The proxy is gone.', next: 'Start it.' }),
  ]);
  assert.equal(gone.verdicts.system.state, 'failing');
});

test('speech that fails at the worker fails at its stage', () => {
  const degraded = (/** @type {string} */ what) =>
    agent('job.degraded', { what, error: 'timeout', consequence: 'the agent hears no words' });
  assert.equal(after([degraded('speech-to-text')]).verdicts.transcribe.state, 'failing');
  assert.equal(after([degraded('text-to-speech')]).verdicts.speak.state, 'failing');
  assert.equal(after([degraded('archive')]).verdicts.job.state, 'ok');
});

test('an agent without a voice is not called audible until it has one again', () => {
  const failed = agent('job.degraded', {
    what: 'text-to-speech',
    error: 'refused',
    consequence: 'the reply is not heard, only read',
  });
  const mute = oneTurn(1).filter((each) => each.name !== 'first_byte');
  const state = after([...healthyCall(), failed, ...mute]);
  assert.equal(state.verdicts.speak.state, 'failing');
  assert.notEqual(state.verdicts.play.state, 'ok');
  const { verdicts } = after(oneTurn(2), state);
  assert.deepEqual([verdicts.speak.state, verdicts.play.state], ['ok', 'ok']);
});

test('evidence is bounded', () => {
  const many = Array.from({ length: 100 }, () => agent('hear.speech_started'));
  assert.ok(after(many).verdicts.hear.evidence.length <= 12);
  const draft = event('speak.segment', { id: 'R1', text: 'Nice', final: false });
  assert.deepEqual(after([draft]).verdicts.speak.evidence, []);
});
