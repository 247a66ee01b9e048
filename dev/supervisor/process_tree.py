"""End a program with everything it started, and nothing else.

What a program started is known by three signs: it descends from it, it is in its session, or it
carries the tag that the launcher put into the program's environment (which finds children that
left both). A pid alone is never enough.

The guardian of a launcher runs `python -m dev.supervisor.process_tree end RECORD`.
"""

import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from common import process_records
from common.process_records import Identity, ProcessRecord

TAG = "VOICE_PROGRAM"
# honcho kills a launcher five seconds after the first process ended: the whole must fit into that.
TERM_WAIT_S = 3.8
CHILDREN_WAIT_S = 0.3
KILL_WAIT_S = 1.0
LOOK_EVERY_S = 0.02


def descendants(root: Identity) -> list[psutil.Process]:
    """The program `root` itself, when it lives, and what descends from it."""
    process = root.process()
    if process is None:
        return []
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return [process]


def family(root: Identity, tag: str) -> list[psutil.Process]:
    """All living processes of the program `root`, itself first when it lives."""
    known = {process.pid: process for process in descendants(root)}
    # The number of a session proves something only while the process that made it lives.
    session = root.pid if root.pid in known and _session(root.pid) == root.pid else None
    for other in psutil.process_iter():
        if other.pid not in known and other.pid != os.getpid() and _belongs(other, tag, session):
            known[other.pid] = other
    return [process for process in known.values() if _lives(process)]


def _belongs(process: psutil.Process, tag: str, session: int | None) -> bool:
    try:
        if session is not None and _session(process.pid) == session:
            return True
        return bool(tag) and process.environ().get(TAG) == tag
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError):
        return False


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end(root: Identity, tag: str, term_wait_s: float = TERM_WAIT_S) -> list[str]:
    """Ask the program to end, wait, end what is left; returns a sentence for each process that had
    to be killed."""
    before = family(root, tag)
    program = root.process()
    if program is not None:
        _signal([program], "terminate")
        _wait_gone([program], term_wait_s)
    # What it started may have started more meanwhile, and may have lost its parent.
    left = _union(before, family(root, tag))
    if not left:
        return []
    _signal(left, "terminate")
    _wait_gone(left, CHILDREN_WAIT_S)
    killed = _union(left, family(root, tag))
    names = [
        f"pid {process.pid} ({_name(process)}) did not end by itself and was killed"
        for process in killed
    ]
    _signal(killed, "kill")
    _wait_gone(killed, KILL_WAIT_S)
    return names


def _wait_gone(group: Iterable[psutil.Process], limit_s: float) -> None:
    """Wait without reaping: a child's end is its parent's to collect (asyncio would miss it)."""
    deadline = time.monotonic() + limit_s
    while any(_lives(process) for process in group) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)


def _union(*groups: Iterable[psutil.Process]) -> list[psutil.Process]:
    known = {process.pid: process for group in groups for process in group}
    return [process for process in known.values() if _lives(process)]


def _signal(processes: Iterable[psutil.Process], action: str) -> None:
    for process in processes:
        try:
            getattr(process, action)()
            process.resume()  # one that is stopped (SIGSTOP) hears of its end only when it goes on
        except psutil.NoSuchProcess:
            continue


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return "?"


def end_recorded(record: ProcessRecord) -> list[str]:
    """End the programs of a record, all at once, and all they started."""
    programs = [(other.program, other.tag) for other in record.beside]
    if record.program is not None:
        programs.append((record.program, record.tag))
    if not programs:
        return []
    with ThreadPoolExecutor(len(programs)) as pool:
        killed = pool.map(lambda program: end(*program), programs)
        return [sentence for sentences in killed for sentence in sentences]


def main(arguments: list[str]) -> int:
    match arguments:
        case ["end", file]:
            try:
                record = process_records.load(Path(file))
            except process_records.RecordError:
                return 0
            if record is not None and not record.launcher_alive:
                end_recorded(record)
            return 0
    print("usage: python -m dev.supervisor.process_tree end RECORD", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
