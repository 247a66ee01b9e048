/** Plays the agent's voice, reports when the browser holds it back, measures how loud each side is. */

import {
  createAudioAnalyser,
  LocalAudioTrack,
  RemoteAudioTrack,
  RoomEvent,
  Track,
} from 'livekit-client';
import { tell } from '../store.js';

/** Plays what the agent says. @param {import('./session.js').CallContext} call */
export function playAgent({ room, emit, signal }) {
  room.on(RoomEvent.TrackSubscribed, (track) => {
    if (track.kind === Track.Kind.Audio) document.body.append(hidden(track.attach()));
  });
  room.on(RoomEvent.TrackUnsubscribed, (track) => remove(track));
  room.on(RoomEvent.AudioPlaybackStatusChanged, () => {
    const topic = room.canPlaybackAudio ? 'play.audio_started' : 'play.audio_blocked';
    emit(topic);
  });
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

const MEASURE_EVERY_MS = 66;
/** What counts as silence; speech lies between this and full scale, 0 dB. */
const FLOOR_DB = -55;
/** Steps of the meter: finer ones would redraw it without being seen. */
const STEPS = 50;

/** An agent louder than this can be heard. */
const AUDIBLE = 0.15;

/** @typedef {{level: () => number, end: () => void}} Gauge */

/**
 * Measures how loud the microphone and the agent's voice are, many times a second.
 * @param {import('./session.js').CallContext} call
 * @param {typeof import('../store.js').store} store
 */
export function measureLevels({ room, emit, signal }, store) {
  /** @type {Map<string, Gauge>} by side */
  const gauges = new Map();
  const audible = firstSounds(emit, store, signal);

  /** @param {'microphone'|'agent'} side @param {unknown} track */
  const attach = (side, track) => {
    if (!(track instanceof LocalAudioTrack || track instanceof RemoteAudioTrack)) return;
    gauges.get(side)?.end();
    gauges.set(side, gauge(track));
  };
  /** @param {'microphone'|'agent'} side */
  const detach = (side) => {
    gauges.get(side)?.end();
    gauges.delete(side);
  };

  room.on(RoomEvent.LocalTrackPublished, ({ track }) => attach('microphone', track));
  room.on(RoomEvent.LocalTrackUnpublished, () => detach('microphone'));
  room.on(RoomEvent.TrackSubscribed, (track) => attach('agent', track));
  room.on(RoomEvent.TrackUnsubscribed, () => detach('agent'));
  for (const participant of room.remoteParticipants.values()) {
    for (const { track } of participant.trackPublications.values()) attach('agent', track);
  }

  const timer = setInterval(() => {
    const level = (/** @type {string} */ side) => gauges.get(side)?.level() ?? 0;
    const agent = level('agent');
    tell('levels.measured', { microphone: level('microphone'), agent });
    if (agent > AUDIBLE) audible(agent);
  }, MEASURE_EVERY_MS);

  signal.addEventListener(
    'abort',
    () => {
      clearInterval(timer);
      for (const side of [...gauges.keys()]) gauges.get(side)?.end();
      tell('levels.measured', { microphone: 0, agent: 0 });
    },
    { once: true },
  );
}

/**
 * Reports once each time the agent speaks that it can be heard: the proof at the end of the chain.
 * @param {import('./session.js').Emit} emit
 * @param {typeof import('../store.js').store} store
 * @param {AbortSignal} signal
 */
function firstSounds(emit, store, signal) {
  let speaking = false;
  let isReported = true;
  store.subscribe(({ call }) => {
    const speaks = call.agentState === 'speaking';
    if (speaks && !speaking) isReported = false;
    speaking = speaks;
  }, signal);
  return (/** @type {number} */ level) => {
    if (isReported || store.state.call.soundBlocked) return;
    isReported = true;
    emit('play.audible', { turn: store.state.turns.current, level });
  };
}

/** @param {LocalAudioTrack|RemoteAudioTrack} track @returns {Gauge} */
function gauge(track) {
  const { analyser, cleanup } = createAudioAnalyser(track, { fftSize: 1024 });
  const samples = new Float32Array(analyser.fftSize);
  return {
    level() {
      if (track.isMuted) return 0;
      analyser.getFloatTimeDomainData(samples);
      let squares = 0;
      for (const sample of samples) squares += sample * sample;
      const decibels = 10 * Math.log10(squares / samples.length + 1e-12);
      const level = Math.min(1, Math.max(0, 1 - decibels / FLOOR_DB));
      return Math.round(level * STEPS) / STEPS;
    },
    end() {
      void cleanup();
    },
  };
}
