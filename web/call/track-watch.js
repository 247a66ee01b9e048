/** Tells which tracks of sound come and go, and when the devices of this computer change. */

import { RoomEvent, Track } from 'livekit-client';

/** @param {import('./session.js').CallContext} call */
export function watchTracks({ room, emit, signal }) {
  room.on(RoomEvent.LocalTrackPublished, ({ trackSid, source, isMuted }) =>
    emit('hear', 'track_published', { sid: trackSid, source, muted: isMuted }),
  );
  room.on(RoomEvent.LocalTrackUnpublished, ({ trackSid, source }) =>
    emit('hear', 'track_unpublished', { sid: trackSid, source }),
  );
  room.on(RoomEvent.TrackSubscribed, (track, { trackSid }, { identity }) => {
    if (track.kind === Track.Kind.Audio)
      emit('play', 'track_subscribed', { sid: trackSid, identity });
  });
  room.on(RoomEvent.TrackUnsubscribed, (track, { trackSid }, { identity }) => {
    if (track.kind === Track.Kind.Audio)
      emit('play', 'track_unsubscribed', { sid: trackSid, identity });
  });
  room.on(RoomEvent.TrackSubscriptionFailed, (sid, { identity }) =>
    emit('play', 'track_failed', { sid, identity }),
  );

  const devicesChanged = async () => {
    const inputs = (await navigator.mediaDevices.enumerateDevices()).filter(
      (each) => each.kind === 'audioinput',
    );
    const labels = inputs.map((each) => each.label).filter(Boolean);
    emit('hear', 'device_changed', { microphones: inputs.length, labels });
  };
  // A page that is not secure has no devices, and says so when it asks for the microphone.
  navigator.mediaDevices?.addEventListener('devicechange', () => void devicesChanged(), { signal });
}
