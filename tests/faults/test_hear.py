"""The caller's microphone, in a real Chromium: denied, missing, unplugged, muted, silent, noisy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.faults import sounds
from tests.faults.conftest import NewFault
from tests.faults.fault import of_room
from tests.running_system import System
from tests.system.page.debug_page import DebugPage, debug_page

Launch = Callable[..., Browser]

FAKE_DEVICE = "--use-fake-device-for-media-stream"
READY = re.compile("Agent connected")
# The page's own stream is kept, so that the test can end its track as a pulled plug does.
KEEP_STREAMS = """
window.streams = [];
const asked = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wish) => {
  const stream = await asked(wish);
  window.streams.push(stream);
  return stream;
};
"""
PULL_THE_PLUG = """() => {
  const track = window.streams.at(-1).getAudioTracks()[0];
  track.stop();
  track.dispatchEvent(new Event('ended'));
}"""


@pytest.fixture(scope="module")
def beeping(launched: Launch) -> Browser:
    """A browser whose microphone beeps once a second."""
    return launched(FAKE_DEVICE)


def hearing(launched: Launch, sound: Path) -> Browser:
    """A browser whose microphone hears this sound, again and again."""
    return launched(FAKE_DEVICE, f"--use-file-for-fake-audio-capture={sound}")


def follow(page: DebugPage, stage: str, step: str) -> None:
    """Press what the page offers as the next step of a stage."""
    page.stage(stage).click()
    opened = page.page.get_by_role("tabpanel", name="Stage")
    opened.get_by_role("button", name=step, exact=True).click()


def test_the_microphone_is_denied(faulty: System, beeping: Browser, new_fault: NewFault) -> None:
    fault = new_fault("hear", "microphone-denied", "Chromium without leave to use the microphone")
    with debug_page(beeping, faulty.proxy_url, microphone=False) as page:
        page.open()
        page.connect()
        fault.breaks()
        ask = of_room(faulty.proxy_url, page.room)
        fault.named(ask)
        page.page.context.grant_permissions(["microphone"])
        follow(page, "hear", "Retry microphone")
        fault.cleared(ask)


def test_there_is_no_microphone(
    faulty: System, launched: Launch, beeping: Browser, new_fault: NewFault
) -> None:
    fault = new_fault("hear", "microphone-none", "Chromium on a machine without a microphone")
    with debug_page(launched(), faulty.proxy_url) as page:
        page.open()
        page.connect()
        fault.breaks()
        room = page.room
        fault.named(of_room(faulty.proxy_url, room))
    with debug_page(beeping, faulty.proxy_url) as page:  # on a machine that has one
        page.open(f"?room={room}")
        page.connect()
        fault.cleared(of_room(faulty.proxy_url, room))


@pytest.mark.long  # the cause is injected in another way, too, and is among the recorded histories
def test_the_microphone_is_unplugged(faulty: System, beeping: Browser, new_fault: NewFault) -> None:
    fault = new_fault("hear", "microphone-none", "the page's track ends during the call")
    with debug_page(beeping, faulty.proxy_url) as page:
        page.page.add_init_script(KEEP_STREAMS)
        page.open()
        page.connect()
        expect(page.status).to_have_text(READY)
        page.page.evaluate(PULL_THE_PLUG)
        fault.breaks()
        ask = of_room(faulty.proxy_url, page.room)
        fault.named(ask)
        follow(page, "hear", "Retry microphone")
        fault.cleared(ask)


def test_the_microphone_is_muted(faulty: System, beeping: Browser, new_fault: NewFault) -> None:
    fault = new_fault("hear", "microphone-muted", "Mute was pressed")
    with debug_page(beeping, faulty.proxy_url) as page:
        page.open()
        page.connect()
        expect(page.status).to_have_text(READY)
        page.button("Mute").click()
        fault.breaks()
        ask = of_room(faulty.proxy_url, page.room)
        fault.named(ask, state="waiting")
        follow(page, "hear", "Unmute")
        fault.cleared(ask)


def test_the_microphone_is_silent(
    faulty: System, launched: Launch, beeping: Browser, new_fault: NewFault, tmp_path: Path
) -> None:
    fault = new_fault("hear", "microphone-silent", "the microphone sends nothing but zeros")
    with debug_page(
        hearing(launched, sounds.digital_silence(tmp_path / "0.wav")), faulty.proxy_url
    ) as page:
        page.open()
        page.connect()
        expect(page.status).to_have_text(READY)
        fault.breaks()
        room = page.room
        fault.named(of_room(faulty.proxy_url, room))
    with debug_page(beeping, faulty.proxy_url) as page:  # another microphone
        page.open(f"?room={room}")
        page.connect()
        fault.cleared(of_room(faulty.proxy_url, room))


def test_the_noise_never_ends(
    faulty: System, launched: Launch, new_fault: NewFault, tmp_path: Path
) -> None:
    fault = new_fault(
        "hear", "no-end-of-utterance", "people talk without a pause around the caller"
    )
    noisy = hearing(launched, sounds.babble(tmp_path / "babble.wav"))
    with debug_page(noisy, faulty.proxy_url) as page:
        page.open()
        page.connect()
        expect(page.status).to_have_text(READY)
        ask = of_room(faulty.proxy_url, page.room)
        # That somebody speaks is no fault yet; that nothing but speech is heard for so long is.
        expect(page.stage("hear")).to_have_accessible_name(re.compile("hear waiting"))
        fault.breaks()
        fault.named(ask)
        page.button("Mute").click()
        fault.cleared(ask)
