"""What the doctor says of settings, of who may read them, and of what would keep a system from
starting."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.detour import Detour
from common.probe import Finding
from dev.doctor import configuration, context
from dev.doctor.full import next_step
from dev.doctor.preflight import predicted
from proxy.verdicts.system_health import Process, SystemHealth
from tests.running_system import free_ports


def test_reading_the_settings_makes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"

    checkout = context.read({"VOICE_HOME": str(home), "PATH": "/bin"}, tmp_path / ".env")

    assert not home.exists()
    assert checkout.problems == []
    assert checkout.settings.livekit_credentials is None
    assert checkout.settings.process_status_dir == home / "run"
    assert checkout.sources["VOICE_HOME"] == "exported"
    assert checkout.sources["LIVEKIT_URL"] == "derived"


def test_a_broken_dotenv_file_is_told_and_the_rest_of_it_counts(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PROXY_PORT=9123\nthis is no assignment\nAGENT_PORT=many\n")

    checkout = context.read({"VOICE_HOME": str(tmp_path / "home")}, tmp_path / ".env")

    assert checkout.settings.proxy_port == 9123
    assert any(".env line 2" in problem for problem in checkout.problems), checkout.problems
    assert any("AGENT_PORT" in problem for problem in checkout.problems), checkout.problems


def test_a_wrong_value_is_told_and_then_counts_as_not_set(tmp_path: Path) -> None:
    checkout = context.read({"VOICE_HOME": str(tmp_path), "PROXY_PORT": "many"}, tmp_path / ".env")

    assert checkout.settings.proxy_port == 9000
    assert any("PROXY_PORT" in problem for problem in checkout.problems)


async def test_settings_show_no_secret_and_name_what_is_misspelt(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "OPENAI_API_KEY=made-up-key-of-openai\nLIVEKIT_AGENT_NAM=x\nSOMETHING_ELSE=1\n"
        "DATABASE_URL=postgres://u:made-up-word@localhost/db\n"
    )
    checkout = context.read({"VOICE_HOME": str(tmp_path / "home")}, tmp_path / ".env")

    found = {each.what: each for each in await configuration.check(checkout)}

    assert "made-up" not in repr(found)
    assert found["OPENAI_API_KEY"].detail == "set, 21 characters (.env line 1)"
    assert found["LIVEKIT_AGENT_NAM"].state == "warn"
    assert "LIVEKIT_AGENT_NAME" in found["LIVEKIT_AGENT_NAM"].next
    assert "SOMETHING_ELSE" not in found
    assert not found["DATABASE_URL"].quiet
    assert found["VAD_THRESHOLD"].quiet


async def proxy_line(checkout: context.Context, name: str) -> Finding:
    (line,) = [each for each in await configuration.check(checkout) if each.what == name]
    return line


async def test_a_network_proxy_that_is_gone_is_told_with_what_is_asked_through_it(
    tmp_path: Path,
) -> None:
    (nobody,) = free_ports(1)
    exported = {
        "HTTPS_PROXY": f"http://user:made-up-word@127.0.0.1:{nobody}",
        "LIVEKIT_URL": "wss://sfu.example.org",
        "LIVEKIT_API_KEY": "key",
        "LIVEKIT_API_SECRET": "s" * 40,
    }

    line = await proxy_line(checkout_of(tmp_path, **exported), "HTTPS_PROXY")
    exempt = checkout_of(tmp_path, **exported, NO_PROXY="example.org")

    assert line.state == "fail"
    assert "LIVEKIT_URL" in line.detail and "nothing answers there" in line.detail
    assert line.next.startswith("unset HTTPS_PROXY, or add sfu.example.org to NO_PROXY")
    assert (await proxy_line(exempt, "HTTPS_PROXY")).state == "ok"


async def test_a_network_proxy_through_which_nothing_is_asked_is_well(tmp_path: Path) -> None:
    line = await proxy_line(checkout_of(tmp_path, http_proxy="http://127.0.0.1:1"), "http_proxy")

    assert line.state == "ok"
    assert "nothing is asked through it" in line.detail


async def test_the_variable_that_sends_the_worker_elsewhere_is_not_called_well() -> None:
    lines = [
        Finding("settings", "HTTPS_PROXY", "ok", "http://127.0.0.1:3128; nothing is asked"),
        Finding("settings", "SPEECH", "ok", "offline"),
    ]
    elsewhere = Detour("ws://localhost:7880", "127.0.0.1:3128", "HTTPS_PROXY")

    blamed, other = configuration.blame(lines, elsewhere)

    assert (blamed.state, other) == ("fail", lines[1])
    assert "it asked 127.0.0.1:3128" in blamed.detail
    assert next_step([blamed, other], None).startswith("HTTPS_PROXY: http://127.0.0.1:3128")
    assert "Unset HTTPS_PROXY" in next_step([blamed, other], None)
    assert configuration.blame(lines, None) == lines


@pytest.mark.parametrize(
    ("mode", "text", "state"),
    [
        (0o644, "OPENAI_API_KEY=made-up\nSPEECH=openai\n", "warn"),
        (0o640, "SMTP_PASS=made-up\n", "warn"),
        (0o600, "OPENAI_API_KEY=made-up\n", None),
        (0o644, "SPEECH=offline\nOPENAI_API_KEY=\n", None),
    ],
)
async def test_secrets_that_others_may_read_are_told_with_the_command_that_mends_it(
    tmp_path: Path, mode: int, text: str, state: str | None
) -> None:
    checkout = checkout_of(tmp_path, text)
    (tmp_path / ".env").chmod(mode)

    findings = {finding.what: finding for finding in await configuration.check(checkout)}

    assert (findings[".env"].state if ".env" in findings else None) == state
    if state:
        assert text.partition("=")[0] in findings[".env"].detail
        assert "made-up" not in findings[".env"].detail
        assert findings[".env"].next == f"chmod 600 {tmp_path / '.env'}"


def checkout_of(tmp_path: Path, dotenv: str = "", **exported: str) -> context.Context:
    (tmp_path / ".env").write_text(dotenv)
    return context.read({"VOICE_HOME": str(tmp_path / "h"), **exported}, tmp_path / ".env")


@pytest.mark.parametrize(
    ("dotenv", "exported", "cause"),
    [
        ("nonsense\n", {}, "env-malformed"),
        ("", {"MODELS_PORT": "many"}, "settings"),
        ("", {"LIVEKIT_API_KEY": "half of a pair"}, "credentials-missing"),
        ("", {}, "port-taken"),
    ],
)
def test_what_would_keep_a_stopped_system_from_starting_is_predicted(
    tmp_path: Path, dotenv: str, exported: dict[str, str], cause: str
) -> None:
    checkout = checkout_of(tmp_path, dotenv, **exported)
    health = SystemHealth({"models": Process("models", "stopped", "not started")})
    held = Finding("ports", "8090 tcp models", "fail", "port 8090 is held by pid 7")

    process = predicted(health, checkout, [held]).processes["models"]

    assert process.state == "failed"
    assert process.cause == cause
    assert process.detail


def test_of_a_process_that_runs_nothing_is_predicted(tmp_path: Path) -> None:
    checkout = checkout_of(tmp_path, "nonsense\n")
    health = SystemHealth({"models": Process("models", "ready", "ready on port 8090")})

    assert predicted(health, checkout, []) == health
