/**
 * One call, from pressing Connect to its end: token, room, dispatch, microphone.
 *
 * Everything that happens is emitted as an event. Once the session is over it emits nothing more,
 * so that a late answer of a call that was given up cannot disturb the next one.
 */

import { ConnectionError, ConnectionErrorReason, Room, RoomEvent } from 'livekit-client';
import { getToken, problemOf, ProxyError, requestDispatch } from '../proxy-client.js';
import { asText } from '../state/read.js';
import { now, store } from '../store.js';
import { watchAgent } from './agent-presence.js';
import { watchConnection, watchMedia, watchTracks } from './connection-watch.js';
import { Microphone } from './microphone.js';
import { outboxOf } from './outbox.js';
import {
  comesBack,
  connectProblem,
  otherRoomProblem,
  REJOINS,
  tokenPayload,
  withoutToken,
} from './problems.js';
import { receiveAgentEvents, receiveTranscripts, TypedText } from './room-messages.js';
import { measureLevels, playAgent } from './sound.js';

/**
 * What the watchers of a session work with.
 *
 * @typedef {import('../types.js').Topic} Topic
 * @typedef {(topic: Topic, data?: Record<string, unknown>) => void} Emit
 *
 * @typedef {object} CallContext
 * @property {Room} room
 * @property {Emit} emit
 * @property {AbortSignal} signal aborted when the session is over
 */

export class Session {
  /** Why the room was lost, by livekit's name of it; null unless it was. @type {string|null} */
  lost = null;

  #life = new AbortController();
  #room = new Room();
  #signalOpen = false;
  #mark = randomMark();
  #count = 0;
  #outbox;

  /** @type {CallContext} */
  #context;

