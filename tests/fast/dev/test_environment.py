"""The environment of a program: what wins, what is derived, what is refused and how."""

from pathlib import Path

import pytest

from common.settings import AgentPortSettings
from dev.environment import Composed, compose
from dev.services import services


def _compose(tmp_path: Path, name: str = "livekit", dotenv: str = "", **exported: str) -> Composed:
    path = tmp_path / ".env"
    path.write_text(dotenv)
    return compose(name, {"VOICE_HOME": str(tmp_path / "home"), **exported}, path)


def test_the_shell_wins_over_the_file_over_the_default(tmp_path: Path) -> None:
    composed = _compose(tmp_path, dotenv="LETTA_PORT=1111\nMODELS_PORT=2222\n", LETTA_PORT="3333")
    assert composed.environ["LETTA_BASE_URL"] == "http://localhost:3333"
    assert composed.environ["MODELS_URL"] == "http://localhost:2222/v1"
    assert composed.environ["AGENT_URL"] == "http://localhost:8091"
    assert composed.environ["AGENT_TIMELINE_URL"] == "http://localhost:9000"


FRAMEWORK_PORT = 8081
"""Where a worker of livekit-agents serves its status, unless it is told otherwise."""


def test_a_foreign_worker_finds_its_port_free_and_a_port_that_is_set_is_kept(
    tmp_path: Path,
) -> None:
    assert FRAMEWORK_PORT not in {port.default for port in services()["agent"].ports}
    default = _compose(tmp_path, "agent")
    assert str(FRAMEWORK_PORT) not in default.environ["AGENT_URL"]
    assert AgentPortSettings().agent_port != FRAMEWORK_PORT

    kept = _compose(tmp_path, "agent", dotenv="AGENT_PORT=8081\n")

    assert kept.errors == []
    assert services()["agent"].port.number(kept.environ) == FRAMEWORK_PORT
    assert kept.environ["AGENT_URL"] == "http://localhost:8081"


def test_an_empty_export_takes_a_setting_of_the_file_back(tmp_path: Path) -> None:
    dotenv = "LETTA_BASE_URL=http://elsewhere:1\n"
    composed = _compose(tmp_path, dotenv=dotenv, LETTA_BASE_URL="")
    assert composed.environ["LETTA_BASE_URL"] == "http://localhost:8283"
    assert "letta" not in composed.monitors


