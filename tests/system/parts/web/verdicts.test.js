/** The proxy's verdicts on the page: when they are shown, what they offer, what is read out. */

import { test } from 'node:test';
import { lineOf } from '../../../../web/state/console.js';
import { isNew } from '../../../../web/state/read.js';
import { announce, NO_ANNOUNCEMENT } from '../../../../web/state/stages.js';
import { viewOf } from '../../../../web/state/state.js';
import { nextStep, statusOf } from '../../../../web/state/status.js';
import { duration, seconds, waited } from '../../../../web/state/times.js';
import { after, agent, answer, event, healthyCall, oneTurn, verdicts } from './events.js';

import assert from 'node:assert/strict';

/** @param {Record<string, object>} [otherwise] @param {object} [more] */
const judged = (otherwise, more) => verdicts('.verdicts.call', otherwise, more);
const GONE = { state: 'failing', cause: 'agent-deleted', sentence: 'Gone.', next: 'Choose another.' };

test('the proxy judges as soon as it is heard, and its word stays until there is another', () => {
  const before = after(healthyCall());
  assert.equal(before.judge, 'page');
  const heard = after([judged({ think: GONE })], before);
  assert.equal(heard.judge, 'proxy');
  assert.equal(heard.verdicts.think.cause, 'agent-deleted');
  assert.equal(statusOf(heard).text, 'Gone.');
  assert.deepEqual([heard.selection.view, heard.selection.stage], ['stage', 'think']);
  const later = after([agent('think.done'), event('media.reconnecting')], heard);
  assert.equal(later.verdicts, heard.verdicts);
});

test('a proxy that is gone is named by the page, and believed again only when it has spoken', () => {
  const gone = event('.health.unreachable', { what: 'The proxy is gone.', next: 'Start it.' });
  for (const calling of [healthyCall(), []]) {
    const state = after([...calling, judged(), gone]);
    assert.equal(state.judge, 'page');
    assert.equal(state.verdicts.system.cause, 'proxy-down');
    const back = after([event('.health.checked', { processes: {} })], state);
    assert.equal(back.verdicts.system.state, 'not seen yet');
    assert.equal(after([judged()], back).judge, 'proxy');
  }
});

test('between calls the proxy judges the system', () => {
  const down = { system: { state: 'failing', cause: 'letta-down', sentence: 'Letta is down.' } };
  const state = after([verdicts('.verdicts.system', down, { call: null })]);
  assert.equal(state.judge, 'proxy');
  assert.equal(state.verdicts.system.cause, 'letta-down');
  assert.equal(state.verdicts.token.state, 'not seen yet');
});

test('a call that is over keeps its verdicts, whatever comes next in its room', () => {
  const end = event('media.disconnected', { intended: true });
  const state = after([...healthyCall(), judged({ think: GONE }), end, judged({}, { call: 'c2' })]);
  assert.equal(state.verdicts.think.cause, 'agent-deleted');
  const again = after([event('token.requested')], state);
  assert.equal(again.judge, 'page');
});

test('verdicts that say what they said are the same objects', () => {
  const one = after([...healthyCall(), judged({ think: GONE })]);
  const two = after([judged({ think: GONE, play: { ms: 7 } }, { now: 1_795_000_000.1 })], one);
  assert.equal(one.verdicts.think, two.verdicts.think);
  assert.notEqual(one.verdicts.play, two.verdicts.play);
});

test('since when is told by this page’s clock', () => {
  const said = judged({ think: { state: 'waiting', since: 995 } }, { now: 1000 });
  const { verdicts } = after([...healthyCall(), said]);
  assert.ok(Math.abs((verdicts.think.since ?? 0) - (said.at - 5)) < 0.001);
  assert.equal(waited(verdicts.think, said.at), 'for 5.0 s, usually 40 ms');
});

test('lengths of time are as short as they can be read', () => {
  assert.deepEqual([duration(12.4), duration(9999), duration(12_300)], ['12 ms', '9999 ms', '12 s']);
  assert.deepEqual([seconds(-1), seconds(61), seconds(150)], ['0.0 s', '61 s', '3 min']);
});

test('a failure and its end are read out, waiting is not', () => {
  const shown = (/** @type {Record<string, object>} */ otherwise) =>
    after([...healthyCall(), judged(otherwise)]).verdicts;
  let spoken = announce(NO_ANNOUNCEMENT, shown({ think: { state: 'waiting' } }));
  assert.equal(spoken, NO_ANNOUNCEMENT);
  spoken = announce(spoken, shown({ think: GONE }));
  assert.equal(spoken.text, 'think fails: Gone. Next step: Choose another.');
  assert.equal(announce(spoken, shown({ think: GONE })), spoken);
  assert.equal(announce(spoken, shown({ think: { state: 'waiting' } })), spoken);
  spoken = announce(spoken, shown({}));
  assert.equal(spoken.text, 'think works again.');
  assert.equal(announce(spoken, shown({ think: { state: 'waiting' } })), spoken);
});

test('the console has a line when a verdict fails and when it works again', () => {
  const { console } = after([...healthyCall(), judged({ think: GONE }), judged({ think: GONE }), judged()]);
  assert.deepEqual(
    console.lines.slice(-2).map(({ tone, text }) => [tone, text]),
    [
      ['bad', '❌ think fails: Gone. Next step: Choose another.'],
      ['good', '✅ think works again.'],
    ],
  );
  // What this browser met has a line already.
  const denied = event('hear.microphone_failed', { what: 'Denied.', next: 'Allow it.' });
  const hear = { state: 'failing', sentence: 'Denied.' };
  const lines = after([...healthyCall(), denied, judged({ hear })]).console.lines;
  assert.equal(lines.filter(({ text }) => text.includes('Denied.')).length, 1);
});