  /**
   * @param {object} options
   * @param {string} options.roomName
   * @param {string} options.agentId
   * @param {string} options.agentName
   * @param {string} options.workerName another's agent than ours, by the name of its worker
   * @param {string} options.metadata what that one is sent with
   * @param {Record<string, number|boolean>} options.settings how the agent listens otherwise
   * @param {boolean} [options.again] a call that was lost goes on
   */
  constructor({ roomName, agentId, agentName, workerName, metadata, settings, again = false }) {
    this.roomName = roomName;
    this.again = again;
    this.agentId = agentId;
    this.agentName = agentName;
    this.workerName = workerName;
    this.metadata = metadata;
    this.settings = settings;
    this.#outbox = outboxOf(roomName);
    /** @type {Emit} */
    this.emit = (topic, data = {}) => {
      if (!this.#life.signal.aborted) this.#record(topic, data);
    };
    /** @type {CallContext} */
    const context = { room: this.#room, emit: this.emit, signal: this.#life.signal };
    this.microphone = new Microphone(context);
    this.typed = new TypedText(context);
    this.#context = context;
  }

  /** Aborted when the call is over, by whichever side. */
  get over() {
    return this.#life.signal;
  }

  /**
   * Enters the room and does what every call begins with. Never throws: what fails is an event.
   * @returns {Promise<boolean>} whether the room was entered
   */
  async begin() {
    const token = await this.#token();
    if (!token || this.over.aborted) return false;
    if (!(await this.#enter(token)) || this.over.aborted) return false;
    await this.#dispatchAgent();
    if (this.over.aborted) return true;
    await this.microphone.enable();
    return true;
  }

  /** The caller hangs up, maybe before the call has begun. */
  async end() {
    if (this.over.aborted) return;
    this.#finish('media.disconnected', { intended: true, reason: 'CLIENT_INITIATED' });
    await this.#room.disconnect();
  }

  /** A gesture of the caller lets the browser play the agent. */
  async startSound() {
    await this.#room.startAudio();
  }

  async #token() {
    const started = now();
    this.emit('token.requested', { agent_id: this.agentId, agent_name: this.agentName });
    try {
      const answer = await getToken(this.roomName, this.over);
      this.emit('token.received', { identity: answer.identity, ms: since(started) });
      return this.#checked(answer);
    } catch (error) {
      if (this.over.aborted) return null;
      const { code, status } = error instanceof ProxyError ? error : { code: '', status: null };
      this.#finish('token.failed', { ...problemOf(error), code, status });
      return null;
    }
  }

  /** A token for another room would lead the caller there, to wait for nobody. */
  #checked(/** @type {{token: string, url: string, identity: string}} */ answer) {
    const payload = tokenPayload(answer.token);
    this.#outbox.authorize(answer.token);
    this.emit('token.page', {
      secure: window.isSecureContext,
      origin: location.origin,
      signal_url: answer.url,
      user_agent: navigator.userAgent,
      expires_at: payload?.expires ?? null,
    });
    if (!payload || payload.room === this.roomName) return answer;
    const rooms = { wanted: this.roomName, token_room: payload.room };
    this.#finish('token.room_mismatch', { ...rooms, ...otherRoomProblem(rooms) });
    return null;
  }

  /** @param {{token: string, url: string}} token */
  async #enter({ token, url }) {
    const started = now();
    let opened = started;
    const again = this.again ? { again: true } : {};
    this.emit('signal.connecting', { room: this.roomName, url, ...again });
    this.#room.once(RoomEvent.SignalConnected, () => {
      this.#signalOpen = true;
      opened = now();
      this.emit('signal.connected', { ms: since(started) });
    });
    // Before connecting: what is in the room already is announced while connecting.
    receiveTranscripts(this.#context);
    receiveAgentEvents(this.#context);
    playAgent(this.#context);
    watchTracks(this.#context);
    watchMedia(this.#context);
    try {
      await this.#room.connect(url, token);
    } catch (error) {
      if (this.over.aborted) return false;
      const details = describe(error);
      const pageSecure = location.protocol === 'https:';
      const attempt = { url, signalOpen: this.#signalOpen };
      const { topic, problem } = connectProblem(details, attempt);
      this.#finish(topic, { ...problem, ...details, url, page_secure: pageSecure });
      return false;
    }
    if (this.over.aborted) {
      // Hung up while the last answer was on its way.
      await this.#room.disconnect();
      return false;
    }
    this.emit('media.connected', { ms: since(opened) });
    watchConnection(this.#context, (reason, problem) => {
      this.lost = reason;
      this.#finish('media.disconnected', {
        intended: reason === 'CLIENT_INITIATED',
        reason,
        ...problem,
        ...(comesBack(reason) ? { next: REJOINS } : {}),
      });
    });
    watchAgent(this.#context);
    measureLevels(this.#context, store);
    this.typed.sendWhenAgentReady(store);
    return true;
  }

  async #dispatchAgent() {
    const started = now();
    const { agentId, workerName, metadata, settings } = this;
    const request = { agentId, workerName, metadata, settings };
    const another = workerName ? { agent_name: workerName } : {};
    this.emit('dispatch.requested', { agent_id: agentId, settings, ...another });
    try {
      const answer = await requestDispatch(this.roomName, request, this.over);
      this.emit('dispatch.accepted', {
        message: asText(answer.message),
        dispatch_id: asText(answer.dispatch_id),
        state: asText(answer.state),
        ms: since(started),
      });
    } catch (error) {
      // The call goes on: an agent may join by itself.
      const { what, next } = problemOf(error);
      const isAnswer = error instanceof ProxyError && error.answered;
      const topic = isAnswer ? 'dispatch.refused' : 'dispatch.unreachable';
      const code = error instanceof ProxyError ? error.code : '';
      this.emit(topic, { error: what, next, code });
    }
  }

  /**
   * The last event of this session.
   * @param {Topic} topic
   * @param {Record<string, unknown>} data
   */
  #finish(topic, data) {
    if (this.over.aborted) return;
    this.#life.abort();
    this.#record(topic, data);
  }

  /** @param {Topic} topic @param {Record<string, unknown>} data */
  #record(topic, data) {
    this.#count += 1;
    const key = `${this.#mark}-${this.#count}`;
    const [stage, name] = /** @type {[import('../types.js').Stage, string]} */ (topic.split('.'));
    /** @type {import('../types.js').VoiceEvent} */
    const event = { at: now(), room: this.roomName, source: 'browser', stage, name, data, key };
    store.dispatch(event);
    // Words that still stream come many times a second; the timeline takes the final ones.
    if (name !== 'segment' || data.final === true) this.#outbox.add(event);
  }
}

/** Whole milliseconds since `started` seconds. @param {number} started */
function since(started) {
  return Math.round((now() - started) * 1000);
}

/** Begins the keys of a call's events. Not randomUUID: a page that is not secure has none. */
function randomMark() {
  const numbers = [...crypto.getRandomValues(new Uint32Array(3))];
  return `b-${numbers.map((number) => number.toString(36)).join('')}`;
}

/** @param {unknown} error */
function describe(error) {
  const message = withoutToken(error instanceof Error ? error.message : String(error));
  if (!(error instanceof ConnectionError)) return { reason: '', status: null, message };
  return {
    reason: ConnectionErrorReason[error.reason] ?? '',
    status: typeof error.status === 'number' ? error.status : null,
    message,
  };
}
