/** The outboxes of this tab, one a room: they outlive the call until everything is delivered. */

import { postEvents } from '../proxy-client.js';
import { tell } from '../store.js';
import { Outbox } from './outbox.js';

/** Rooms whose events are kept while the proxy is away; the oldest go first. */
const MOST_ROOMS = 8;

/** @type {Map<string, Outbox>} */
const outboxes = new Map();

/** The outbox of a room: of an earlier call in it, if that has still something to deliver. */
export function outboxOf(/** @type {string} */ room) {
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
