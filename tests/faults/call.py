"""A call that a test holds without a page: dev/caller's caller, in real time beside the test."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from dev.caller import Caller, ProxyAccess
from dev.caller.caller import LISTEN_TIMEOUT_S
from dev.caller.sound import CallerVoice
from dev.caller.turn import Turn
from tests.faults.fault import Ask, of_room
from tests.faults.loop_thread import LIMIT_S, LoopThread
from tests.running_system import System

VOICE = CallerVoice()
"""Shared: each sentence is made once a run."""
QUIET_S = 1.0
ANSWER_S = 40.0
"""Much longer than it takes where the machine has a free core."""


class FaultyAccess(ProxyAccess):
    """The proxy's way in, whose first dispatch asks the job to fail in a certain way."""

    def __init__(self, url: str, fault: str | None, *, asks: bool) -> None:
        super().__init__(url)
        self.fault = fault
        self.asks = asks

    async def dispatch(self, room: str, agent_id: str | None) -> str:
        if not self.asks:
            return "nobody was asked"
        if self.fault is None:
            return await super().dispatch(room, agent_id)
        wish = {"room": room, "fault": self.fault, **({"agent_id": agent_id} if agent_id else {})}
        answer = await self._ask("POST", "/api/dispatch-agent", wish)
        return str(answer["message"])


class Call:
    """`with Call(system) as call: call.listening()`: in the room, microphone on, agent asked for.

    `fault`: what the agent's job shall do instead of its work (see agent/job/faults.py); `asks`:
    whether an agent is asked for.
    """

    def __init__(
        self,
        system: System,
        *,
        room: str | None = None,
        agent_id: str | None = None,
        fault: str | None = None,
        asks: bool = True,
    ) -> None:
        self.room = room or f"fault-{uuid.uuid4().hex[:8]}"
        self.ask: Ask = of_room(system.proxy_url, self.room)
        self._access = FaultyAccess(system.proxy_url, fault, asks=asks)
        self._agent_id = agent_id
        self._loop = LoopThread()
        self._run = self._loop.run
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as exits:
            exits.enter_context(self._loop)
            caller = self._run(self._made())
            self.caller = exits.enter_context(self._loop.inside(caller))
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._exits.__exit__(kind, error, tb)

    async def _made(self) -> Caller:
        # Made in the loop, for what it is made of belongs to the loop that runs then.
        return Caller(self._access, self.room, self._agent_id, VOICE, record=False)

    def listening(self, within_s: float = LISTEN_TIMEOUT_S) -> None:
        """Return when the agent listens."""
        self._run(self.caller.wait_until_listening(within_s))

    def dispatch_again(self) -> None:
        """Ask for an agent that does its work, as by Connect, until one does.

        More than once, for while the proxy still believes in the one before it asks for no other.
        """
        before = len(self.told("job", "init_done"))
        self._access.fault, self._access.asks = None, True
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            self._run(self._access.dispatch(self.room, self._agent_id))
            came = self.caller.until(lambda: len(self.told("job", "init_done")) > before, 3.0)
            if self._run(came):
                return
        raise AssertionError(f"no other agent came within {LIMIT_S:g} s")

    def say(self, words: str) -> None:
        """Speak; return when the last word is out, whatever the agent does with it."""
        self._run(self.caller.say(words, timeout=0))

    def begin_to_say(self, words: str) -> Future[Turn]:
        """Speak beside the test; return in the middle of it, when the agent hears that somebody
        speaks. The result is there when the reply is over, or will not come."""
        before = len(self.told("hear", "speech_started"))
        turn = self._loop.begin(self.caller.say(words))
        self.until(lambda _: len(self.told("hear", "speech_started")) > before)
        assert not turn.done(), f"{words!r} was over before the agent heard it begin"
        return turn

    def say_meanwhile(self, words: str) -> None:
        """Speak beside the test, whether anybody hears it or not."""
        self._loop.begin(self.caller.say(words, timeout=0))

    def begins_to_answer(self, words: str) -> None:
        """Say something; return at the first sound of the reply."""
        turn = self._run(self.caller.say(words, until="first_sound", timeout=ANSWER_S))
        assert turn.answered, turn.problem

    def quiet(self) -> None:
        """Return when nobody speaks any more, and the agent listens."""

        def silent(caller: Caller) -> bool:
            states = caller.agent_states.values()
            return (
                not caller.speaks and caller.quiet_for_s > QUIET_S and set(states) == {"listening"}
            )

        self.until(silent)

    def type(self, words: str) -> None:
        """Write; return when it is sent."""
        self._run(self.caller.type(words, timeout=0))

    def answered(self, words: str, *, spoken: bool = False) -> None:
        """Say or write something; return when the reply was heard to its end."""
        speak = self.caller.say if spoken else self.caller.type
        turn = self._run(speak(words, timeout=ANSWER_S))
        assert turn.answered, turn.problem

    def turn(self, words: str, *, within_s: float) -> Turn:
        """Say something; what came of it: an answer, words that are only to be read, or nothing.

        What was to be read stands in it when the next turn has begun.
        """
        before = len(self.told("play", "turn"))
        saying = self._loop.begin(self.caller.say(words, timeout=within_s))
        while not saying.done():
            wait([saying], timeout=QUIET_S)
            if len(self.told("play", "turn")) > before and not wait([saying], QUIET_S).done:
                saying.cancel()
                return self.caller.turns[-1]
        return saying.result()

    def answered_soon(self, words: str, *, tries: int = 5) -> None:
        """Say something, again when it is not answered: what was broken comes back in its time.

        An answer is what Letta was asked for: that the agent cannot hear is said aloud as well.
        """
        for number in range(1, tries + 1):
            before = len(self.told("think", "request"))
            turn = self._run(self.caller.say(words, timeout=6.0 if number < tries else 15.0))
            if turn.answered and len(self.told("think", "request")) > before:
                return
        raise AssertionError(turn.problem or "the agent spoke, but not of what was said")

    def until(self, true: Callable[[Caller], bool], timeout: float = LIMIT_S) -> None:
        """Return when something is true of the caller."""
        assert self._run(self.caller.until(lambda: true(self.caller), timeout)), (
            f"not true within {timeout:g} s; the worker said {self.caller.events[-5:]}"
        )

    def told(self, stage: str, name: str) -> list[dict[str, Any]]:
        """The data of the worker's events of this name."""
        events = list(self.caller.events)
        return [each["data"] for each in events if (each["stage"], each["name"]) == (stage, name)]
