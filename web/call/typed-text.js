/** Sends what the caller types. What is typed before the agent is there is held until it is. */

const TOPIC = 'lk.chat';

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
    this.#call.emit('hear', 'typed', { ...message, held });
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
      await room.localParticipant.sendText(text, { topic: TOPIC });
      emit('hear', 'typed_sent', { id });
    } catch (error) {
      emit('hear', 'typed_failed', {
        id,
        what: `The message was not sent (${error instanceof Error ? error.message : error}).`,
        next: 'Send it again.',
      });
    }
  }
}
