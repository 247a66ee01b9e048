/**
 * Posts what the page reports about its rooms to the proxy: in the background, in batches, and
 * again after a failure. Each event has a key of its own, so that the proxy keeps it once.
 */

import { postEvents } from '../proxy-client.js';
import { topicOf } from '../state/stages.js';
import { tell } from '../store.js';

/** @typedef {import('../types.js').VoiceEvent} VoiceEvent */

/** Events of one moment travel together. */
export const BATCH_AFTER_MS = 250;
/** What the proxy takes at once. */
export const MOST_AT_ONCE = 200;
/** Events kept while the proxy is away; figures of the sound go first, then the oldest events. */
export const MOST_WAITING = 4000;
const PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;
/** A browser lets a page that is closed send 64 kB in all. */
const MOST_LAST_CHARACTERS = 30_000;
/** Answers after which the same events have no better chance. */
const NOT_TAKEN = new Set([401, 403, 404]);
/** Answers that concern one of the events, and not the others. */
const ONE_IS_BAD = new Set([400, 413]);

/**
 * @typedef {object} Postman
 * @property {(events: VoiceEvent[], token: string, leaving: boolean) => Promise<unknown>} send
 *   rejects with an error that has the `status` of the answer, if there was one
 * @property {(count: number, why: string) => void} lost tells that events will never arrive
 */

export class Outbox {
  #postman;
  /** @type {VoiceEvent[]} */
  #waiting = [];
  #token = '';
  #atOnce = MOST_AT_ONCE;
  #failures = 0;
  #sending = false;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;

  /** @param {Postman} postman */
  constructor(postman) {
    this.#postman = postman;
  }

  get isEmpty() {
    return this.#waiting.length === 0;
  }

  /** Takes an event; it leaves as soon as there is a token. @param {VoiceEvent} event */
  add(event) {
    this.#waiting.push(event);
    if (this.#waiting.length > MOST_WAITING) this.#makeRoom();
    this.#plan(BATCH_AFTER_MS);
  }

  /** The proof without which the proxy takes nothing. @param {string} token */
  authorize(token) {
    this.#token = token;
    this.#plan(BATCH_AFTER_MS);
  }

  /** The page goes away: one try with what is left, which the browser finishes without us. */
  leave() {
    if (!this.#token || this.isEmpty) return;
    const all = this.#waiting.slice(-MOST_AT_ONCE);
    const fits = (/** @type {VoiceEvent[]} */ events) =>
      JSON.stringify(events).length <= MOST_LAST_CHARACTERS;
    let events = fits(all) ? all : all.filter((event) => !isFigures(event));
    while (events.length && !fits(events)) events = events.slice(Math.ceil(events.length / 4));
    // Nobody is left to hear of a failure.
    this.#postman.send(events, this.#token, true).catch(() => undefined);
  }

  /** @param {number} ms */
  #plan(ms) {
    if (this.#timer !== undefined || this.#sending || !this.#token || this.isEmpty) return;
    this.#timer = setTimeout(() => void this.#deliver(), ms);
  }

  async #deliver() {
    this.#timer = undefined;
    this.#sending = true;
    const events = this.#waiting.slice(0, this.#atOnce);
    let pause = BATCH_AFTER_MS;
    try {
      await this.#postman.send(events, this.#token, false);
      this.#drop(events);
      this.#failures = 0;
      this.#atOnce = MOST_AT_ONCE;
      if (this.#waiting.length >= MOST_AT_ONCE) pause = 0;
    } catch (error) {
      pause = this.#failed(events, error);
    }
    this.#sending = false;
    this.#plan(pause);
  }

  /** @param {VoiceEvent[]} events @param {unknown} error @returns {number} ms until the next try */
  #failed(events, error) {
    const status = error instanceof Error && 'status' in error ? Number(error.status) : 0;
    const why = error instanceof Error ? error.message : String(error);
    if (NOT_TAKEN.has(status)) {
      this.#postman.lost(this.#waiting.length, why);
      this.#waiting = [];
      return BATCH_AFTER_MS;
    }
    if (ONE_IS_BAD.has(status)) {
      if (events.length > 1) {
        this.#atOnce = Math.ceil(events.length / 2);
        return 0;
      }
      this.#postman.lost(1, why);
      this.#drop(events);
      return BATCH_AFTER_MS;
    }
    const pause = Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** this.#failures);
    this.#failures += 1;
    return pause;
  }

  /** @param {VoiceEvent[]} events */
  #drop(events) {
    const gone = new Set(events);
    this.#waiting = this.#waiting.filter((event) => !gone.has(event));
  }

  #makeRoom() {
    const figures = this.#waiting.find(isFigures);
    this.#drop([figures ?? /** @type {VoiceEvent} */ (this.#waiting[0])]);
    if (!figures) this.#postman.lost(1, `the page keeps ${MOST_WAITING} events`);
  }
}

/** Figures of the sound come each second; they are what can be missed. @param {VoiceEvent} event */
function isFigures(event) {
  return topicOf(event) === 'media.stats';
}

/** Rooms whose events are kept while the proxy is away; the oldest go first. */
const MOST_ROOMS = 8;

/** @type {Map<string, Outbox>} */
const outboxes = new Map();

/** The outbox of a room; it outlives a call until all is delivered. @param {string} room */
export function outboxOf(room) {
  for (const [name, outbox] of outboxes) {
    if (name !== room && (outbox.isEmpty || outboxes.size >= MOST_ROOMS)) outboxes.delete(name);
  }
  const known = outboxes.get(room);
  if (known) return known;
  const opened = new Outbox({
    send: (events, token, leaving) => postEvents(room, token, events, leaving),
    lost: (count, why) => tell('events.lost', { count, why }),
  });
  outboxes.set(room, opened);
  return opened;
}

/** Sends what is left, because the page goes away. */
export function leaveAll() {
  for (const outbox of outboxes.values()) outbox.leave();
}
