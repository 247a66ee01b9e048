"""What of this system runs in one VOICE_HOME: honcho, its launchers, their programs; and how all
of it is ended.

Everything is found through the records, never by name.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from common import process_records
from common.process_records import STARTING, STOPPED, Identity, ProcessRecord
from dev.services import CHECKOUT
from dev.supervisor import process_tree
from dev.supervisor.parents import is_honcho

HONCHO_RECORD = "honcho.json"
HONCHO_LOG = "honcho.log"
# honcho itself kills after five seconds.
STOP_WAIT_S = 8.0
LOOK_EVERY_S = 0.05


def all_records(home: Path, names: Iterable[str]) -> dict[str, ProcessRecord]:
    """The records there are, by name."""
    return {
        name: record for name in names if (record := process_records.read(home, name)) is not None
    }


def common_honcho(home: Path, names: list[str]) -> Identity | None:
    """The living honcho that has a living launcher for every one of `names`, None when there is no
    such one."""
    known = all_records(home, names)
    managers = {record.honcho for record in known.values() if record.launcher_alive}
    if len(managers) != 1 or any(
        name not in known or not known[name].launcher_alive for name in names
    ):
        return None
    (honcho,) = managers
    return honcho if honcho is not None and honcho.alive else None


def start_honcho(
    home: Path, log: Path, names: list[str], environ: Mapping[str, str], *, prefix: bool = True
) -> "subprocess.Popen[bytes]":
    """Start `honcho start` in a session of its own, its output in `log`; it outlives the caller.

    With `prefix` each line begins with the time and the name of its process.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    plain = [] if prefix else ["--no-prefix"]
    with log.open("wb") as output:
        honcho = subprocess.Popen(
            # An empty -e: honcho's own reading of .env has traps, the launchers read the file
            # themselves.
            [sys.executable, "-u", "-m", "honcho", "-e", os.devnull, "start", *plain, *names],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=dict(environ),
        )
    identity = Identity.of(honcho.pid)
    if identity is not None:
        process_records.write(home, ProcessRecord("honcho", STARTING, program=identity))
    return honcho


def stop(home: Path, names: Iterable[str]) -> tuple[int, list[str]]:
    """End honcho, the launchers and the programs of this home; how many processes, and what had to
    be killed."""
    known = all_records(home, names)
    started = process_records.read(home, "honcho")
    managers = {record.honcho for record in known.values() if record.honcho}
    if started is not None and started.program is not None:
        managers.add(started.program)
    managers = {identity for identity in managers if _is_honcho(identity)}
    launchers = {
        record.launcher for record in known.values() if record.launcher_alive and record.launcher
    }
    programs = {
        name: record for name, record in known.items() if record.program and record.program.alive
    }
    ended = len({identity.pid for identity in managers | launchers}) + len(programs)
    for identity in managers:
        _signal(identity, signal.SIGTERM)
    if managers:
        _wait_gone(launchers | managers, 1.0)
    for identity in launchers:
        _signal(identity, signal.SIGTERM)
    _wait_gone(managers | launchers, STOP_WAIT_S)
    killed = []
    for identity in managers | launchers:
        if identity.alive:
            killed.append(f"pid {identity.pid} did not end by itself and was killed")
            killed += process_tree.end(identity, "", term_wait_s=0)
    for record in all_records(home, names).values():
        killed += process_tree.end_recorded(record)
    for name in [*names, "honcho"]:
        last = process_records.read(home, name)
        if last is not None and last.state != STOPPED:
            last.state, last.detail, last.program = STOPPED, "stopped", None
            last.beside, last.since = [], time.time()
            process_records.write(home, last)
    return ended, killed


def _is_honcho(identity: Identity) -> bool:
    process = identity.process()
    return process is not None and is_honcho(tuple(process.cmdline()))


def _signal(identity: Identity, number: int) -> None:
    if identity.alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(identity.pid, number)
            # One that is stopped (SIGSTOP, Ctrl-Z) hears of it only when it goes on.
            os.kill(identity.pid, signal.SIGCONT)


def ask_to_restart(record: ProcessRecord) -> None:
    """Ask a launcher to begin anew."""
    if record.launcher is not None:
        _signal(record.launcher, signal.SIGUSR1)


def _wait_gone(identities: Iterable[Identity], limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while any(identity.alive for identity in identities) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
