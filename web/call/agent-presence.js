/** Finds the agent among the participants and follows its state. */

import { ParticipantKind, RoomEvent } from 'livekit-client';
import { now } from '../store.js';

const STATE = 'lk.agent.state';
const NOT_YET = new Set(['', 'initializing']);
/** An agent that has no state after this long will not have one: it counts as ready. */
const STATELESS_AFTER_MS = 3000;

/** @param {import('./session.js').CallContext} call */
export function watchAgent({ room, emit, signal }) {
  const connectedAt = now();
  const elapsed = () => Math.round((now() - connectedAt) * 1000);
  /** @type {import('livekit-client').RemoteParticipant|null} */
  let agent = null;
  let state = '';
  let ready = false;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let patience;

  const becomeReady = () => {
    if (ready || signal.aborted) return;
    ready = true;
    clearTimeout(patience);
    emit('join.agent_ready', { ms: elapsed() });
  };

  const readState = () => {
    const next = agent?.attributes[STATE] ?? '';
    if (next !== state) {
      emit('join.agent_state', { from: state, to: next });
      state = next;
    }
    if (!NOT_YET.has(next)) becomeReady();
  };

  /** @param {import('livekit-client').RemoteParticipant} participant */
  const come = (participant) => {
    if (participant.kind !== ParticipantKind.AGENT || agent) return;
    agent = participant;
    emit('join.agent_joined', {
      identity: participant.identity,
      name: participant.name ?? '',
      ms: elapsed(),
    });
    patience = setTimeout(() => state === '' && becomeReady(), STATELESS_AFTER_MS);
    readState();
  };

  /** @param {import('livekit-client').RemoteParticipant} participant */
  const go = (participant) => {
    if (participant !== agent) return;
    clearTimeout(patience);
    emit('join.agent_left', { identity: participant.identity });
    agent = null;
    state = '';
    ready = false;
    room.remoteParticipants.forEach(come);
  };

  room.on(RoomEvent.ParticipantConnected, come);
  room.on(RoomEvent.ParticipantDisconnected, go);
  room.on(RoomEvent.ParticipantAttributesChanged, (_, who) => who === agent && readState());
  // A full reconnect forgets the participants and announces those that are still there.
  room.on(RoomEvent.Reconnected, () => room.remoteParticipants.forEach(come));
  signal.addEventListener('abort', () => clearTimeout(patience), { once: true });
  room.remoteParticipants.forEach(come);
}
