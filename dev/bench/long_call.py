"""One call of many, as a caller makes it: connect, a few sentences, hang up; what was wrong."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import aiohttp

from dev.bench.sentences import SENTENCES
from dev.bench.verdict_watch import VerdictWatch
from dev.caller import Caller, CallError
from dev.caller.voice import Voice

SENTENCES_A_CALL = 3
BREATH_S = 0.5
AFTER_S = 3.0
"""Seconds for which the verdicts are watched after the caller has hung up."""


@dataclass
class LongCall:
    """What came of one call. `problem`: why it was not held to its end."""

    number: int
    began: float
    listening_s: float | None = None
    first_sounds: list[float] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    failing: list[str] = field(default_factory=list)
    problem: str = ""

    @property
    def turns(self) -> int:
        return len(self.first_sounds) + len(self.unanswered)


async def hold(proxy_url: str, number: int, voice: Voice, began: float) -> LongCall:
    """`number` chooses the sentences: each call says others than the one before."""
    call = LongCall(number, began)
    room = f"bench-{time.time_ns() // 1_000_000}-{number}"
    watch = VerdictWatch(proxy_url, room)
    try:
        async with watch:
            async with Caller(proxy_url, room, voice=voice, record=False) as caller:
                call.listening_s = await caller.wait_until_listening()
                for place in range(SENTENCES_A_CALL):
                    words = SENTENCES[(number * SENTENCES_A_CALL + place) % len(SENTENCES)]
                    turn = await caller.say(words)
                    if turn.first_sound_s is None:
                        call.unanswered.append(f"{words!r}: {turn.problem}")
                    else:
                        call.first_sounds.append(turn.first_sound_s)
                    await asyncio.sleep(BREATH_S)
            await asyncio.sleep(AFTER_S)
    except CallError as error:
        call.problem = str(error)
    except (TimeoutError, OSError, aiohttp.ClientError) as error:
        call.problem = repr(error)
    call.failing = list(watch.failing)
    return call
