"""The processes: what their launchers say of them, and whether they really answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath

import psutil

from common import known_secrets
from common.process_records import ProcessRecord, ProcessState
from common.redaction import Redactor
from proxy.clients.registration import Registration
from proxy.probes import livekit, providers, status_files
from proxy.probes.question import Questions
from proxy.settings import ProxySettings
from proxy.verdicts.system_health import LAUNCHER, OURS_ALONE, ProbeResult, Process

PROCESSES = ("livekit", "models", "letta", "agent", "proxy")
NO_FILES = ("livekit", "letta", "agent", "proxy")
"""What there is when no launcher runs here: the offline models are for one machine alone."""
FROZEN, NOT_READY = "frozen", "not-ready"
STOPPED = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
RELATIVES_EVERY_S = 4.0
"""A look at all processes of the machine costs some milliseconds, and more on a busy one."""
WORDS, LENGTH = 5, 80
"""Of a command line, as it is shown."""
BY_FORM = Redactor()


class Processes:
    """Reads status files and asks the processes themselves."""

    def __init__(
        self,
        settings: ProxySettings,
        questions: Questions,
        registration: Registration,
        *,
        inside: bool = True,
    ) -> None:
        self._settings = settings
        self._questions = questions
        self._registration = registration
        self._inside = inside
        self._started = time.time()
        self._since: dict[str, tuple[ProcessState, float]] = {}
        self._looks = Frozen()
        self._frozen: dict[str, tuple[str, ...]] = {}

    async def look(self, max_age: float) -> dict[str, Process]:
        """All processes; answers that are not older than `max_age` are not asked for again."""
        folder = self._settings.process_status_dir
        names = PROCESSES if folder is not None else NO_FILES
        files = {name: _file(folder, name) for name in names}
        if self._settings.own_agent == "off":
            files = {name: file for name, file in files.items() if name not in OURS_ALONE}
        elif files["agent"] is None and not self._settings.agent_check:
            del files["agent"]  # it runs elsewhere, and is nobody's to ask
        troubles, self._frozen = await asyncio.gather(
            self._troubles(files, max_age),
            asyncio.to_thread(self._looks.look, _programs(files)),
        )
        return {
            name: self._process(name, files[name], troubles[name], watched=folder is not None)
            for name in files
        }

    async def _troubles(
        self, files: dict[str, ProcessRecord | None], max_age: float
    ) -> dict[str, str | None]:
        troubles = await asyncio.gather(
            *(self._trouble(name, file, max_age) for name, file in files.items())
        )
        return dict(zip(files, troubles, strict=True))

    def _process(
        self, name: str, file: ProcessRecord | None, trouble: str | None, *, watched: bool
    ) -> Process:
        if name == "proxy" and self._inside:
            return _stopped(self._myself(file), _stopped_launcher(file))
        if file is None:
            return self._without_file(name, trouble or "", watched)
        process = Process(
            name,
            file.state,
            file.detail,
            file.since,
            file.answers if file.state == "monitoring" else None,
            file.program.pid if file.program else None,
            file.port,
            file.restarts,
            file.cause,
            tuple(file.log),
        )
        if trouble is not None:
            # The launcher asks now and then; a process may have stopped answering since.
            process = replace(process, answers=process.answers is not False and not trouble)
        if stopped := (*self._frozen.get(name, ()), *_stopped_launcher(file)):
            return _stopped(process, stopped)
        if not trouble:
            return process
        if file.state == "monitoring":
            return replace(process, detail=trouble)
        return replace(process, detail=f"It runs, but does not do its work: {trouble.rstrip('.')}.")

    def _without_file(self, name: str, trouble: str, watched: bool) -> Process:
        state: ProcessState = "stopped" if trouble else "ready"
        previous = self._since.get(name)
        if previous is None or previous[0] != state:
            previous = self._since[name] = (state, time.time())
        unwatched = " No launcher watches it." if watched else ""
        detail = f"{trouble[:1].upper()}{trouble[1:].rstrip('.')}." if trouble else "It answers."
        return Process(name, state, detail + unwatched, previous[1], not trouble)

    def _myself(self, file: ProcessRecord | None) -> Process:
        return Process(
            "proxy",
            "ready",
            "It gives this answer.",
            self._started,
            True,
            os.getpid(),
            self._settings.proxy_port,
            file.restarts if file else 0,
        )

    async def _trouble(self, name: str, file: ProcessRecord | None, max_age: float) -> str | None:
        """What is wrong with its answers, empty when nothing is; None when it is not asked."""
        if name == "proxy" and self._inside:
            return None
        if file is not None and not _is_asked(name, file):
            return None
        if file is not None and file.program is not None and file.program.stopped:
            return "it is stopped"  # it need not be asked: nobody would answer
        if name == "agent":
            worker = await self._registration.read(max_age=max_age)
            return "" if worker.registered else worker.sentence
        probe = await self._asked(name, max_age)
        return probe.detail if probe.problem else ""

    async def _asked(self, name: str, max_age: float) -> ProbeResult:
        match name:
            case "livekit":
                return await livekit.address(self._settings, self._questions, max_age)
            case "letta":
                return await providers.letta_answers(self._settings, self._questions, max_age)
            case "models":
                return await self._questions.ask(
                    self._settings.models_url + "/models", max_age=max_age
                )
        port = self._settings.proxy_port
        return await self._questions.ask(f"http://localhost:{port}/healthz", max_age=max_age)


def _file(folder: Path | None, name: str) -> ProcessRecord | None:
    return status_files.read(folder, name) if folder is not None else None


def _programs(files: dict[str, ProcessRecord | None]) -> dict[str, int]:
    """The pids of the programs that live."""
    return {
        name: file.program.pid
        for name, file in files.items()
        if file is not None and file.program is not None and file.program.alive
    }


def _is_asked(name: str, file: ProcessRecord) -> bool:
    if file.state == "monitoring":
        # The models' monitor stands for whichever providers are in use: see providers.py.
        return name != "models"
    return file.state == "ready" or file.cause == NOT_READY


def _stopped_launcher(file: ProcessRecord | None) -> tuple[str, ...]:
    """The launcher when it stands still and its program does not know; without a program its
    status tells it."""
    if file is None or file.launcher is None or file.program is None:
        return ()
    still = file.launcher.stopped and file.program.alive
    return (f"pid {file.launcher.pid} ({LAUNCHER} of {file.name})",) if still else ()


def _stopped(process: Process, frozen: tuple[str, ...]) -> Process:
    """A process of which a part, or the whole, stands still."""
    if not frozen:
        return process
    words = " and ".join(frozen)
    pids = " ".join(process_words.split()[1] for process_words in frozen)
    detail = (
        f"{words} {'is' if len(frozen) == 1 else 'are'} stopped (SIGSTOP or a debugger): "
        f"alive, but doing nothing; go on with: kill -CONT {pids}"
    )
    return replace(process, frozen=frozen, detail=detail, cause=FROZEN)


class Frozen:
    """Knows what descends from the programs, and looks whether any of it is stopped (SIGSTOP, a
    debugger): alive, holding its ports, doing nothing."""

    def __init__(self) -> None:
        self._relatives: dict[str, list[psutil.Process]] = {}
        self._programs: dict[str, int] = {}
        self._at = 0.0

    def look(self, programs: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
        """For each program (name: pid) those of its processes that are stopped, itself too."""
        due = time.monotonic() - self._at >= RELATIVES_EVERY_S
        if due or programs != self._programs:
            self._relatives = relatives(programs)
            self._programs, self._at = dict(programs), time.monotonic()
        frozen = {
            name: tuple(words for process in family if (words := _words_if_stopped(process)))
            for name, family in self._relatives.items()
        }
        return {name: words for name, words in frozen.items() if words}


def _words_if_stopped(process: psutil.Process) -> str:
    try:
        return in_words(process) if process.status() in STOPPED else ""
    except psutil.Error:
        return ""


def relatives(programs: Mapping[str, int]) -> dict[str, list[psutil.Process]]:
    """Each program's process and all that descends from it."""
    parents = _parents()
    names = {pid: name for name, pid in programs.items()}
    families: dict[str, list[psutil.Process]] = {name: [] for name in programs}
    for descendant in parents:
        pid, seen = descendant, set[int]()
        while pid not in names and pid in parents and pid not in seen:
            seen.add(pid)
            pid = parents[pid]
        if pid in names:
            with contextlib.suppress(psutil.Error):
                families[names[pid]].append(psutil.Process(descendant))
    return families


def _parents() -> dict[int, int]:
    """The parent of each process of the machine."""
    if not Path("/proc/self/stat").exists():
        return {process.pid: process.info["ppid"] for process in psutil.process_iter(["ppid"])}
    parents = {}  # psutil makes an object of each process, which takes four times as long
    for pid in psutil.pids():
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            # The command's name stands in parentheses, and may itself contain some.
            parents[pid] = int(file.read().rpartition(b")")[2].split(None, 2)[1])
    return parents


def in_words(process: psutil.Process) -> str:
    """`pid 12 (python -m agent)`; raises psutil.Error when the process has gone."""
    words = process.cmdline() or [process.name()]
    words = [PurePath(words[0]).name, *words[1:WORDS]]
    command = " ".join("…" if _may_be_secret(word) else word for word in words)
    return f"pid {process.pid} ({command[:LENGTH].strip()})"


def _may_be_secret(word: str) -> bool:
    name = word.partition("=")[0].lstrip("-")
    return known_secrets.names_secret(name) or BY_FORM.text(word) != word
