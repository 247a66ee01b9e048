/**
 * Talks to the proxy over HTTP. What goes wrong becomes a `ProxyError` whose words are for people.
 */

import { asRecord, asRecords, asText, asTexts } from './state/read.js';

/** A dispatch may be tried three times by the proxy before it answers. */
const PATIENCE_MS = 10_000;
/** A proxy that is not heard of for longer is said to be gone. */
const HEALTH_PATIENCE_MS = 5000;
/** A new agent has to be made in Letta, with a database behind it. */
const CREATION_PATIENCE_MS = 70_000;

/** An answer that is not the hoped-for one, or none at all. */
export class ProxyError extends Error {
  /**
   * @param {import('./types.js').Problem} problem
   * @param {boolean} answered false if nothing (or nothing readable) came back
   * @param {number|null} [status] of the answer
   * @param {string} [code] the proxy's word for what is wrong, for programs
   */
  constructor(problem, answered, status = null, code = '') {
    super(problem.what);
    this.name = 'ProxyError';
    this.problem = problem;
    this.answered = answered;
    this.status = status;
    this.code = code;
  }
}

/** @param {unknown} error @returns {import('./types.js').Problem} */
export function problemOf(error) {
  if (error instanceof ProxyError) return error.problem;
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { what, next: 'Reload the page. If it stays, copy the console into a bug report.' };
}

export async function getConfig() {
  return ask('GET', '/api/config');
}

export async function getAgents() {
  return asRecords((await ask('GET', '/api/agents')).agents);
}

/** @param {{name: string, persona?: string, human?: string, model?: string}} agent */
export async function createAgent(agent) {
  const patience = { patienceMs: CREATION_PATIENCE_MS };
  return asRecord((await ask('POST', '/api/agents', agent, undefined, patience)).agent);
}

/** The models an agent can think with. */
export async function getModels() {
  return asRecords((await ask('GET', '/api/models')).models);
}

/** @param {string} agentId @param {string} model */
export async function changeModel(agentId, model) {
  const path = `/api/agents/${encodeURIComponent(agentId)}`;
  return asRecord((await ask('PATCH', path, { model })).agent);
}

/** @param {string} agentId @returns {Promise<MemoryAnswer>} */
export async function getMemory(agentId) {
  return memoryOf(await ask('GET', memoryPath(agentId)));
}

/** @param {string} agentId @param {string} label @param {string} value */
export async function writeBlock(agentId, label, value) {
  return memoryOf(await ask('PATCH', memoryPath(agentId, label), { value }));
}

/** @param {string} agentId @param {string} label */
export async function getVersions(agentId, label) {
  const { versions } = await ask('GET', `${memoryPath(agentId, label)}/versions`);
  return asRecords(versions).map(({ id, at, why }) => ({
    id: asText(id),
    at: asText(at),
    why: asText(why),
  }));
}

/** @param {string} agentId @param {string} label @param {string} id */
export async function getVersion(agentId, label, id) {
  const path = `${memoryPath(agentId, label)}/versions/${encodeURIComponent(id)}`;
  return asText((await ask('GET', path)).value);
}

/** @typedef {{blocks: Record<string, unknown>[], keepsHistory: boolean}} MemoryAnswer */

/** @param {Record<string, unknown>} answer @returns {MemoryAnswer} */
function memoryOf(answer) {
  return { blocks: asRecords(answer.blocks), keepsHistory: answer.keeps_history === true };
}

/** @param {string} agentId @param {string[]} label */
function memoryPath(agentId, ...label) {
  return ['/api/agents', agentId, 'memory', ...label].map(encodePart).join('/');
}

/** @param {string} part @param {number} index */
function encodePart(part, index) {
  return index === 0 ? part : encodeURIComponent(part);
}

/** @param {string} room @param {AbortSignal} signal */
export async function getToken(room, signal) {
  const answer = await ask('POST', '/api/token', { room }, signal);
  return {
    token: asText(answer.token),
    url: asText(answer.url),
    identity: asText(answer.identity),
  };
}

/**
 * @typedef {object} DispatchWish
 * @property {string} agentId a Letta agent; '' is our worker's default
 * @property {string} workerName another's agent than ours, or ''
 * @property {string} metadata what that one is sent with
 * @property {Record<string, number|boolean>} settings of ours that shall not be as usual
 *
 * @param {string} room
 * @param {DispatchWish} request
 * @param {AbortSignal} signal
 */
export async function requestDispatch(room, { agentId, workerName, metadata, settings }, signal) {
  if (workerName) {
    const another = { room, agent_name: workerName, ...(metadata && { metadata }) };
    return ask('POST', '/api/dispatch-agent', another, signal);
  }
  const isTuned = Object.keys(settings).length > 0;
  const body = { room, ...(agentId && { agent_id: agentId }), ...(isTuned && { settings }) };
  return ask('POST', '/api/dispatch-agent', body, signal);
}

