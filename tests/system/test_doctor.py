"""./scripts/doctor and ./scripts/check-deployment, as a person runs them: against the whole running
system, against parts that are down, and with nothing there at all."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import psutil
import pytest
from livekit import api

from tests.running_system import ROOT, System, new_system
from tests.system.checkout import wait_for

LIMIT_S = 40
"""Of a run on a busy machine; the doctor itself must stop after ten seconds."""
QUICK_S = 12.0
"""On a quiet machine a healthy system takes two."""


def run(
    script: str, environ: dict[str, str], *arguments: str, root: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(root / "scripts" / script), *arguments],
        cwd=root,
        env=environ,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )


def doctor(environ: dict[str, str], *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of the doctor."""
    done = run("doctor", environ, "--json", *arguments)
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["seconds"] < QUICK_S, told
    assert (done.returncode == 0) is told["well"], done.stderr
    return done.returncode, told


def failed(told: dict[str, Any]) -> dict[str, str]:
    """What fails, and how."""
    return {each["what"]: each["detail"] for each in told["findings"] if each["state"] == "fail"}


def nothing_runs(home: Path) -> System:
    """A system that was never started."""
    return new_system(home / "home")


def test_a_healthy_system_is_well(system: System) -> None:
    # A system that has just been started on a busy machine may be slow to answer at first.
    wait_for("all is well", lambda: doctor(system.environment)[0] == 0, 60)

    code, told = doctor(system.environment)

    assert code == 0, failed(told)
    assert told["verdict"]["state"] == "ok"
    found = {each["what"]: each for each in told["findings"]}
    for what in (
        "SFU WebSocket",
        "media over UDP",
        "media over TCP",
        "clock against the SFU",
        "livekit credentials",
        "speech-to-text",
        "text-to-speech",
        "chat model",
        "registration",
        "calls database",
    ):
        assert found[what]["state"] == "ok", found[what]
    for what in ("speech-to-text", "text-to-speech", "chat model", "media over UDP"):
        assert found[what]["ms"] > 0
    for setting in ("LIVEKIT_PORT", "LIVEKIT_UDP_PORT", "LETTA_PORT", "AGENT_PORT", "PROXY_PORT"):
        (port,) = (
            each for name, each in found.items() if name.startswith(f"{system.port(setting)} ")
        )
        assert "ours" in port["detail"]


def test_the_lines_for_people_show_no_secret(system: System) -> None:
    done = run("doctor", system.environment, "--verbose")

    assert done.returncode == 0, done.stdout
    assert "system: ok" in done.stdout
    assert "LIVEKIT_API_SECRET" in done.stdout
    assert system.api_secret not in done.stdout
    assert system.api_key not in done.stdout
    assert "\x1b[" not in done.stdout


@pytest.mark.parametrize(
    ("setting", "value", "what", "cause"),
    [
        ("LIVEKIT_API_SECRET", "x" * 40, "livekit credentials", "credentials-rejected"),
        ("LIVEKIT_AGENT_NAME", "somebody-else", "registration", "agent-name-differs"),
        ("LIVEKIT_URL", "ws://localhost:1", "SFU connection (TCP)", "sfu-refused"),
        ("LIVEKIT_URL", "ws://no-such-host.invalid:7880", "SFU name (DNS)", "sfu-dns"),
    ],
)
def test_a_wrong_setting_is_named(
    system: System, setting: str, value: str, what: str, cause: str
) -> None:
    environ = {
        **system.environment,
        "LIVEKIT_API_KEY": system.api_key,
        "LIVEKIT_API_SECRET": system.api_secret,
        setting: value,
    }

    code, told = doctor(environ)

    assert code == 1
    assert what in failed(told), told
    assert told["verdict"]["cause"] == cause
    assert told["next"]


