"""The caller: joins a room with an agent, says things, and measures each turn by what it hears."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import numpy as np

from dev.caller.access import Access, CallError, ProxyAccess
from dev.caller.hearing import levels
from dev.caller.microphone import Utterance
from dev.caller.presence import AGENT_STATE, Presence
from dev.caller.sound import RATE, CallerVoice, Samples, Sound
from dev.caller.turn import Exchange, Turn, Until

LISTEN_TIMEOUT_S = 15.0
REPLY_TIMEOUT_S = 15.0
STALL_S = 10.0  # a microphone this late has stopped


class Caller:
    """`async with Caller(access, room="r") as caller`: joined, microphone on, agent asked for.

    `access`: the proxy's address, or another way in.
    """

    def __init__(
        self,
        access: Access | str,
        room: str | None = None,
        agent_id: str | None = None,
        voice: CallerVoice | None = None,
        record: bool = True,
    ) -> None:
        self.room = room or f"talk-{uuid.uuid4().hex[:8]}"
        self.identity = f"caller-{uuid.uuid4().hex[:8]}"
        self.turns: list[Turn] = []
        self.dispatched = ""  # what the dispatch answered, or why it failed
        self._access = ProxyAccess(access) if isinstance(access, str) else access
        self._agent_id = agent_id
        self._voice = voice or CallerVoice()
        self._presence = Presence(self.identity, record)
        self._exits = AsyncExitStack()
        self._exchange: Exchange | None = None  # the latest turn
        self._utterance: Utterance | None = None  # the latest that was said

    async def __aenter__(self) -> Self:
        await self._exits.__aenter__()
        try:
            await self._exits.enter_async_context(self._access)
            await self._presence.join(await self._access.ticket(self.room, self.identity))
            self._exits.push_async_callback(self._presence.leave)
            await asyncio.gather(self._dispatch(), self._presence.publish())
        except BaseException:
            await self._exits.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._exchange is not None:
            self._exchange.close(time.monotonic())
        await self._exits.__aexit__(kind, error, tb)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event that the worker sent to the room, in order of arrival."""
        return self._presence.events

    @property
    def agent_state(self) -> str | None:
        return self._presence.agent_state

    @property
    def agent_count(self) -> int:
        return len(self._presence.agents)

    @property
    def agent_states(self) -> dict[str, str | None]:
        """The state of each agent in the room, by its identity; None while it has not said."""
        return {each.identity: each.attributes.get(AGENT_STATE) for each in self._presence.agents}

    @property
    def reconnects(self) -> int:
        """How often the connection to the room was lost and came back."""
        return self._presence.reconnects

    @property
    def speaks(self) -> bool:
        """Whether words of the caller are still on their way out."""
        return self._presence.microphone.busy

    @property
    def quiet_for_s(self) -> float:
        """Seconds for which nothing has been heard."""
        return self._presence.listener.quiet_for(time.monotonic())

    @property
    def listening_after_s(self) -> float | None:
        """Seconds from being connected to the agent's first `listening`."""
        joined, listening = self._presence.connected_at, self._presence.listening_at
        return None if joined is None or listening is None else listening - joined

    @property
    def recording(self) -> Samples:
        """What was heard, on the time of the microphone's first frame."""
        return self._presence.listener.recorded(self._zero)

    @property
    def spoken(self) -> Samples:
        """What the microphone sent, silence included."""
        frames = self._presence.microphone.recording
        return np.concatenate(frames) if frames else np.zeros(0, np.int16)

    @property
    def sound_levels(self) -> list[tuple[float, float]]:
        """Loudness of the recording, (second, dB of full scale) each 20 ms."""
        return levels(self.recording)

    async def until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until a condition on this caller holds; False when `timeout` seconds have passed."""
        return await self._presence.until(condition, timeout)

    async def wait_until_listening(self, timeout: float = LISTEN_TIMEOUT_S) -> float:
        """Seconds from being connected until the agent listened; CallError says why it does not."""
        listens = await self._presence.until(
            lambda: self._presence.listening_at is not None, timeout
        )
        after = self.listening_after_s
        if not listens or after is None:
            raise CallError(
                f"no agent listens in room {self.room!r} after {timeout:g} s: "
                f"{self._who_is_there()}.\n"
                f"asked: {self.dispatched}\n{await self._access.why_no_agent(self.room)}"
            )
        return after

    def _who_is_there(self) -> str:
        if self._presence.agent_state:
            return f"the agent is in the room, but its state is {self._presence.agent_state!r}"
        if self._presence.agents:
            return "an agent is in the room, but does not say its state"
        return "no agent came"

    async def say(
        self,
        what: str | Sound,
        *,
        barge_in_after: float | None = None,
        until: Until = "quiet",
        timeout: float = REPLY_TIMEOUT_S,
    ) -> Turn:
        """Say words (or a sound) and wait for the reply to end, or only for its first sound.

        With `barge_in_after` the words begin that many seconds after the first sound of the reply
        that is playing: say the sentence before with `until="first_sound"`.
        """
        sound = await self._voice.speak(what) if isinstance(what, str) else what
        if barge_in_after is not None:
            await self._wait_to_barge_in(barge_in_after)
        exchange = self._next(sound.words)
        utterance = self._utterance = self._presence.microphone.say(sound)
        if not await self._presence.until(utterance.out.is_set, sound.duration_s + STALL_S):
            raise CallError("the caller's microphone stands still; is this machine overloaded?")
        if utterance.began_at is None or utterance.ended_at is None:
            raise CallError(f"{sound.words or 'the sound'} is silence: there is nothing to say")
        exchange.spoken(
            utterance.began_at, utterance.ended_at, barged_in=barge_in_after is not None
        )
        return await self._answer(exchange, until, timeout)

    def speak_over(self, sound: Sound) -> None:
        """Say something that is no turn, such as "mm-hmm", whoever speaks."""
        self._presence.microphone.say(sound)

    @property
    def sounds_since_speech(self) -> list[tuple[float, float]]:
        """From and to of what was heard, in seconds from the first sample said last."""
        said = self._utterance
        if said is None or said.began_at is None or said.span is None:
            return []
        zero = said.began_at - said.span[0] / RATE
        soundings = self._presence.listener.soundings
        return [(s.began_at - zero, s.ended_at - zero) for s in soundings if s.ended_at > zero]

    async def type(
        self, text: str, *, until: Until = "quiet", timeout: float = REPLY_TIMEOUT_S
    ) -> Turn:
        """Type instead of speaking; times count from the moment of sending."""
        exchange = self._next(text)
        now = time.monotonic()
        exchange.spoken(now, now, barged_in=False)
        await self._presence.send_text(text)
        return await self._answer(exchange, until, timeout)

    def _next(self, words: str) -> Exchange:
        """A new turn; the one before gets what belongs to it and is over."""
        now = time.monotonic()
        if self._exchange is not None:
            self._exchange.close(now)
        self._exchange = Exchange(self._presence, Turn(words), now, before=self._exchange)
        self.turns.append(self._exchange.turn)
        return self._exchange

    async def _answer(self, exchange: Exchange, until: Until, timeout: float) -> Turn:
        if await exchange.wait_first_sound(timeout) and until == "quiet":
            await exchange.wait_end()
        exchange.settle()
        return exchange.turn

    async def _wait_to_barge_in(self, after: float) -> None:
        playing = self._exchange.first if self._exchange else None
        if playing is None:
            raise CallError(
                "there is no reply to interrupt: nothing was said before, or nothing was answered"
            )
        await asyncio.sleep(max(0.0, playing.began_at + after - time.monotonic()))

    async def _dispatch(self) -> None:
        try:
            self.dispatched = await self._access.dispatch(self.room, self._agent_id)
        except CallError as error:
            if error.final:
                raise
            # The agent may still come: the proxy dispatches by itself once a worker registers.
            self.dispatched = f"refused: {error}"

    @property
    def _zero(self) -> float:
        return self._presence.microphone.started_at or self._presence.connected_at or 0.0
