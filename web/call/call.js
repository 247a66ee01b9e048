/** What the page's buttons do to the call. There is at most one session in a tab. */

import { changes } from '../state/listening.js';
import { store, tell } from '../store.js';
import { checkHealth } from '../watch/health-watch.js';
import { leaveAll } from './outboxes.js';
import { proposeRoom } from './room-names.js';
import { Session } from './session.js';

/** @type {Session|null} */
let session = null;

/** Begins a call with the chosen agent in the named room, unless one is going on. */
export async function connect() {
  if (session) return;
  const { agents, listening, selection } = store.state;
  const roomName = selection.roomName.trim() || proposeRoom();
  const agent = agents.items.find((each) => each.id === agents.chosen);
  const begun = new Session({
    roomName,
    agentId: agent?.id ?? '',
    agentName: agent?.name ?? '',
    settings: changes(listening),
  });
  session = begun;
  begun.over.addEventListener('abort', () => finished(begun), { once: true });
  await begun.begin();
}

export async function disconnect() {
  await session?.end();
}

/** Ends the call if there is one, and begins another. */
export async function connectAgain() {
  await disconnect();
  await connect();
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
 * An error of the page itself is one of the call that goes on, for it may be the reason of trouble.
 * @param {string} what
 */
export function reportPageError(what) {
  session?.emit(store.state.call.phase === 'connecting' ? 'signal' : 'play', 'error', { what });
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
  // A room is one Letta conversation, and the agent of this call may still be leaving it.
  if (store.state.selection.roomProposed) {
    tell('room.named', { room: proposeRoom(), proposed: true });
  }
}
