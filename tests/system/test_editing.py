"""A person edits agent/ during a call: a real worker, in a checkout of its own; LiveKit, Letta and
speech are the running system's."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
import urllib.request
from collections.abc import Iterator
from http.client import RemoteDisconnected
from pathlib import Path
from typing import Any

import psutil
import pytest

from dev.caller import Caller
from tests.faults.checkouts import own_checkout
from tests.running_system import ROOT, System
from tests.system.checkout import lives, wait_for

NOTICED_S = 40.0  # some 3 s when nothing else runs; the tests that run beside it take the CPU
ENDS_S = 15.0


@pytest.fixture
def edited(system: System, tmp_path: Path) -> Iterator[System]:
    with own_checkout(system, tmp_path) as made:
        (made.root / "agent").unlink()
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "agent", made.root / "agent", ignore=ignored)
        made.overrides["AGENT_RELOAD"] = "true"
        made.start()
        yield made


def asked(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except RemoteDisconnected:  # the worker that took the connection ended; the next one answers
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)


def worker(system: System) -> dict[str, Any]:
    told: dict[str, Any] = asked(f"{system.agent_url}/worker")
    return told


def replaced(system: System, before: int) -> bool:
    now = worker(system)
    assert now["registered"], "not even for a moment"
    return bool(now["pid"] != before)


def of_system(system: System) -> dict[str, Any]:
    verdicts = asked(f"{system.proxy_url}/api/verdicts")["verdicts"]
    found: dict[str, Any] = next(one for one in verdicts if one["stage"] == "system")
    return found


def code_of(system: System, name: str) -> Path:
    return system.root / "agent" / name


async def until(what: str, true: Any, limit_s: float) -> None:
    await asyncio.to_thread(wait_for, what, true, limit_s)


async def test_a_call_goes_on_with_the_code_it_began_with(edited: System) -> None:
    before = worker(edited)["pid"]
    old = psutil.Process(before)
    async with Caller(edited.proxy_url, room="edited") as caller:
        await caller.wait_until_listening()
        file = code_of(edited, "job/job.py")
        file.write_text(file.read_text() + "\n# edited\n")
        await until("the new worker is registered", lambda: replaced(edited, before), NOTICED_S)
        assert [job["room"] for job in worker(edited)["jobs"]] == ["edited"]
        turn = await caller.say("hello who are you")
        assert turn.answered and turn.reply
        assert caller.agent_count == 1
        assert lives(old)
        events = asked(f"{edited.proxy_url}/api/calls")["calls"]
        assert events[0]["turns"] == 1, "the new worker delivers what the old one's call tells"
        # A call that begins now has the new code.
        async with Caller(edited.proxy_url, room="new") as other:
            await other.wait_until_listening()
            assert {job["room"] for job in worker(edited)["jobs"]} == {"edited", "new"}
    await until("the old worker is gone", lambda: not lives(old), ENDS_S)
    await until("no call is left", lambda: not worker(edited)["jobs"], ENDS_S)


async def test_broken_code_is_named_until_it_is_mended(edited: System) -> None:
    before = worker(edited)["pid"]
    file = code_of(edited, "job/session.py")  # which only calls load
    whole = file.read_text()
    lines = len(whole.splitlines())
    file.write_text(whole + "\ndef broken(:\n")

    def told() -> bool:
        return bool(edited.status("agent")["cause"] == "code-broken")

    await until("it is told", told, NOTICED_S)
    where = f"agent/job/session.py line {lines + 2}: SyntaxError: invalid syntax"
    assert where in str(edited.status("agent")["detail"])
    await until("it is a verdict", lambda: of_system(edited)["cause"] == "code-broken", 5)
    verdict = of_system(edited)
    assert verdict["state"] == "ok" and where in verdict["sentence"]
    assert worker(edited)["pid"] == before and worker(edited)["registered"]
    async with Caller(edited.proxy_url, room="anyway") as caller:
        await caller.wait_until_listening()

    file.write_text(whole)
    began = time.monotonic()
    await until("the new worker is registered", lambda: replaced(edited, before), NOTICED_S)
    assert time.monotonic() - began < NOTICED_S
    await until("nothing is wrong", lambda: edited.status("agent")["cause"] == "", 5)
    await until("no verdict either", lambda: of_system(edited)["cause"] in (None, ""), 5)
