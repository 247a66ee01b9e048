"""The proxy is away for a while during a call: the call goes on, and nothing of it is missing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from playwright.sync_api import Browser, Request

from tests.faults.call import Call
from tests.faults.conftest import FAKE_MICROPHONE
from tests.faults.injected import job_process
from tests.faults.processes import kill, restarting, suspended_launcher
from tests.faults.survival.bookkeeping import COMPLETE_WITHIN_S, is_complete, is_well, kept
from tests.faults.survival.color import ANSWER, ASKED, TOLD, is_remembered, tells
from tests.faults.survival.conftest import NewSurvival
from tests.faults.survival.speaking_page import SpeakingPage
from tests.faults.survival.survival import until
from tests.faults.survival.traces import agents_in
from tests.running_system import System
from tests.system.page.debug_page import debug_page

COMPLETE_GOAL_S, REPLACED_GOAL_S = 10.0, 5.0
WELL = ("system", "signal", "media", "hear", "transcribe", "think", "speak")
BY_PROXY = "judged by the proxy"
STREAM = re.compile(r"/api/rooms/[^/]+/events$")


@contextmanager
def killed(system: System) -> Iterator[None]:
    """It is not there as long as this lasts; its launcher starts it again afterwards."""
    with suspended_launcher(system, "proxy"):
        kill(system, "proxy")
        yield


@contextmanager
def restarted(system: System) -> Iterator[None]:
    with restarting(system, "proxy"):
        yield


@pytest.mark.parametrize(
    ("told", "away"),
    [
        ("proxy killed (-9), away for a spoken turn", killed),
        pytest.param(
            "./restart_voice_system.sh proxy during a spoken turn",
            restarted,
            marks=pytest.mark.long,
        ),
    ],
    ids=["killed", "restarted"],
)
def test_the_proxy_is_away(
    faulty: System,
    new_survival: NewSurvival,
    times: int,
    told: str,
    away: Callable[[System], AbstractContextManager[None]],
) -> None:
    survival = new_survival(f"{told}: the timeline is whole again", COMPLETE_GOAL_S)
    replaced = new_survival(f"{told}; then the job is killed", REPLACED_GOAL_S)
    for _ in range(times):
        with Call(faulty) as call:
            before = tells(call)
            with away(faulty):
                is_remembered(call)
            with survival.recovering():
                is_complete(faulty, call)
            before.is_the_same_agent()
            assert len(agents_in(faulty, call.room)) == 1
            is_well(call)

            job_process(faulty).kill()
            with replaced.recovering():
                call.until(before.another_listens)
            call.quiet()
            is_remembered(call)
            assert len(agents_in(faulty, call.room)) == 1
            is_complete(faulty, call)
            is_well(call)
    survival.survived()
    replaced.lost("what was being said")
    replaced.survived()


@pytest.fixture(scope="module")
def browser(launched: Callable[..., Browser]) -> Browser:
    return launched("--autoplay-policy=no-user-gesture-required", *FAKE_MICROPHONE)


def test_the_page_goes_on(faulty: System, new_survival: NewSurvival, browser: Browser) -> None:
    survival = new_survival("proxy killed (-9): the page's streams resume", COMPLETE_GOAL_S)
    with debug_page(browser, faulty.proxy_url) as debug:
        page = SpeakingPage(debug)
        streams: list[Request] = []

        def asked(request: Request) -> None:
            if request.method == "GET" and STREAM.search(request.url):
                streams.append(request)

        page.listening()
        page.answered(TOLD)
        page.quiet()
        debug.page.on("request", asked)
        with killed(faulty):
            page.answered(ASKED)
            page.quiet()
            assert ANSWER in page.last_reply().lower()
            debug.button("Mute").click()
            debug.button("Mute").click()  # it is no longer pressed then
            said = debug.lines()

        def is_told() -> bool:
            """Whether nothing fails on the strip, by the proxy's word; a busy machine may wait."""
            debug.page.wait_for_timeout(50)
            states = [debug.stage(name).get_attribute("data-state") for name in WELL]
            judge = debug.page.locator(".strip-judge").inner_text()
            return set(states) <= {"ok", "waiting"} and judge == BY_PROXY

        with survival.recovering():
            until(is_told, "the page's strip is well by the proxy's word", COMPLETE_WITHIN_S)

        def mutings() -> list[bool]:
            debug.page.wait_for_timeout(50)
            told = [each for each in kept(faulty, page.room) if each["name"] == "muted"]
            return [each["data"]["muted"] for each in told]

        until(lambda: mutings() == [True, False], "the page posts what waited", COMPLETE_WITHIN_S)
        assert debug.lines()[: len(said)] == said, "lines were inserted or taken away"
        repeated = Counter(debug.lines()[len(said) :]) & Counter(said)
        assert not repeated, f"told twice: {repeated}"
        after = streams[-1].all_headers().get("last-event-id", "")
        assert after.isdigit(), f"asked from the start, {len(streams)} times: {after!r}"
        keys = [each["key"] for each in kept(faulty, page.room)]
        assert len(keys) == len(set(keys))
    survival.survived()
