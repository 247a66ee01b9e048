"""A link is cut at random, in a call: is the right stage named in time, and does it clear?

`./scripts/test tests/faults/seeds --seeds 50` draws so many; `--seed 17` repeats one. The table of
all of them stands at the end of the run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx
import pytest

from tests.faults.call import Call
from tests.faults.fault import of_system, until_well
from tests.faults.seeds.cuts import Cut, Parts, all_cuts
from tests.faults.seeds.cutter import cutters
from tests.running_system import System, free_ports, new_system

MOMENTS = ("listens", "is spoken to", "thinks", "speaks")
SENTENCE = "what do you know about my favorite color"
NAMED_WITHIN_S = 25.0
"""As long as the latest limit of a stage, and the sentences that have to be said for it."""
BUSY = ("machine-out-of-cpu", "reply-late-for-cpu")
"""Causes that say only that the machine is busy: of what is cut they say nothing."""
ASKED_EVERY_S = 0.2
SEEDS = pytest.StashKey[list["Outcome"]]()


@dataclass(frozen=True)
class Outcome:
    """What came of one seed."""

    seed: int
    link: str
    way: str
    moment: str
    verdict: str
    """right, half, wrong, silent, or no harm: the call went on as if nothing was cut."""
    named: str
    seconds: float | None
    cleared: bool


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """A system whose speech servers are asked through relays."""
    (models_port,) = free_ports(1)
    with cutters(models_port, models_port) as (hearing, speaking):
        system = new_system(
            tmp_path_factory.mktemp("seeds"),
            FAULTS_ENABLED="true",
            MODELS_PORT=str(models_port),
            STT_BASE_URL=f"http://localhost:{hearing.port}/v1",
            TTS_BASE_URL=f"http://localhost:{speaking.port}/v1",
        )
        try:
            system.start()
            yield Parts(system, hearing, speaking)
        finally:
            system.stop()


@pytest.mark.long
def test_the_right_stage_is_named(parts: Parts, seed: int, request: pytest.FixtureRequest) -> None:
    draw = Random(seed)
    cut, moment = draw.choice(all_cuts(parts)), draw.choice(MOMENTS)
    pause = draw.uniform(0.1, 1.0)
    until_well(of_system(parts.system.proxy_url))
    outcome = _tried(parts.system, seed, cut, moment, pause)
    request.config.stash.setdefault(SEEDS, []).append(outcome)
    assert outcome.verdict in ("right", "half", "no harm"), outcome
    assert outcome.cleared, outcome


def _tried(system: System, seed: int, cut: Cut, moment: str, pause: float) -> Outcome:
    with Call(system) as call:
        call.listening()
        if moment == "is spoken to":
            call.begin_to_say(SENTENCE)
            time.sleep(pause)
        elif moment == "thinks":
            call.say(SENTENCE)
        elif moment == "speaks":
            call.begins_to_answer(SENTENCE)
        with ExitStack() as broken:
            broken.enter_context(cut.inject())
            watch = _Watch(call.ask)
            answered = _goes_on(call, watch)
            broken.close()
        cleared = _clears(call)
    named = watch.failed
    verdict = "no harm" if answered and not named else "silent"
    if named:
        stage = str(named["stage"])
        verdict = "right" if stage in cut.right else "half" if stage in cut.near else "wrong"
        verdict = "half" if named["cause"] in BUSY else verdict
    words = f"{named['stage']} [{named['cause']}]" if named else ""
    return Outcome(seed, cut.link, cut.way, moment, verdict, words, watch.seconds, cleared)


class _Watch:
    """Asks for the verdicts, beside the call, until one fails."""

    def __init__(self, ask: Callable[[], dict[str, Any]]) -> None:
        self.failed: dict[str, Any] | None = None
        self.seconds: float | None = None
        self._began = time.monotonic()
        self._ask = ask
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        return not self._thread.is_alive()

    def _watch(self) -> None:
        while time.monotonic() - self._began < NAMED_WITHIN_S:
            with suppress(httpx.HTTPError, AssertionError):
                answer = self._ask()
                if answer["failing"] is not None:
                    rows = answer["verdicts"]
                    self.failed = next(row for row in rows if row["stage"] == answer["failing"])
                    self.seconds = round(time.monotonic() - self._began, 1)
                    return
            time.sleep(ASKED_EVERY_S)


def _goes_on(call: Call, watch: _Watch) -> bool:
    """Say something again and again until something is named, or time is over; whether the last
    sentence was answered."""
    answered = False
    while not watch.over:
        with suppress(AssertionError, Exception):
            answered = call.turn(SENTENCE, within_s=5.0).answered
    return answered


def _clears(call: Call) -> bool:
    """Whether the call can be spoken in again, and nothing fails."""
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline:
        with suppress(AssertionError, httpx.HTTPError, Exception):
            call.answered_soon(SENTENCE, tries=2)
            if call.ask()["failing"] is None:
                return True
    return False
