/**
 * Asks the proxy every few seconds how the processes are, and loads again what could not be loaded.
 */

import { getConfig, getHealth, problemOf } from '../proxy-client.js';
import { store, tell } from '../store.js';
import { loadAgents } from './agents-watch.js';
import { loadMemory } from './memory-watch.js';
import { checkSystem } from './verdicts-watch.js';

const EVERY_MS = 3000;
/** A tab that nobody looks at asks seldom. */
const HIDDEN_EVERY_MS = 15_000;

/** What could not be loaded is tried again after this many looks, then after twice as many. */
const MOST_LOOKS = 16;

/** @type {ReturnType<typeof setTimeout>|undefined} */
let timer;
let looks = 0;
let looksToWait = 1;
let asked = 0;
let configured = false;

/** Starts to watch, for as long as the page lives. */
export function watchHealth() {
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void checkHealth();
  });
  void checkHealth();
}

/** Looks now, and then again and again. */
export async function checkHealth() {
  clearTimeout(timer);
  asked += 1;
  const number = asked;
  try {
    const answer = await getHealth();
    if (number !== asked) return; // A later look is on its way; its answer counts.
    const before = store.state.health;
    tell('health.checked', answer);
    if (!configured) await configure();
    await checkSystem();
    loadAgain(store.state.health !== before);
  } catch (error) {
    if (number !== asked) return;
    const problem = problemOf(error);
    // Asked again and again: the same trouble is told once.
    if (problem.what !== store.state.health.problem?.what) {
      tell('health.unreachable', { ...problem });
    }
    configured = false; // It may come back as another one.
  }
  clearTimeout(timer);
  timer = setTimeout(checkHealth, document.hidden ? HIDDEN_EVERY_MS : EVERY_MS);
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
