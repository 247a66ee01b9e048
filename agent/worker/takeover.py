"""How a worker with new code, or a fresh one, takes over from the one that runs, so that no call
notices.

The launcher (dev/supervisor/takeover.py) starts it beside that one and says so in REPLACES. It
makes sure that the code of calls can be loaded, registers, listens on the same port, and sends
SIGUSR1. The other one then delivers no more events and frees the port. Until its last call has
ended it lists its calls in `SPOOL/retired-PID.json`, because whoever asks the new worker must hear
of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from agent import REPLACES
from agent.worker.status import Job

logger = logging.getLogger("agent.worker")

AGENT_FOLDER = Path(__file__).parents[1]  # all of which can have been changed
TAKEOVER_REQUEST = "VOICE_TAKEOVER_REQUEST"
LIST_PREFIX = "retired-"
LOOK_EVERY = 0.01  # seconds
HAND_OVER_TIMEOUT = 3.0  # seconds for the other one to hand over
CLOCK_TOLERANCE = 1.0  # seconds by which two readings of a process's start may differ


class CodeBroken(Exception):
    """What calls run cannot be loaded; why is on stderr already."""


async def check_code() -> None:
    """Load what calls run as they do: in a process of the server that theirs are forked from."""
    process = multiprocessing.get_context("forkserver").Process(target=load_all, daemon=True)
    try:
        await asyncio.to_thread(process.start)
        await asyncio.to_thread(process.join)
    except (EOFError, OSError):  # that server has met the error itself, and is gone
        raise CodeBroken from None
    if process.exitcode != 0:
        raise CodeBroken


def load_all() -> None:
    """Load the modules that calls need, and see that the others could be."""
    from agent.job import preload, process  # noqa: F401 - what calls need

    loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    for path in sorted(AGENT_FOLDER.rglob("*.py")):
        if str(path) not in loaded:
            compile(path.read_bytes(), str(path), "exec")


def request_replacement(why: str) -> bool:
    """Ask the launcher, in the file it names, to start another worker beside this one, which then
    takes over; False where there is no launcher that would."""
    if not (path := os.environ.get(TAKEOVER_REQUEST)):
        return False
    try:
        Path(path).write_text(json.dumps({"pid": os.getpid(), "why": why}))
    except OSError as error:
        logger.error("no other worker can be requested of the launcher in %s: %s", path, error)
        return False
    return True


class ReplacedWorker:
    """The worker that runs while this one starts."""

    def __init__(self, pid: int, folder: Path) -> None:
        self._pid = pid
        self._folder = folder

    @classmethod
    def named(cls, folder: Path) -> ReplacedWorker | None:
        """The worker that the launcher names, if it still runs."""
        pid = os.environ.pop(REPLACES, "")
        return cls(int(pid), folder) if pid and psutil.pid_exists(int(pid)) else None

    async def retire(self) -> None:
        """Tell it to retire; returns when its calls are known."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGUSR1)
            await self._until(lambda state: True)

    async def delivers_no_more(self) -> None:
        await self._until(lambda state: not state["delivers"])

    async def _until(self, true: Callable[[dict[str, Any]], bool]) -> None:
        path = path_of(self._folder, self._pid)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HAND_OVER_TIMEOUT):
                while psutil.pid_exists(self._pid):
                    state = _read(path)
                    if state is not None and true(state):
                        return
                    await asyncio.sleep(LOOK_EVERY)


class RetiredWorker:
    """A worker that has been replaced: the state that it publishes until it is gone."""

    def __init__(self, folder: Path) -> None:
        self._path = path_of(folder, os.getpid())
        self._published: Any = None

    def publish(self, jobs: Iterable[Job], *, delivers: bool) -> None:
        state = {
            "pid": os.getpid(),
            "started": psutil.Process().create_time(),
            "delivers": delivers,
            "jobs": [asdict(job) for job in jobs],
        }
        if state == self._published:
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = self._path.with_suffix(".part")
            fresh.write_text(json.dumps(state))
            fresh.replace(self._path)
            self._published = state
        except OSError as error:
            logger.error("the calls of this worker cannot be written to %s: %s", self._path, error)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def calls_of_retired(folder: Path) -> list[Job]:
    """The calls of other workers that have retired and still live."""
    others = (state for state in _living(folder) if state["pid"] != os.getpid())
    return [Job(**job) for state in others for job in state["jobs"]]


def _living(folder: Path) -> Iterator[dict[str, Any]]:
    with contextlib.suppress(FileNotFoundError):
        for path in folder.glob(f"{LIST_PREFIX}*.json"):
            state = _read(path)
            if state is not None and _lives(state["pid"], state["started"]):
                yield state
            elif state is not None:  # it was killed
                path.unlink(missing_ok=True)


def _lives(pid: int, started: float) -> bool:
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) <= CLOCK_TOLERANCE
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _read(path: Path) -> dict[str, Any] | None:
    try:
        state: dict[str, Any] = json.loads(path.read_text())
        return state
    except (OSError, ValueError):
        return None


def path_of(folder: Path, pid: int) -> Path:
    return folder / f"{LIST_PREFIX}{pid}.json"
