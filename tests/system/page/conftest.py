"""What the tests of the page share: a browser, and a page to which no worker comes by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.running_system import System
from tests.system.page.debug_page import DebugPage, debug_page, launched, proxy_without_worker

FAKE_DEVICE = "--use-fake-device-for-media-stream"
# Generous, for a machine that does other things too; nothing here is about speed.
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        expect.set_options(timeout=PATIENCE_MS)
        yield started


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """A browser with a microphone that beeps; each context decides who may use it."""
    browser = launched(playwright, FAKE_DEVICE)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def lonely(system: System) -> Iterator[str]:
    """The page of a proxy whose worker never comes."""
    with proxy_without_worker(system) as url:
        yield url


@pytest.fixture
def page(chromium: Browser, lonely: str) -> Iterator[DebugPage]:
    """The page, to which only a replayed agent comes; nothing may have gone wrong in the end."""
    with debug_page(chromium, lonely) as opened:
        opened.open()
        yield opened
        opened.assert_no_complaints()
