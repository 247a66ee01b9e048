/** The page begins here: its elements are defined, then what it watches is watched. */

import { LogLevel, setLogLevel } from 'livekit-client';
import { proposeRoom, reportPageError } from './call/call.js';
import './parts/all.js';
import { tell } from './store.js';
import { watchCalls } from './watch/calls-watch.js';
import { loadAgents, watchMemory } from './watch/letta-watch.js';
import { watchProxy } from './watch/proxy-watch.js';

// What livekit-client has to say of a call is on the page; its own log is for what is broken.
setLogLevel(LogLevel.warn);

window.addEventListener('error', ({ message, filename, lineno }) =>
  failed(`${message} (${filename}:${lineno})`),
);
window.addEventListener('unhandledrejection', ({ reason }) => failed(String(reason)));

/** @param {string} what */
function failed(what) {
  tell('page.error', { what, next: 'Reload the page.' });
  reportPageError(what);
}

const named = new URLSearchParams(location.search).get('room');
tell('room.named', { room: named ?? proposeRoom(), proposed: named === null });
watchProxy();
watchMemory();
watchCalls();
void loadAgents();
