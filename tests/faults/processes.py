"""What can befall the programs of a running system, done to them by the pids of their launchers."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from dev.supervisor.supervisor import STABLE_S
from tests.running_system import System
from tests.system.checkout import wait_for

PROGRAM_ENDS_S = 5.0
GIVES_UP_S = 30.0


def program(system: System, name: str) -> psutil.Process | None:
    """The living program of the launcher `name`; None while it has none."""
    told = system.status(name)["program"]
    if not isinstance(told, dict):
        return None
    try:
        process = psutil.Process(told["pid"])
        same = abs(process.create_time() - told["start_time"]) < 1
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def kill(system: System, name: str) -> None:
    """SIGKILL the program, as the kernel does when memory runs out."""
    found = program(system, name)
    assert found is not None, f"{name} does not run: {system.status(name)}"
    found.kill()
    wait_for(f"{name} is gone", lambda: program(system, name) is None, PROGRAM_ENDS_S)


def kill_until_given_up(system: System, name: str) -> None:
    """SIGKILL the program and each one that is started in its place; return when none is."""

    def given_up() -> bool:
        if (found := program(system, name)) is not None:
            found.kill()
        return system.status(name)["state"] == "failed"

    wait_for(f"the launcher of {name} gives up", given_up, GIVES_UP_S)


def stable(system: System, *names: str) -> None:
    """Return when the next crash of each is not one in a row, before which its launcher waits
    longer, or gives up."""

    def old() -> bool:
        found = [program(system, name) for name in names]
        return all(one is not None and time.time() - one.create_time() > STABLE_S for one in found)

    wait_for(f"{names} have run for a while", old, 3 * STABLE_S)


@contextmanager
def suspended_launcher(system: System, name: str) -> Iterator[int]:
    """The launcher, of this pid, stands still as after Ctrl-Z: nobody starts the program again."""
    told = system.status(name)["launcher"]
    assert isinstance(told, dict)
    os.kill(told["pid"], signal.SIGSTOP)
    try:
        yield int(told["pid"])
    finally:
        os.kill(told["pid"], signal.SIGCONT)


@contextmanager
def restarting(system: System, *names: str, **exported: str) -> Iterator[None]:
    """`./restart_voice_system.sh NAMES` in the background, with more exported; its wait is ended
    with this block, the restart itself goes on."""
    with subprocess.Popen(
        ["./restart_voice_system.sh", *names],
        cwd=system.root,
        env={**system.environment, **exported},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as waiting:
        try:
            yield
        finally:
            waiting.terminate()
            waiting.wait(timeout=10)
