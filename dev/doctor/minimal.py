"""What the doctor says without any package: this runs when .venv is missing or broken, or when a
file of ours cannot be loaded. Standard library only, and nothing of the rooms it looks at.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import known_secrets
from common.probe import Finding, Probe, ProbeAnswer, ask
from dev.bootstrap import venvs
from dev.doctor import report
from dev.doctor.report import Report
from dev.services import CHECKOUT, monitor_reasons, services

DOTENV = CHECKOUT / ".env"
SETUP = "./scripts/setup"
OURS = ("dev", "common", "proxy", "agent")
SETTINGS = re.compile(
    r"(?:LIVEKIT|LETTA|MODELS|AGENT|PROXY|STT|TTS|OPENAI|CHAT|VAD|ENDPOINTING|INTERRUPTION|VOICE)_|"
    r"SPEECH$|LOG_LEVEL$|DATABASE_URL$"
)


def run(options: argparse.Namespace, exported: Mapping[str, str], error: BaseException) -> int:
    """Tell what there is to tell of a system whose doctor could not be loaded by `error`."""
    began = time.monotonic()
    lines, wrong = _dotenv()
    environ = {**lines, **exported}
    home = (CHECKOUT / Path(environ.get("VOICE_HOME") or ".voice").expanduser()).resolve()
    environ["VOICE_HOME"] = str(home)
    redactor = known_secrets.redactor(environ, DOTENV, home)
    verdict = _verdict(error)
    findings = [
        *asyncio.run(_versions(environ)),
        *wrong,
        *(_process(name, home) for name in services()),
    ]
    answer = Report(
        report.redacted(findings, redactor),
        redactor.data(verdict),
        wrong[0].detail if wrong else verdict["next"],
        round(time.monotonic() - began, 2),
    )
    report.show(options, answer)
    if options.bundle is not None:
        known = {name: value for name, value in environ.items() if SETTINGS.match(name)}
        trouble = "The calls database cannot be read without the packages of this system."
        report.write_bundle(
            options, answer, redactor, home, settings=known, calls=[], trouble=trouble
        )
    return 1


def _verdict(error: BaseException) -> dict[str, Any]:
    """The verdict in the form of the judge's, which may be what cannot be loaded."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    text = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
    missing = isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith(OURS)
    cause, next_step = "code-broken", f"Correct {where.filename}, line {where.lineno}."
    if missing or not venvs.complete(venvs.MAIN, "requirements.txt"):
        cause = "packages-missing"
        sentence = f"The packages of this system are not installed completely ({error})."
        next_step = f"Run {SETUP}, then ./scripts/doctor again; most checks need the packages."
    elif isinstance(error, SyntaxError):
        sentence = f"{error.filename}, line {error.lineno} is no Python: {error.msg}."
        next_step = "Correct that line."
    else:
        sentence = f"The code of this checkout cannot be loaded: {type(error).__name__}: {error}."
    return {
        "stage": "system",
        "state": "failing",
        "sentence": sentence,
        "cause": cause,
        "next": next_step,
        "evidence": [{"text": text, "source": "doctor", "at": None, "seq": None}],
        **dict.fromkeys(("since", "ms", "usual_ms")),
    }


async def _versions(environ: Mapping[str, str]) -> list[Finding]:
    async def check() -> ProbeAnswer:
        from dev.doctor import versions  # it may be what cannot be loaded

        return await versions.check(environ, monitor_reasons(environ))

    return await ask(Probe("versions", check, group="versions"))


def _dotenv() -> tuple[dict[str, str], list[Finding]]:
    """The plain lines of `.env`, and those that are no assignments."""
    values, wrong = {}, []
    for number, name, value in known_secrets.assignments(DOTENV):
        if name:
            values[name] = value
        else:
            detail = f".env line {number} is no assignment; write it as NAME=value"
            wrong.append(Finding("settings", "problem", "fail", detail))
    if DOTENV.exists() and not os.access(DOTENV, os.R_OK):
        detail = ".env cannot be read by this user"
        wrong.append(Finding("settings", "problem", "fail", detail, f"chmod u+r {DOTENV}"))
    return values, wrong


def _process(name: str, home: Path) -> Finding:
    """What the launcher's status file says, corrected where its launcher is gone."""
    try:
        status = json.loads((home / "run" / f"{name}.json").read_text())
        state, launcher = str(status["state"]), status.get("launcher") or {}
        detail = f"{state}: {status.get('detail') or ''}"
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