/** Whether there is an agent of ours, and the names of other workers as far as they are known. */
export async function getAgentNames() {
  const { ours, others } = await ask('GET', '/api/dispatch-agent');
  return { ours: asText(ours), others: asTexts(others) };
}

/** Health is an answer even when its status says that something is not ready. */
export async function getHealth() {
  const options = { anyStatus: true, patienceMs: HEALTH_PATIENCE_MS };
  return ask('GET', '/health', undefined, undefined, options);
}

/** The proxy's verdicts of the call in a room, or of the system alone. @param {string} [room] */
export async function getVerdicts(room) {
  return ask('GET', room ? `/api/rooms/${encodeURIComponent(room)}/verdicts` : '/api/verdicts');
}

/** @param {string} room */
export function eventsUrl(room) {
  return `/api/rooms/${encodeURIComponent(room)}/events`;
}

/**
 * Calls that were kept, newest first.
 * @param {number} limit
 * @param {number|null} before only calls that began before, in seconds since 1970
 */
export async function getCalls(limit, before) {
  const older = before === null ? '' : `&before=${before}`;
  return asRecords((await ask('GET', `/api/calls?limit=${limit}${older}`)).calls);
}

/** @param {string} id */
export async function getCall(id) {
  return ask('GET', callUrl(id));
}

/** @param {string} id */
export async function deleteCall(id) {
  return ask('DELETE', callUrl(id));
}

/** @param {string} id @param {'json'|'vtt'} [format] to download */
export function callUrl(id, format) {
  return `/api/calls/${encodeURIComponent(id)}${format ? `?format=${format}` : ''}`;
}

/**
 * Adds events to the timeline of a room.
 * @param {string} room
 * @param {string} token the proof that this page may speak for a caller in the room
 * @param {import('./types.js').VoiceEvent[]} events
 * @param {boolean} leaving the page goes away, and the request has to outlive it
 */
export async function postEvents(room, token, events, leaving) {
  const sent = events.map(({ at, stage, name, data, key }) => ({ at, stage, name, data, key }));
  const asking = { bearer: token, keepalive: leaving };
  return ask('POST', eventsUrl(room), { events: sent }, undefined, asking);
}

/**
 * @typedef {object} Asking
 * @property {boolean} [anyStatus] an answer is an answer whatever its status
 * @property {number} [patienceMs]
 * @property {string} [bearer] a token that goes along
 * @property {boolean} [keepalive] goes on when the page is closed
 *
 * @param {'GET'|'POST'|'PATCH'|'DELETE'} method
 * @param {string} path
 * @param {object} [body]
 * @param {AbortSignal} [signal]
 * @param {Asking} [options]
 * @returns {Promise<Record<string, unknown>>}
 */
async function ask(
  method,
  path,
  body,
  signal,
  { anyStatus = false, patienceMs = PATIENCE_MS, bearer = '', keepalive = false } = {},
) {
  const patience = AbortSignal.timeout(patienceMs);
  /** @type {Response} */
  let response;
  /** @type {string} */
  let text;
  try {
    response = await fetch(path, {
      method,
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
      cache: 'no-store',
      keepalive,
      headers: {
        ...(body && { 'Content-Type': 'application/json' }),
        ...(bearer && { Authorization: `Bearer ${bearer}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ProxyError(patience.aborted ? tooSlow(method, path, patienceMs) : gone(), false);
  }
  const answer = parsed(text);
  const { ok, status } = response;
  if (!answer) throw new ProxyError(unreadable(method, path, response), false, status);
  if (!ok && !anyStatus) {
    const problem = refused(answer, method, path, response);
    throw new ProxyError(problem, true, status, asText(answer.error));
  }
  return answer;
}

/** @param {string} text */
function parsed(text) {
  try {
    return asRecord(JSON.parse(text));
  } catch {
    // The caller says what came instead of JSON.
    return null;
  }
}

function gone() {
  return {
    what: `The proxy at ${location.origin} does not answer.`,
    next: 'In a terminal: ./restart_voice_system.sh proxy',
  };
}

/** @param {string} method @param {string} path @param {number} patienceMs */
function tooSlow(method, path, patienceMs) {
  return {
    what: `The proxy has not answered ${method} ${path} within ${patienceMs / 1000} s.`,
    next: 'Look at its log: ./restart_voice_system.sh logs proxy',
  };
}

/** @param {string} method @param {string} path @param {Response} response */
function unreadable(method, path, response) {
  return {
    what: `${method} ${path} answered ${response.status} with something that is not JSON.`,
    next: `Is the voice system's proxy what listens at ${location.origin}?`,
  };
}

/**
 * @param {Record<string, unknown>} answer
 * @param {string} method
 * @param {string} path
 * @param {Response} response
 */
function refused(answer, method, path, response) {
  const message = asText(answer.message) || asText(answer.error);
  return {
    what: message || `${method} ${path} answered ${response.status}.`,
    next: asText(answer.next_step),
  };
}
