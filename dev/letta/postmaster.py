"""The postmaster that a data folder's postmaster.pid speaks of: is it alive, is it ours, end it.

After a `kill -9` of everything the file is stale and its pid may belong to somebody else; after a
`kill -9` of only this program's parent the postmaster itself may live on. Two postmasters on the
same data would destroy it, so a start first ends what is left, by pid, and only what it knows:
an executable called postgres, at home in this data folder.
"""

import signal
from contextlib import suppress
from pathlib import Path

import psutil

from dev.letta import pidfile
from dev.letta.console import Problem, say
from dev.letta.pidfile import PidFile

# Postgres writes its start time in whole seconds, some time after the kernel started it.
START_TOLERANCE_S = 5.0
FAST_S = 5.0
IMMEDIATE_S = 3.0
KILL_S = 3.0


def alive(data: Path, file: PidFile) -> psutil.Process | None:
    """The postmaster of `file`, or None when that pid is gone or has become another process."""
    try:
        process = psutil.Process(file.pid)
        if abs(process.create_time() - file.started) > START_TOLERANCE_S:
            return None
    except psutil.NoSuchProcess:
        return None
    return process if at_home(process, data) else None


def at_home(process: psutil.Process, data: Path) -> bool:
    """Whether a process is a Postgres whose working folder is `data` (all of Postgres' are)."""
    try:
        if not process.name().startswith("postgres") or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return Path(process.cwd()).resolve() == data.resolve()
    except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
        return False


def clear(data: Path) -> None:
    """Leave no process at work on `data` and no file that would keep Postgres from starting."""
    file = pidfile.read(data)
    if file and (process := alive(data, file)):
        say(f"ending the Postgres of an earlier start (pid {file.pid})")
        _end(process)
    for process in psutil.process_iter():
        # Backends of a postmaster that was killed hold the data's shared memory for a moment.
        if at_home(process, data):
            _end(process)
    left = [process.pid for process in psutil.process_iter() if at_home(process, data)]
    if left:
        raise Problem(
            f"Postgres (pid {', '.join(map(str, left))}) still works on {data} and does not end; "
            f"end it with `kill -9 {left[0]}` and start again"
        )
    (data / "postmaster.pid").unlink(missing_ok=True)
    if file and file.socket_folder:
        clear_socket(file.socket_folder)


def clear_socket(folder: Path) -> None:
    """Remove what a dead Postgres left in its socket folder: its lock names a pid that may be
    somebody else's by now."""
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
        with suppress(OSError):
            (folder / name).unlink()


def _end(process: psutil.Process) -> None:
    """A fast shutdown, then an immediate one, then kill: Postgres recovers from all three."""
    steps = ((signal.SIGINT, FAST_S), (signal.SIGQUIT, IMMEDIATE_S), (signal.SIGKILL, KILL_S))
    for number, patience in steps:
        try:
            process.send_signal(number)
            process.wait(patience)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            continue
        return
