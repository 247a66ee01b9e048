"""Changed code of a program takes over while it runs: it is started beside it, and replaces it when
it can do the work. So does a fresh process of the same code, when the program asks for one.

The new program finds in REPLACES the pid of the one that runs. As soon as it can do the work it
listens on the same port and sends that one SIGUSR1, which gives up the port, ends the calls it
has, and then itself. Code that cannot run never gets so far: the program that runs goes on.

A program asks by writing {"pid": its own, "why": a sentence} into the file that TAKEOVER_REQUEST
names.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from common.process_records import READY
from dev.services import CHECKOUT, Service
from dev.supervisor import ports, process_tree, readiness
from dev.supervisor.crash_excerpt import ProgramEnd, error_with_place
from dev.supervisor.program import Program
from dev.supervisor.status_writer import Crash, StatusWriter

REPLACES = "VOICE_REPLACES"
TAKEOVER_REQUEST = "VOICE_TAKEOVER_REQUEST"
CAUSE = "code-broken"
NEW_CODE = "new code"
OFF = ("false", "0", "no", "off", "n", "f")
COMMON = "common"
SETTINGS = CHECKOUT / "dev"
LOOK_EVERY_S = 2.0  # though nothing is heard of: not every file system tells of changes
SETTLED_MS = 50
ASK_EVERY_S = 0.1
SLOW_S = 30.0
MANY = 200


async def cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and wait for their end, however it is."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Takeover:
    """Lets another program take over the work of one service; `tried` is the state of the code
    that was tried last."""

    def __init__(self, service: Service, environ: Mapping[str, str], status: StatusWriter) -> None:
        self.service = service
        self.environ = environ
        self.status = status
        self.trying = False
        self.what = ""  # has taken over last, in words
        self.tried: dict[str, float] = {}
        self._request = Path(environ.get(TAKEOVER_REQUEST, os.devnull))
        setting = (environ.get(service.reload) or "true") if service.reload else "false"
        self._on = setting.strip().lower() not in OFF

    async def replace(self, program: Program, seen: dict[str, float]) -> Program:
        """The program that has taken over from `program`: with changed code, other than `seen`, or
        asked for by it."""
        self.tried = seen
        while True:
            why = await self._reason(program)
            self.status.log.say(f"{why}: another {self.service.name} is started beside this one")
            self.trying = True
            try:
                if replacement := await self._try(program):
                    return replacement
            finally:
                self.trying = False

    async def _reason(self, program: Program) -> str:
        """Wait until there is one; why another program is to take over."""
        requested = asyncio.create_task(self._requested(program))
        changed = asyncio.create_task(self._changed(self.tried))
        try:
            await asyncio.wait((requested, changed), return_when=asyncio.FIRST_COMPLETED)
            if changed.done():
                self.tried = changed.result()
                self.what = NEW_CODE
                return f"{self.service.code}/ has changed"
            self.what = f"pid {program.identity.pid} was replaced: {requested.result()};"
            return f"pid {program.identity.pid} asks to be replaced: {requested.result()}"
        finally:
            await cancelled(requested, changed)

    async def _requested(self, program: Program) -> str:
        """Wait for a request of this program, and take it; its reason."""
        while True:
            if self.status.now == READY and self._request.is_file():
                with contextlib.suppress(OSError, ValueError, KeyError):
                    request = json.loads(self._request.read_text())
                    self._request.unlink()
                    if request["pid"] == program.identity.pid:
                        return str(request["why"])
            await asyncio.sleep(LOOK_EVERY_S)

    async def _changed(self, before: dict[str, float]) -> dict[str, float]:
        """Wait for a change, and until no more follow; and until there is something to replace."""
        if not self._on:
            await asyncio.Event().wait()
        while True:
            now = await asyncio.to_thread(code_times, self.service)
            if now != before and self.status.now == READY:
                return now
            await _code_news(self.service, LOOK_EVERY_S)

    async def _try(self, program: Program) -> Program | None:
        """Start the code of now beside `program`; None when it has not taken over."""
        environ = {**self.environ, REPLACES: str(program.identity.pid)}
        log = self.status.log.apart()
        try:
            candidate = await Program.start(self.service.command, environ, log)
        except OSError as error:
            never = ProgramEnd.never_began(self.service.command, error)
            self._tell(never.text(str(CHECKOUT)), ())
            return None
        self.status.add_beside(candidate)
        ended = asyncio.create_task(candidate.ended())
        taking = asyncio.create_task(self._taken_over(candidate))
        again = asyncio.create_task(self._changed(self.tried))
        tasks = (ended, taking, again)
        took_over = False
        try:
            while not any(task.done() for task in tasks):
                await asyncio.wait(tasks, timeout=SLOW_S, return_when=asyncio.FIRST_COMPLETED)
                if not any(task.done() for task in tasks):
                    self._tell(f"has not become ready within {SLOW_S:.0f} s", log.tail(3))
            took_over = taking.done() or await self._took_over(candidate)
            if took_over:
                return candidate
            if ended.done():
                await candidate.last_words()
                end = ProgramEnd.of(ended.result(), log.tail(MANY))
                where = error_with_place(log.tail(MANY), str(CHECKOUT)) or end.how
                self._tell(f"cannot run: {where}", end.log)
            return None
        finally:
            await cancelled(*tasks)
            if not took_over:
                await candidate.end()
                self.status.drop_beside(candidate)

    def _tell(self, what: str, log: Sequence[str]) -> None:
        new = "the changed code" if self.what == NEW_CODE else "another program with the code"
        how = f"{new} of {self.service.code}/ {what}"
        self.status.log.say(f"{how}; the code from before goes on", "ERROR")
        self.status.code_broken(Crash(CAUSE, how, tuple(log)))

    async def _taken_over(self, candidate: Program) -> None:
        while not await self._took_over(candidate):  # noqa: ASYNC110 - a port has no event
            await asyncio.sleep(ASK_EVERY_S)

    async def _took_over(self, candidate: Program) -> bool:
        """Whether it listens on the port of the service, which answers well."""
        number = self.service.port.number(self.environ)
        family = await asyncio.to_thread(process_tree.descendants, candidate.identity)
        if not await asyncio.to_thread(ports.owns, family, number):
            return False
        return await asyncio.to_thread(readiness.ask, self.service, self.environ) is None


class ReplacedPrograms:
    """Programs that have handed over: they end their calls, then themselves, or with everything
    else. Each stands in the record as long as it lives."""

    def __init__(self, status: StatusWriter) -> None:
        self._status = status
        self._tasks: dict[Program, asyncio.Task[None]] = {}

    def add(self, program: Program) -> None:
        self._status.add_beside(program)
        self._tasks[program] = asyncio.create_task(self._see_off(program))

    async def end(self) -> None:
        """End them now, with the calls they have."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*map(self._clean_up, list(self._tasks)))

    async def _see_off(self, program: Program) -> None:
        code = await program.ended()
        await self._clean_up(program)
        how = f"pid {program.identity.pid}, which ran the code from before, has ended"
        self._status.log.say(f"{how} (exit code {code})", "WARNING" if code else "INFO")

    async def _clean_up(self, program: Program) -> None:
        for sentence in await program.end():
            self._status.log.say(sentence, "WARNING")
        self._status.drop_beside(program)
        self._tasks.pop(program, None)


