/** What the page says of the stages by itself, and the events it keeps beside each. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STAGES } from '../../../../web/state/stages.js';
import { after, agent, event, healthyCall, oneTurn } from './events.js';

/** @param {import('../../../../web/state/state.js').State} state */
const states = (state) => STAGES.map((stage) => state.verdicts[stage].state);
const GONE = event('.health.unreachable', { what: 'The proxy is gone.', next: 'Start it.' });

test('before the first verdict the strip shows how far this browser has come', () => {
  assert.deepEqual(new Set(states(after([]))), new Set(['not seen yet']));
  const [requested, received, connecting, connected, media] = healthyCall();
  let state = after([requested]);
  assert.equal(state.verdicts.token.state, 'waiting');
  state = after([received, connecting], state);
  assert.deepEqual([state.verdicts.token.state, state.verdicts.token.ms], ['ok', 12]);
  assert.equal(state.verdicts.signal.sentence, 'Connecting to ws://localhost:7880.');
  state = after([connected, media], state);
  assert.deepEqual(states(state).slice(0, 5), ['not seen yet', 'ok', 'ok', 'ok', 'not seen yet']);
});

test('the page never judges what only the proxy can', () => {
  const state = after([...healthyCall(), ...oneTurn(1), agent('think.error', { message: 'No.' })]);
  const own = ['token', 'signal', 'media', 'hear', 'play'];
  for (const stage of STAGES.filter((name) => !own.includes(name))) {
    assert.equal(state.verdicts[stage].state, 'not seen yet', stage);
  }
});

test('what this browser met in the way of a call fails, with its next step', () => {
  const failures = ['token.failed', 'token.room_mismatch', 'signal.failed', 'media.failed'];
  for (const topic of [...failures, 'hear.microphone_failed']) {
    const failed = event(topic, { what: 'No.', next: 'Try.' });
    const { verdicts, selection, judge } = after([event('token.requested'), failed]);
    const stage = /** @type {import('../../../../web/types.js').Stage} */ (failed.stage);
    const { state, sentence, next } = verdicts[stage];
    assert.deepEqual([state, sentence, next], ['failing', 'No.', 'Try.'], topic);
    assert.deepEqual([selection.view, selection.stage, judge], ['stage', stage, 'page'], topic);
  }
});

test('a microphone and sound that work again are well again', () => {
  const broken = after([
    ...healthyCall(),
    event('hear.microphone_failed', { what: 'Denied.', next: 'Allow it.' }),
    event('play.audio_blocked'),
  ]);
  assert.deepEqual(
    [broken.verdicts.hear.state, broken.verdicts.play.next],
    ['failing', 'Press Start audio.'],
  );
  const { hear, play } = after(
    [event('hear.microphone_on', { label: 'Headset' }), event('play.audio_started')],
    broken,
  ).verdicts;
  assert.deepEqual([hear.sentence, play.state], ['Headset is on.', 'ok']);
  const muted = after([event('hear.muted', { muted: true, by: 'caller' })], broken).verdicts.hear;
  assert.deepEqual([muted.state, muted.next], ['waiting', 'Press Unmute.']);
});

test('a connection that is lost waits, and both its stages are well when it is back', () => {
  const lost = after([...healthyCall(), event('signal.reconnecting'), event('media.reconnecting')]);
  assert.deepEqual([lost.verdicts.signal.state, lost.verdicts.media.state], ['waiting', 'waiting']);
  const back = after([event('media.reconnected', { ms: 900 })], lost);
  assert.deepEqual([back.verdicts.signal.state, back.verdicts.media.state], ['ok', 'ok']);
});

test('a proxy that is gone is said, with what this browser still knows', () => {
  const { verdicts, judge, selection } = after([...healthyCall(), GONE]);
  assert.equal(judge, 'page');
  assert.equal(verdicts.system.cause, 'proxy-down');
  assert.deepEqual([verdicts.system.sentence, verdicts.system.next], ['The proxy is gone.', 'Start it.']);
  assert.deepEqual([verdicts.media.state, verdicts.hear.state], ['ok', 'ok']);
  assert.match(verdicts.think.sentence, /^Only the proxy can tell/);
  assert.deepEqual([selection.view, selection.stage], ['stage', 'system']);
});

test('without a proxy there is no token: one trouble, not two', () => {
  const failed = event('token.failed', { what: 'The proxy is gone.', next: 'Start it.' });
  const { verdicts } = after([GONE, event('token.requested'), failed]);
  assert.deepEqual([verdicts.system.state, verdicts.token.state], ['failing', 'not reached']);
});

test('a call that ends waits for nothing, and one that begins starts anew', () => {
  const call = [...healthyCall().slice(0, 8), event('media.disconnected', { intended: true })];
  const state = after(call);
  assert.ok(!states(state).includes('waiting'));
  assert.equal(state.verdicts.media.state, 'ok');
  assert.equal(after([event('token.requested')], state).verdicts.media.state, 'not seen yet');
  const cut = event('media.disconnected', { intended: false, what: 'Cut.', next: 'Again.' });
  assert.equal(after([...healthyCall(), cut]).verdicts.media.sentence, 'Cut.');
});

test('each stage keeps its last events, whoever reports them', () => {
  const many = Array.from({ length: 100 }, () => agent('hear.speech_started'));
  const refused = { ...event('dispatch.refused'), source: /** @type {const} */ ('proxy') };
  const { evidence } = after([...many, refused]);
  assert.equal(evidence.hear.length, 12);
  assert.equal(evidence.hear.at(-1), many.at(-1));
  assert.deepEqual(evidence.dispatch, [refused]);
  assert.deepEqual(after([event('token.requested')], after(many)).evidence.hear, []);
});

test('neither drafts of words nor figures are evidence', () => {
  const draft = event('speak.segment', { id: 'R1', text: 'Nice', final: false });
  const figures = event('media.stats', { rtt_ms: 4 });
  const { evidence } = after([draft, figures]);
  assert.deepEqual([evidence.speak, evidence.media], [[], []]);
});
