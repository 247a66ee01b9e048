"""One caller in a process of its own, so that many callers do not share one interpreter.

`python -m tools.bench.caller_process` takes a BenchCall as JSON on stdin, says "ready", waits for a
line, calls, and prints the outcome as JSON. One that talks for a time says "listening" when its
agent does, and waits for another line.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import random
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from dev.caller import CallError
from dev.caller.ending import end_process
from dev.caller.sound import CallerVoice, Sound
from dev.services import CHECKOUT
from tools.bench.subjects import Subject

LISTEN_TIMEOUT_S = 15.0
LISTENING = "listening"
FIRST_WITHIN_S = 3.0  # of the time for which callers talk, each begins
PAUSES_S = (0.5, 2.5)  # from the end of a reply to the next sentence
START_LIMIT_S = 120
CALL_LIMIT_S = 600
END_LIMIT_S = 5


@dataclass(frozen=True)
class BenchCall:
    """What a caller shall do: say each sentence once, or with `talk_s` go on for so long."""

    subject: Subject
    voice: str
    sentences: Sequence[str] = ()
    stay_s: float = 0.0
    """How long to stay silent after the last sentence."""
    delay_s: float = 0.0
    """How long after the others to come."""
    talk_s: float = 0.0
    seed: int = 0
    """Which pauses a caller who talks for a time makes, so that callers differ."""


@dataclass
class CallOutcome:
    """What came of it; no `problem`: the agent listened and answered every sentence."""

    listening_after_s: float | None = None
    turns: list[dict[str, Any]] = field(default_factory=list)
    problem: str = ""


async def call(wish: BenchCall) -> CallOutcome:
    outcome = CallOutcome()
    voice = CallerVoice(wish.voice)
    sounds = [await voice.speak(sentence) for sentence in wish.sentences]
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    try:
        await asyncio.sleep(wish.delay_s)
        async with wish.subject.caller(voice) as caller:
            outcome.listening_after_s = await caller.wait_until_listening(LISTEN_TIMEOUT_S)
            if wish.talk_s:
                print(LISTENING, flush=True)
                await asyncio.to_thread(sys.stdin.readline)
            async for sound in _in_turn(sounds, wish):
                outcome.turns.append((await caller.say(sound)).as_json())
            await asyncio.sleep(wish.stay_s)
    except CallError as error:
        outcome.problem = str(error)
    unanswered = [turn["problem"] for turn in outcome.turns if not turn["answered"]]
    outcome.problem = outcome.problem or "; ".join(unanswered)
    return outcome


async def _in_turn(sounds: Sequence[Sound], wish: BenchCall) -> AsyncIterator[Sound]:
    """Each sound when it is time to say it."""
    if not wish.talk_s:
        for sound in sounds:
            yield sound
        return
    dice, end = random.Random(wish.seed), time.monotonic() + wish.talk_s
    await asyncio.sleep(dice.uniform(0.0, FIRST_WITHIN_S))
    for sound in itertools.cycle(sounds):
        if time.monotonic() >= end:
            return
        yield sound
        await asyncio.sleep(dice.uniform(*PAUSES_S))


class Crowd:
    """Callers in processes of their own: `async with Crowd(calls) as crowd: await crowd.go()`.

    Those that talk for a time: `await crowd.come()`, then `await crowd.talk()`.
    """

    def __init__(self, calls: Sequence[BenchCall]) -> None:
        self._calls = calls
        self._processes: list[asyncio.subprocess.Process] = []
        self._came: list[str] = []
        self._told = False

    async def __aenter__(self) -> Crowd:
        try:
            async with asyncio.timeout(START_LIMIT_S):
                for wish in self._calls:
                    self._processes.append(await _start(wish))
                for process in self._processes:
                    await _line(process)
        except BaseException:
            await self._end()
            raise
        return self

    async def go(self) -> list[CallOutcome]:
        """All call at the same moment; their outcomes in the order of the calls."""
        lines = await self._tell("go")
        self._told = True
        return [CallOutcome(**json.loads(line)) for line in lines]

    async def come(self) -> int:
        """All call, each after its delay; how many agents listen. The others have given up."""
        self._came = await self._tell("go")
        return sum(line.strip() == LISTENING for line in self._came)

    async def talk(self) -> list[CallOutcome]:
        """Those whose agents listen talk; the outcomes of all in the order of the calls."""
        lines = await self._tell("talk", self._came)
        self._told = True
        return [CallOutcome(**json.loads(line)) for line in lines]

    async def _tell(self, word: str, came: Sequence[str] = ()) -> list[str]:
        """Each caller's next line; of one that has already told its outcome that."""

        async def tell(number: int, process: asyncio.subprocess.Process) -> str:
            if came and came[number].strip() != LISTENING:
                return came[number]
            assert process.stdin is not None
            process.stdin.write(f"{word}\n".encode())
            return await _line(process)

        async with asyncio.timeout(CALL_LIMIT_S):
            each = [tell(number, process) for number, process in enumerate(self._processes)]
            return await asyncio.gather(*each)

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def _end(self) -> None:
        """A caller that has told its outcome ends by itself; any other is ended."""
        ending = [asyncio.create_task(process.wait()) for process in self._processes]
        if ending:
            await asyncio.wait(ending, timeout=END_LIMIT_S if self._told else 0)
        for process in self._processes:
            if process.returncode is None:
                process.kill()
        await asyncio.gather(*ending)


async def _start(wish: BenchCall) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tools.bench.caller_process", cwd=CHECKOUT, limit=2**22,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(wish)).encode() + b"\n")
    return process


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    if not line:
        raise CallError(f"a caller of the bench ended with {await process.wait()}: see above")
    return line


def main() -> int:
    logging.basicConfig(level=logging.CRITICAL)  # as in scripts/talk
    wish = json.loads(sys.stdin.readline())
    outcome = asyncio.run(call(BenchCall(**{**wish, "subject": Subject(**wish["subject"])})))
    print(json.dumps(asdict(outcome)), flush=True)
    return 0


if __name__ == "__main__":
    end_process(main())
