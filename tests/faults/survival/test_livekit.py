"""livekit-server is restarted during a call: everybody comes back, without a click."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from dev.caller import Caller
from tests.faults.call import Call
from tests.faults.processes import kill, restarting, stable
from tests.faults.survival.color import ASKED, TOLD, is_remembered, tells
from tests.faults.survival.conftest import NewSurvival
from tests.faults.survival.survival import until
from tests.faults.survival.traces import (
    agents_in,
    callers_in,
    nothing_is_left,
    nothing_is_left_of,
    timeline,
)
from tests.running_system import System
from tests.system.page.browser import record_voice
from tests.system.page.debug_page import DebugPage, debug_page

GOAL_S = 10.0
COMES_WITHIN_S = 60.0
ANSWER_MS = 60_000
READY = re.compile("Agent connected! Start speaking")


@contextmanager
def killed(system: System) -> Iterator[None]:
    kill(system, "livekit")
    yield


@contextmanager
def restarted(system: System) -> Iterator[None]:
    with restarting(system, "livekit"):
        pid = system.status("livekit")["program"]
        until(lambda: system.status("livekit")["program"] != pid, "it is restarted", COMES_WITHIN_S)
        yield


WAYS = {"livekit-server killed (-9)": killed, "./restart_voice_system.sh livekit": restarted}
SHORT, LONG = WAYS


# The agent comes back to a page in the same way.
@pytest.mark.long
def test_a_caller_and_the_agent_come_back(
    faulty: System, new_survival: NewSurvival, times: int
) -> None:
    survival = new_survival("livekit-server killed (-9), a caller", GOAL_S)
    for _ in range(times):
        stable(faulty, "livekit")
        with Call(faulty) as call:
            before = tells(call)

            def back(caller: Caller) -> bool:
                listens = list(caller.agent_states.values()) == ["listening"]
                return caller.reconnects > 0 and listens

            kill(faulty, "livekit")
            with survival.recovering():
                call.until(back)
            is_remembered(call)
            before.is_the_same_agent()
            assert len(agents_in(faulty, call.room)) == 1
        nothing_is_left(faulty, call).held_once(TOLD, ASKED)
    survival.survived()


@pytest.mark.parametrize("way", [SHORT, pytest.param(LONG, marks=pytest.mark.long)])
def test_the_page_and_the_agent_come_back(
    faulty: System,
    launched: Callable[..., Browser],
    tmp_path: Path,
    new_survival: NewSurvival,
    times: int,
    way: str,
) -> None:
    survival = new_survival(f"{way}, the page", GOAL_S)
    with asking_browser(launched, tmp_path) as browser:
        for _ in range(times):
            if WAYS[way] is killed:
                stable(faulty, "livekit")
            with debug_page(browser, faulty.proxy_url) as page:
                page.open()
                page.connect()
                expect(page.status.first).to_have_text(READY, timeout=ANSWER_MS)
                answers(page, 1)
                room = page.room
                with WAYS[way](faulty), survival.recovering():
                    until(
                        lambda page=page, room=room: is_back(faulty, page, room),  # type: ignore[misc]
                        "page and agent are in the room again",
                        COMES_WITHIN_S,
                    )
                answers(page, 1 + len(replies(page)))
                assert page.room == room
                assert len(agents_in(faulty, room)) == len(callers_in(faulty, room)) == 1
            opened = timeline(faulty, room, "join.conversation")
            assert len({each["agent_id"] for each in opened}) == 1
            memory = nothing_is_left_of(faulty, room, opened[-1]["agent_id"])
            assert len(memory.user) >= 2, memory.user
    survival.survived()


@contextmanager
def asking_browser(launched: Callable[..., Browser], folder: Path) -> Iterator[Browser]:
    """Its microphone asks the same again and again."""
    voice = record_voice(folder / "asked.wav", ASKED, before_s=1.0, between_s=9.0)
    browser = launched(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        "--autoplay-policy=no-user-gesture-required",
        f"--use-file-for-fake-audio-capture={voice}",
    )
    yield browser


def is_back(system: System, page: DebugPage, room: str) -> bool:
    """Whether caller and agent are in the room at the server that is there now."""
    try:
        there = len(agents_in(system, room)) == len(callers_in(system, room)) == 1
    except Exception:  # the server is away
        return False
    return there and bool(READY.search(page.status.first.inner_text()))


def replies(page: DebugPage) -> list[str]:
    """What the agent has said of a color, as the page shows it."""
    said = page.conversation.inner_text().lower()
    return re.findall(r"your favorite color|do not know|don't know", said)


def answers(page: DebugPage, times: int) -> None:
    """Return when the spoken question has been answered so many times."""
    until(lambda: len(replies(page)) >= times, f"{times} answers", ANSWER_MS / 1000)
