"""A turn as lines for the terminal."""

from __future__ import annotations

from dev.caller.turn import Turn

NAMES = {
    "end_of_utterance": "end of utterance",
    "transcript": "transcript",
    "letta_first_token": "Letta's first token",
    "tts_first_byte": "first byte of speech",
    "playout": "playout",
}


def lines(turn: Turn) -> list[str]:
    said = [f"  said   {turn.said}"]
    if turn.heard_text and turn.heard_text != turn.said:
        said.append(f"  heard  {turn.heard_text}")
    if turn.reply:
        said.append(f"  agent  {turn.reply}")
    if turn.interrupted:
        after = turn.silenced_after_s
        stopped = f"; its sound stopped {after * 1000:.0f} ms after" if after is not None else ""
        said.append(f"         (the caller spoke into this reply{stopped})")
    if turn.talked_over:
        said.append("         (the agent spoke while the caller was still speaking)")
    if turn.first_sound_s is not None:
        said.append(f"         {turn.first_sound_s:.2f} s to the first sound{_split(turn)}")
    if turn.problem:
        said.append(f"  NO ANSWER: {turn.problem}" if not turn.answered else f"  {turn.problem}")
    return said


def _split(turn: Turn) -> str:
    parts = [f"{NAMES[name]} {ms:.0f}" for name, ms in turn.split.items()]
    return f" (ms: {', '.join(parts)})" if parts else ""
