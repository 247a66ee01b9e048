/**
 * Watches the connections that carry the sound: their states, the path they found, and each second
 * how well they carry it. It begins before there is a connection, for most trouble is there.
 */

import { candidatePair, figures, search, totals } from './figures.js';

/** The states are looked at this often; asking for them costs nothing. */
const EVERY_MS = 250;
/** The statistics are collected by the browser, at some cost. */
const LOOKS_A_FIGURE = 4;
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

/** @param {import('./session.js').CallContext} call */
export function watchMedia({ room, emit, signal }) {
  /** @type {Map<string, string>} what was said last, by what it is about */
  const said = new Map();
  /** @type {import('./figures.js').Totals|null} */
  let before = null;
  let looks = 0;
  let measuring = false;

  /** @param {string} about @param {string} what */
  const isNews = (about, what) => {
    const known = said.get(about) === what;
    said.set(about, what);
    return !known;
  };

  /** @param {Look} look */
  const tellState = ({ side, ice, connection }) => {
    const first = !said.has(side) && `${ice} ${connection}` === NOT_STARTED;
    if (first || !isNews(side, `${ice} ${connection}`)) return;
    emit('media', 'ice', { transport: side, state: ice, connection });
  };

  /** The path, or what is known of the search for it. */
  const tellPath = (
    /** @type {Look} */ { side, ice, connection, begun },
    /** @type {import('./figures.js').Stat[]} */ stats,
  ) => {
    if (SEARCHING.has(ice)) {
      if (!begun) return;
      const found = search(stats);
      if (!isNews(`${side} search`, JSON.stringify(found))) return;
      emit('media', 'ice', { transport: side, state: ice, connection, search: found });
    } else {
      const path = candidatePair(stats);
      if (!path || !isNews(`${side} path`, `${path.protocol} ${path.local} ${path.remote}`)) return;
      emit('media', 'candidate_pair', { transport: side, ...path });
    }
  };

  const measure = async () => {
    const sides = connections(room);
    const reports = await Promise.all(sides.map((each) => each.stats()));
    if (signal.aborted) return;
    sides.forEach((each, index) => tellPath(each, reports[index] ?? []));
    const stats = reports.flat();
    const now = totals(stats);
    if (before && sides.some(({ ice }) => CONNECTED.has(ice))) {
      emit('media', 'stats', figures(stats, now, before));
    }
    before = now;
  };

  const timer = setInterval(() => {
    connections(room).forEach(tellState);
    looks += 1;
    if (looks % LOOKS_A_FIGURE !== 0 || measuring) return;
    measuring = true;
    measure()
      // A connection that is closed while it is asked has no figures; the next look has others.
      .catch(() => undefined)
      .finally(() => (measuring = false));
  }, EVERY_MS);
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
