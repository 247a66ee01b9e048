"""media: the ports of sound are closed, each alone and both; the page may not use a microphone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.faults.conftest import FAKE_MICROPHONE, NewFault
from tests.faults.fault import Ask
from tests.faults.network import Network
from tests.faults.proxies import OwnProxy
from tests.running_system import System
from tests.system.page.browser import QUIET
from tests.system.page.debug_page import DebugPage, debug_page

PAGE_HOST = "voice.test"


@pytest.fixture(scope="module")
def inside(
    playwright: Playwright, network: Network, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """A browser in that network."""
    browser = playwright.chromium.launch(
        executable_path=network.chromium(tmp_path_factory.mktemp("browser")),
        args=["--no-sandbox", *QUIET, *FAKE_MICROPHONE],
    )
    yield browser
    browser.close()


@pytest.fixture
def page(apart: System, inside: Browser) -> Iterator[DebugPage]:
    with debug_page(inside, apart.proxy_url) as opened:
        opened.open()
        yield opened


def asked_by(page: Page, room: str) -> Ask:
    """Ask from within the page: the proxy cannot be reached from outside of its network."""

    def ask() -> dict[str, Any]:
        answer: dict[str, Any] = page.evaluate(
            "room => fetch(`/api/rooms/${room}/verdicts`).then((answer) => answer.json())", room
        )
        return answer

    return ask


def test_udp_is_closed(
    apart: System, network: Network, page: DebugPage, new_fault: NewFault
) -> None:
    fault = new_fault("media", "udp-closed", "a firewall drops UDP to the media port")
    ask = asked_by(page.page, page.room)
    room = page.room
    with network.closed(("udp", apart.port("LIVEKIT_UDP_PORT"))):
        page.connect()
        fault.breaks()
        fault.named(ask, state="ok")
        page.button("Disconnect").click()
        expect(page.button("Connect")).to_be_enabled()
    page.room_field.fill(room)
    page.connect()
    fault.cleared(ask)


def test_tcp_is_closed(
    apart: System, network: Network, page: DebugPage, new_fault: NewFault
) -> None:
    fault = new_fault("media", "tcp-closed", "a firewall drops TCP to the media port")
    ask = asked_by(page.page, page.room)
    with network.closed(("tcp", apart.port("LIVEKIT_TCP_PORT"))):
        page.connect()
        fault.breaks()
        fault.named(ask, state="ok", within_s=15)
    fault.cleared(ask)


def test_both_are_closed(
    apart: System, network: Network, page: DebugPage, new_fault: NewFault
) -> None:
    fault = new_fault("media", "ice-blocked", "a firewall drops UDP and TCP to the media ports")
    room = page.room
    ask = asked_by(page.page, room)
    udp, tcp = apart.port("LIVEKIT_UDP_PORT"), apart.port("LIVEKIT_TCP_PORT")
    with network.closed(("udp", udp), ("tcp", tcp)):
        page.button("Connect").click()
        expect(page.console).to_contain_text("Connecting to room")
        fault.breaks()
        told = fault.named(ask)
        assert str(udp) in str(told) and str(tcp) in str(told), told
        page.button("Disconnect").click()
        expect(page.button("Connect")).to_be_enabled()
    page.room_field.fill(room)
    page.connect()
    fault.cleared(ask)


def test_the_page_is_not_a_secure_context(
    faulty: System, launched: Callable[..., Browser], new_fault: NewFault, tmp_path: Path
) -> None:
    fault = new_fault("hear", "page-not-secure", "the page opened at http://voice.test:…")
    proxy = OwnProxy(faulty, tmp_path)
    browser = launched(f"--host-resolver-rules=MAP {PAGE_HOST} 127.0.0.1", *FAKE_MICROPHONE)
    with proxy.running(PROXY_ALLOWED_HOSTS=f"{PAGE_HOST}:{proxy.port}"):
        with debug_page(browser, f"http://{PAGE_HOST}:{proxy.port}") as page:
            page.open()
            room = page.room
            page.connect()
            fault.breaks()
            assert "http://localhost" in fault.named(proxy.ask_room(room))["next"]
        with debug_page(browser, proxy.url) as page:
            page.open()
            page.room_field.fill(room)
            page.connect()
            fault.cleared(proxy.ask_room(room))
