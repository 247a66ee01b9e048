"""A wrong setting is told in a sentence with its name, its value, and what to set it to."""

from __future__ import annotations

import pytest

from agent.settings import AgentSettings, load
from common.settings import SettingsError

LOCAL = {"LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "secret"}


CLOUD = {**LOCAL, "LIVEKIT_URL": "wss://project.livekit.cloud"}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in AgentSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def settings(monkeypatch: pytest.MonkeyPatch, **environment: str) -> AgentSettings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load()


def refusal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    with pytest.raises(SettingsError) as refused:
        settings(monkeypatch, **environment)
    return str(refused.value)


def test_the_defaults_are_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = settings(monkeypatch, **LOCAL)
    assert (loaded.stt, loaded.tts) == ("offline", "offline")


def test_an_empty_value_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(monkeypatch, **LOCAL, AGENT_PORT="", SPEECH="").agent_port == 8091


def test_each_stage_can_have_its_own_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = settings(
        monkeypatch, **LOCAL, SPEECH="openai", OPENAI_API_KEY="k", TTS_PROVIDER="offline"
    )
    assert (loaded.stt, loaded.tts) == ("openai", "offline")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SPEECH", "google", "one of 'offline', 'openai' or 'inference'"),
        ("AGENT_PORT", "http", "a whole number, such as 8091 (the default)"),
        ("AGENT_PORT", "70000", "at most 65535"),
        ("VAD_THRESHOLD", "2", "at most 0.99"),
        ("INTERRUPTION_ENABLED", "perhaps", "true or false"),
    ],
)
def test_a_wrong_value(monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    told = refusal(monkeypatch, **{**LOCAL, name: value})
    assert told.startswith(f"setting {name} has the value '{value}', which is not")
    assert words in told


def test_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not set" in refusal(monkeypatch)


def test_an_address_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    told = refusal(monkeypatch, **{**LOCAL, "LIVEKIT_URL": "localhost:7880"})
    assert "LIVEKIT_URL has the value 'localhost:7880'" in told
    assert "ws://localhost:7880" in told


def test_a_timeline_that_is_no_address_and_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    told = refusal(monkeypatch, **LOCAL, AGENT_TIMELINE_URL="localhost:9000")
    assert "AGENT_TIMELINE_URL has the value 'localhost:9000'" in told and "'off'" in told
    assert not settings(monkeypatch, **LOCAL, AGENT_TIMELINE_URL="off").has_timeline
    assert settings(monkeypatch, **LOCAL, AGENT_TIMELINE_URL="").has_timeline, "the default"


def test_openai_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "OPENAI_API_KEY is not set" in refusal(monkeypatch, **LOCAL, SPEECH="openai")


def test_a_compatible_server_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    settings(monkeypatch, **LOCAL, SPEECH="openai", OPENAI_BASE_URL="http://localhost:1/v1")


def test_inference_needs_livekit_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    told = refusal(monkeypatch, **LOCAL, SPEECH="inference")
    assert "needs LiveKit Cloud" in told and "ws://localhost:7880" in told
    assert settings(monkeypatch, **{**CLOUD, "SPEECH": "inference"}).stt == "inference"


def test_delays_that_contradict_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ENDPOINTING_MAX_DELAY" in refusal(
        monkeypatch, **LOCAL, ENDPOINTING_MIN_DELAY="2", ENDPOINTING_MAX_DELAY="1"
    )


def test_every_setting_has_help_and_a_default() -> None:
    for name, field in AgentSettings.model_fields.items():
        assert field.description and field.description.endswith("."), name
        assert not field.is_required(), name
