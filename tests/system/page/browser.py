"""A real Chromium whose microphone plays a recorded voice, and a listener to what it receives."""

from __future__ import annotations

import shutil
import subprocess
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

# Chromium's own services are switched off: they would look for hosts that a closed network has not.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
# Every RTCPeerConnection of the page is kept, so that a test can ask the browser itself, not the
# page, how much sound came in.
KEEP_CONNECTIONS = """
window.__connections = [];
window.RTCPeerConnection = class extends window.RTCPeerConnection {
  constructor(...args) { super(...args); window.__connections.push(this); }
};
"""
SOUND_ASKED_EVERY_MS = 200
SOUND_ENERGY = """async () => {
  let energy = 0;
  for (const connection of window.__connections) {
    const stats = await connection.getStats();
    stats.forEach((s) => {
      if (s.type === 'inbound-rtp' && s.kind === 'audio') energy += s.totalAudioEnergy || 0;
    });
  }
  return energy;
}"""


def chromium_path() -> str:
    """Debian's Chromium; the test command installs it."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "Chromium is missing: `apt-get install chromium` (./scripts/test does it as root)"
    return path


def record_voice(
    path: Path, *sentences: str, before_s: float = 2.0, between_s: float = 6.0
) -> Path:
    """A WAV of flite's `rms` voice: silence, each sentence followed by silence. 16 kHz, mono."""
    flite = shutil.which("flite")
    assert flite, "flite is missing: `apt-get install flite` (./scripts/test does it as root)"
    parts: list[bytes] = []
    for number, sentence in enumerate(sentences):
        spoken = path.with_suffix(f".{number}.wav")
        subprocess.run([flite, "-voice", "rms", "-t", sentence, "-o", str(spoken)], check=True)
        with wave.open(str(spoken)) as source:
            assert (source.getframerate(), source.getnchannels()) == (16000, 1)
            parts.append(source.readframes(source.getnframes()))
    with wave.open(str(path), "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(16000)
        target.writeframes(bytes(int(before_s * 16000) * 2))
        for part in parts:
            target.writeframes(part + bytes(int(between_s * 16000) * 2))
    return path


@contextmanager
def browser_page(
    microphone: Path | None = None,
    *,
    width: int = 1280,
    height: int = 800,
    program: Path | None = None,
) -> Iterator[Page]:
    """A page of a Chromium of its own; `microphone` is played once, from when it is switched on.
    `program` starts it elsewhere, as in a network of its own."""
    sound = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    if microphone is not None:
        sound.append(f"--use-file-for-fake-audio-capture={microphone}%noloop")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program or chromium_path(),
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required", *QUIET, *sound],
        )
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.add_init_script(KEEP_CONNECTIONS)
            yield page
        finally:
            browser.close()


def sound_energy(page: Page) -> float:
    """Energy of all audio that the page's connections have received so far (WebRTC statistics)."""
    energy: float = page.evaluate(SOUND_ENERGY)
    return energy


def wait_for_sound(page: Page, *, more_than: float, timeout_s: float) -> None:
    """Return once the page has received more audio energy than `more_than`; else fail.

    Asked here: what Playwright waits for in the page may be no promise, which is true at once.
    """
    deadline = time.monotonic() + timeout_s
    while (energy := sound_energy(page)) <= more_than:
        assert time.monotonic() < deadline, f"{energy:g} of energy received, not {more_than:g}"
        page.wait_for_timeout(SOUND_ASKED_EVERY_MS)
