/**
 * Listens to the timeline of the call's room: the proxy's verdicts, and the events that this page
 * does not see by itself. Between two calls it asks how the system is.
 */

import { isNew } from '../call/seen-events.js';
import { now } from '../clock.js';
import { eventsUrl, getVerdicts, ProxyError } from '../proxy-client.js';
import { asRecord } from '../state/read.js';
import { readEvent } from '../state/parse-event.js';
import { store, tell } from '../store.js';

/** A browser gives up a stream that was answered with an error: then it is opened anew. */
const AGAIN_MS = 2000;
/** What happened in the room before this call is of an earlier one. */
const LEAD_S = 2;

/** @type {EventSource|null} */
let stream = null;
/** @type {ReturnType<typeof setTimeout>|undefined} */
let again;
let heard = '';

/** Starts to watch, for as long as the page lives. */
export function watchVerdicts() {
  let listening = '';
  store.subscribe(({ call: { phase, room, hasToken } }) => {
    // Still heard when the call is over: what ended it may be told after it. Until the next call.
    const wanted = phase === 'idle' ? listening : hasToken ? room : '';
    if (wanted === listening) return;
    listening = wanted;
    queueMicrotask(() => listen(wanted));
  }, new AbortController().signal);
}

/** Asks how the system is, unless a call's stream tells it. */
export async function checkSystem() {
  if (store.state.call.phase !== 'idle') return;
  try {
    tell('verdicts.system', await getVerdicts());
  } catch (error) {
    // A proxy that is gone is told by the health; one that has no verdicts is not asked to have any.
    if (!(error instanceof ProxyError)) throw error;
  }
}

/** @param {string} room */
function listen(room) {
  clearTimeout(again);
  stream?.close();
  stream = null;
  heard = room;
  if (!room) return;
  const began = now() - LEAD_S;
  const opened = new EventSource(eventsUrl(room));
  stream = opened;
  opened.addEventListener('verdicts', ({ data }) => {
    tell('verdicts.told', asRecord(JSON.parse(data)));
  });
  opened.addEventListener('event', ({ data }) => {
    const event = readEvent(JSON.parse(data), now());
    // What this page reports it knows already.
    if (!event || event.source === 'browser' || event.at < began) return;
    if (isNew(event)) store.dispatch(event);
  });
  opened.addEventListener('error', () => {
    tell('verdicts.lost');
    if (opened.readyState !== EventSource.CLOSED || stream !== opened) return;
    again = setTimeout(() => listen(heard), AGAIN_MS);
  });
}
