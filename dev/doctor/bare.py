"""What the doctor can say without any package: this runs when .venv is missing or broken, or when
a file of ours cannot be loaded. Standard library only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import socket
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from common import known_secrets
from dev.bootstrap import venvs
from dev.doctor import bundle
from dev.doctor.checks import versions
from dev.doctor.examined import Examined
from dev.doctor.finding import Finding, in_order, redacted
from dev.services import CHECKOUT, LOOPBACK, Service, monitor_reasons, services
from proxy.verdicts.verdict import Evidence, Verdict

DOTENV = CHECKOUT / ".env"
ASSIGNMENT = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*)")
SETTINGS = re.compile(
    r"(?:LIVEKIT|LETTA|MODELS|AGENT|PROXY|STT|TTS|OPENAI|CHAT|VAD|ENDPOINTING|INTERRUPTION|VOICE)_|"
    r"SPEECH$|LOG_LEVEL$|DATABASE_URL$"
)
CONNECT_LIMIT_S = 2.0
MB = 2**20
SETUP = "./scripts/setup"


@dataclass(frozen=True)
class Surroundings:
    """What is known without reading the settings properly."""

    home: Path
    environ: dict[str, str]
    monitors: dict[str, str]


def run(options: argparse.Namespace, exported: Mapping[str, str], error: BaseException) -> int:
    """Tell what there is to tell of a system whose doctor could not be loaded by `error`."""
    began = time.monotonic()
    lines, wrong = _dotenv()
    environ = {**lines, **exported}
    home = (CHECKOUT / Path(environ.get("VOICE_HOME") or ".voice").expanduser()).resolve()
    environ["VOICE_HOME"] = str(home)
    around = Surroundings(home, environ, monitor_reasons(environ))
    redactor = known_secrets.redactor(environ, DOTENV, home)
    verdict = _verdict(error)
    findings = [
        *asyncio.run(versions.check(around)),
        *wrong,
        *(each for service in services().values() for each in _ports(service, around)),
        *(_process(service.name, home) for service in services().values()),
        _sfu(environ),
        *_machine(home),
    ]
    examined = Examined(
        in_order(redacted(findings, redactor)),
        verdict,
        wrong[0].detail if wrong else verdict.next,
        round(time.monotonic() - began, 2),
    )
    bundle.tell(options, examined)
    if options.bundle is not None:
        known = {name: value for name, value in environ.items() if SETTINGS.match(name)}
        trouble = "The calls database cannot be read without the packages of this system."
        bundle.write(options, examined, redactor, home, settings=known, calls=[], trouble=trouble)
    return 1


def _verdict(error: BaseException) -> Verdict:
    where = traceback.extract_tb(error.__traceback__)[-1]
    evidence = Evidence(
        f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})", "doctor"
    )
    missing = isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith(
        ("dev", "common", "proxy", "agent")
    )
    if missing or not venvs.complete(venvs.MAIN, "requirements.txt"):
        sentence = f"The packages of this system are not installed completely ({error})."
        next_step = f"Run {SETUP}, then ./scripts/doctor again; most checks need the packages."
        return Verdict("system", "failing", sentence, "packages-missing", next_step, (evidence,))
    if isinstance(error, SyntaxError):
        sentence = f"{error.filename}, line {error.lineno} is no Python: {error.msg}."
        return Verdict(
            "system", "failing", sentence, "code-broken", "Correct that line.", (evidence,)
        )
    sentence = f"The code of this checkout cannot be loaded: {type(error).__name__}: {error}."
    next_step = f"Correct {where.filename}, line {where.lineno}."
    return Verdict("system", "failing", sentence, "code-broken", next_step, (evidence,))


def _dotenv() -> tuple[dict[str, str], list[Finding]]:
    """The plain lines of `.env`, and those that are no assignments."""
    try:
        text = DOTENV.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}, []
    except (OSError, UnicodeDecodeError) as error:
        detail = f".env cannot be read: {error}"
        return {}, [Finding("settings", "problem", "fail", detail, "make it a text file in UTF-8")]
    values, wrong = {}, []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = ASSIGNMENT.fullmatch(line)
        if found is None:
            detail = f".env line {number} is no assignment; write it as NAME=value"
            wrong.append(Finding("settings", "problem", "fail", detail))
        else:
            values[found["name"]] = found["value"].partition(" #")[0].strip().strip("\"'")
    return values, wrong


def _ports(service: Service, around: Surroundings) -> Iterator[Finding]:
    if service.name in around.monitors:
        return
    for port in service.ports:
        try:
            number = port.number(around.environ)
        except ValueError:
            yield Finding("ports", port.setting, "fail", "is no number", "correct it in .env")
            continue
        kind = socket.SOCK_STREAM if port.kind == "tcp" else socket.SOCK_DGRAM
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(port.kind == "tcp"))
            try:
                probe.bind(("127.0.0.1", number))
                detail = "free"
            except OSError as error:
                detail = f"held ({error.strerror}); who holds it: ss -lptun 'sport = :{number}'"
        yield Finding("ports", f"{number} {port.kind} {service.name}", "ok", detail)


def _process(name: str, home: Path) -> Finding:
    """What the launcher's status file says."""
    try:
        told = json.loads((home / "run" / f"{name}.json").read_text())
        state, launcher = str(told["state"]), told.get("launcher") or {}
        detail = f"{state}: {told.get('detail') or ''}"
        if state != "stopped" and not _lives(launcher.get("pid")):
            state, detail = "stopped", f"its launcher is gone (it was {state})"
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        state, detail = "stopped", "not started"
    fine = state in ("ready", "monitoring")
    next_step = "" if fine else "./restart_voice_system.sh"
    return Finding("processes", name, "ok" if fine else "fail", detail, next_step)


def _lives(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sfu(environ: Mapping[str, str]) -> Finding:
    url = environ.get("LIVEKIT_URL") or f"ws://localhost:{environ.get('LIVEKIT_PORT') or 7880}"
    try:
        address = urlsplit(url)
        port = address.port or (443 if address.scheme in ("wss", "https") else 80)
        place = (address.hostname or "localhost", port)
        began = time.monotonic()
        socket.create_connection(place, timeout=CONNECT_LIMIT_S).close()
    except (OSError, ValueError) as error:
        ours = any(host in url for host in LOOPBACK)
        next_step = "./restart_voice_system.sh livekit" if ours else "correct LIVEKIT_URL"
        return Finding("network", "SFU connection (TCP)", "fail", f"{url}: {error}", next_step)
    ms = round((time.monotonic() - began) * 1000, 1)
    return Finding("network", "SFU connection (TCP)", "ok", url, ms=ms)


def _machine(home: Path) -> Iterator[Finding]:
    load = os.getloadavg()[0]
    yield Finding("machine", "CPU", "ok", f"load {load:.1f} on {os.cpu_count()} cores")
    there = next(each for each in (home, *home.parents) if each.exists())
    free = shutil.disk_usage(there).free // MB
    yield Finding("machine", "disk", "ok", f"{free} MB free at {there}")
