"""One turn of a call as the caller measured it, and where its time went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The worker's marks in the order of the pipeline; the ear adds `playout`.
STAGES = ("end_of_utterance", "transcript", "letta_first_token", "tts_first_byte")


@dataclass
class Turn:
    """What was said, heard and answered. Seconds count from the end of the caller's speech."""

    said: str
    heard_text: str = ""  # the caller's words as the agent recognised them
    reply: str = ""
    first_sound_s: float | None = None  # at the caller's ear; None: no sound came
    reply_s: float | None = None  # how long the reply sounded
    talked_over: bool = False  # the agent was still, or already, speaking when the caller ended
    interrupted: bool = False  # the caller spoke into this reply
    silenced_after_s: float | None = None  # from the caller's first sound to the reply's last
    marks: dict[str, float | None] = field(default_factory=dict)  # the worker's, cumulative ms
    problem: str = ""  # why there is no answer

    @property
    def answered(self) -> bool:
        return self.first_sound_s is not None

    @property
    def split(self) -> dict[str, float]:
        """Milliseconds of each stage, first_sound_s in sum; empty without the worker's marks."""
        return split(self.marks, self.first_sound_s)

    def as_json(self) -> dict[str, Any]:
        return {
            "said": self.said,
            "heard_text": self.heard_text,
            "reply": self.reply,
            "answered": self.answered,
            "first_sound_s": _rounded(self.first_sound_s),
            "reply_s": _rounded(self.reply_s),
            "split_ms": self.split,
            "talked_over": self.talked_over,
            "interrupted": self.interrupted,
            "silenced_after_s": _rounded(self.silenced_after_s),
            "problem": self.problem or None,
        }


def split(marks: Mapping[str, float | None], first_sound_s: float | None) -> dict[str, float]:
    """Cumulative marks as the time that each stage added.

    A stage that was over before the one in front of it (a transcript that was ready before the end
    of the utterance was certain) added nothing.
    """
    if first_sound_s is None or all(marks.get(stage) is None for stage in STAGES):
        return {}
    parts: dict[str, float] = {}
    reached = 0.0
    for stage in STAGES:
        mark = marks.get(stage)
        if mark is None:
            continue
        parts[stage] = round(max(0.0, mark - reached), 1)
        reached = max(reached, mark)
    parts["playout"] = round(first_sound_s * 1000 - reached, 1)
    return parts


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
