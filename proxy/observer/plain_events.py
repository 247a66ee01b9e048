"""What an agent shows that publishes no session events: its state and what is transcribed.

Every agent that keeps to LiveKit's conventions has the attribute `lk.agent.state` and sends text on
`lk.transcription`; older frameworks and other languages tell no more. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from proxy.observer.session_events import Told

STATE = "lk.agent.state"


class PlainReader:
    """Follows one agent. Times are in seconds since the epoch, by the proxy's clock."""

    def __init__(self, turns: int = 0) -> None:
        """`turns`: how many the call had already."""
        self._state = ""
        self._turn = turns
        self._words = ""
        self._asked: tuple[int, str] | None = None

    def state(self, state: str, at: float) -> Iterator[Told]:
        """The agent's attribute has this value now."""
        before, self._state = self._state, state
        if state == before:
            return
        yield Told(at, "join", "agent_state", {"from": before, "to": state})
        if state in ("thinking", "speaking") and self._words:
            self._turn += 1
            self._asked = (self._turn, self._words)
            self._words = ""
            yield Told(at, "think", "request", {"turn": self._turn, "text": self._asked[1]})
        if state == "speaking":
            yield Told(at, "play", "speaking")
        elif before == "speaking":
            yield Told(at, "play", "silent")

    def caller_said(self, text: str, at: float, *, final: bool) -> Iterator[Told]:
        """Words of the caller, as the agent's side has transcribed them."""
        if not text:
            return
        if final:
            self._words = f"{self._words} {text}".strip()
        yield Told(at, "transcribe", "transcript", {"text": text, "final": final})

    def agent_said(self, text: str, at: float) -> Iterator[Told]:
        """What the agent has said, whole or up to where it was interrupted."""
        if not text:
            return
        turn, user = self._asked or (None, "")
        self._asked = None
        if turn is None:
            self._turn += 1
            turn = self._turn
        yield Told(at, "think", "done", {"turn": turn})
        data = {"turn": turn, "user": user, "reply": text, "heard": text, "ms": {}}
        yield Told(at, "play", "turn", data)
