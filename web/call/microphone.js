/** Switches the caller's microphone on, mutes it, and says in words why it fails. */

import { RoomEvent, Track, TrackEvent } from 'livekit-client';
import { now } from '../store.js';
import { microphoneProblem } from './problems.js';

export class Microphone {
  #call;
  #busy = false;
  /** This page is about to mute or unmute by itself. */
  #own = false;

  /** @param {import('./session.js').CallContext} call */
  constructor(call) {
    this.#call = call;
    const { room, emit } = call;
    room.on(RoomEvent.LocalTrackPublished, ({ source, track }) => {
      if (source === Track.Source.Microphone && track) this.#watch(track);
    });
    /** @param {boolean} muted */
    const report = (muted) => emit('hear.muted', { muted, by: this.#own ? 'caller' : 'server' });
    room.on(RoomEvent.TrackMuted, (_, who) => who === room.localParticipant && report(true));
    room.on(RoomEvent.TrackUnmuted, (_, who) => who === room.localParticipant && report(false));
  }

  /** Asks for the microphone and publishes it. The call goes on without it. */
  async enable() {
    const { room, emit } = this.#call;
    if (this.#busy) return;
    this.#busy = true;
    const started = now();
    emit('hear.microphone_enabling');
    try {
      if (!window.isSecureContext || !navigator.mediaDevices) throw new Error('no media devices');
      const publication = await room.localParticipant.setMicrophoneEnabled(true);
      emit('hear.microphone_on', {
        label: publication?.track?.mediaStreamTrack.label ?? '',
        ms: Math.round((now() - started) * 1000),
      });
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#busy = false;
    }
  }

  /** @param {boolean} muted */
  async setMuted(muted) {
    this.#own = true;
    try {
      await this.#call.room.localParticipant.setMicrophoneEnabled(!muted);
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#own = false;
    }
  }

  /**
   * What happens to the microphone outside of this page: it is unplugged, or its own switch mutes it.
   * @param {import('livekit-client').LocalTrack} track
   */
  #watch(track) {
    const { emit, signal } = this.#call;
    track.on(TrackEvent.Ended, () => {
      emit('hear.track_ended', { what: 'The microphone gives no sound any more.' });
      this.#reportFailure('Unplugged', '');
    });
    const source = track.mediaStreamTrack;
    const report = (/** @type {boolean} */ muted) => emit('hear.muted', { muted, by: 'system' });
    source.addEventListener('mute', () => report(true), { signal });
    source.addEventListener('unmute', () => report(false), { signal });
  }

  /** @param {unknown} error */
  #failed(error) {
    if (error instanceof Error) this.#reportFailure(error.name, error.message);
    else this.#reportFailure('', String(error));
  }

  /** @param {string} name @param {string} message */
  #reportFailure(name, message) {
    const { isSecureContext: secure } = window;
    const problem = microphoneProblem(name, message, { secure, origin: location.origin });
    const reason = secure ? name : 'NotSecure';
    this.#call.emit('hear.microphone_failed', { ...problem, reason, message });
  }
}
