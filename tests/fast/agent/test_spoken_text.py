"""A voice that stops in the middle of a reply is told, one that waits for words is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import utils

from agent.events import Event, Events
from agent.speech import spoken_text
from agent.speech.spoken_text import ReplyText, SpokenText, next_frame
from agent.turns import SpeechOwner
from tests.fast.agent.hearing import frame

PATIENCE = 5.0


class Told:
    """A sink that wakes who waits for an event."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.data: dict[str, Any] = {}  # of the last one
        self.stalled = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.names.append(event["name"])
        self.data = event["data"]
        if event["name"] == "stalled":
            self.stalled.set()

    async def aclose(self) -> None:
        pass


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setattr(spoken_text, "STALL_TIMEOUT", 0.02)
    return Told()


def opened(told: Told) -> SpokenText:
    events = Events("r", "test")
    events.sinks = [told]
    return SpokenText(events, lambda: SpeechOwner(1))


async def test_a_gap_in_the_voice_is_told_and_its_end(told: Told) -> None:
    voice = opened(told)

    async def stuck() -> AsyncGenerator[rtc.AudioFrame, None]:
        await told.stalled.wait()
        yield utils.audio.silence_frame(0.1, 24_000)

    voice.add_text("Hello.", whole=True)
    frames = stuck()
    async with asyncio.timeout(PATIENCE):
        assert await next_frame(frames, voice) is not None
        assert await next_frame(frames, voice) is None
    voice.done()
    assert told.names == ["request", "stalled", "resumed", "done"]


@pytest.mark.parametrize(
    ("loudness", "names"),
    [(8000, ["request", "first_byte", "done"]), (200, ["request", "first_byte", "done"]),
     (8, ["request", "done"]), (0, ["request", "done"])],
)  # fmt: skip
def test_a_voice_begins_with_the_first_sound_that_can_be_heard(
    told: Told, loudness: int, names: list[str]
) -> None:
    voice = opened(told)
    voice.add_text("Hello.", whole=True)
    for loud in (0, loudness, loudness, 0):
        voice.add_sound(frame(0.25, loud))
    voice.done()
    assert told.names == names
    assert voice.is_audible is ("first_byte" in names)
    assert voice.seconds == pytest.approx(1.0)


def test_how_much_of_a_voice_is_as_loud_as_can_be(told: Told) -> None:
    voice = opened(told)
    voice.add_text("Hello.", whole=True)
    for loud in (32767, 8000, -32768, 300):
        voice.add_sound(frame(0.25, loud))
    voice.done()
    # The tops of a sine, in two of four frames.
    assert told.data["clipped"] == pytest.approx(0.045, abs=0.005)


async def test_a_voice_that_waits_for_words_has_not_stalled(told: Told) -> None:
    voice, looked = opened(told), asyncio.Event()

    async def slow_words() -> AsyncGenerator[str, None]:
        yield "Well. "
        await looked.wait()

    async def spoken(text: ReplyText) -> AsyncGenerator[rtc.AudioFrame, None]:
        async for _ in text:
            pass
        yield utils.audio.silence_frame(0.1, 24_000)

    def look() -> None:
        """Later than the watch, which has the same patience and was asked before."""
        looked.set()

    asyncio.get_running_loop().call_later(spoken_text.STALL_TIMEOUT * 3, look)
    async with asyncio.timeout(PATIENCE):
        await next_frame(spoken(ReplyText(slow_words(), voice)), voice)
    assert "stalled" not in told.names, told.names
