/** Plays the agent's voice, and tells when the browser holds it back. */

import { RoomEvent, Track } from 'livekit-client';

/** @param {import('./session.js').CallContext} call */
export function playAgent({ room, emit, signal }) {
  room.on(RoomEvent.TrackSubscribed, (track) => {
    if (track.kind === Track.Kind.Audio) document.body.append(hidden(track.attach()));
  });
  room.on(RoomEvent.TrackUnsubscribed, (track) => remove(track));
  room.on(RoomEvent.AudioPlaybackStatusChanged, () =>
    emit('play', room.canPlaybackAudio ? 'audio_started' : 'audio_blocked'),
  );
  signal.addEventListener('abort', () => {
    for (const participant of room.remoteParticipants.values()) {
      for (const { track } of participant.trackPublications.values()) if (track) remove(track);
    }
  });
}

/** @param {HTMLMediaElement} element */
function hidden(element) {
  element.hidden = true;
  return element;
}

/** @param {import('livekit-client').RemoteTrack} track */
function remove(track) {
  for (const element of track.detach()) element.remove();
}
