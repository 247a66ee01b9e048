"""Who started this process: its parent and the honcho above it, and whether they still live.

honcho starts every line of the Procfile in a session of its own and, when it is killed or its
terminal is closed, leaves them all behind. So each launcher watches it. Standard library only:
preparation uses this before any package is installed.
"""

import asyncio
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

LOOK_EVERY_S = 0.5


@dataclass(frozen=True)
class Seen:
    """One process at one moment. `started` is an opaque mark that no later process with the same
    pid shares."""

    pid: int
    parent: int
    started: str
    command: tuple[str, ...] = field(compare=False)


def look(pid: int) -> Seen | None:
    """The process `pid`, or None when it is gone (a zombie counts as gone)."""
    if Path("/proc/self/stat").exists():
        return _look_in_proc(pid)
    return _look_with_ps(pid)


def _look_in_proc(pid: int) -> Seen | None:
    try:
        # The command's name stands in parentheses and may itself contain spaces and parentheses.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    if fields[0] in ("Z", "X"):
        return None
    return Seen(pid, int(fields[1]), fields[19], tuple(command[:-1]))


def _look_with_ps(pid: int) -> Seen | None:
    shown = subprocess.run(
        ["ps", "-o", "stat=,ppid=,lstart=,args=", "-p", str(pid)], capture_output=True, text=True
    ).stdout.split()
    if len(shown) < 8 or shown[0].startswith("Z"):
        return None
    return Seen(pid, int(shown[1]), " ".join(shown[2:7]), tuple(shown[7:]))


def holder_line(what: str) -> str:
    """What a process writes into a lock file that it holds: itself, and what it does."""
    me = look(os.getpid())
    return f"{os.getpid()}|{me.started if me else ''}|{what}"


def holder_of(line: str) -> str:
    """Who holds a lock file with this content, for a sentence; named only while it lives."""
    pid, _, rest = line.strip().partition("|")
    started, _, what = rest.partition("|")
    process = look(int(pid)) if pid.isdecimal() else None
    if process is None or process.started != started:
        return "a process that is not known"
    return f"pid {pid}{what and f' ({what})'}"


def is_honcho(command: tuple[str, ...]) -> bool:
    """Whether a command line is honcho: its own script, run by a Python, or `python -m honcho`."""
    if not command:
        return False
    if Path(command[0]).name == "honcho":
        return True
    if not Path(command[0]).name.lower().startswith(("python", "pypy")):
        return False
    for at, word in enumerate(command[1:], 1):
        if word == "-m":
            return command[at + 1 : at + 2] == ("honcho",)
        if not word.startswith("-"):
            return Path(word).name == "honcho"
    return False


def ancestors() -> list[Seen]:
    """The living ancestors of this process, nearest first."""
    ancestors: list[Seen] = []
    pid = os.getppid()
    while pid >= 1 and len(ancestors) < 64:
        seen = look(pid)
        if seen is None:
            break
        ancestors.append(seen)
        pid = seen.parent
    return ancestors


def manager(chain: list[Seen], under_honcho: bool) -> int | None:
    """Where in `chain` honcho itself stands; None when there is none.

    honcho forks a copy of itself for each line of the Procfile, which starts the line's shell and
    stays behind when honcho is killed. Raises ProcessLookupError when only such a copy is left.
    """
    managers = [at for at, seen in enumerate(chain) if is_honcho(seen.command)]
    if not managers:
        return None
    first = managers[0]
    below = chain[:first]
    copy_alone = len(managers) == 1 and all(_is_shell(seen.command) for seen in below)
    if under_honcho and copy_alone:
        raise ProcessLookupError
    return managers[-1]


def _is_shell(command: tuple[str, ...]) -> bool:
    return Path(command[0]).name in ("sh", "bash", "dash") if command else False


class Parents:
    """What this process must not outlive: its parent, and honcho with all that stands between."""

    def __init__(self) -> None:
        chain = ancestors()
        self.honcho: Seen | None = None
        self._watched = chain[:1]
        self._late = False
        try:
            at = manager(chain, "HONCHO_PROCESS_NAME" in os.environ)
        except ProcessLookupError:
            self._late = True
            return
        if at is not None:
            self.honcho = chain[at]
            self._watched = chain[: at + 1]

    def gone(self) -> str | None:
        """A sentence naming the ancestor that ended, or None while all live."""
        if self._late:
            return "honcho is gone"
        for seen in self._watched:
            now = look(seen.pid)
            if now is None or now.started != seen.started:
                what = "honcho" if self.honcho and is_honcho(seen.command) else "the parent"
                return f"{what} (pid {seen.pid}) is gone"
        return None

    async def until_gone(self) -> str:
        """Wait for the end of one of them; the sentence that names it."""
        # Nobody is woken to look where the system tells of an end by itself.
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        files = _told_ends([seen.pid for seen in self._watched])
        for file in files:
            loop.add_reader(file, ended.set)
        try:
            if files and not self.gone():
                await ended.wait()
            while not (sentence := self.gone()):  # noqa: ASYNC110 - not told of here
                await asyncio.sleep(LOOK_EVERY_S)
            return sentence
        finally:
            for file in files:
                loop.remove_reader(file)
                os.close(file)


def _told_ends(pids: list[int]) -> list[int]:
    """For each process a file that can be read when it has ended; none where they are unknown."""
    files: list[int] = []
    try:
        for pid in pids:
            files.append(os.pidfd_open(pid))
    except (AttributeError, OSError):  # not on Linux, or one has ended already
        for file in files:
            os.close(file)
        return []
    return files
