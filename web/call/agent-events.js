/** Receives what the worker reports about the call, on the data topic `voice.event`. */

import { ParticipantKind, RoomEvent } from 'livekit-client';
import { now } from '../clock.js';
import { parseAgentEvent } from '../state/parse-event.js';
import { store, tell } from '../store.js';
import { isNew } from './seen-events.js';

const TOPIC = 'voice.event';

/** @param {import('./session.js').CallContext} call */
export function receiveAgentEvents({ room, signal }) {
  room.on(RoomEvent.DataReceived, (payload, participant, _kind, topic) => {
    if (topic !== TOPIC || signal.aborted) return;
    // Anybody in the room can send data; only the agent's word counts as the agent's.
    if (participant && participant.kind !== ParticipantKind.AGENT) return;
    const event = parseAgentEvent(new TextDecoder().decode(payload), now());
    if (event && isNew(event)) store.dispatch(event);
    else if (!event) {
      tell('agent.unreadable', {
        what: `The agent sent ${payload.length} bytes on ${TOPIC} that are not an event.`,
        next: 'Do the agent and the page come from the same version?',
      });
    }
  });
}
