"""Calls in which nothing is wrong: whatever a caller does in them, no stage is called failing.

`./scripts/bench --only healthy --calls 200` makes many more of them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from dev.caller.sound import CallerVoice
from proxy.timeline.usual import FEW
from tests.faults import sounds
from tests.faults.call import Call
from tests.faults.injected import models_fail
from tests.faults.loop_thread import LoopThread
from tests.faults.test_hear import FAKE_DEVICE, READY
from tests.running_system import System
from tests.system.page.browser import (
    KEEP_CONNECTIONS,
    record_voice,
    sound_energy,
    wait_for_sound,
)
from tests.system.page.debug_page import debug_page
from tools.bench.figures import healthy
from tools.bench.verdict_watch import VerdictWatch

pytestmark = pytest.mark.alone  # with too little CPU a verdict says so, and is right

CALLS, CALLS_FULL = 2, 6
SILENCE_S = 15
SENTENCE = "my favorite color is green"
AUDIBLE = 0.001
ANSWER_S = 30.0
GATED_S = 9.0
"""Longer than a microphone may send plain zeros before its first word."""
SLOW_S = 6.0
Launch = Callable[..., Browser]


def test_spoken_calls(faulty: System, full: bool) -> None:
    async def calls() -> list[str]:
        waiting, voice = iter(range(CALLS_FULL if full else CALLS)), CallerVoice()
        found: list[str] = []

        async def caller() -> None:
            for number in waiting:
                wrong = await healthy.hold(faulty.proxy_url, number, voice)
                found.extend(f"call {number + 1}: {each}" for each in wrong)

        await asyncio.gather(*[caller() for _ in range(healthy.AT_ONCE)])
        return found

    with LoopThread() as loop:
        wrong = loop.run(calls(), limit_s=180)
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def speaking(launched: Launch, tmp_path: Path) -> Browser:
    """A browser in a quiet room in which somebody says a sentence, again and again."""
    sound = sounds.voice_in_a_room(tmp_path / "voice.wav", SENTENCE, before_s=3, between_s=8)
    return launched(FAKE_DEVICE, f"--use-file-for-fake-audio-capture={sound}")


@contextmanager
def nothing_fails(faulty: System, room: str) -> Iterator[None]:
    """Within it, and for a while after, no stage of the room is called failing."""
    with LoopThread() as loop:
        with loop.inside(VerdictWatch(faulty.proxy_url, room)) as watch:
            yield
            loop.run(asyncio.sleep(healthy.AFTER_S))
        assert not watch.failing, "\n".join(watch.failing)


def test_interrupted_and_typed(faulty: System, speaking: Browser) -> None:
    with debug_page(speaking, faulty.proxy_url) as page:
        page.page.add_init_script(KEEP_CONNECTIONS)
        page.open()
        with nothing_fails(faulty, page.room):
            page.connect()
            expect(page.conversation).to_contain_text(re.compile(SENTENCE, re.I))
            typing = page.page.get_by_role("textbox", name=re.compile("message", re.I))
            # Words that are typed into the caller's own sentence would be answered with it.
            expect(page.console).to_contain_text("Agent state: thinking → speaking")
            typing.fill("please tell me a long story about a lighthouse")
            typing.press("Enter")
            expect(page.conversation).to_contain_text("small lighthouse")
            typing.fill("stop")  # into the story
            typing.press("Enter")
            expect(page.conversation).to_contain_text("I am listening")
            page.button("Disconnect").click()


@pytest.mark.long  # recorded: tests/fast/verdicts/histories/healthy/a-silent-caller.json
def test_a_caller_who_is_silent(faulty: System, launched: Launch, tmp_path: Path) -> None:
    tone = sounds.voice_in_a_room(tmp_path / "tone.wav", before_s=4, between_s=0)
    quiet = launched(FAKE_DEVICE, f"--use-file-for-fake-audio-capture={tone}")
    with debug_page(quiet, faulty.proxy_url) as page:
        page.open()
        with nothing_fails(faulty, page.room):
            page.connect()
            expect(page.status).to_have_text(READY)
            page.page.wait_for_timeout(SILENCE_S * 1000)  # the silence is what is tested
            page.button("Disconnect").click()


def test_hung_up_in_a_sentence_and_back_in_the_same_room(faulty: System, speaking: Browser) -> None:
    with debug_page(speaking, faulty.proxy_url) as page:
        page.page.add_init_script(KEEP_CONNECTIONS)
        page.open()
        page.room_field.fill(room := f"again-{page.room}")
        with nothing_fails(faulty, page.room):
            page.connect()
            expect(page.stage("hear")).to_have_accessible_name(re.compile("hear"))
            expect(page.conversation).to_contain_text(re.compile(r"\bmy\b", re.I))  # mid-sentence
            page.button("Disconnect").click()
            assert page.room == room
            page.connect()
            expect(page.status).to_have_text(READY)
            quiet = sound_energy(page.page)
            wait_for_sound(page.page, more_than=quiet + AUDIBLE, timeout_s=ANSWER_S)
            page.button("Disconnect").click()


def test_a_noise_gate_sends_zeros_between_sentences(
    faulty: System, launched: Launch, tmp_path: Path
) -> None:
    gated = record_voice(tmp_path / "gated.wav", SENTENCE, before_s=1.5, between_s=GATED_S)
    headset = launched(FAKE_DEVICE, f"--use-file-for-fake-audio-capture={gated}")
    with debug_page(headset, faulty.proxy_url) as page:
        page.page.add_init_script(KEEP_CONNECTIONS)
        page.open()
        with nothing_fails(faulty, page.room):
            page.connect()
            answers = page.conversation.locator('[data-who="agent"]')
            expect(answers).to_have_count(2, timeout=60_000)
            page.button("Disconnect").click()


def test_two_callers_and_one_agent(faulty: System) -> None:
    with Call(faulty) as first, nothing_fails(faulty, first.room):
        first.listening()
        with Call(faulty, room=first.room, asks=False) as second:
            second.until(lambda caller: caller.agent_state == "listening")
            first.answered(SENTENCE, spoken=True)
        first.answered("what is my favorite color", spoken=True)


def test_moved_to_another_tab(faulty: System, speaking: Browser) -> None:
    with debug_page(speaking, faulty.proxy_url) as page:
        page.open()
        with nothing_fails(faulty, page.room):
            page.connect()
            expect(page.status).to_have_text(READY)
            with debug_page(speaking, faulty.proxy_url) as other:
                other.open()
                other.room_field.fill(page.room)
                other.connect()
                expect(other.status).to_have_text(READY)
                page.button("Disconnect").click()
                expect(other.conversation).to_contain_text(re.compile(SENTENCE, re.I))
                expect(other.console).to_contain_text("Agent state: thinking → speaking")
                other.button("Disconnect").click()


@pytest.mark.long  # what it judges by is in tests/fast: usual times, and a history of such a call
def test_a_model_that_is_always_slow(faulty: System) -> None:
    with models_fail(faulty, "chat", delay_s=SLOW_S):
        for _ in range(FEW):  # in the first ones it is not known yet
            with Call(faulty) as call:
                call.listening()
                call.answered(SENTENCE)
        with Call(faulty) as call, nothing_fails(faulty, call.room):
            call.listening()
            call.answered(SENTENCE)
