"""A call may listen otherwise than the worker does, as far as it makes sense."""

from __future__ import annotations

import json

import pytest
from livekit import local_inference
from livekit.agents import inference

from agent.job.dispatch_metadata import listening, parse_metadata
from agent.settings import AgentSettings
from agent.speech.reports import Reports
from agent.speech.vad import LoudnessVAD, SharedVAD, load
from tests.fast.agent.kept_events import ReportKeeper, collected

OURS = AgentSettings()


def test_what_the_dispatch_asks_for_is_had() -> None:
    settings = {"vad_threshold": 0.7, "interruption_enabled": False}
    metadata = parse_metadata(json.dumps({"settings": settings}))
    own = listening(OURS, metadata.settings)
    assert (own.settings.vad_threshold, own.settings.interruption_enabled) == (0.7, False)
    assert own.settings.vad_min_silence == OURS.vad_min_silence
    assert OURS.vad_threshold == 0.5
    assert own.data["changed"] == ["vad_threshold", "interruption_enabled"]
    assert own.data["vad_threshold"] == 0.7 and own.data["endpointing_min_delay"] == 0.3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vad_threshold", 2),
        ("vad_threshold", "0.5"),
        ("vad_min_speech", True),
        ("interruption_enabled", "no"),
        ("endpointing_min_delay", None),
        ("endpointing_min_delay", 1.55),  # more than the longer delay
        ("letta_base_url", "http://elsewhere"),
        ("nonsense", 1),
    ],
)
def test_what_does_not_fit_is_logged_and_ignored(
    name: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    own = listening(OURS, {name: value})
    assert own.settings == OURS
    assert (own.changed, own.ignored) == ((), (name,))
    assert "ignored" in caplog.text


def test_settings_that_are_no_object_are_ignored(caplog: pytest.LogCaptureFixture) -> None:
    assert parse_metadata('{"agent_id": "agent-1", "settings": [1]}').settings == {}
    assert "ignored" in caplog.text


async def test_a_detector_that_was_made_before_the_call_is_tuned() -> None:
    """Its streams have the call's sensitivity, and not only the threshold where speech begins."""
    inner = inference.VAD(model="silero")
    shared = SharedVAD(inner)
    shared.tune(
        listening(
            OURS, {"vad_threshold": 0.8, "vad_min_silence": 1, "vad_min_speech": 0.5}
        ).settings
    )
    made = inner.stream()
    options = made._opts  # type: ignore[attr-defined]  # which the library does not show
    await made.aclose()
    assert (options.min_speech_duration, options.min_silence_duration) == (0.5, 1)
    assert options.activation_threshold == 0.8
    assert options.deactivation_threshold == pytest.approx(0.65)


async def test_the_rough_detector_is_tuned_as_well() -> None:
    rough = LoudnessVAD(OURS)
    SharedVAD(rough).tune(listening(OURS, {"vad_min_silence": 2.0}).settings)
    stream = rough.stream()
    durations = stream._durations  # type: ignore[attr-defined]
    await stream.aclose()
    assert durations.min_silence == 2.0


async def test_a_detector_that_cannot_be_loaded_is_none_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> None:
        raise OSError("no such library")

    monkeypatch.setattr(local_inference, "VAD", broken)
    reports, keeper = Reports(), ReportKeeper(collected()[0])
    assert load(OURS, reports) is None
    reports.listen(keeper)
    assert [(degraded.what, degraded.error) for degraded in keeper.degradations] == [
        ("voice activity detection", "no such library")
    ]


def test_a_detector_that_can_be_loaded_is_there() -> None:
    loaded = load(OURS, Reports())
    assert loaded is not None and loaded.model == "silero"