def test_a_frozen_part_is_named_and_does_not_hold_the_doctor_up(system: System) -> None:
    program = system.status("models")["program"]
    assert isinstance(program, dict)
    process = psutil.Process(program["pid"])
    process.send_signal(signal.SIGSTOP)
    try:
        code, told = doctor(system.environment)
    finally:
        process.send_signal(signal.SIGCONT)

    assert code == 1
    assert {"models", "speech-to-text", "text-to-speech"} <= failed(told).keys()
    assert told["verdict"]["cause"] == "process-frozen"
    wait_for("models to go on", lambda: doctor(system.environment)[0] == 0)


def test_with_everything_down_it_says_so_and_makes_nothing(tmp_path: Path) -> None:
    system = nothing_runs(tmp_path)

    code, told = doctor(system.environment)

    assert code == 1
    assert failed(told) == {"system": "nothing runs"}
    followed = {each["what"] for each in told["findings"] if each["group"] == "follows"}
    programs = ("livekit", "models", "letta", "agent", "proxy")
    assert {f"{name} does not run" for name in programs} <= followed
    assert told["verdict"]["cause"] == "livekit-down"
    assert "./restart_voice_system.sh" in told["next"]
    assert not system.home.exists()


def test_a_port_that_somebody_else_holds_is_named_with_the_holder(tmp_path: Path) -> None:
    system = nothing_runs(tmp_path)
    with socket.socket() as held:
        held.bind(("127.0.0.1", system.port("MODELS_PORT")))
        held.listen()
        _, told = doctor(system.environment)

    (detail,) = (text for what, text in failed(told).items() if what.endswith("tcp models"))
    assert f"pid {os.getpid()} " in detail
    assert "MODELS_PORT" in detail
    assert told["verdict"]["cause"] == "port-taken"


def copied(root: Path) -> Path:
    """A checkout without environments and state."""
    root.mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("dev", "common", "proxy", "agent", "scripts"):
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    for path in ROOT.glob("requirements*.txt"):
        shutil.copy(path, root)
    return root


@pytest.mark.parametrize(
    "broken", ["proxy/__init__.py", "proxy/verdicts/judge.py", "agent/settings.py"]
)
def test_a_file_that_does_not_parse_is_named_with_its_line(tmp_path: Path, broken: str) -> None:
    root = copied(tmp_path / "checkout")
    (root / ".venv").symlink_to(ROOT / ".venv")
    path = root / broken
    lines = path.read_text().count("\n")
    path.write_text(path.read_text() + "this is no Python\n")
    bundle = tmp_path / "a.zip"

    done = run("doctor", dict(os.environ), "--json", "--bundle", str(bundle), root=root)

    assert done.returncode == 1, done.stderr
    verdict = json.loads(done.stdout)["verdict"]
    assert verdict["cause"] == "code-broken", done.stdout
    assert f"{broken}, line {lines + 1}" in verdict["sentence"]
    assert "Traceback" not in done.stderr
    assert bundle.exists() or "cannot be made" in done.stderr


def test_a_file_that_even_the_minimum_needs_is_named_without_a_traceback(tmp_path: Path) -> None:
    root = copied(tmp_path / "checkout")
    (root / ".venv").symlink_to(ROOT / ".venv")
    (root / "common" / "redaction.py").write_text("this is no Python\n")

    done = run("doctor", dict(os.environ), root=root)

    assert done.returncode == 1
    assert f"correct {root}/common/redaction.py, line 1" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_packages_and_with_a_broken_dotenv_it_says_what_it_can(tmp_path: Path) -> None:
    root = copied(tmp_path / "checkout")
    (root / ".env").write_text(
        "OPENAI_API_KEY=sk-planted-in-dotenv-0123456789\nnonsense\n", encoding="utf-8"
    )
    # A Python without packages: that of the tests, told to see none.
    python = tmp_path / "bin" / "python3.11"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{psutil.Process().exe()}" -S "$@"\n')
    python.chmod(0o755)
    environ = {**os.environ, "PATH": f"{python.parent}:/usr/bin:/bin"}
    environ.pop("VIRTUAL_ENV", None)
    environ.pop("PYTHONPATH", None)

    done = run("doctor", environ, "--bundle", str(tmp_path / "a.zip"), root=root)

    assert done.returncode == 1, done.stderr
    assert "packages-missing" in done.stdout
    assert "./scripts/setup" in done.stdout
    assert ".env line 2" in done.stdout
    assert not (root / ".venv").exists()
    assert not (root / ".voice").exists()
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        text = "".join(file.read(name).decode() for name in file.namelist())
    assert "packages-missing" in text
    assert "planted" not in text


