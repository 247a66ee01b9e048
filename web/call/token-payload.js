/** Reads what a LiveKit token says. Whether it is genuine only the server can tell. Pure. */

import { asNumber, asRecord, asText } from '../state/read.js';

/**
 * @param {string} token
 * @returns {{room: string, identity: string, expires: number|null}|null} null if it is not a token
 */
export function tokenPayload(token) {
  const [, middle] = token.split('.');
  if (!middle) return null;
  try {
    const bytes = Uint8Array.from(
      atob(middle.replace(/-/g, '+').replace(/_/g, '/')),
      (each) => each.codePointAt(0) ?? 0,
    );
    const said = asRecord(JSON.parse(new TextDecoder().decode(bytes)));
    return {
      room: asText(asRecord(said.video).room),
      identity: asText(said.sub),
      expires: asNumber(said.exp),
    };
  } catch {
    // Not a token: the server will say so, in its own words.
    return null;
  }
}
