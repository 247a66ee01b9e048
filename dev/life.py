"""The life of one process of the Procfile, in order: clean up, prepare, wait, run, watch, start
again.

Every step says what it does and what it waits for. Nothing here ends the launcher: what cannot go
on is told and waits for a change.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from dev import others, ports, processes, readiness, sources
from dev.ending import Ending
from dev.program import Program
from dev.records import FAILED, MONITORING, PREPARING, READY, RESTARTING, STARTING
from dev.reloading import HEIR_WISH, Reloading, cancelled
from dev.retired import Retired
from dev.services import Service
from dev.state import Crash, State
from dev.telling import telling

LOOK_EVERY_S = 0.5
PROBE_EVERY_S, CHECK_EVERY_S, MONITOR_EVERY_S = 0.15, 3.0, 5.0
PORT_GRACE_S = 1.5  # a port may be held for a moment after its holder was told to end
FAILED_CHECKS = 2  # in a row, before a ready program counts as not answering
BACKOFF_S = (0.5, 1.0, 2.0, 4.0)  # so many crashes in a row are answered by another start
HAND_OVER_S = 1.0  # in which it is noticed that another program has taken over
STABLE_S = 30.0  # a crash after so long is not one in a row
MANY = 200  # lines of the log, among which those are that tell


class Life:
    """What a launcher does between its start and its end."""

    def __init__(
        self,
        service: Service,
        environ: Mapping[str, str],
        monitors: Mapping[str, str],
        state: State,
        begin_anew: Callable[[str], None],
    ) -> None:
        self.service = service
        self.environ = environ
        if service.reload:
            wish = state.home / "run" / f"{service.name}.heir-wish"
            self.environ = {**environ, HEIR_WISH: str(wish)}
        self.monitors = monitors
        self.state = state
        self.begin_anew = begin_anew
        self.program: Program | None = None
        self.began = state.record.launched
        self._reloading = Reloading(service, self.environ, state)
        self._retired = Retired(state)

    async def live(self, errors: list[str], cause: str) -> None:
        """Go through the life of the process; never returns."""
        if errors:
            await self._fail("; ".join(errors), cause)
        if reason := self.monitors.get(self.service.name):
            await self._monitor(reason)
        self.state.record.port = self.service.port.number(self.environ)
        if self.service.prepare:
            await self._prepare()
        await others.wait_for(self.service.after, self.monitors, self.state)
        await self._keep_running()

    async def end_program(self) -> None:
        """End what runs, with all it started."""
        if self.program is None:
            return
        for sentence in await self.program.end():
            self.state.log.say(sentence, "WARNING")
        self.program = None
        self.state.set_program(None)

    async def end_all(self) -> None:
        """End what runs, and with it the programs that have handed over and end their calls."""
        await asyncio.gather(self.end_program(), self._retired.end())

    async def _start(self, command: tuple[str, ...]) -> Program:
        self.state.log.last.clear()
        self.program = await Program.start(command, self.environ, self.state.log)
        self.state.set_program(self.program)
        return self.program

    async def _prepare(self) -> None:
        """Make ready what only this process needs; its progress is the record's detail."""
        what = " and ".join(self.service.prepare)
        self.state.set(PREPARING, f"preparing {what}")
        command = (sys.executable, "-m", "dev.bootstrap", "make", *self.service.prepare)
        program = await self._start(command)
        ended = asyncio.create_task(program.ended())
        try:
            while not ended.done():
                await asyncio.wait((ended,), timeout=LOOK_EVERY_S)
                self.state.detail_from_output()
        finally:
            ended.cancel()
        await program.last_words()
        ending = Ending.of(ended.result(), self.state.log.tail(MANY))
        await self.end_program()
        if ending.code != 0:
            said = "\n".join(self.state.log.tail(20))
            detail = f"{self.service.name} cannot be prepared, it {ending.how}:\n{said}"
            await self._fail(detail, "prepare-failed", ending.log)

    async def _keep_running(self) -> None:
        """Start the program, watch it, start it again; give up loudly after crashes in a row."""
        crashes = 0
        while True:
            await self._wait_for_ports()
            started = time.monotonic()
            self.state.set(STARTING, "starting")
            ending = await self._run_once()
            crashes = crashes + 1 if time.monotonic() - started < STABLE_S else 1
            cause = ending.cause if crashes == 1 else "crash-loop"
            self.state.crashed(Crash(cause, f"{self.service.name} {ending}", ending.log))
            self.state.set(RESTARTING, f"{self.service.name} {ending}")
            await self.end_program()
            if crashes > len(BACKOFF_S):
                detail = f"{self.service.name} {ending}; given up after {crashes} times in a row"
                await self._fail(detail, cause, ending.log)
            wait = BACKOFF_S[crashes - 1]
            self.state.record.restarts += 1
            self.state.record.ready_after_s = None
            row = f" ({crashes} times in a row)" if crashes > 1 else ""
            detail = f"{self.service.name} {ending}{row}; starts again in {wait:g} s"
            self.state.set(RESTARTING, detail, say=True)
            await asyncio.sleep(wait)
            self.began = time.time()

    async def _run_once(self) -> Ending:
        """Run the program, and what takes over with changed code, to the end; how it ended."""
        self.state.code_broken(None)
        seen = sources.code(self.service)
        try:
            program = await self._start(self.service.command)
        except OSError as error:
            return Ending.never_began(self.service.command, error)
        self.state.log.say(f"started as pid {program.identity.pid}")
        while isinstance(last := await self._end_or_heir(program, seen), Program):
            program, seen = last, self._reloading.tried
            self._hand_over(program)
        # Told at once: the last words of what it left behind may take a while.
        first = Ending.of(last, ())
        self.state.set(RESTARTING, f"{self.service.name} {first.how}", cause=first.cause)
        await program.last_words()
        return Ending.of(last, self.state.log.tail(MANY))

    async def _end_or_heir(self, program: Program, seen: dict[str, float]) -> int | Program:
        """Watch the program to its end; the exit code, or what has taken over with new code."""
        watch = asyncio.create_task(self._watch(program))
        ended = asyncio.create_task(program.ended())
        replaced = asyncio.create_task(self._reloading.replace(program, seen))
        try:
            await asyncio.wait((ended, replaced), return_when=asyncio.FIRST_COMPLETED)
            if ended.done() and ended.result() == 0 and self._reloading.trying:
                # It may have handed over and been done at once.
                await asyncio.wait((replaced,), timeout=HAND_OVER_S)
            return replaced.result() if replaced.done() else ended.result()
        finally:
            await cancelled(watch, ended, replaced)

    def _hand_over(self, heir: Program) -> None:
        """Take the program that has taken over for the one that runs; see the other one off."""
        before = self.program
        if before is not None:
            self._retired.add(before)
        self.program, self.state.log = heir, heir.log
        self.state.set_program(heir)
        self.state.drop_beside(heir)
        self.state.code_broken(None)
        since = f"{self._reloading.what} since {time.strftime('%H:%M:%S')}"
        self.state.set(READY, f"ready on port {self.state.record.port} ({since})")

    async def _wait_for_ports(self) -> None:
        """Wait until every port is free; who holds one is told at once and stays in the record."""
        began = time.monotonic()
        said = ""
        while port := ports.first_busy(self.service, self.environ):
            if time.monotonic() - began > PORT_GRACE_S:
                refusal = await asyncio.to_thread(ports.refusal, self.service, port, self.environ)
                if refusal != said:
                    self.state.set(FAILED, refusal, cause="port-taken", say=True)
                    said = refusal
            await asyncio.sleep(LOOK_EVERY_S if said else PROBE_EVERY_S)

    async def _watch(self, program: Program) -> None:
        """Follow the program from its start to ready, and go on asking whether it answers."""
        wrong_checks = 0
        while True:
            self.state.keep()
            wrong = await self._question(program)
            if wrong is None:
                wrong_checks = 0
                self._ready()
            elif self.state.now == READY:
                wrong_checks += 1
                if wrong_checks >= FAILED_CHECKS:
                    self._not_ready(wrong, say=True)
            elif self.state.record.ready_after_s is not None:
                self._not_ready(wrong)
            elif not self.state.detail_from_output():
                self.state.set(self.state.now, wrong)
            await asyncio.sleep(CHECK_EVERY_S if self.state.now == READY else PROBE_EVERY_S)

    def _ready(self) -> None:
        if self.state.now == READY:
            return
        if self.state.record.ready_after_s is None:
            self.state.record.ready_after_s = round(time.time() - self.began, 2)
        self.state.set(READY, f"ready on port {self.state.record.port}", say=True)

    def _not_ready(self, wrong: str, *, say: bool = False) -> None:
        """The program was ready, and runs, but has stopped to answer as it should."""
        log = telling(self.state.log.tail(MANY), errors_only=True)
        detail = f"no longer ready: {wrong}"
        self.state.set(STARTING, detail, cause="not-ready", log=log, say=say)

    async def _question(self, program: Program) -> str | None:
        """None when the service answers, and it is the recorded program that listens there."""
        wrong = await asyncio.to_thread(readiness.ask, self.service, self.environ)
        # Who listens is dear to find out, and does not change while the program lives.
        if wrong is not None or self.state.now == READY:
            return wrong
        number = self.service.port.number(self.environ)
        family = await asyncio.to_thread(processes.descendants, program.identity)
        if await asyncio.to_thread(ports.owns, family, number):
            return None
        return f"another process answers on port {number}"

    async def _monitor(self, reason: str) -> None:
        """Ask someone else's service every few seconds, and say when its state changes."""
        self.state.set(MONITORING, f"not started here: {reason}", say=True)
        before: str | None = "not asked yet"
        while True:
            self.state.keep()
            wrong = await asyncio.to_thread(readiness.ask_elsewhere, self.service, self.environ)
            if wrong != before:
                self.state.record.answers = wrong is None
                told = "it answers" if wrong is None else wrong
                self.state.set(MONITORING, f"{told} ({reason})", say=True)
                before = wrong
            await asyncio.sleep(MONITOR_EVERY_S)

    async def _fail(self, detail: str, cause: str, log: Sequence[str] = ()) -> None:
        """Give up loudly, then wait for a change of settings or code. Never returns."""
        self.state.set(FAILED, detail, cause=cause, log=log, say=True)
        self.state.log.say(
            "waits for a change of .env or of the code, or for "
            f"./restart_voice_system.sh {self.service.name}"
        )
        before = sources.changed(self.service)
        while sources.changed(self.service) == before:  # noqa: ASYNC110 - files have no event to wait for
            await asyncio.sleep(LOOK_EVERY_S * 2)
        self.begin_anew("settings or code changed")
        await asyncio.Event().wait()
