"""system: a program is not there, or cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from tests.faults.conftest import NewFault
from tests.faults.fault import of_system
from tests.faults.injected import stopped
from tests.faults.listeners import silent_listener
from tests.faults.processes import (
    kill,
    kill_until_given_up,
    program,
    restarting,
    suspended_launcher,
)
from tests.running_system import System
from tests.system.checkout import wait_for

STARTS_WITHIN_S = 90.0
"""Letta takes long, the more so on a busy machine."""
BROKEN_LIBRARY = "libopenblas.so.0: cannot open shared object file"


@pytest.mark.parametrize("name", ["models", pytest.param("letta", marks=pytest.mark.long)])
def test_a_program_stays_down(faulty: System, new_fault: NewFault, name: str) -> None:
    fault = new_fault("system", f"{name}-down", f"{name} killed until its launcher gave up")
    ask = of_system(faulty.proxy_url)
    try:
        kill_until_given_up(faulty, name)
        fault.breaks()
        told = fault.named(ask)
        assert f"./restart_voice_system.sh {name}" in told["next"]
    finally:
        faulty.command(name)
    fault.cleared(ask)


@pytest.mark.parametrize(
    ("name", "cause"),
    [("livekit", "livekit-down"), ("agent", "worker-not-running"), ("letta", "letta-down")],
)
def test_a_program_is_gone(faulty: System, new_fault: NewFault, name: str, cause: str) -> None:
    fault = new_fault("system", cause, f"{name} killed, its launcher suspended")
    ask = of_system(faulty.proxy_url)
    with suspended_launcher(faulty, name) as launcher:
        kill(faulty, name)
        fault.breaks()
        assert f"kill -CONT {launcher}" in fault.named(ask)["sentence"]
    fault.cleared(ask, within_s=STARTS_WITHIN_S)


def test_the_worker_crashes_at_each_start(
    faulty: System, new_fault: NewFault, tmp_path: Path
) -> None:
    """A library that the worker needs is broken, as after a failed upgrade."""
    fault = new_fault("system", "worker-crash-loop", "a broken numpy on the worker's path")
    ask = of_system(faulty.proxy_url)
    (tmp_path / "numpy.py").write_text(f"raise ImportError({BROKEN_LIBRARY!r})\n")
    try:
        broken = System(faulty.home, faulty.root, {**faulty.overrides, "PYTHONPATH": str(tmp_path)})
        with pytest.raises(AssertionError, match="agent is not ready"):
            broken.command("agent")
        fault.breaks()
        told = fault.named(ask)
        said = told["sentence"] + "".join(each["text"] for each in told["evidence"])
        assert BROKEN_LIBRARY in said, told
    finally:
        faulty.command("agent")
    fault.cleared(ask)


def test_the_worker_has_another_secret_than_the_server(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("system", "worker-not-registered", "worker started with another secret")
    ask = of_system(faulty.proxy_url)
    wrong = {"LIVEKIT_API_KEY": faulty.api_key, "LIVEKIT_API_SECRET": "another secret " * 3}
    try:
        with restarting(faulty, "agent", **wrong):
            wait_for("the server refuses it", lambda: "401" in _worker_error(faulty), 60)
            fault.breaks()
            fault.named(ask)
    finally:
        faulty.command("agent")
    fault.cleared(ask)


def _worker_error(system: System) -> str:
    """What the worker says of its last attempt to register; empty while it says nothing."""
    try:
        return str(httpx.get(f"{system.agent_url}/worker").json()["last_error"])
    except httpx.HTTPError:
        return ""


def test_a_port_is_taken(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("system", "port-taken", "models killed, its port taken by a listener")
    ask = of_system(faulty.proxy_url)
    kill(faulty, "models")
    with silent_listener(faulty.port("MODELS_PORT")) as port:
        fault.breaks()
        told = fault.named(ask)
        said = told["sentence"] + told["next"] + "".join(e["text"] for e in told["evidence"])
        assert f"pid {os.getpid()}" in said and str(port) in said, told
    # "It starts by itself when the port is free."
    fault.cleared(ask)


def test_a_program_is_frozen(faulty: System, new_fault: NewFault) -> None:
    fault = new_fault("system", "process-frozen", "SIGSTOP for the models server")
    ask = of_system(faulty.proxy_url)
    frozen = program(faulty, "models")
    assert frozen is not None
    with stopped(frozen.pid):
        fault.breaks()
        assert "./restart_voice_system.sh models" in fault.named(ask)["next"]
        faulty.command("models")
    fault.cleared(ask)
