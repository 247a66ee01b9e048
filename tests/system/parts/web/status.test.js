/** The status line, and the words for what goes wrong. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectProblem, endProblem, microphoneProblem } from '../../../../web/call/problems.js';
import { statusOf } from '../../../../web/state/status.js';
import { after, event, healthyCall, verdicts } from './events.js';

const ready = [
  event('.health.checked', { processes: { livekit: { state: 'ready' } } }),
  event('.agents.loaded', { agents: [{ id: 'agent-1', name: 'first' }] }),
];
/** @param {import('../../../../web/types.js').VoiceEvent[]} events */
const textAfter = (...events) => statusOf(after([...ready, ...events])).text;

test('the status follows the call in the wording people wait for', () => {
  const call = healthyCall();
  assert.equal(textAfter(), 'Choose an agent and press Connect.');
  assert.equal(textAfter(...call.slice(0, 3)), 'Connecting...');
  assert.equal(textAfter(...call.slice(0, 5)), 'Connected! Waiting for agent to join...');
  assert.equal(textAfter(...call), 'Agent connected! Start speaking...');
  assert.equal(textAfter(...call, event('media.reconnecting')), 'Connection lost. Reconnecting...');
  assert.equal(
    textAfter(...call, event('media.disconnected', { intended: true })),
    'Disconnected. Choose an agent and press Connect.',
  );
});

test('an agent that is in the room but not ready is still waited for', () => {
  const joined = event('join.agent_joined', { identity: 'agent-1', ms: 100 });
  const text = textAfter(...healthyCall().slice(0, 9), joined);
  assert.equal(text, 'Connected! Waiting for agent to join...');
});

test('before a call, the status says what is waited for', () => {
  const starting = event('.health.checked', {
    processes: { livekit: { state: 'ready' }, letta: { state: 'starting', detail: '12 s so far' } },
  });
  assert.equal(textAfter(starting), 'Waiting for letta (12 s so far).');
  const failing = { state: 'failing', sentence: 'Port 8283 is taken by pid 7.', next: 'Stop it.' };
  const { text, next } = statusOf(after([...ready, verdicts('.verdicts.system', { system: failing })]));
  assert.deepEqual([text, next], ['Port 8283 is taken by pid 7.', 'Stop it.']);
  // A machine without CPU to spare keeps nobody from calling.
  const busy = { state: 'waiting', cause: 'machine-out-of-cpu', sentence: 'No CPU to spare.' };
  assert.equal(
    textAfter(verdicts('.verdicts.system', { system: busy })),
    'Choose an agent and press Connect.',
  );
});

test('a verdict that fails is the status of the call, until it does not', () => {
  const call = healthyCall();
  const late = { state: 'failing', sentence: 'Nobody took the dispatch.', next: 'Start a worker.' };
  const failing = verdicts('.verdicts.call', { dispatch: late });
  assert.equal(textAfter(...call.slice(0, 9), failing), 'Nobody took the dispatch.');
  const well = [...call.slice(0, 9), failing, ...call.slice(9), verdicts('.verdicts.call')];
  assert.equal(textAfter(...well), 'Agent connected! Start speaking...');
  // A microphone that fails stops nobody: it has a place of its own.
  const mute = verdicts('.verdicts.call', { hear: { state: 'failing', sentence: 'Denied.' } });
  assert.match(textAfter(...call, mute), /^Agent connected!/);
});

test('a call that is connected goes on without the proxy, which is said with a next step', () => {
  const gone = event('.health.unreachable', { what: 'The proxy is gone.', next: 'Start it.' });
  const { text, next, tone } = statusOf(after([...ready, ...healthyCall(), gone]));
  assert.equal(text, 'The call goes on without verdicts. The proxy is gone.');
  assert.deepEqual([next, tone], ['Start it.', 'busy']);
  assert.equal(textAfter(gone), 'The proxy is gone.');
  const failed = event('token.failed', { what: 'No token.', next: '' });
  assert.equal(textAfter(gone, event('token.requested'), failed), 'No token.');
});

test('a connection that is lost is said with what is known of the server', () => {
  const down = { state: 'failing', sentence: 'livekit-server has crashed.', next: 'Wait.' };
  const lost = [...healthyCall(), event('media.reconnecting')];
  assert.equal(statusOf(after(lost)).next, '');
  const state = after([...lost, verdicts('.verdicts.call', { system: down })]);
  assert.equal(statusOf(state).text, 'Connection lost. Reconnecting...');
  assert.equal(statusOf(state).next, 'livekit-server has crashed. Wait.');
});

test('an agent that leaves is said at once; why, by the verdict', () => {
  const left = [...healthyCall(), event('join.agent_left', { identity: 'agent-AJ_1' })];
  assert.equal(textAfter(...left), 'The agent left the call.');
  const why = verdicts('.verdicts.call', { join: { state: 'failing', sentence: 'It crashed.' } });
  assert.equal(textAfter(...left, why), 'It crashed.');
});

test('without a microphone nobody is told to speak', () => {
  const failed = event('hear.microphone_failed', { what: 'Denied.', next: 'Allow it.' });
  assert.match(textAfter(...healthyCall(), failed), /^Agent connected! Type/);
});

test('each way a microphone can fail has words of its own and a next step', () => {
  const page = { secure: true, origin: 'http://localhost:9000' };
  const names = [
    'NotAllowedError',
    'NotFoundError',
    'NotReadableError',
    'OverconstrainedError',
    'SecurityError',
    'Unplugged',
    'Strange',
  ];
  const problems = names.map((name) => microphoneProblem(name, 'said', page));
  problems.push(microphoneProblem('NotAllowedError', 'Permission denied by system', page));
  problems.push(microphoneProblem('', '', { secure: false, origin: 'http://10.0.0.7:9000' }));
  assert.equal(new Set(problems.map((each) => each.what)).size, problems.length);
  for (const { what, next } of problems) assert.ok(what.length > 20 && next.includes('type'), what);
});

test('a connection that fails names the stage, and never shows the token', () => {
  const attempt = { url: 'ws://localhost:7880', signalOpen: false };
  const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.sig-nature_1';
  const refused = connectProblem(
    { reason: 'NotAllowed', status: 401, message: `invalid token: ${token}, error: expired` },
    attempt,
  );
  assert.equal(refused.topic, 'token.failed');
  assert.ok(!JSON.stringify(refused).includes('eyJ'));
  const topic = (/** @type {object} */ how, reason = 'WebSocket') =>
    connectProblem({ reason, status: null, message: 'x' }, { ...attempt, ...how }).topic;
  assert.equal(topic({}), 'signal.failed');
  assert.equal(topic({}, 'Timeout'), 'signal.failed');
  assert.equal(topic({ signalOpen: true }), 'media.failed');
});

test('a call that ended says the reason, if there was one', () => {
  assert.match(endProblem('DUPLICATE_IDENTITY').what, /DUPLICATE_IDENTITY/);
  assert.match(endProblem('').what, /no reason was given/);
});
