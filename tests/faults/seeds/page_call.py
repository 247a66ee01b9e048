"""The debug page as the caller of a seed, with what of tests/faults/call.py a seed needs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.fault import Ask
from tests.faults.survival.speaking_page import ANSWER_S, SpeakingPage
from tests.running_system import System
from tests.system.page.browser import browser_page
from tests.system.page.debug_page import DebugPage

BEGUN_S = 0.4


@dataclass(frozen=True)
class Heard:
    answered: bool


class PageCall:
    def __init__(self, page: SpeakingPage, room: str, ask: Ask) -> None:
        self.page, self.room, self.ask = page, room, ask

    def listening(self, within_s: float = ANSWER_S) -> None:
        self.page.listening(self.room)

    def begin_to_say(self, words: str) -> None:
        self.page.begin(words)
        time.sleep(BEGUN_S)

    def say(self, words: str) -> None:
        self.page.say(words)

    def begins_to_answer(self, words: str) -> None:
        self.page.say(words)
        assert self.page.heard(within_s=ANSWER_S), "the agent was not heard"

    def turn(self, words: str, *, within_s: float) -> Heard:
        self.page.say(words)
        return Heard(self.page.heard(within_s=within_s))

    def answered_soon(self, words: str, *, tries: int) -> None:
        """A page that has given up is connected again by hand."""
        again = self.page.page.get_by_role("button", name="Connect", exact=True)
        if again.is_enabled():
            again.click()
        self.page.answered(words, tries=tries)


@contextmanager
def page_call(
    system: System, room: str, ask: Ask, program: Path | None = None
) -> Iterator[PageCall]:
    with browser_page(program=program) as page:
        yield PageCall(SpeakingPage(DebugPage(page, system.proxy_url)), room, ask)
