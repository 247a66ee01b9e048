/** The status line, and the words for what goes wrong. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectProblem, endProblem, microphoneProblem } from '../../../web/call/problems.js';
import { whyNoAgent } from '../../../web/call/why-no-agent.js';
import { statusOf } from '../../../web/state/status.js';
import { after, agent, event, healthyCall } from './events.js';

const ready = [
  event('.health.checked', { processes: { livekit: { state: 'ready' } } }),
  event('.agents.loaded', { agents: [{ id: 'agent-1', name: 'first' }] }),
];
/** @param {import('../../../web/types.js').VoiceEvent[]} events */
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
  const failed = event('.health.checked', {
    processes: { letta: { state: 'failed', detail: 'Port 8283 is taken by pid 7.' } },
  });
  const { text, next } = statusOf(after([...ready, failed]));
  assert.equal(text, 'letta is failed. Port 8283 is taken by pid 7.');
  assert.match(next, /restart_voice_system\.sh letta/);
});

test('no agent after the usual time, until one comes', () => {
  const call = healthyCall();
  const late = event('join.late', { stage: 'dispatch', what: 'No agent after 15 s. x', next: 'y' });
  assert.equal(textAfter(...call.slice(0, 9), late), 'No agent after 15 s. x');
  assert.equal(
    textAfter(...call.slice(0, 9), late, ...call.slice(9)),
    'Agent connected! Start speaking...',
  );
});

test('an agent that cannot answer is not one to speak to, until it can', () => {
  const degraded = agent('job.degraded', {
    what: 'speech-to-text',
    error: 'refused',
    consequence: 'the agent hears no words',
  });
  const broken = [...healthyCall(), degraded];
  assert.match(textAfter(...broken), /^speech-to-text fails \(refused\)/);
  assert.match(textAfter(...broken, agent('hear.speech_ended')), /^speech-to-text fails/);
  const heard = agent('transcribe.transcript', { text: 'hello', final: true });
  assert.equal(textAfter(...broken, heard), 'Agent connected! Start speaking...');
});

test('without a microphone nobody is told to speak', () => {
  const failed = event('hear.microphone_failed', { what: 'Denied.', next: 'Allow it.' });
  assert.match(textAfter(...healthyCall(), failed), /^Agent connected! Type/);
});

test('why no agent: what the worker and the dispatch know', () => {
  const known = {
    worker: { registered: true, agent_name: 'a', expected_name: 'a' },
    dispatch: {},
    request: null,
    joined: false,
  };
  const stage = (/** @type {object} */ more) => whyNoAgent({ ...known, ...more }).stage;
  const what = (/** @type {object} */ more) => whyNoAgent({ ...known, ...more }).what;

  assert.match(
    what({ worker: { registered: false, message: 'The worker does not answer.' } }),
    /^The worker does not answer\.$/,
  );
  assert.match(
    what({ worker: { registered: true, agent_name: 'other', expected_name: 'mine' } }),
    /“other”.*“mine”/,
  );
  assert.equal(stage({ dispatch: { state: 'not_joined', message: 'The job crashed.' } }), 'job');
  assert.equal(
    what({ dispatch: { state: 'not_joined', message: 'The job crashed.' } }),
    'The job crashed.',
  );
  assert.equal(
    what({
      worker: { ...known.worker, message: 'The worker has 4 jobs.' },
      dispatch: { state: 'requested', message: 'Asked.' },
    }),
    'Asked. Nobody has come yet. The worker has 4 jobs.',
  );
  assert.equal(stage({ dispatch: { state: 'waiting_for_worker' } }), 'dispatch');
  assert.equal(stage({ joined: true }), 'join');
  assert.match(
    what({
      worker: { unreachable: 'The proxy is gone.' },
      dispatch: { unreachable: 'The proxy is gone.' },
    }),
    /^The proxy is gone\./,
  );
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
  const attempt = { url: 'ws://localhost:7880', signalOpen: false, pageSecure: false };
  const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.sig-nature_1';
  const refused = connectProblem(
    { reason: 'NotAllowed', status: 401, message: `invalid token: ${token}, error: expired` },
    attempt,
  );
  assert.equal(refused.stage, 'token');
  assert.ok(!JSON.stringify(refused).includes('eyJ'));
  const stage = (/** @type {object} */ how, reason = 'WebSocket') =>
    connectProblem({ reason, status: null, message: 'x' }, { ...attempt, ...how }).stage;
  assert.equal(stage({}), 'signal');
  assert.equal(stage({}, 'Timeout'), 'signal');
  assert.equal(stage({ signalOpen: true }), 'media');
  const mixed = connectProblem(
    { reason: 'WebSocket', status: null, message: 'x' },
    { url: 'ws://sfu.example:7880', signalOpen: false, pageSecure: true },
  );
  assert.match(mixed.problem.what, /https/);
});

test('each way a call can end has words', () => {
  assert.match(endProblem('DUPLICATE_IDENTITY').what, /identity/);
  assert.match(endProblem('a reason of tomorrow').what, /lost/);
});
