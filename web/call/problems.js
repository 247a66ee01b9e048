/**
 * What goes wrong around a call, in words: what happened, and what to do next.
 *
 * Pure functions of names and numbers, without livekit-client, so that node can test them.
 */

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
export function otherRoomProblem({ wanted, token_room: given }) {
  return {
    what: `The token is for the room “${given}”, but “${wanted}” was asked for.`,
    next: `Is another program than the voice system's proxy at this address? ${AGAIN}`,
  };
}

/**
 * Why the room could not be entered, and the stage at which it failed.
 * @param {{reason: string, status: number|null, message: string}} error reason by livekit's name
 * @param {{url: string, signalOpen: boolean, pageSecure: boolean}} attempt
 * @returns {{stage: 'token'|'signal'|'media', problem: Problem}}
 */
export function connectProblem({ reason, status, message: said }, { url, signalOpen, pageSecure }) {
  const message = withoutToken(said);
  if (reason === 'NotAllowed') {
    return {
      stage: 'token',
      problem: {
        what: `LiveKit at ${url} refused the token (${status ?? 'no status'}: ${message}).`,
        next:
          'It may have expired, or key and secret are not the server’s: check LIVEKIT_API_KEY ' +
          `and LIVEKIT_API_SECRET. ${AGAIN}`,
      },
    };
  }
  if (signalOpen) {
    return {
      stage: 'media',
      problem: {
        what: `The server was reached, but sound found no path to it (${message}).`,
        next: `Is its UDP or TCP media port closed, by a firewall or a VPN? ${AGAIN}`,
      },
    };
  }
  if (pageSecure && url.startsWith('ws:') && !/^ws:\/\/(localhost|127\.|\[::1\])/.test(url)) {
    return {
      stage: 'signal',
      problem: {
        what: `A page opened over https may not connect to ${url}.`,
        next: 'Use a wss:// address as LIVEKIT_URL, or open the page at http://localhost.',
      },
    };
  }
  if (reason === 'Timeout') {
    return {
      stage: 'signal',
      problem: { what: `LiveKit at ${url} did not answer in time.`, next: serverStep() },
    };
  }
  return {
    stage: 'signal',
    problem: { what: `LiveKit at ${url} cannot be reached (${message}).`, next: serverStep() },
  };
}

function serverStep() {
  return `In a terminal: ./restart_voice_system.sh status (is livekit ready?). ${AGAIN}`;
}

/** @type {Record<string, Problem>} by livekit's name of the reason */
const ENDINGS = {
  CLIENT_INITIATED: { what: 'This tab left the room when its page was left.', next: AGAIN },
  DUPLICATE_IDENTITY: {
    what: 'Somebody else joined the room with the identity of this tab, so this one had to leave.',
    next: 'Close the other tab or program, then press Connect.',
  },
  SERVER_SHUTDOWN: { what: 'The LiveKit server was shut down.', next: serverStep() },
  PARTICIPANT_REMOVED: { what: 'This caller was removed from the room.', next: AGAIN },
  ROOM_DELETED: { what: 'The room was deleted.', next: AGAIN },
  ROOM_CLOSED: { what: 'The room was closed.', next: AGAIN },
  STATE_MISMATCH: {
    what: 'The server had forgotten this call when the connection came back.',
    next: AGAIN,
  },
  JOIN_FAILURE: {
    what: 'The server did not let this tab back in; the token may have expired.',
    next: 'Press Connect: it gets a new token.',
  },
  SIGNAL_CLOSE: {
    what: 'The connection to LiveKit was lost and did not come back.',
    next: serverStep(),
  },
  CONNECTION_TIMEOUT: { what: 'The server lost sight of this tab.', next: AGAIN },
  MEDIA_FAILURE: {
    what: 'The path for sound broke and did not come back.',
    next: `Is a firewall or a VPN in the way? ${AGAIN}`,
  },
};

/** @param {string} reason livekit's name of it @returns {Problem} */
export function endProblem(reason) {
  return (
    ENDINGS[reason] ?? {
      what: 'The connection to LiveKit was lost and did not come back.',
      next: serverStep(),
    }
  );
}
