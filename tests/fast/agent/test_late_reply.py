"""A caller who waits hears that the machine is out of CPU; nobody else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from agent.events import Events
from agent.job import late_reply
from agent.job.late_reply import ONE_MOMENT, LateReply
from tests.fast.agent.kept_events import collected


class Waiting:
    """A caller who has stopped speaking, and a machine of two cores."""

    def __init__(self, events: Events) -> None:
        self.waits, self.making = True, False
        self.said: list[str] = []
        self.told = asyncio.Event()
        self.share = 1.0
        self._total = 0.0
        self.late = LateReply(
            events, lambda: self.waits, lambda: self.making, self._say, self._busy
        )

    def _say(self, sentence: str) -> None:
        self.said.append(sentence)
        self.told.set()

    def _busy(self) -> tuple[float, float]:
        self._total += 10.0
        return self._total * self.share, self._total

    async def time_passes(self) -> None:
        """Until what was begun is late, and a little longer."""
        passed = asyncio.Event()
        asyncio.get_running_loop().call_later(2 * late_reply.LATE, passed.set)
        await passed.wait()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(late_reply, "LATE", 0.01)
    yield


@pytest.fixture
def events() -> Events:
    return Events("room", "job")


async def test_it_is_said_when_the_machine_has_no_cpu() -> None:
    events, kept = collected()
    caller = Waiting(events)
    caller.late.begin()
    await caller.told.wait()
    assert caller.said == [ONE_MOMENT]
    (event,) = [event for event in kept if event["name"] == "out_of_cpu"]
    assert event["data"]["cpu"] == 1.0 and event["data"]["waited"] >= 0.0


async def test_it_is_said_once_in_a_while(events: Events) -> None:
    caller = Waiting(events)
    for _ in range(3):
        caller.late.begin()
        await caller.time_passes()
    assert caller.said == [ONE_MOMENT]


@pytest.mark.parametrize("why", ["cpu to spare", "nothing is due", "the reply has begun"])
async def test_it_is_not_said(events: Events, why: str) -> None:
    caller = Waiting(events)
    caller.share = 0.5 if why == "cpu to spare" else 1.0
    caller.waits = why != "nothing is due"
    caller.late.begin()
    if why == "the reply has begun":
        caller.late.end()
    await caller.time_passes()
    assert caller.said == []


async def test_while_a_reply_is_made_its_voice_says_it_first(events: Events) -> None:
    caller = Waiting(events)
    caller.making = True
    written = asyncio.Event()

    async def reply() -> AsyncIterator[str]:
        await written.wait()
        yield "It is "
        yield "green."

    caller.late.begin()
    sentence, text = await caller.late.before(reply())
    assert (sentence, caller.said) == (ONE_MOMENT, [])
    written.set()
    assert [piece async for piece in text] == ["It is ", "green."]


async def test_a_reply_in_time_is_left_as_it_is(events: Events) -> None:
    caller = Waiting(events)

    async def reply() -> AsyncIterator[str]:
        yield "Green."

    sentence, text = await caller.late.before(reply())
    assert (sentence, [piece async for piece in text]) == ("", ["Green."])


async def test_a_reply_without_text_is_left_as_it_is(events: Events) -> None:
    async def reply() -> AsyncIterator[str]:
        return
        yield

    sentence, text = await Waiting(events).late.before(reply())
    assert (sentence, [piece async for piece in text]) == ("", [])
