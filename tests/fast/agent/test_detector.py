"""What the detector of a call costs: no thread of its own, and no news where there is none."""

from __future__ import annotations

import threading

from livekit.agents.vad import VADEvent, VADEventType

from agent.settings import AgentSettings
from agent.speech.reports import Reports
from agent.speech.vad import LoudnessVAD, SharedVAD, load
from tests.fast.agent.hearing import frame

QUIET, LOUD = frame(0.03), frame(0.03, loudness=8000)
SETTINGS = AgentSettings()


async def test_silence_is_told_once_and_speech_in_full() -> None:
    shared = SharedVAD(LoudnessVAD(SETTINGS))
    heard: list[VADEvent] = []
    shared.listeners.append(heard.append)
    stream = shared.stream()
    for part in (*[QUIET] * 20, *[LOUD] * 20, *[QUIET] * 40):
        stream.push_frame(part)
    stream.end_input()
    given = [event async for event in stream]
    await stream.aclose()

    assert given == heard
    kinds = [event.type for event in given]
    begun = kinds.index(VADEventType.START_OF_SPEECH)
    ended = kinds.index(VADEventType.END_OF_SPEECH)
    windows = [one for one in given if one.type == VADEventType.INFERENCE_DONE]
    assert not given[0].raw_accumulated_speech and given[1].raw_accumulated_speech > 0
    assert sum(one.raw_accumulated_speech > 0 for one in windows) == 20
    assert ended - begun > 20
    assert len(given) - ended == 2  # the silence after it, once


async def test_the_detector_hears_without_a_thread_of_its_own() -> None:
    detector = load(SETTINGS, Reports())
    assert detector is not None
    before = threading.active_count()
    stream = detector.stream()
    for _ in range(3):
        stream.push_frame(frame(0.032))
    stream.end_input()
    heard = [event async for event in stream]
    assert threading.active_count() == before
    await stream.aclose()
    assert [event.type for event in heard] == [VADEventType.INFERENCE_DONE] * 3
    assert all(0 <= event.probability < 0.5 for event in heard)
