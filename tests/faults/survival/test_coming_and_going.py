"""Callers come and go, in every haste: nothing of their calls is left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.faults.call import Call
from tests.faults.conftest import FAKE_MICROPHONE
from tests.faults.injected import wait_until_calls_are_over
from tests.faults.survival.census import census, handles, until_as_before
from tests.faults.survival.color import ANSWER, ASKED, TOLD, tells
from tests.faults.survival.conftest import NewSurvival
from tests.faults.survival.speaking_page import SpeakingPage
from tests.faults.survival.survival import until
from tests.faults.survival.traces import CLEAN_WITHIN_S, agents_in
from tests.running_system import System
from tests.system.page.debug_page import debug_page

IN_A_ROW, IN_A_ROW_FULL = 6, 30
CLOSED_GOAL_S, ALL_GONE_GOAL_S, TOLD_WITHIN_S = 5.0, 25.0, 20.0
"""The SFU keeps a room for 20 s after the last one has left."""
IDLE_PROCESSES = 4
"""Two for the next calls, the one they are forked from, and its helper."""
LATE = "Letta did not take the end of the call"
FEW = 5
"""So much more a process may hold open without a fault in it."""
AUDIBLE_PERCENT, SPOKEN_MS = 5, 1500
LONG = "this is a long sentence that nobody hears to its end because the tab is closed"

NewPage = Callable[[], AbstractContextManager[SpeakingPage]]


@pytest.fixture(scope="module")
def browser(launched: Callable[..., Browser]) -> Browser:
    return launched("--autoplay-policy=no-user-gesture-required", *FAKE_MICROPHONE)


@pytest.fixture
def new_page(faulty: System, browser: Browser) -> NewPage:
    """`with new_page() as page:` a tab of its own."""

    @contextmanager
    def opened() -> Iterator[SpeakingPage]:
        with debug_page(browser, faulty.proxy_url) as debug:
            yield SpeakingPage(debug)

    return opened


def hang_up_before_the_agent_comes(system: System, _: NewPage) -> str | None:
    with Call(system):
        return None


def close_the_tab_at_once(_: System, new_page: NewPage) -> str | None:
    with new_page() as page:
        page.connect()
        page.page.close()
    return None


def hang_up_when_the_agent_listens(system: System, _: NewPage) -> str | None:
    with Call(system) as call:
        call.listening()
    return None


def press_disconnect(_: System, new_page: NewPage) -> str | None:
    with new_page() as page:
        page.listening()
        page.debug.button("Disconnect").click()
        expect(page.debug.button("Connect")).to_be_enabled()
    return None


def hang_up_in_the_reply(system: System, _: NewPage) -> str | None:
    with Call(system) as call:
        call.listening()
        call.begins_to_answer(TOLD)
        return call.room


def close_the_tab_in_the_reply(_: System, new_page: NewPage) -> str | None:
    with new_page() as page:
        page.listening()
        page.answered(TOLD)
        page.page.close()
    return page.room


WAYS = (
    hang_up_before_the_agent_comes,
    close_the_tab_at_once,
    hang_up_when_the_agent_listens,
    press_disconnect,
    hang_up_in_the_reply,
    close_the_tab_in_the_reply,
)
"""Each has a call, and returns its room if something was said there."""


def test_many_calls_in_a_row(
    faulty: System, new_page: NewPage, new_survival: NewSurvival, full: bool
) -> None:
    calls = IN_A_ROW_FULL if full else IN_A_ROW
    survival = new_survival(f"{calls} connects and disconnects in a row", ALL_GONE_GOAL_S)
    for way in (press_disconnect, hang_up_when_the_agent_listens):  # the first ones load things
        way(faulty, new_page)
    wait_until_calls_are_over(faulty)
    idle_again(faulty)
    before, held = replace(census(faulty), rooms=0, open_calls=0), handles(faulty)
    before = replace(before, job_processes=max(before.job_processes, IDLE_PROCESSES))
    rooms = [WAYS[number % len(WAYS)](faulty, new_page) for number in range(calls)]
    kept = [room for room in rooms if room is not None]
    with survival.recovering():
        wait_until_calls_are_over(faulty)
        if late := faulty.log("agent").count(LATE):
            survival.lost("a fork in Letta, which was too busy to take the end of a call")
            before = replace(before, forks=late, conversations=late)
        until_as_before(faulty, before, ALL_GONE_GOAL_S, kept)
    idle_again(faulty)
    for name, now in handles(faulty).items():
        assert now.grown_since(held[name]) <= FEW, f"{name}: {now}, before {held[name]}"
    with Call(faulty) as call:
        tells(call)
    survival.survived()


def idle_again(system: System) -> None:
    """Return when the worker has its idle processes again: it holds some files for each."""

    def full() -> bool:
        return census(system).job_processes >= IDLE_PROCESSES

    until(full, f"the worker has {IDLE_PROCESSES} processes", CLEAN_WITHIN_S)


# The ways of the calls in a row contain all but the last two of these; those are in the tests of
# the healthy calls, and of the agent's callers.
@pytest.mark.long
def test_nobody_is_there_when_the_agent_comes(
    faulty: System, new_page: NewPage, new_survival: NewSurvival, times: int
) -> None:
    survival = new_survival("caller hangs up before the agent comes", CLOSED_GOAL_S)
    for _ in range(times):
        with Call(faulty) as call:
            pass
        with survival.recovering():
            timeline(faulty, call.room)
    survival.survived()


@pytest.mark.long
def test_the_room_is_entered_again_at_once(
    faulty: System, new_survival: NewSurvival, times: int
) -> None:
    survival = new_survival("caller hangs up and is back at once", CLOSED_GOAL_S)
    for _ in range(times):
        with Call(faulty) as call:
            call.listening()
            call.answered(TOLD)
        with survival.recovering():
            again = Call(faulty, room=call.room)
            with again:
                again.listening()
                again.answered(ASKED)
        assert ANSWER in again.caller.turns[-1].reply.lower(), again.caller.turns[-1].reply
    survival.survived()


@pytest.mark.long
def test_the_tab_is_closed_while_the_caller_speaks(
    faulty: System, new_page: NewPage, new_survival: NewSurvival, times: int
) -> None:
    survival = new_survival("tab closed while the caller speaks", CLOSED_GOAL_S)
    for _ in range(times):
        with new_page() as page:
            page.listening()
            page.begin(LONG)
            page.page.wait_for_timeout(SPOKEN_MS)
            page.page.close()
            with survival.recovering():
                wait_until_calls_are_over(faulty)
        heard = [
            each["data"]["text"]
            for each in timeline(faulty, page.room)
            if each["name"] == "transcript" and each["data"]["final"]
        ]
        if not any(heard):
            survival.lost("the words being spoken")
    survival.survived()


@pytest.mark.long
def test_the_tab_is_closed_while_the_agent_speaks(
    faulty: System, new_page: NewPage, new_survival: NewSurvival, times: int
) -> None:
    survival = new_survival("tab closed while the agent speaks", CLOSED_GOAL_S)
    for _ in range(times):
        with new_page() as page:
            page.listening()
            page.answered(TOLD)
            page.page.close()
            with survival.recovering():
                wait_until_calls_are_over(faulty)
        turns = [each for each in timeline(faulty, page.room) if each["name"] == "turn"]
        assert turns[-1]["data"]["user"] == TOLD, turns
    survival.survived()


def timeline(system: System, room: str) -> list[dict[str, Any]]:
    """What has happened in a room's call, until its job was over."""

    def events() -> list[dict[str, Any]]:
        calls = httpx.get(f"{system.proxy_url}/api/calls", timeout=10).json()["calls"]
        call_id = next(each["id"] for each in calls if each["room"] == room)
        call = httpx.get(f"{system.proxy_url}/api/calls/{call_id}", timeout=10).json()
        return list(call["events"])

    def over() -> bool:
        return any(each["name"] == "process_ended" for each in events())

    until(over, f"it is told that the job of room {room} has ended", TOLD_WITHIN_S)
    return events()


@pytest.mark.long
def test_two_tabs_in_one_room(
    faulty: System, new_page: NewPage, new_survival: NewSurvival, times: int
) -> None:
    survival = new_survival("two tabs in one room, one closed, then the other", None)
    for _ in range(times):
        with new_page() as one, new_page() as other:
            one.listening()
            other.listening(one.room)
            assert len(agents_in(faulty, one.room)) == 1
            one.begin(TOLD)
            other.debug.wait_for_level("Agent voice level", more_than=AUDIBLE_PERCENT)
            one.quiet()
            one.page.close()
            with survival.recovering():
                other.answered(ASKED, tries=3)
            assert other.says(ANSWER), "the agent does not remember what the first one said"
            assert len(agents_in(faulty, one.room)) == 1
            other.page.close()
        until_left(faulty, one.room)
    survival.survived()


def until_left(system: System, room: str) -> None:
    """Return when no agent is in the room."""
    until(lambda: not agents_in(system, room), f"the agent leaves room {room}", CLOSED_GOAL_S)
