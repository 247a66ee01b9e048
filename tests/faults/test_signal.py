"""signal: the token is too old, the address has the wrong scheme, somebody took the identity."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from livekit import rtc
from playwright.sync_api import Browser, expect

from tests.faults.beside import beside
from tests.faults.conftest import FAKE_MICROPHONE, NewFault
from tests.faults.fault import of_room
from tests.faults.proxies import OwnProxy
from tests.faults.relays import outside_address, secure_front
from tests.faults.tokens import MINUTE, hand_out, hand_out_own, token_for
from tests.running_system import System
from tests.system.page.debug_page import DebugPage, debug_page

PAGE_HOST = "voice.test"


def test_the_token_has_expired(faulty: System, faulty_page: DebugPage, new_fault: NewFault) -> None:
    fault = new_fault("signal", "token-expired", "the page got a token of half an hour ago")
    page, room = faulty_page, faulty_page.room
    old = token_for(faulty, room, "caller-late", made_at=time.time() - 30 * MINUTE)
    hand_out(page.page, old)
    page.button("Connect").click()
    expect(page.button("Connect")).to_be_enabled()
    fault.breaks()
    assert old not in str(fault.named(of_room(faulty.proxy_url, room)))
    hand_out_own(page.page)
    page.room_field.fill(room)
    page.connect()
    fault.cleared(of_room(faulty.proxy_url, room))


def test_wss_to_a_server_without_tls(
    faulty: System, chromium: Browser, new_fault: NewFault, tmp_path: Path
) -> None:
    fault = new_fault("signal", "url-scheme-wrong", "LIVEKIT_URL=wss://… of a plain server")
    proxy = OwnProxy(faulty, tmp_path)
    with (
        proxy.running(LIVEKIT_URL=faulty.livekit_url.replace("ws://", "wss://")),
        debug_page(chromium, proxy.url) as page,
    ):
        page.open()
        room = page.room
        page.button("Connect").click()
        expect(page.console).to_contain_text("Connecting to room")
        fault.breaks()
        told = fault.named(proxy.ask_room(room))
        assert "ws://" in told["next"], told
    with proxy.running(), debug_page(chromium, proxy.url) as page:
        page.open()
        page.room_field.fill(room)
        page.connect()
        fault.cleared(proxy.ask_room(room))


def test_ws_from_an_https_page(
    faulty: System,
    launched: Callable[..., Browser],
    new_fault: NewFault,
    tmp_path: Path,
) -> None:
    """Chromium lets an https page open ws:// to names of this machine, but not to others."""
    fault = new_fault("signal", "url-scheme-wrong", "an https page, LIVEKIT_URL=ws://HOST:…")
    proxy = OwnProxy(faulty, tmp_path)
    with (
        secure_front(proxy.port, tmp_path) as port,
        outside_address(faulty.port("LIVEKIT_PORT")) as outside,
    ):
        origin = f"{PAGE_HOST}:{port}"
        opened = {
            "PROXY_ALLOWED_HOSTS": origin,
            "PROXY_ALLOWED_ORIGINS": f"https://{origin}",
        }
        browser = launched(f"--host-resolver-rules=MAP {PAGE_HOST} 127.0.0.1", *FAKE_MICROPHONE)
        with (
            proxy.running(LIVEKIT_URL=f"ws://{outside}", **opened),
            debug_page(browser, f"https://{origin}", ignore_https_errors=True) as page,
        ):
            page.open()
            room = page.room
            page.button("Connect").click()
            expect(page.console).to_contain_text("Connecting to room")
            fault.breaks()
            assert "wss://" in fault.named(proxy.ask_room(room))["next"]
        # "… or open the page at http://localhost."
        with proxy.running(), debug_page(browser, proxy.url) as page:
            page.open()
            page.room_field.fill(room)
            page.connect()
            fault.cleared(proxy.ask_room(room))


def test_somebody_joins_with_the_same_identity(
    faulty: System, faulty_page: DebugPage, new_fault: NewFault
) -> None:
    fault = new_fault("signal", "identity-twice", "a second participant with the page's identity")
    page, room, identity = faulty_page, faulty_page.room, "caller-twin"
    hand_out(page.page, token_for(faulty, room, identity))
    page.connect()
    beside(_join_and_leave(faulty.livekit_url, token_for(faulty, room, identity)))
    fault.breaks()
    assert identity in str(fault.named(of_room(faulty.proxy_url, room)))
    hand_out_own(page.page)
    page.room_field.fill(room)
    page.connect()
    fault.cleared(of_room(faulty.proxy_url, room))


async def _join_and_leave(url: str, token: str) -> None:
    twin = rtc.Room()
    await twin.connect(url, token)
    await twin.disconnect()
