/** Switches the caller's microphone on, mutes it, and says in words why it fails. */

import { RoomEvent, Track, TrackEvent } from 'livekit-client';
import { now } from '../clock.js';
import { microphoneProblem } from './problems.js';

export class Microphone {
  #call;
  #busy = false;

  /** @param {import('./session.js').CallContext} call */
  constructor(call) {
    this.#call = call;
    call.room.on(RoomEvent.LocalTrackPublished, (publication) => {
      if (publication.source !== Track.Source.Microphone) return;
      publication.track?.on(TrackEvent.Ended, () => this.#failed('Unplugged', ''));
    });
  }

  /** Asks for the microphone and publishes it. The call goes on without it. */
  async enable() {
    const { room, emit } = this.#call;
    if (this.#busy) return;
    this.#busy = true;
    const started = now();
    emit('hear', 'microphone_enabling');
    try {
      if (!window.isSecureContext || !navigator.mediaDevices) throw new Error('no media devices');
      const publication = await room.localParticipant.setMicrophoneEnabled(true);
      emit('hear', 'microphone_on', {
        label: publication?.track?.mediaStreamTrack.label ?? '',
        ms: Math.round((now() - started) * 1000),
      });
    } catch (error) {
      if (error instanceof Error) this.#failed(error.name, error.message);
      else this.#failed('', String(error));
    } finally {
      this.#busy = false;
    }
  }

  /** @param {boolean} muted */
  async setMuted(muted) {
    const { room, emit } = this.#call;
    try {
      await room.localParticipant.setMicrophoneEnabled(!muted);
      emit('hear', 'muted', { muted });
    } catch (error) {
      if (error instanceof Error) this.#failed(error.name, error.message);
      else this.#failed('', String(error));
    }
  }

  /** @param {string} name @param {string} message */
  #failed(name, message) {
    const page = { secure: window.isSecureContext, origin: location.origin };
    this.#call.emit('hear', 'microphone_failed', {
      ...microphoneProblem(name, message, page),
      cause: name,
    });
  }
}
