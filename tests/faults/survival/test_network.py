"""The caller's network loses packets, is slow, or is gone for a while: the page is the caller."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, Playwright

from tests.faults.conftest import FAKE_MICROPHONE
from tests.faults.network import Network
from tests.faults.survival.conftest import NewSurvival
from tests.faults.survival.line import Line, new_line
from tests.faults.survival.speaking_page import SpeakingPage
from tests.faults.survival.survival import BUSY_FACTOR, BUSY_PERCENT, until
from tests.running_system import System
from tests.system.page.browser import QUIET
from tests.system.page.debug_page import debug_page

GOAL_S = 10.0
WELL_WITHIN_S = 30.0
LOSS, DELAY_S, OUTAGE_S = 0.3, 0.3, 10.0
SAID_WITHIN_S = 5.0
TOLD, ASKED = "my favorite color is {}", "what is my favorite color"
TRIES = 3


@pytest.fixture(scope="module")
def line(network: Network, apart: System) -> Iterator[Line]:
    with new_line(network, apart) as opened:
        yield opened


@pytest.fixture(scope="module")
def browser(
    playwright: Playwright, line: Line, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """A browser at the caller's end of the line."""
    opened = playwright.chromium.launch(
        executable_path=line.chromium(tmp_path_factory.mktemp("browser")),
        args=[
            "--no-sandbox",
            "--autoplay-policy=no-user-gesture-required",
            *QUIET,
            *FAKE_MICROPHONE,
        ],
    )
    yield opened
    opened.close()


NewCall = Callable[[], AbstractContextManager[SpeakingPage]]


@pytest.fixture
def new_call(apart: System, browser: Browser) -> NewCall:
    """`with new_call() as page:` a page in a call, with an agent that listens."""

    @contextmanager
    def opened() -> Iterator[SpeakingPage]:
        with debug_page(browser, apart.proxy_url) as debug:
            page = SpeakingPage(debug)
            page.listening()
            yield page

    return opened


# That a network is poor is judged of recorded histories (tests/fast/verdicts/histories/media).
@pytest.mark.long
def test_a_third_of_the_packets_is_lost(
    line: Line, new_call: NewCall, new_survival: NewSurvival, times: int
) -> None:
    survival = new_survival("network: 30 % of the packets lost, each way", None)
    for _ in range(times):
        with new_call() as page:
            with line.losing(LOSS):
                said = poor_after(page)
                assert "%" in said and "lost" in said, said
                said_again = 0
                while not understood(page, "green"):
                    said_again += 1
                    assert said_again < TRIES, "not understood"
                if said_again:
                    survival.lost("a sentence in which a word was lost")
            with survival.recovering():
                until_well(page)
    survival.survived()


def understood(page: SpeakingPage, color: str) -> bool:
    """Whether the agent understands two sentences, each said again when nothing comes of it."""
    for words in (TOLD.format(color), ASKED):
        page.answered(words, tries=TRIES)
        page.quiet()
    return page.says(color)


def poor_after(page: SpeakingPage) -> str:
    """What the verdict of the media says is wrong, as soon as it does; it must be soon."""
    began, within_s = time.monotonic(), SAID_WITHIN_S
    psutil.cpu_percent()
    while (verdict := media(page))["cause"] not in ("poor-network", "media-lost"):
        time.sleep(0.1)
        if time.monotonic() - began >= within_s:
            busy = within_s == SAID_WITHIN_S and psutil.cpu_percent() >= BUSY_PERCENT
            assert busy, f"not said within {within_s:g} s: {verdict}"
            within_s *= BUSY_FACTOR
    return str(verdict["sentence"])


def media(page: SpeakingPage) -> dict[str, Any]:
    verdicts: list[dict[str, Any]] = page.ask()["verdicts"]
    return next(each for each in verdicts if each["stage"] == "media")


def until_well(page: SpeakingPage) -> None:
    """Return when no stage fails any more, and the media has no trouble."""

    def well() -> bool:
        return page.ask()["failing"] is None and not media(page)["cause"]

    until(well, "all is well again", WELL_WITHIN_S)


@pytest.mark.long
def test_everything_takes_longer(
    line: Line, new_call: NewCall, new_survival: NewSurvival, times: int
) -> None:
    survival = new_survival("network: 300 ms later, each way", None)
    for _ in range(times):
        with new_call() as page:
            with line.slow(DELAY_S):
                said = poor_after(page)
                assert " ms there and back" in said, said
                assert understood(page, "blue"), "not understood"
            with survival.recovering():
                until_well(page)
    survival.survived()


def test_it_is_gone_for_a_while(
    line: Line, new_call: NewCall, new_survival: NewSurvival, times: int
) -> None:
    survival = new_survival(f"network: gone for {OUTAGE_S:g} s", GOAL_S)
    for _ in range(times):
        with new_call() as page:
            page.answered(TOLD.format("red"))
            page.quiet()
            with line.cut():
                cut = time.monotonic()
                said = poor_after(page)
                assert "server" in said or "lost" in said, said
                time.sleep(max(0.0, cut + OUTAGE_S - time.monotonic()))
            with survival.recovering():
                page.answered(ASKED, tries=4)
            assert page.says("red"), "the agent does not remember what was said before"
            jobs = [each for each in page.timeline() if each["name"] == "handshake_start"]
            assert len(jobs) == 1, "another agent came"
    survival.lost("what was said meanwhile")
    survival.survived()
