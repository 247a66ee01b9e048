/** What the page's buttons do to the call. There is at most one session in a tab. */

import { getHealth, requestDispatch } from '../proxy-client.js';
import { isNameless, wish } from '../state/agents.js';
import { changes } from '../state/listening.js';
import { store, tell } from '../store.js';
import { checkHealth } from '../watch/proxy-watch.js';
import { leaveAll } from './outbox.js';
import { comesBack, PAUSES_MS, serverIsThere } from './problems.js';
import { Session } from './session.js';

/** @type {Session|null} */
let session = null;
/** Aborted when a lost call is not to be joined again. */
let rejoining = new AbortController();

/** Begins a call with the chosen agent in the named room, unless one is going on. */
export async function connect() {
  rejoining.abort();
  if (session) return;
  const { agents, listening, selection } = store.state;
  const roomName = selection.roomName.trim() || proposeRoom();
  const wanted = wish(agents);
  if (isNameless(agents)) return; // the field says so
  await start({ roomName, ...wanted, settings: changes(listening) });
}

/**
 * @param {ConstructorParameters<typeof Session>[0]} options
 * @returns {Promise<boolean>} whether the room was entered
 */
async function start(options) {
  const started = new Session(options);
  session = started;
  started.over.addEventListener('abort', () => finished(started), { once: true });
  return started.begin();
}

/**
 * Nobody wanted this call to end: joins its room again, with a new token and another dispatch.
 * @param {Session} lost
 * @param {boolean} muted
 */
async function rejoin(lost, muted) {
  rejoining.abort();
  const { signal } = (rejoining = new AbortController());
  const { roomName, agentId, agentName, workerName, metadata, settings } = lost;
  const same = { roomName, agentId, agentName, workerName, metadata, settings };
  for (const [index, pause] of PAUSES_MS.entries()) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    if (signal.aborted) return;
    // The last try is made whatever is known: the caller is told why that one fails.
    const isLast = index === PAUSES_MS.length - 1;
    if (!isLast && !(await isServerThere())) continue;
    if (signal.aborted) return;
    if (await start({ ...same, again: true })) {
      rejoining.abort();
      if (muted) await toggleMute();
      return;
    }
  }
  if (!signal.aborted) proposeNext();
}

async function isServerThere() {
  try {
    return serverIsThere(await getHealth());
  } catch {
    return false; // Nor is the proxy, which has the tokens.
  }
}

export async function disconnect() {
  rejoining.abort();
  await session?.end();
}

/** Ends the call if there is one, and begins another. */
export async function connectAgain() {
  await disconnect();
  await connect();
}

/** Asks for an agent in a room that somebody else is in; throws a ProxyError. @param {string} room */
export async function askForAgent(room) {
  const wanted = { ...wish(store.state.agents), settings: {} };
  await requestDispatch(room, wanted, new AbortController().signal);
}

export async function toggleMute() {
  await session?.microphone.setMuted(!store.state.call.muted);
}

export async function retryMicrophone() {
  await session?.microphone.enable();
}

export async function startSound() {
  await session?.startSound();
}

/** @param {string} text */
export async function sendText(text) {
  await session?.typed.send(text);
}

/**
 * An error of the page itself belongs to the call that goes on, whose trouble it may explain.
 * @param {string} what
 */
export function reportPageError(what) {
  const isConnecting = store.state.call.phase === 'connecting';
  const topic = isConnecting ? 'signal.error' : 'play.error';
  session?.emit(topic, { what });
}

// Who closes the tab hangs up; what has not been posted yet is posted by the browser, afterwards.
window.addEventListener('pagehide', () => {
  void session?.end();
  leaveAll();
});

// The reason may lie in a process that went away: look at once, not at the next round.
let phase = store.state.call.phase;
store.subscribe(({ call }) => {
  const troubled = call.phase === 'reconnecting' || (call.phase === 'idle' && phase !== 'idle');
  if (troubled && call.phase !== phase) queueMicrotask(() => void checkHealth());
  phase = call.phase;
}, new AbortController().signal);

/** @param {Session} ended */
function finished(ended) {
  if (session === ended) session = null;
  if (ended.lost !== null && comesBack(ended.lost)) {
    void rejoin(ended, store.state.call.muted);
    return;
  }
  if (!ended.again || rejoining.signal.aborted) proposeNext();
}

function proposeNext() {
  // A room is one Letta conversation, and the agent of this call may still be leaving it.
  if (store.state.selection.roomProposed) {
    tell('room.named', { room: proposeRoom(), proposed: true });
  }
}

const QUALITIES =
  'amber brisk calm clear early fresh gentle green kind light mellow plain quiet rapid steady warm';
const THINGS =
  'alder brook cedar comet dune fern finch harbor heron lake maple meadow otter pine river wren';
const NUMBERS = 10_000;

/** A name for a room that is easy to say and unlikely to be taken, such as `calm-otter-0123`. */
export function proposeRoom() {
  const [quality = 0, thing = 0, number = 0] = crypto.getRandomValues(new Uint32Array(3));
  const pick = (/** @type {string} */ list, /** @type {number} */ index) => {
    const words = list.split(' ');
    return words[index % words.length];
  };
  const digits = String(number % NUMBERS).padStart(4, '0');
  return `${pick(QUALITIES, quality)}-${pick(THINGS, thing)}-${digits}`;
}
