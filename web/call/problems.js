/**
 * What this browser can tell of a call that goes wrong: what happened, what to do next, and whether
 * a call that was lost comes back.
 *
 * Pure functions of names and numbers, without livekit-client, so that node can test them.
 */

import { asNumber, asRecord, asText } from '../state/read.js';

/** @typedef {import('../types.js').Problem} Problem */

const AGAIN = 'Press Connect to try again.';

/** @type {Record<string, Problem>} by the name of getUserMedia's error */
const MICROPHONE = {
  NotAllowedError: {
    what: 'The browser was not allowed to use the microphone.',
    next: 'Allow it in the site settings (the icon left of the address), then press Try again.',
  },
  NotFoundError: {
    what: 'No microphone was found.',
    next: 'Plug one in, then press Try again.',
  },
  NotReadableError: {
    what: 'The microphone is there, but it could not be opened; another program may be using it.',
    next: 'Close that program, or choose another input in the system settings. Then press Try again.',
  },
  OverconstrainedError: {
    what: 'No microphone has the properties that were asked for.',
    next: 'Choose another input in the system settings, then press Try again.',
  },
  SecurityError: {
    what: 'The browser forbids the microphone on this page.',
    next: 'Open the page at http://localhost or over https.',
  },
  Unplugged: {
    what: 'The microphone stopped; it may have been unplugged.',
    next: 'Plug it in again, then press Try again.',
  },
};

/**
 * @param {string} name of the error
 * @param {string} message of the error
 * @param {{secure: boolean, origin: string}} page
 * @returns {Problem}
 */
export function microphoneProblem(name, message, { secure, origin }) {
  const rest = 'The call goes on: you can type.';
  if (!secure) {
    return {
      what: `Browsers give no microphone to a page that is not secure, and ${origin} is not.`,
      next: `Open it at http://localhost or over https. ${rest}`,
    };
  }
  if (name === 'NotAllowedError' && /system/i.test(message)) {
    return {
      what: 'The operating system does not let this browser use the microphone.',
      next: `Allow it in the system's privacy settings, then press Try again. ${rest}`,
    };
  }
  const known = MICROPHONE[name];
  if (known) return { what: known.what, next: `${known.next} ${rest}` };
  return {
    what: `The microphone could not be switched on (${[name, message].filter(Boolean).join(': ')}).`,
    next: `Press Try again. ${rest}`,
  };
}

/** LiveKit quotes the token it refuses; it belongs neither on a screen nor in a bug report. */
const TOKEN = /\beyJ[\w-]+\.[\w-]+\.[\w-]*/g;

/** @param {string} text */
export function withoutToken(text) {
  return text.replace(TOKEN, '(the token)');
}

/** @param {{wanted: string, token_room: string}} rooms @returns {Problem} */
export function otherRoomProblem({ wanted, token_room: tokenRoom }) {
  return {
    what: `The token is for the room “${tokenRoom}”, but “${wanted}” was asked for.`,
    next: `Is another program than the voice system's proxy at this address? ${AGAIN}`,
  };
}

/**
 * Why the room could not be entered, and the event that says so. The proxy's verdict says more.
 * @param {{reason: string, status: number|null, message: string}} error reason by livekit's name
 * @param {{url: string, signalOpen: boolean}} attempt
 * @returns {{topic: 'token.failed'|'signal.failed'|'media.failed', problem: Problem}}
 */
export function connectProblem({ reason, status, message }, { url, signalOpen }) {
  const why = withoutToken(message);
  if (reason === 'NotAllowed') {
    return {
      topic: 'token.failed',
      problem: {
        what: `LiveKit at ${url} refused the token (${status ?? 'no status'}: ${why}).`,
        next: `Check LIVEKIT_API_KEY and LIVEKIT_API_SECRET. ${AGAIN}`,
      },
    };
  }
  if (signalOpen) {
    return {
      topic: 'media.failed',
      problem: {
        what: `The server was reached, but sound found no path to it (${why}).`,
        next: `Is its UDP or TCP media port closed, by a firewall or a VPN? ${AGAIN}`,
      },
    };
  }
  return {
    topic: 'signal.failed',
    problem: {
      what: `LiveKit at ${url} cannot be reached (${why}).`,
      next: `In a terminal: ./restart_voice_system.sh status (is livekit ready?). ${AGAIN}`,
    },
  };
}

/**
 * The room was left without this caller's doing. The proxy's verdict says what the reason means.
 * @param {string} reason livekit's name of it
 * @returns {Problem}
 */
export function endProblem(reason) {
  return {
    what: `The connection to LiveKit ended (${reason || 'no reason was given'}).`,
    next: AGAIN,
  };
}

/** The reasons, by livekit's names, for which nobody wanted the caller to leave. */
const LOST = new Set([
  '',
  'UNKNOWN_REASON',
  'SERVER_SHUTDOWN',
  'STATE_MISMATCH',
  'JOIN_FAILURE',
  'SIGNAL_CLOSE',
  'CONNECTION_TIMEOUT',
]);

/** Milliseconds before each try: a minute in all, for nobody expects to be called back later. */
export const PAUSES_MS = [300, 500, 700, 1000, 1000, 1500, ...Array(18).fill(3000)];

export const REJOINS = 'Nothing: this page joins again by itself as soon as the server is there.';

/** Whether a tab that left for this reason joins its room again. @param {string} reason */
export function comesBack(reason) {
  return LOST.has(reason);
}

/**
 * Whether a try makes sense. Where no launcher tells of the server, it does.
 * @param {Record<string, unknown>} health what the proxy answers at /health
 */
export function serverIsThere(health) {
  const state = asText(asRecord(asRecord(health.processes).livekit).state);
  return state === '' || state === 'ready' || state === 'monitoring';
}

/**
 * Reads what a LiveKit token says. Whether it is genuine only the server can tell.
 * @param {string} token
 * @returns {{room: string, identity: string, expires: number|null}|null} null if it is not a token
 */
export function tokenPayload(token) {
  const [, middle] = token.split('.');
  if (!middle) return null;
  try {
    const bytes = Uint8Array.from(
      atob(middle.replace(/-/g, '+').replace(/_/g, '/')),
      (character) => character.codePointAt(0) ?? 0,
    );
    const payload = asRecord(JSON.parse(new TextDecoder().decode(bytes)));
    return {
      room: asText(asRecord(payload.video).room),
      identity: asText(payload.sub),
      expires: asNumber(payload.exp),
    };
  } catch {
    // Not a token: the server will say so, in its own words.
    return null;
  }
}