def test_a_bundle_of_a_dead_system_holds_no_planted_secret(tmp_path: Path) -> None:
    planted = "planted-secret-of-the-environment-0123456789"
    smtp = "/planted+Password-of-mail"
    system = nothing_runs(tmp_path)
    (system.home / "logs").mkdir(parents=True)
    (system.home / "livekit.key").write_text("APIplanted0123456: planted-secret-of-livekit-98765\n")
    (system.home / "logs" / "agent.log").write_bytes(
        f"\0\xff key {planted} wss://h/rtc?access_token={planted}\n"
        f"535 {smtp} refused {base64.b64encode(smtp.encode()).decode()}\nthe last words\n".encode()
    )
    (system.home / "calls.db").write_bytes(b"no database at all" * 300)
    environ = {**system.environment, "OPENAI_API_KEY": planted, "SPEECH": "openai"}
    environ["SMTP_PASS"] = smtp
    environ["OPENAI_BASE_URL"] = "http://127.0.0.1:1/v1"
    path = tmp_path / "bundle.zip"

    done = run("doctor", environ, "--bundle", str(path))

    assert done.returncode == 1
    assert path.stat().st_mode & 0o077 == 0, "others can read it"
    with zipfile.ZipFile(path) as file:
        files = {name.partition("/")[2]: file.read(name).decode() for name in file.namelist()}
    assert {"REPORT.md", "doctor.txt", "doctor.json", "settings.json"} <= files.keys()
    assert "the last words" in files["logs/agent.log"]
    assert "calls.db" in files["calls/README.txt"]
    assert "planted" not in "".join(files.values())
    assert base64.b64encode(smtp.encode()).decode() not in "".join(files.values())
    assert "planted" not in done.stdout + done.stderr
    again = run("doctor", environ, "--bundle", str(path))
    assert again.returncode == 2
    assert "exists already" in again.stderr


async def test_check_deployment_finds_all_well_and_leaves_nothing_behind(system: System) -> None:
    calls, before = await kept_calls(system), await rooms(system)

    done = run("check-deployment", system.environment, system.proxy_url, "--json")

    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    assert done.returncode == 0, [row for row in told["rows"] if row["ok"] is False]
    tried = {row["endpoint"] for row in told["rows"]}
    assert {"GET /api/bundle", "POST /webhooks/livekit", "SFU: join by WebSocket"} <= tried
    assert await kept_calls(system) == calls
    deadline = time.monotonic() + 10
    while left := await rooms(system) - before:
        assert time.monotonic() < deadline, left
    assert system.api_secret not in done.stdout


async def rooms(system: System) -> set[str]:
    async with api.LiveKitAPI(system.livekit_url, system.api_key, system.api_secret) as server:
        found = await server.room.list_rooms(api.ListRoomsRequest())
    return {room.name for room in found.rooms}


async def kept_calls(system: System) -> list[str]:
    import aiohttp

    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{system.proxy_url}/api/calls?limit=500") as answer,
    ):
        return [each["id"] for each in (await answer.json())["calls"]]


@pytest.mark.parametrize("script", ["doctor", "check-deployment"])
def test_a_terminal_that_knows_only_ascii_gets_the_same_lines(tmp_path: Path, script: str) -> None:
    environ = {**nothing_runs(tmp_path).environment, "PYTHONIOENCODING": "ascii"}

    done = run(script, environ)

    assert done.returncode == 1
    assert done.stderr == ""
    assert "FAIL" in done.stdout


def test_check_deployment_fails_where_nothing_answers(tmp_path: Path) -> None:
    done = run("check-deployment", nothing_runs(tmp_path).environment)

    assert done.returncode == 1
    assert "FAIL" in done.stdout
    assert run("check-deployment", dict(os.environ), "no address").returncode == 2
