"""The README's promise: what one call is told, the next one knows, after a full restart."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.running_system import System
from tests.system.page.browser import browser_page, record_voice, sound_energy, wait_for_sound

ANSWER_MS = 30_000
# totalAudioEnergy is the integral of the squared level (1.0 is full scale): a second of speech at
# a tenth of full scale gives 0.01; comfort noise and silence stay orders of magnitude below.
AUDIBLE = 0.001


def call(page: Page, system: System) -> None:
    page.goto(f"{system.proxy_url}/debug")
    expect(page.get_by_label("Agent", exact=True).locator("option")).not_to_have_count(0)
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("status").first).to_have_text(
        re.compile("Agent connected! Start speaking"), timeout=ANSWER_MS
    )


def test_a_spoken_fact_survives_a_full_restart(system: System, tmp_path: Path) -> None:
    told = record_voice(tmp_path / "told.wav", "my favorite color is green", between_s=30)
    with browser_page(told) as page:
        call(page, system)
        quiet = sound_energy(page)
        conversation = page.get_by_role("log", name="Conversation")
        expect(conversation).to_contain_text(
            re.compile("my favorite color is green", re.I), timeout=ANSWER_MS
        )
        wait_for_sound(page, more_than=quiet + AUDIBLE, timeout_s=ANSWER_MS / 1000)

    system.stop()
    system.start()

    asked = record_voice(tmp_path / "asked.wav", "what is my favorite color", between_s=30)
    with browser_page(asked) as page:
        call(page, system)
        quiet = sound_energy(page)
        conversation = page.get_by_role("log", name="Conversation")
        expect(conversation).to_contain_text(re.compile(r"\bgreen\b", re.I), timeout=ANSWER_MS)
        wait_for_sound(page, more_than=quiet + AUDIBLE, timeout_s=ANSWER_MS / 1000)