class FileTimes(NamedTuple):
    """When each file changed last whose change is a reason to try a failed start again."""

    settings: dict[str, float]
    code: dict[str, float]

    @classmethod
    def of(cls, service: Service) -> "FileTimes":
        settings = [CHECKOUT / ".env", *CHECKOUT.glob("requirements*.txt"), *SETTINGS.glob("*.py")]
        return cls(_times(settings), code_times(service))


def code_times(service: Service) -> dict[str, float]:
    """When each file of the service's own code changed last, and of what it stands on."""
    if not service.code:
        return {}
    return _times(
        file for folder in (service.code, COMMON) for file in (CHECKOUT / folder).rglob("*.py")
    )


async def _code_news(service: Service, within_s: float) -> None:
    """Return soon after a change of the service's own code, when no more follow, or in time."""
    # Only those that watch pay for it.
    from watchfiles import PythonFilter, awatch

    folders = [CHECKOUT / service.code, CHECKOUT / COMMON]
    try:
        watching = awatch(
            *folders,
            watch_filter=PythonFilter(),
            debounce=SETTLED_MS * 4,
            step=SETTLED_MS,
            rust_timeout=round(within_s * 1000),
            yield_on_timeout=True,
        )
        async with contextlib.aclosing(watching):
            await anext(watching)
    except OSError:  # a folder is away for a moment, or this system watches no more files
        await asyncio.sleep(within_s)


def _times(files: Iterable[Path]) -> dict[str, float]:
    times = {}
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            times[str(file)] = file.stat().st_mtime
    return times
