"""The environment of the Letta server: inside our folder, one endpoint, no key that is not its."""

from pathlib import Path

import pytest

from dev.letta import environ
from dev.letta.settings import LettaSettings

DATABASE = "postgresql://postgres@localhost:5432/postgres?host=/x&ssl=disable"


@pytest.fixture(autouse=True)
def nothing_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LettaSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def compose(home: Path, exported: dict[str, str], **values: str) -> dict[str, str]:
    settings = LettaSettings.model_validate({"voice_home": str(home), **values})
    return environ.compose(settings, exported, DATABASE)


def test_nothing_is_written_outside_the_state_folder(tmp_path: Path) -> None:
    composed = compose(tmp_path, {"HOME": "/home/somebody", "PATH": "/bin"})
    for name in ("HOME", "LETTA_DIR", "NLTK_DATA"):
        assert composed[name].startswith(str(tmp_path / "letta"))
    assert composed["PATH"] == "/bin"


def test_keys_and_foreign_settings_stay_out(tmp_path: Path) -> None:
    exported = {
        "ANTHROPIC_API_KEY": "sk-ant",
        "OPENAI_API_KEY": "sk-openai",
        "LIVEKIT_API_SECRET": "secret",
        "LETTA_API_KEY": "letta",
        "LETTA_PG_PASSWORD": "other",
        "SENTRY_DSN": "https://sentry.example",
        "PYTHONPATH": "/elsewhere",
    }
    composed = compose(tmp_path, exported, openai_api_key="sk-openai")
    assert not {"sk-ant", "sk-openai", "secret", "letta", "other"} & set(composed.values())
    assert not {"SENTRY_DSN", "PYTHONPATH"} & composed.keys()
    assert composed["OPENAI_BASE_URL"] == composed["OPENAI_API_BASE"] == "http://localhost:8090/v1"


def test_openai_gets_its_address_and_key(tmp_path: Path) -> None:
    composed = compose(
        tmp_path,
        {},
        chat_provider="openai",
        openai_api_key="sk-openai",
        openai_base_url="https://models.example/v1",
    )
    assert composed["OPENAI_API_KEY"] == "sk-openai"
    assert composed["OPENAI_BASE_URL"] == "https://models.example/v1"


def test_a_letta_setting_of_a_person_goes_along_but_not_against_ours(tmp_path: Path) -> None:
    exported = {"LETTA_LLM_STREAM_TIMEOUT_SECONDS": "30", "LETTA_DISABLE_TRACING": "false"}
    composed = compose(tmp_path, exported)
    assert composed["LETTA_LLM_STREAM_TIMEOUT_SECONDS"] == "30"
    assert composed["LETTA_DISABLE_TRACING"] == "true"
    assert composed["LETTA_PG_URI"] == DATABASE


def test_a_proxy_is_not_asked_for_this_machine(tmp_path: Path) -> None:
    composed = compose(tmp_path, {"HTTP_PROXY": "http://proxy", "NO_PROXY": "intern.example"})
    assert composed["HTTP_PROXY"] == "http://proxy"
    assert composed["NO_PROXY"] == "intern.example,localhost,.localhost,127.0.0.1,::1"
    assert composed["no_proxy"] == composed["NO_PROXY"]
