/** A list of events, one row each; a row opens to what the event carries. */

import { clock } from '../state/console.js';
import { h } from './dom.js';

/** @param {import('../types.js').VoiceEvent[]} events oldest first @returns {HTMLElement} */
export function eventList(events) {
  if (events.length === 0) return h('p', { class: 'empty' }, 'No events yet.');
  return h('ol', { class: 'events' }, ...events.map((event) => h('li', {}, row(event))));
}

/** @param {import('../types.js').VoiceEvent} event */
function row(event) {
  const head = [
    h('time', {}, clock(event.at)),
    h('span', { class: 'event-name' }, `${event.stage} ${event.name}`),
    h('span', { class: 'event-source' }, event.source),
  ];
  if (Object.keys(event.data).length === 0) return h('div', { class: 'event' }, ...head);
  return h(
    'details',
    { class: 'event' },
    h('summary', {}, ...head),
    h('pre', { tabindex: 0 }, JSON.stringify(event.data, null, 2)),
  );
}
