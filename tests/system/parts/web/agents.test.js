/** Whom Connect asks for: a Letta agent of ours, or the agent of another worker by its name. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNameless, wish, wishProblem } from '../../../../web/state/agents.js';
import { after, event } from './events.js';

const ADA = { id: 'agent-1', name: 'Ada' };
const loaded = (remembered = '') => event('.agents.loaded', { agents: [ADA], models: [], remembered });
const named = (/** @type {string} */ ours, /** @type {string[]} */ ...others) =>
  event('.agents.names', { ours, others });
const chosen = (/** @type {string} */ id) => event('.agents.chosen', { id });
const typed = (/** @type {string} */ name, metadata = '') =>
  event('.agents.another', { named: name, metadata });
/** @param {import('../../../../web/types.js').VoiceEvent[]} events */
const agents = (...events) => after(events).agents;

test('a Letta agent is asked for by its id', () => {
  assert.deepEqual(wish(agents(named('ours'), loaded())), {
    agentId: 'agent-1',
    agentName: 'Ada',
    workerName: '',
    metadata: '',
  });
});

test('another is asked for by the name of its worker, with metadata', () => {
  const state = agents(named('ours', 'bot'), loaded(), chosen('another:bot'), typed('', ' {"a": 1} '));
  assert.deepEqual(wish(state), {
    agentId: '',
    agentName: 'bot',
    workerName: 'bot',
    metadata: '{"a": 1}',
  });
  assert.equal(wishProblem(state), '');
});

test('a name that is typed is needed, and metadata that are no JSON are named', () => {
  const free = [named('ours'), loaded(), chosen('another:')];
  assert.ok(isNameless(agents(...free)));
  assert.match(wishProblem(agents(...free)), /agent_name/);
  const state = agents(...free, typed(' bot ', '{'));
  assert.equal(wish(state).workerName, 'bot');
  assert.match(wishProblem(state), /not JSON/);
});

test('the choice stays when the list is loaded again, and over visits', () => {
  assert.equal(agents(loaded(), chosen('another:bot'), loaded()).chosen, 'another:bot');
  assert.equal(agents(loaded('another:bot')).chosen, 'another:bot');
  assert.equal(agents(loaded('agent-9')).chosen, 'agent-1');
});

test('without an agent of ours, another is chosen from the start', () => {
  assert.equal(agents(named('', 'bot', 'other')).chosen, 'another:bot');
  assert.ok(isNameless(agents(named(''))));
  assert.equal(agents(named('')).problem, null);
});
