/** What the page and the agent send each other in the room: events, words said, words typed. */

import { ParticipantKind, RoomEvent } from 'livekit-client';
import { isNew, parseAgentEvent } from '../state/read.js';
import { now, store, tell } from '../store.js';

const EVENTS_TOPIC = 'voice.event';

/**
 * Receives what the worker reports about the call.
 * @param {import('./session.js').CallContext} call
 */
export function receiveAgentEvents({ room, signal }) {
  room.on(RoomEvent.DataReceived, (payload, participant, _kind, topic) => {
    if (topic !== EVENTS_TOPIC || signal.aborted) return;
    // Anybody in the room can send data; only the agent's word counts as the agent's.
    if (participant && participant.kind !== ParticipantKind.AGENT) return;
    const event = parseAgentEvent(new TextDecoder().decode(payload), now());
    if (event && isNew(event)) store.dispatch(event);
    else if (!event) {
      tell('agent.unreadable', {
        what: `The agent sent ${payload.length} bytes on ${EVENTS_TOPIC} that are not an event.`,
        next: 'Do the agent and the page come from the same version?',
      });
    }
  });
}

const TRANSCRIPTS_TOPIC = 'lk.transcription';
const FINAL = 'lk.transcription_final';
const SEGMENT = 'lk.segment_id';
const TRACK = 'lk.transcribed_track_id';

/**
 * Receives what either side says, as text that streams.
 * @param {import('./session.js').CallContext} call
 */
export function receiveTranscripts({ room, emit, signal }) {
  room.registerTextStreamHandler(TRANSCRIPTS_TOPIC, (reader, { identity }) => {
    // The worker sends the caller's words in the caller's name.
    const isCaller = identity === room.localParticipant.identity;
    const topic = isCaller ? 'transcribe.segment' : 'speak.segment';
    const attributes = () => reader.info.attributes ?? {};
    const id = attributes()[SEGMENT] ?? reader.info.id;
    let text = '';
    /** @param {boolean} final */
    const report = (final) => emit(topic, { id, text, final, track: attributes()[TRACK] ?? '' });

    const read = async () => {
      for await (const piece of reader.withAbortSignal(signal)) {
        text += piece;
        report(false);
      }
      // Set at the beginning by who sends a segment whole, at the end by who streams it.
      report(attributes()[FINAL] === 'true');
    };
    // When a stream breaks off (the agent left, the call ended), no more of it comes.
    read().catch(() => report(true));
  });
  const stop = () => room.unregisterTextStreamHandler(TRANSCRIPTS_TOPIC);
  signal.addEventListener('abort', stop, { once: true });
}

const CHAT_TOPIC = 'lk.chat';

/** Sends what the caller types. What is typed before the agent is there is held until it is. */
export class TypedText {
  #call;
  /** @type {{id: string, text: string}[]} */
  #held = [];
  #agentReady = false;
  #count = 0;

  /** @param {import('./session.js').CallContext} call */
  constructor(call) {
    this.#call = call;
  }

  /** @param {string} text */
  async send(text) {
    this.#count += 1;
    const message = { id: `typed-${this.#count}`, text };
    const held = !this.#agentReady;
    this.#call.emit('hear.typed', { ...message, held });
    // A text stream reaches those who are in the room, and nobody who comes later.
    if (held) this.#held.push(message);
    else await this.#send(message);
  }

  /** @param {typeof import('../store.js').store} store */
  sendWhenAgentReady(store) {
    store.subscribe(({ call }) => {
      this.#agentReady = call.agent === 'ready';
      if (!this.#agentReady) return;
      for (const message of this.#held.splice(0)) void this.#send(message);
    }, this.#call.signal);
  }

  /** @param {{id: string, text: string}} message */
  async #send({ id, text }) {
    const { room, emit } = this.#call;
    try {
      await room.localParticipant.sendText(text, { topic: CHAT_TOPIC });
      emit('hear.typed_sent', { id });
    } catch (error) {
      emit('hear.typed_failed', {
        id,
        what: `The message was not sent (${error instanceof Error ? error.message : error}).`,
        next: 'Send it again.',
      });
    }
  }
}
