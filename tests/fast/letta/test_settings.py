"""Settings of dev.letta, and how wrong ones are told."""

import pytest

from dev.letta import __main__ as start
from dev.letta.console import Problem
from dev.letta.settings import CHECKOUT, LettaSettings


@pytest.fixture(autouse=True)
def nothing_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LettaSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_offline_is_the_default() -> None:
    settings = start.read_settings()
    assert settings.folder == CHECKOUT / ".voice" / "letta"
    assert (settings.model_endpoint, settings.model) == ("http://localhost:8090/v1", "rehearsal")


@pytest.mark.parametrize(
    ("speech", "chat", "offline"),
    [
        ("offline", "", True),
        ("offline", "openai", False),
        ("openai", "", False),
        ("openai", "offline", True),
        ("inference", "", True),
        ("inference", "openai", False),
    ],
)
def test_where_agents_think(
    monkeypatch: pytest.MonkeyPatch, speech: str, chat: str, offline: bool
) -> None:
    monkeypatch.setenv("SPEECH", speech)
    monkeypatch.setenv("CHAT_PROVIDER", chat)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    assert start.read_settings().chat_offline is offline


def test_openai_without_a_key_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEECH", "openai")
    with pytest.raises(Problem, match=r"OPENAI_API_KEY is not set.*CHAT_PROVIDER=offline"):
        start.read_settings()
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:11434/v1")
    assert start.read_settings().model_endpoint == "http://localhost:11434/v1"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LETTA_PORT", "many", "'many'.*integer"),
        ("LETTA_PORT", "70000", "'70000'.*65535"),
        ("SPEECH", "loud", "'loud'.*'offline', 'openai' or 'inference'"),
    ],
)
def test_a_wrong_value_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Problem, match=f"setting {name} has the value {said}"):
        start.read_settings()


def test_an_empty_value_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LETTA_PORT", "")
    assert start.read_settings().letta_port == 8283
