/** Watches what carries the call: the connection to the room, the tracks, the path of the sound. */

import { DisconnectReason, RoomEvent, Track } from 'livekit-client';
import { now } from '../store.js';
import { candidatePair, figures, search, totals } from './figures.js';
import { endProblem } from './problems.js';

/**
 * Reports when the connection to the room is lost, comes back, or is lost for good.
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
    emit('signal.reconnecting');
  });
  room.on(RoomEvent.Reconnecting, () => {
    lost();
    emit('media.reconnecting');
  });
  room.on(RoomEvent.Reconnected, () => {
    emit('media.reconnected', { ms: lostAt ? Math.round((now() - lostAt) * 1000) : 0 });
    lostAt = 0;
  });
  room.on(RoomEvent.Disconnected, (number) => {
    const reason = number === undefined ? '' : (DisconnectReason[number] ?? '');
    if (!signal.aborted) onEnd(reason, endProblem(reason));
  });
}

/**
 * Reports which tracks of sound come and go, and when the devices of this computer change.
 * @param {import('./session.js').CallContext} call
 */
export function watchTracks({ room, emit, signal }) {
  room.on(RoomEvent.LocalTrackPublished, ({ trackSid, source, isMuted }) =>
    emit('hear.track_published', { sid: trackSid, source, muted: isMuted }),
  );
  room.on(RoomEvent.LocalTrackUnpublished, ({ trackSid, source }) =>
    emit('hear.track_unpublished', { sid: trackSid, source }),
  );
  room.on(RoomEvent.TrackSubscribed, (track, { trackSid }, { identity }) => {
    if (track.kind === Track.Kind.Audio)
      emit('play.track_subscribed', { sid: trackSid, identity });
  });
  room.on(RoomEvent.TrackUnsubscribed, (track, { trackSid }, { identity }) => {
    if (track.kind === Track.Kind.Audio)
      emit('play.track_unsubscribed', { sid: trackSid, identity });
  });
  room.on(RoomEvent.TrackSubscriptionFailed, (sid, { identity }) =>
    emit('play.track_failed', { sid, identity }),
  );

  const devicesChanged = async () => {
    const inputs = (await navigator.mediaDevices.enumerateDevices()).filter(
      (device) => device.kind === 'audioinput',
    );
    const labels = inputs.map((input) => input.label).filter(Boolean);
    emit('hear.device_changed', { microphones: inputs.length, labels });
  };
  // A page that is not secure has no devices, and says so when it asks for the microphone.
  navigator.mediaDevices?.addEventListener('devicechange', () => void devicesChanged(), { signal });
}

/** The states are looked at this often; that costs nothing. */
const LOOK_EVERY_MS = 250;
/** Statistics are taken at every fourth look: the browser collects them at some cost. */
const LOOKS_PER_MEASUREMENT = 4;
const NOT_STARTED = 'new new';
const SEARCHING = new Set(['new', 'checking', 'disconnected']);
const CONNECTED = new Set(['connected', 'completed']);

/**
 * @typedef {'publisher'|'subscriber'} Side
 * @typedef {object} Look one connection at one moment
 * @property {Side} side
 * @property {string} ice
 * @property {string} connection
 * @property {boolean} begun the other side has answered; a side that is not needed yet is not asked
 * @property {() => Promise<import('./figures.js').Stat[]>} stats
 */

/**
 * Reports the states of the connections that carry the sound, the path they found, and each second
 * how well they carry it. It begins before there is a connection, for most trouble is there.
 * @param {import('./session.js').CallContext} call
 */
export function watchMedia({ room, emit, signal }) {
  /** @type {Map<string, string>} what was reported last, by what it is about */
  const reported = new Map();
  /** @type {import('./figures.js').Totals|null} */
  let before = null;
  let looks = 0;
  let measuring = false;

  /** @param {string} about @param {string} what */
  const isNews = (about, what) => {
    const isKnown = reported.get(about) === what;
    reported.set(about, what);
    return !isKnown;
  };

  /** @param {Look} look */
  const reportState = ({ side, ice, connection }) => {
    const first = !reported.has(side) && `${ice} ${connection}` === NOT_STARTED;
    if (first || !isNews(side, `${ice} ${connection}`)) return;
    emit('media.ice', { transport: side, state: ice, connection });
  };

  /** The path, or what is known of the search for it. */
  const reportPath = (
    /** @type {Look} */ { side, ice, connection, begun },
    /** @type {import('./figures.js').Stat[]} */ stats,
  ) => {
    if (SEARCHING.has(ice)) {
      if (!begun) return;
      const progress = search(stats);
      if (!isNews(`${side} search`, JSON.stringify(progress))) return;
      emit('media.ice', { transport: side, state: ice, connection, search: progress });
    } else {
      const path = candidatePair(stats);
      if (!path || !isNews(`${side} path`, `${path.protocol} ${path.local} ${path.remote}`)) return;
      emit('media.candidate_pair', { transport: side, ...path });
    }
  };

  const measure = async () => {
    const sides = connections(room);
    const reports = await Promise.all(sides.map((look) => look.stats()));
    if (signal.aborted) return;
    sides.forEach((look, index) => reportPath(look, reports[index] ?? []));
    const stats = reports.flat();
    const now = totals(stats);
    if (before && sides.some(({ ice }) => CONNECTED.has(ice))) {
      emit('media.stats', figures(stats, now, before));
    }
    before = now;
  };

  const timer = setInterval(() => {
    connections(room).forEach(reportState);
    looks += 1;
    if (looks % LOOKS_PER_MEASUREMENT !== 0 || measuring) return;
    measuring = true;
    measure()
      // A connection that is closed while it is asked has no figures; the next look has others.
      .catch(() => undefined)
      .finally(() => (measuring = false));
  }, LOOK_EVERY_MS);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

/** @param {import('livekit-client').Room} room @returns {Look[]} */
function connections({ engine }) {
  const { publisher, subscriber } = engine?.pcManager ?? {};
  const sides = /** @type {const} */ ([
    ['publisher', publisher],
    ['subscriber', subscriber],
  ]);
  return sides.flatMap(([side, transport]) => {
    if (!transport) return [];
    const stats = async () => [...((await transport.getStats())?.values() ?? [])];
    const ice = transport.getICEConnectionState();
    const begun = transport.getRemoteDescription() !== null;
    return [{ side, ice, connection: transport.getConnectionState(), begun, stats }];
  });
}
