"""One turn of a call as the caller measured it, and where its time went."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dev.caller.hearing import Sounding
from dev.caller.presence import Presence

# The worker's marks in the order of the pipeline; the listener adds `playout`.
STAGES = ("end_of_utterance", "transcript", "first_token", "tts_first_byte")


@dataclass
class Turn:
    """What was said, heard and answered. Seconds count from the end of the caller's speech."""

    said: str
    heard_text: str = ""  # the caller's words as the agent recognised them
    reply: str = ""
    first_sound_s: float | None = None  # as the caller hears it; None: no sound came
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


NAMES = {
    "end_of_utterance": "end of utterance",
    "transcript": "transcript",
    "first_token": "first token of the reply",
    "tts_first_byte": "first byte of speech",
    "playout": "playout",
}


def turn_lines(turn: Turn) -> list[str]:
    """What a person reads of a turn at the terminal."""
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


REPLY_MAX_S = 90.0
QUIET_S = 0.4  # silence that ends a reply, once the agent says that it listens again
ACCOUNT_TIMEOUT_S = 1.5  # for the worker's own account of a turn
TROUBLE = ("error", "degraded", "retry")  # events that explain why no reply came

Until = Literal["quiet", "first_sound"]


class Exchange:
    """Fills in a turn. Moments are time.monotonic() seconds."""

    def __init__(
        self, presence: Presence, turn: Turn, from_: float, before: Exchange | None
    ) -> None:
        self.turn = turn
        self.first: Sounding | None = None  # the reply's first stretch of sound
        self._presence = presence
        self._before = before
        self._from = from_  # words and events from here on belong to this exchange
        self._until = float("inf")
        self._began_at = self._ended_at = from_

    def spoken(self, began_at: float, ended_at: float, barged_in: bool) -> None:
        """The caller's words are out; `barged_in`: they were to interrupt the reply before."""
        self._began_at, self._ended_at = began_at, ended_at
        sounding = self._presence.listener.sounding_after(began_at)
        over = sounding is not None and sounding.began_at <= ended_at
        if not barged_in:
            self.turn.talked_over = over
        elif self._before is not None:
            self._before.turn.interrupted = True

    async def wait_first_sound(self, timeout: float) -> bool:
        listener = self._presence.listener
        if not await self._presence.until(lambda: listener.begun_after(self._ended_at), timeout):
            self.turn.problem = self._why_silent(timeout)
            return False
        self.first = listener.begun_after(self._ended_at)
        return True

    async def wait_end(self) -> None:
        """Until the reply is over, by the agent's word and by the listener, and accounted for."""
        if not await self._presence.until(self._over, REPLY_MAX_S):
            self.turn.problem = (
                f"the reply had not ended after {REPLY_MAX_S:g} s; "
                f"the agent's state is {self._presence.agent_state!r}"
            )
        if self._requests():  # a worker of ours; a stock one gives no account
            await self._presence.until(lambda: self._account() is not None, ACCOUNT_TIMEOUT_S)

    def settle(self) -> None:
        """Take the figures from what is known now; may be repeated when more is known."""
        turn, listener = self.turn, self._presence.listener
        if self.first is not None:
            turn.first_sound_s = self.first.began_at - self._ended_at
            last = [each for each in listener.soundings if self.first.began_at <= each.began_at]
            last = [each for each in last if each.began_at < self._until]
            turn.reply_s = last[-1].ended_at - self.first.began_at
        account = self._account() or {}
        turn.marks = dict(account.get("ms") or {})
        turn.interrupted = turn.interrupted or bool(account.get("interrupted"))
        me = self._presence.identity
        turn.heard_text = self._words(me, other=False) or account.get("user") or ""
        turn.reply = self._words(me, other=True) or account.get("reply") or ""
        if self._before is not None and self._before.turn.interrupted:
            self._before.silenced_by(self._began_at, self._ended_at)
            self._before.settle()

    def close(self, now: float) -> None:
        """Another exchange begins: later words and sounds are not this one's."""
        self._until = now
        self._before = None
        self.settle()

    def silenced_by(self, began_at: float, ended_at: float) -> None:
        """Note when this reply's sound ended, counted from the words that interrupted it."""
        cut = [each for each in self._presence.listener.soundings if each.began_at < ended_at]
        if cut and cut[-1].ended_at > began_at:
            self.turn.silenced_after_s = cut[-1].ended_at - began_at

    def _over(self) -> bool:
        quiet = self._presence.listener.quiet_for(time.monotonic()) >= QUIET_S
        return quiet and self._presence.agent_state not in ("thinking", "speaking")

    def _requests(self) -> set[int]:
        """The worker's numbers of what it asked Letta during this exchange."""
        return {
            event["data"].get("turn")
            for event in self._presence.events
            if event.get("name") == "request" and self._from <= event["arrived"] < self._until
        }

    def _account(self) -> dict[str, Any] | None:
        """The worker's own account of this turn: the data of its `turn` event."""
        mine = self._requests()
        for event in reversed(self._presence.events):
            if event.get("name") == "turn" and event["arrived"] >= self._from:
                data: dict[str, Any] = event["data"]
                if data.get("turn") in mine:
                    return data
        return None

    def _words(self, me: str, other: bool) -> str:
        segments = self._presence.transcripts.since(self._from, me, other)
        return " ".join(each.text.strip() for each in segments if each.at < self._until)

    def _why_silent(self, timeout: float) -> str:
        state = self._presence.agent_state
        heard = self._words(self._presence.identity, other=False)
        parts = [
            f"no sound of a reply within {timeout:g} s",
            f"the agent understood {heard!r}" if heard else "the agent understood nothing",
            f"its state is {state!r}" if state else "the agent is not in the room",
        ]
        for event in self._presence.events:
            if event["arrived"] >= self._from and event.get("name") in TROUBLE:
                parts.append(f"it reported {event['name']}: {_told(event.get('data') or {})}")
        return "; ".join(dict.fromkeys(parts))  # each once


def _told(data: dict[str, Any]) -> str:
    values = (data.get(key) for key in ("what", "message", "error", "consequence", "next_step"))
    return ", ".join(str(each).splitlines()[0] for each in values if each)
