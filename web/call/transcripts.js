/** Receives what either side says, as text that streams. */

const TOPIC = 'lk.transcription';
const FINAL = 'lk.transcription_final';
const SEGMENT = 'lk.segment_id';
const TRACK = 'lk.transcribed_track_id';

/** @param {import('./session.js').CallContext} call */
export function receiveTranscripts({ room, emit, signal }) {
  room.registerTextStreamHandler(TOPIC, (reader, { identity }) => {
    // The worker sends the caller's words in the caller's name.
    const stage = identity === room.localParticipant.identity ? 'transcribe' : 'speak';
    const attributes = () => reader.info.attributes ?? {};
    const id = attributes()[SEGMENT] ?? reader.info.id;
    let text = '';
    /** @param {boolean} final */
    const say = (final) =>
      emit(stage, 'segment', { id, text, final, track: attributes()[TRACK] ?? '' });

    const read = async () => {
      for await (const piece of reader.withAbortSignal(signal)) {
        text += piece;
        say(false);
      }
      // Set at the beginning by who sends a segment whole, at the end by who streams it.
      say(attributes()[FINAL] === 'true');
    };
    // A stream that breaks off (the agent left, the call ended) says no more than it said.
    read().catch(() => say(true));
  });
  signal.addEventListener('abort', () => room.unregisterTextStreamHandler(TOPIC), { once: true });
}
