"""Changed code of a program takes over while it runs: it is started beside it, and replaces it when
it can do the work. So does a fresh process of the same code, when the program asks for one.

The new program finds in REPLACES the pid of the one that runs. As soon as it can do the work it
listens on the same port and sends that one SIGUSR1, which gives up the port, ends the calls it
has, and then itself. Code that cannot run never gets so far: the program that runs goes on.

A program asks by writing {"pid": its own, "why": a sentence} into the file that HEIR_WISH names.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dev import ports, processes, readiness, sources
from dev.ending import Ending
from dev.program import Program
from dev.records import READY
from dev.services import CHECKOUT, Service
from dev.state import Crash, State
from dev.telling import located

REPLACES = "VOICE_REPLACES"
HEIR_WISH = "VOICE_HEIR_WISH"
CAUSE = "code-broken"
NEW_CODE = "new code"
OFF = ("false", "0", "no", "off", "n", "f")
LOOK_EVERY_S = 2.0  # though nothing is heard of: not every file system tells of changes
ASK_EVERY_S = 0.1
SLOW_S = 30.0
MANY = 200


async def cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and wait for their end, however it is."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Reloading:
    """Watches the code of one service; `tried` is the state of it that was tried last."""

    def __init__(self, service: Service, environ: Mapping[str, str], state: State) -> None:
        self.service = service
        self.environ = environ
        self.state = state
        self.trying = False
        self.what = ""  # has taken over last, in words
        self.tried: dict[str, float] = {}
        self._wish = Path(environ.get(HEIR_WISH, os.devnull))
        setting = (environ.get(service.reload) or "true") if service.reload else "false"
        self._on = setting.strip().lower() not in OFF

    async def replace(self, program: Program, seen: dict[str, float]) -> Program:
        """The program that has taken over from `program`: with changed code, other than `seen`, or
        asked for by it."""
        self.tried = seen
        while True:
            why = await self._reason(program)
            self.state.log.say(f"{why}: another {self.service.name} is started beside this one")
            self.trying = True
            try:
                if heir := await self._try(program):
                    return heir
            finally:
                self.trying = False

    async def _reason(self, program: Program) -> str:
        """Wait until there is one; why another program is to take over."""
        asked = asyncio.create_task(self._asked(program))
        changed = asyncio.create_task(self._changed(self.tried))
        try:
            await asyncio.wait((asked, changed), return_when=asyncio.FIRST_COMPLETED)
            if changed.done():
                self.tried = changed.result()
                self.what = NEW_CODE
                return f"{self.service.code}/ has changed"
            self.what = f"pid {program.identity.pid} was replaced: {asked.result()};"
            return f"pid {program.identity.pid} asks to be replaced: {asked.result()}"
        finally:
            await cancelled(asked, changed)

    async def _asked(self, program: Program) -> str:
        """Wait for a wish of this program, and take it; its reason."""
        while True:
            if self.state.now == READY and self._wish.is_file():
                with contextlib.suppress(OSError, ValueError, KeyError):
                    wish = json.loads(self._wish.read_text())
                    self._wish.unlink()
                    if wish["pid"] == program.identity.pid:
                        return str(wish["why"])
            await asyncio.sleep(LOOK_EVERY_S)

    async def _changed(self, before: dict[str, float]) -> dict[str, float]:
        """Wait for a change, and until no more follow; and until there is something to replace."""
        if not self._on:
            await asyncio.Event().wait()
        while True:
            now = await asyncio.to_thread(sources.code, self.service)
            if now != before and self.state.now == READY:
                return now
            await sources.news(self.service, LOOK_EVERY_S)

    async def _try(self, program: Program) -> Program | None:
        """Start the code of now beside `program`; None when it has not taken over."""
        environ = {**self.environ, REPLACES: str(program.identity.pid)}
        log = self.state.log.apart()
        try:
            candidate = await Program.start(self.service.command, environ, log)
        except OSError as error:
            self._tell(str(Ending.never_began(self.service.command, error)), ())
            return None
        self.state.add_beside(candidate)
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
                ending = Ending.of(ended.result(), log.tail(MANY))
                where = located(log.tail(MANY), str(CHECKOUT)) or ending.how
                self._tell(f"cannot run: {where}", ending.log)
            return None
        finally:
            await cancelled(*tasks)
            if not took_over:
                await candidate.end()
                self.state.drop_beside(candidate)

    def _tell(self, what: str, log: Sequence[str]) -> None:
        heir = "the changed code" if self.what == NEW_CODE else "another program with the code"
        how = f"{heir} of {self.service.code}/ {what}"
        self.state.log.say(f"{how}; the code from before goes on", "ERROR")
        self.state.code_broken(Crash(CAUSE, how, tuple(log)))

    async def _taken_over(self, candidate: Program) -> None:
        while not await self._took_over(candidate):  # noqa: ASYNC110 - a port has no event
            await asyncio.sleep(ASK_EVERY_S)

    async def _took_over(self, candidate: Program) -> bool:
        """Whether it listens on the port of the service, which answers well."""
        number = self.service.port.number(self.environ)
        family = await asyncio.to_thread(processes.descendants, candidate.identity)
        if not await asyncio.to_thread(ports.owns, family, number):
            return False
        return await asyncio.to_thread(readiness.ask, self.service, self.environ) is None
