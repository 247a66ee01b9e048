/**
 * One call, from pressing Connect to its end: token, room, dispatch, microphone.
 *
 * Everything that happens is emitted as an event. Once the session is over it emits nothing more,
 * so that a late answer of a call that was given up cannot disturb the next one.
 */

import { ConnectionError, ConnectionErrorReason, Room, RoomEvent } from 'livekit-client';
import { now } from '../clock.js';
import { getToken, problemOf, ProxyError, requestDispatch } from '../proxy-client.js';
import { asText } from '../state/read.js';
import { store } from '../store.js';
import { watchAgent } from './agent-presence.js';
import { receiveAgentEvents } from './agent-events.js';
import { watchJoin } from './join-watch.js';
import { measureLevels } from './level-watch.js';
import { Microphone } from './microphone.js';
import { connectProblem } from './problems.js';
import { watchConnection } from './connection-watch.js';
import { playAgent } from './sound.js';
import { receiveTranscripts } from './transcripts.js';
import { TypedText } from './typed-text.js';

/**
 * What the watchers of a session work with.
 *
 * @typedef {import('../types.js').Stage} Stage
 * @typedef {(stage: Stage, name: string, data?: Record<string, unknown>) => void} Emit
 *
 * @typedef {object} CallContext
 * @property {Room} room
 * @property {Emit} emit
 * @property {AbortSignal} signal aborted when the session is over
 */

export class Session {
  #life = new AbortController();
  #room = new Room();
  #signalOpen = false;

  /** @type {CallContext} */
  #context;

  /** @param {{roomName: string, agentId: string, agentName: string}} wanted */
  constructor({ roomName, agentId, agentName }) {
    this.roomName = roomName;
    this.agentId = agentId;
    this.agentName = agentName;
    /** @type {Emit} */
    this.emit = (stage, name, data = {}) => {
      if (!this.#life.signal.aborted) this.#dispatch(stage, name, data);
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

  /** Enters the room and does what every call begins with. Never throws: what fails is an event. */
  async begin() {
    const token = await this.#token();
    if (!token || this.over.aborted) return;
    if (!(await this.#enter(token)) || this.over.aborted) return;
    await this.#dispatchAgent();
    if (this.over.aborted) return;
    await this.microphone.enable();
  }

  /** The caller hangs up, maybe before the call has begun. */
  async end() {
    if (this.over.aborted) return;
    this.#finish('media', 'disconnected', { intended: true });
    await this.#room.disconnect();
  }

  /** A gesture of the caller lets the browser play the agent. */
  async startSound() {
    await this.#room.startAudio();
  }

  async #token() {
    const started = now();
    this.emit('token', 'requested', { agent_id: this.agentId, agent_name: this.agentName });
    try {
      const answer = await getToken(this.roomName, this.over);
      this.emit('token', 'received', { identity: answer.identity, ms: since(started) });
      return answer;
    } catch (error) {
      if (!this.over.aborted) this.#finish('token', 'failed', { ...problemOf(error) });
      return null;
    }
  }

  /** @param {{token: string, url: string}} token */
  async #enter({ token, url }) {
    const started = now();
    let opened = started;
    this.emit('signal', 'connecting', { room: this.roomName, url });
    this.#room.once(RoomEvent.SignalConnected, () => {
      this.#signalOpen = true;
      opened = now();
      this.emit('signal', 'connected', { ms: since(started) });
    });
    // Before connecting: what is in the room already is announced while connecting.
    receiveTranscripts(this.#context);
    receiveAgentEvents(this.#context);
    playAgent(this.#context);
    try {
      await this.#room.connect(url, token);
    } catch (error) {
      if (this.over.aborted) return false;
      const attempt = {
        url,
        signalOpen: this.#signalOpen,
        pageSecure: location.protocol === 'https:',
      };
      const { stage, problem } = connectProblem(describe(error), attempt);
      this.#finish(stage, 'failed', { ...problem });
      return false;
    }
    if (this.over.aborted) {
      // Hung up while the last answer was on its way.
      await this.#room.disconnect();
      return false;
    }
    this.emit('media', 'connected', { ms: since(opened) });
    watchConnection(this.#context, (problem) =>
      this.#finish('media', 'disconnected', { intended: false, ...problem }),
    );
    watchAgent(this.#context);
    watchJoin(this.#context, store);
    measureLevels(this.#context);
    this.typed.sendWhenAgentReady(store);
    return true;
  }

  async #dispatchAgent() {
    const started = now();
    this.emit('dispatch', 'requested', { agent_id: this.agentId });
    try {
      const answer = await requestDispatch(this.roomName, this.agentId, this.over);
      this.emit('dispatch', 'accepted', {
        message: asText(answer.message),
        dispatch_id: asText(answer.dispatch_id),
        ms: since(started),
      });
    } catch (error) {
      // The call goes on: an agent may join by itself.
      const { what, next } = problemOf(error);
      const refused = error instanceof ProxyError && error.answered;
      this.emit('dispatch', refused ? 'refused' : 'unreachable', { error: what, next });
    }
  }

  /**
   * The last event of this session.
   * @param {import('../types.js').Stage} stage
   * @param {string} name
   * @param {Record<string, unknown>} data
   */
  #finish(stage, name, data) {
    if (this.over.aborted) return;
    this.#life.abort();
    this.#dispatch(stage, name, data);
  }

  /**
   * @param {import('../types.js').Stage} stage
   * @param {string} name
   * @param {Record<string, unknown>} data
   */
  #dispatch(stage, name, data) {
    store.dispatch({ at: now(), room: this.roomName, source: 'browser', stage, name, data });
  }
}

/** Whole milliseconds since `started` seconds. @param {number} started */
function since(started) {
  return Math.round((now() - started) * 1000);
}

/** @param {unknown} error */
function describe(error) {
  if (error instanceof ConnectionError) {
    return {
      reason: ConnectionErrorReason[error.reason] ?? '',
      status: typeof error.status === 'number' ? error.status : null,
      message: error.message,
    };
  }
  return {
    reason: '',
    status: null,
    message: error instanceof Error ? error.message : String(error),
  };
}
