"""The agent's voice as the caller hears it: held back by the browser, or without sound."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Browser

from tests.faults.conftest import NewFault
from tests.faults.fault import of_room
from tests.faults.test_hear import FAKE_DEVICE, follow
from tests.running_system import System
from tests.system.page.debug_page import debug_page

# The browser's question about the microphone is open: granted, it would allow sound as well, and
# denied, there would be an earlier fault.
UNANSWERED = "navigator.mediaDevices.getUserMedia = () => new Promise(() => {})"
# Connected by a script, not by a person: nobody has touched the page yet, and the test asks it
# nothing before, for an evaluation counts as a touch.
CONNECT_BY_SCRIPT = """addEventListener('load', () =>
  [...document.querySelectorAll('call-buttons button')]
    .find((button) => button.textContent.includes('Connect')).click())"""


def test_the_browser_holds_sound_back(
    faulty: System, launched: Callable[..., Browser], new_fault: NewFault
) -> None:
    fault = new_fault("play", "autoplay-blocked", "Connect by script: nobody touched the page")
    browser = launched(FAKE_DEVICE, "--autoplay-policy=document-user-activation-required")
    room = "held-back-by-the-browser"
    with debug_page(browser, faulty.proxy_url) as page:
        page.page.add_init_script(UNANSWERED)
        page.page.add_init_script(CONNECT_BY_SCRIPT)
        with page.page.expect_console_message(
            lambda message: "could not playback audio" in message.text
        ):
            page.page.goto(f"{faulty.proxy_url}/debug?room={room}")
        fault.breaks()
        ask = of_room(faulty.proxy_url, room)
        fault.named(ask)
        follow(page, "play", "Start audio")
        fault.cleared(ask)
