"""Which services are someone else's."""

import pytest

from dev.services import LETTA_CLOUD, SERVICES, monitor_reasons, providers


@pytest.mark.parametrize(
    ("environ", "monitors"),
    [
        ({}, set()),
        ({"LIVEKIT_URL": "ws://localhost:7880"}, set()),
        ({"LIVEKIT_URL": "ws://127.0.0.1:7990", "LIVEKIT_PORT": "7990"}, set()),
        ({"LIVEKIT_URL": "ws://[::1]:7880"}, set()),
        ({"LIVEKIT_URL": "ws://localhost:7990"}, {"livekit"}),
        ({"LIVEKIT_URL": "wss://mine.livekit.cloud"}, {"livekit"}),
        ({"LETTA_BASE_URL": "http://localhost:8283"}, {"letta"}),
        ({"LETTA_API_KEY": "k"}, {"letta"}),
        ({"SPEECH": "openai"}, {"models"}),
        ({"SPEECH": "openai", "TTS_PROVIDER": "offline"}, set()),
        ({"SPEECH": "inference"}, set()),
        ({"SPEECH": "inference", "CHAT_PROVIDER": "openai"}, {"models"}),
        ({"MODELS_URL": "http://models.example/v1"}, {"models"}),
    ],
)
def test_monitors(environ: dict[str, str], monitors: set[str]) -> None:
    assert set(monitor_reasons(environ)) == monitors


def test_a_reason_names_the_setting() -> None:
    assert LETTA_CLOUD in monitor_reasons({"LETTA_API_KEY": "k"})["letta"]
    assert "k" not in monitor_reasons({"LETTA_API_KEY": "sk-secret"})["letta"].split()


def test_one_provider_each() -> None:
    assert providers({"SPEECH": "openai", "STT_PROVIDER": "offline"}) == {
        "stt": "offline",
        "tts": "openai",
        "chat": "openai",
    }


def test_the_procfile_and_the_table_name_the_same_processes() -> None:
    from dev.services import CHECKOUT

    lines = (CHECKOUT / "Procfile").read_text().splitlines()
    assert lines == [f"{name}: ./dev/run {name}" for name in SERVICES]
