"""Recordings of people as Chromium's microphone: understood, not broken into, and answered."""

from __future__ import annotations

import re
import wave
from itertools import takewhile
from pathlib import Path
from typing import Any

import httpx
import moonshine_voice
import pytest
from playwright.sync_api import expect

from dev.models.sound import decode
from tests.running_system import System
from tests.system.page.browser import browser_page, sound_energy, wait_for_sound
from tests.system.page.test_memory_survives import ANSWER_MS, AUDIBLE, call

RATE = 16_000
BEFORE_S, AFTER_S = 2.0, 30.0
# Of each recording: seconds of it, words that must be understood (of which a few may be misheard),
# and how often words of the agent may be heard before the last word.
PEOPLE = {
    "two_cities.wav": (28.6, "best worst times wisdom foolishness season light spring hope way", 1),
    "beckett.wav": (9.2, "ever tried failed matter again fail better", 1),
    "endgame_nagg_nell.wav": (28.2, "hear yes laugh resource story talking pain remember ditch", 2),
}
MISHEARD = 2


def microphone(path: Path, name: str, seconds: float) -> Path:
    recorded = (Path(moonshine_voice.__file__).parent / "assets" / name).read_bytes()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(2 * int(BEFORE_S * RATE)))
        file.writeframes(decode(recorded, RATE)[: 2 * int(seconds * RATE)])
        file.writeframes(bytes(2 * int(AFTER_S * RATE)))
    return path


def events_of(system: System, room: str) -> list[dict[str, Any]]:
    """All that is kept of the call in this room."""
    calls = httpx.get(f"{system.proxy_url}/api/calls").json()["calls"]
    (ident,) = [one["id"] for one in calls if one["room"] == room]
    events: list[dict[str, Any]]
    events = httpx.get(f"{system.proxy_url}/api/calls/{ident}").json()["events"]
    return events


@pytest.mark.parametrize("name", PEOPLE)
def test_a_person_is_understood_and_answered_when_finished(
    system: System, tmp_path: Path, name: str
) -> None:
    seconds, words, most = PEOPLE[name]
    with browser_page(microphone(tmp_path / name, name, seconds)) as page:
        call(page, system)
        room = page.get_by_label("Room name").input_value()
        last = words.split()[-1]
        expect(page.get_by_role("log", name="Conversation")).to_contain_text(
            re.compile(last, re.I), timeout=ANSWER_MS + 1000 * seconds
        )
        wait_for_sound(page, more_than=sound_energy(page) + AUDIBLE, timeout_s=ANSWER_MS / 1000)
    events = events_of(system, room)
    told = [(f"{one['stage']}.{one['name']}", one["data"]) for one in events]
    heard = " ".join(
        data["text"] for topic, data in told if topic == "transcribe.transcript" and data["final"]
    ).lower()
    missing = [word for word in words.split() if not re.search(rf"\b{word}", heard)]
    assert len(missing) <= MISHEARD, f"{missing} were not understood: {heard}"
    until_the_end = takewhile(
        lambda one: not (one[0] == "transcribe.transcript" and last in one[1]["text"].lower()), told
    )
    # A reply that is taken back before its first word is out has broken into nothing: in a pause of
    # 1 s it is a matter of 50 ms whether it began.
    spoke = sum(topic == "play.turn" and bool(data.get("heard")) for topic, data in until_the_end)
    assert spoke <= most, f"the agent was heard {spoke} times while the caller spoke"