test('a next step has a button where this page can do it, and its commands to copy', () => {
  const { call } = after([...healthyCall(), event('hear.muted', { muted: true, by: 'caller' })]);
  const button = (/** @type {string} */ next, of = call) => nextStep(next, of).button?.action;
  assert.equal(button('Press Unmute.'), 'unmute');
  assert.equal(button('Press Start audio.'), undefined); // nothing is held back
  assert.equal(button('Press Start audio.', { ...call, soundBlocked: true }), 'start-audio');
  assert.equal(button('Then press Try again.', { ...call, microphone: 'failed' }), 'retry-microphone');
  assert.equal(button('Disconnect, then connect again.'), 'connect-again');
  assert.equal(nextStep('Press Unmute.', null).button, null);
  const ask = 'Ask for the agent: by the button of the page.';
  assert.equal(nextStep(ask, null, 'kitchen').button?.action, 'ask-for-agent'); // of another's call
  assert.equal(nextStep(ask, null).button, null); // which is over

  const commands = (/** @type {string} */ next) => nextStep(next, null).commands;
  assert.deepEqual(
    commands('./restart_voice_system.sh agent; its log says why: ./restart_voice_system.sh logs agent.'),
    ['./restart_voice_system.sh agent', './restart_voice_system.sh logs agent'],
  );
  assert.deepEqual(commands('Run ./restart_voice_system.sh letta and wait. See `kill -CONT 7`.'), [
    './restart_voice_system.sh letta',
    'kill -CONT 7',
  ]);
  assert.deepEqual(commands('Run ./scripts/doctor --json.'), ['./scripts/doctor --json']);
  assert.deepEqual(commands('Close the other tab.'), []);
});

test('what the proxy reports changes nothing that the page knows, but is told', () => {
  const refused = { ...event('dispatch.refused', { code: 'X' }), source: /** @type {const} */ ('proxy') };
  const before = after([...healthyCall(), judged()]);
  const state = after([refused], before);
  assert.equal(state.verdicts, before.verdicts);
  assert.equal(state.evidence.dispatch.at(-1), refused);
  assert.equal(lineOf(refused), null);
  const waits = { ...refused, name: 'waiting_for_worker', data: { message: 'Nobody.' } };
  assert.equal(lineOf(waits)?.text, '⏳ Nobody.');
});

test('an event that comes by two ways is taken once', () => {
  const one = { ...agent('think.done', { turn: 1 }), key: 'k1' };
  assert.deepEqual([isNew(one), isNew({ ...one, at: one.at + 1 })], [true, false]);
  const { key: _, ...keyless } = agent('think.done');
  assert.deepEqual([isNew(keyless), isNew({ ...keyless })], [true, false]);
});

test('a past call is folded as it was, and the call of now stays as it is', () => {
  const events = [...healthyCall(), ...oneTurn(1)];
  const data = {
    ...answer({ think: GONE }),
    call: { id: 'c9', room: 'r', started: 1, ended: 126, turns: 1, worst: { stage: 'think', cause: 'x' } },
    events: events.map((each, seq) => ({ ...each, seq })),
  };
  const now = after([...healthyCall(), ...oneTurn(1, 'Now.')]);
  const opened = after([event('.call.opening', { id: 'c9' }), event('.call.opened', data)], now);
  const view = viewOf(opened);
  assert.deepEqual(
    view.conversation.rows.map((each) => each.text),
    ['my name is Ada', 'Nice to meet you.'],
  );
  assert.equal(view.turns.byId['1']?.ms?.first_sound, 676);
  assert.equal(view.verdicts.think.cause, 'agent-deleted');
  assert.equal(view.console.lines[0]?.at, events[2]?.at);
  assert.deepEqual(opened.calls.open?.call.met, { stage: 'think', cause: 'x' });
  assert.equal(opened.calls.open?.call.failing, null);
  assert.equal(opened.conversation.rows.at(-1)?.text, 'Now.');
  assert.equal(viewOf(after([event('.call.closed')], opened)).conversation, opened.conversation);
  // Another one was asked for meanwhile: this answer is too late.
  const late = after([event('.call.opening', { id: 'c10' }), event('.call.opened', data)], now);
  assert.equal(late.calls.open, null);
});

test('the list of calls grows by older ones, and loses those that are deleted', () => {
  const calls = (/** @type {string[]} */ ids) => ids.map((id) => ({ id, room: id, started: 1 }));
  const state = after([
    event('.calls.loaded', { calls: calls(['a', 'b']), more: true }),
    event('.calls.loaded', { calls: calls(['c']), older: true, more: false }),
    event('.call.deleted', { id: 'b' }),
  ]);
  assert.deepEqual(
    state.calls.items.map((each) => each.id),
    ['a', 'c'],
  );
  assert.equal(state.calls.more, false);
});

test('why a call could not be opened stays in sight when the list is loaded', () => {
  const failed = event('.call.failed', { what: 'There is no such call.', next: '' });
  const state = after([failed, event('.calls.loaded', { calls: [], more: false })]);
  assert.equal(state.calls.callProblem?.what, 'There is no such call.');
  const again = after([event('.call.opening', { id: 'c1' })], state);
  assert.equal(again.calls.callProblem, null);
});
