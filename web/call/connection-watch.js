/** Tells when the connection to the room is lost, comes back, or is lost for good. */

import { DisconnectReason, RoomEvent } from 'livekit-client';
import { now } from '../clock.js';
import { endProblem } from './problems.js';

/**
 * @param {import('./session.js').CallContext} call
 * @param {(reason: string, problem: import('../types.js').Problem) => void} onEnd the server, the
 *   network or the browser ended it, for a reason by livekit's name of it
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
  room.on(RoomEvent.Disconnected, (number) => {
    const reason = number === undefined ? '' : (DisconnectReason[number] ?? '');
    if (!signal.aborted) onEnd(reason, endProblem(reason));
  });
}