def test_key_and_secret_are_generated_once_and_private(tmp_path: Path) -> None:
    first, second = _compose(tmp_path), _compose(tmp_path)
    for name in ("LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        assert first.environ[name] == second.environ[name]
    assert len(first.environ["LIVEKIT_API_SECRET"]) >= 32
    assert (tmp_path / "home" / "livekit.key").stat().st_mode & 0o777 == 0o600


def test_our_own_app_server_has_a_token_that_is_generated_once_and_private(tmp_path: Path) -> None:
    first, second = (_compose(tmp_path, "agent") for _ in range(2))
    assert first.environ["LETTA_BACKEND"] == "app-server"
    assert first.environ["LETTA_API_KEY"] == second.environ["LETTA_API_KEY"]
    assert len(first.environ["LETTA_API_KEY"]) >= 32
    assert (tmp_path / "home" / "letta.token").stat().st_mode & 0o777 == 0o600
    elsewhere = _compose(
        tmp_path, "agent", LETTA_BACKEND="app-server", LETTA_BASE_URL="http://there:1"
    )
    assert "LETTA_API_KEY" not in elsewhere.environ
    for address in ({"LETTA_BASE_URL": "http://there:1"}, {"LETTA_API_KEY": "k"}):
        assert _compose(tmp_path, "agent", **address).environ["LETTA_BACKEND"] == "v1"


@pytest.mark.parametrize(
    ("exported", "told"),
    [
        (
            {"PROXY_PORT": "abc"},
            "setting PROXY_PORT has the value 'abc' (exported in the shell), which is not a whole "
            "number; set it to a whole number, such as 9000 (the default)",
        ),
        ({"PROXY_PORT": "99999"}, "which is not at most 65535"),
        ({"SPEECH": "loud"}, "which is not one of 'offline', 'openai' or 'inference'"),
        ({"LIVEKIT_API_KEY": "k"}, "LIVEKIT_API_SECRET is not: set both, or neither"),
        ({"LETTA_API_KEY": "k", "LETTA_BACKEND": "app-server"}, "remove one of the two"),
        ({"LETTA_BACKEND": "v1"}, "LETTA_BACKEND is v1, which is not started here: remove it"),
        (
            {"LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "short"},
            "has 5 characters, livekit-server wants at least 32",
        ),
        ({"LIVEKIT_URL": "wss://x.livekit.cloud"}, "wss://x.livekit.cloud, a server elsewhere"),
    ],
)
def test_a_wrong_value_is_told(tmp_path: Path, exported: dict[str, str], told: str) -> None:
    (error,) = _compose(tmp_path, **exported).errors
    assert told in error


def test_the_line_of_a_wrong_value_is_told(tmp_path: Path) -> None:
    (error,) = _compose(tmp_path, dotenv="\nLETTA_PORT=x\n").errors
    assert "(.env line 2)" in error


def test_a_short_secret_is_not_shown(tmp_path: Path) -> None:
    (error,) = _compose(tmp_path, LIVEKIT_API_KEY="k", LIVEKIT_API_SECRET="hunter2").errors
    assert "hunter2" not in error


def test_the_home_is_absolute_and_may_be_anywhere(tmp_path: Path) -> None:
    composed = _compose(tmp_path, VOICE_HOME="~/x", HOME=str(tmp_path))
    assert Path(composed.environ["VOICE_HOME"]).is_absolute()
    assert composed.environ["PROCESS_STATUS_DIR"] == composed.home + "/run"
    assert composed.environ["AGENT_SPOOL_DIR"] == composed.home + "/spool"


def test_the_fingerprint_changes_with_what_the_service_may_read(tmp_path: Path) -> None:
    def fingerprint(dotenv: str = "", **exported: str) -> str:
        return _compose(tmp_path, "letta", dotenv, **exported).fingerprint

    plain = fingerprint()
    assert fingerprint(AGENT_GREETING="hello", TERM="x") == plain
    assert fingerprint("AGENT_GREETING=hello\n") == plain
    assert fingerprint(LETTA_PORT="1234") != plain
    assert fingerprint(LETTA_UNKNOWN="x") != plain
    assert fingerprint("ANTHROPIC_API_KEY=x\n") != plain


@pytest.mark.parametrize(
    ("dotenv", "exported", "cause"),
    [
        ("", {}, ""),
        ("NO EQUALS SIGN\n", {}, "env-malformed"),
        ("PROXY_PORT=abc\n", {}, "settings"),
        ("", {"LIVEKIT_URL": "wss://x.livekit.cloud"}, "credentials-missing"),
        ("", {"LIVEKIT_API_KEY": "k"}, "credentials-missing"),
        ("", {"LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "short"}, "settings"),
    ],
)
def test_what_is_wrong_has_a_code(
    tmp_path: Path, dotenv: str, exported: dict[str, str], cause: str
) -> None:
    assert _compose(tmp_path, "proxy", dotenv, **exported).cause == cause


def test_values_that_are_wrong_together_are_told_before_the_start(tmp_path: Path) -> None:
    """Each value is possible; what the worker itself has against them is asked before."""
    composed = _compose(tmp_path, "agent", "SPEECH=openai\n")
    assert composed.cause == "settings"
    assert "OPENAI_API_KEY is not set" in composed.errors[0]
    assert _compose(tmp_path, "proxy", "SPEECH=openai\n").errors == []
    assert _compose(tmp_path, "agent", "SPEECH=openai\nOPENAI_API_KEY=sk-1\n").errors == []
