/**
 * Keeps the page in touch with the proxy: every few seconds it asks for the health of the
 * processes, and while there is a call it listens to the timeline of its room, which carries the
 * verdicts and the events that this page does not see by itself.
 */

import {
  eventsUrl,
  getConfig,
  getHealth,
  getVerdicts,
  problemOf,
  ProxyError,
} from '../proxy-client.js';
import { asRecord, isNew, readEvent } from '../state/read.js';
import { now, store, tell } from '../store.js';
import { loadAgents, loadMemory } from './letta-watch.js';

const EVERY_MS = 3000;
/** A tab that nobody looks at asks seldom. */
const HIDDEN_EVERY_MS = 15_000;
/** What could not be loaded is tried again after this many looks at most. */
const MOST_LOOKS = 16;
/** A browser gives up a stream that was answered with an error: then it is opened anew. */
const AGAIN_MS = 2000;
/** What happened in the room before this call is of an earlier one. */
const LEAD_S = 2;

/** @type {ReturnType<typeof setTimeout>|undefined} */
let nextCheck;
let looks = 0;
let looksToWait = 1;
let lastCheck = 0;
let configured = false;

/** @type {EventSource|null} */
let stream = null;
/** @type {ReturnType<typeof setTimeout>|undefined} */
let nextStream;

/** Starts to watch, for as long as the page lives. */
export function watchProxy() {
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void checkHealth();
  });
  void checkHealth();
  let streamed = '';
  store.subscribe(({ call: { phase, room, hasToken } }) => {
    // A call that is over is listened to until the next one: the reason may come after its end.
    const next = phase === 'idle' ? streamed : hasToken ? room : '';
    if (next === streamed) return;
    streamed = next;
    queueMicrotask(() => listen(next));
  }, new AbortController().signal);
}

/** Looks now, and then again and again. */
export async function checkHealth() {
  clearTimeout(nextCheck);
  lastCheck += 1;
  const check = lastCheck;
  try {
    const answer = await getHealth();
    if (check !== lastCheck) return; // A later look is on its way; its answer counts.
    const before = store.state.health;
    tell('health.checked', answer);
    if (!configured) await configure();
    await checkVerdicts();
    loadAgain(store.state.health !== before);
  } catch (error) {
    if (check !== lastCheck) return;
    const problem = problemOf(error);
    // The proxy is asked again and again; the same trouble is told once.
    if (problem.what !== store.state.health.problem?.what) {
      tell('health.unreachable', { ...problem });
    }
    configured = false; // It may come back as another one.
  }
  clearTimeout(nextCheck);
  nextCheck = setTimeout(checkHealth, document.hidden ? HIDDEN_EVERY_MS : EVERY_MS);
}

/** Asks for what no stream carries: the system between calls, a call while its stream is lost. */
async function checkVerdicts() {
  const { phase, room, hasToken } = store.state.call;
  try {
    if (phase === 'idle') tell('verdicts.system', await getVerdicts());
    else if (hasToken && stream?.readyState !== EventSource.OPEN) {
      const answer = await getVerdicts(room);
      if (store.state.call.room === room) tell('verdicts.call', answer);
    }
  } catch (error) {
    // The next look at the health says whether the proxy is gone; without verdicts the page goes on.
    if (!(error instanceof ProxyError)) throw error;
  }
}

/** @param {boolean} changed something is other than it was: it may work now */
function loadAgain(changed) {
  const { agents, memory } = store.state;
  // A Letta that has just started gets its first agent a moment later.
  const noAgents = agents.state === 'failed' || agents.state === 'empty';
  const noMemory = memory.state === 'failed';
  looks += 1;
  if (changed || (!noAgents && !noMemory)) looksToWait = 1;
  else if (looks < looksToWait) return;
  looks = 0;
  looksToWait = Math.min(MOST_LOOKS, looksToWait * 2);
  if (noAgents) void loadAgents();
  if (noMemory) void loadMemory();
}

async function configure() {
  tell('config.loaded', await getConfig());
  configured = true;
}

/** @param {string} room */
function listen(room) {
  clearTimeout(nextStream);
  stream?.close();
  stream = null;
  if (!room) return;
  const began = now() - LEAD_S;
  const opened = new EventSource(eventsUrl(room));
  stream = opened;
  opened.addEventListener('verdicts', ({ data }) => {
    tell('verdicts.call', asRecord(JSON.parse(data)));
  });
  opened.addEventListener('event', ({ data }) => {
    const event = readEvent(JSON.parse(data), now());
    // What this page reports it knows already.
    if (!event || event.source === 'browser' || event.at < began) return;
    if (isNew(event)) store.dispatch(event);
  });
  opened.addEventListener('error', () => {
    if (stream !== opened) return;
    // The proxy may be gone: that is to be said at once, not at the next look.
    void checkHealth();
    if (opened.readyState !== EventSource.CLOSED) return;
    nextStream = setTimeout(() => listen(room), AGAIN_MS);
  });
}
