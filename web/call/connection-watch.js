/** Tells when the connection to the room is lost, comes back, or is lost for good. */

import { DisconnectReason, RoomEvent } from 'livekit-client';
import { now } from '../clock.js';
import { endProblem } from './problems.js';

/**
 * @param {import('./session.js').CallContext} call
 * @param {(problem: import('../types.js').Problem) => void} onEnd the server or the network ended it
 */
export function watchConnection({ room, emit, signal }, onEnd) {
  let lostAt = 0;
  const lost = () => {
    lostAt ||= now();
  };
  room.on(RoomEvent.SignalReconnecting, () => {
    lost();
    emit('signal', 'reconnecting');
  });
  room.on(RoomEvent.Reconnecting, () => {
    lost();
    emit('media', 'reconnecting');
  });
  room.on(RoomEvent.Reconnected, () => {
    emit('media', 'reconnected', { ms: lostAt ? Math.round((now() - lostAt) * 1000) : 0 });
    lostAt = 0;
  });
  room.on(RoomEvent.Disconnected, (reason) => {
    if (!signal.aborted)
      onEnd(endProblem(reason === undefined ? '' : (DisconnectReason[reason] ?? '')));
  });
}
