"""The supervisor of one process of the Procfile, in order: prepare, wait, run, watch, start again.

Every step says what it does and what it waits for. Nothing here ends the launcher: what cannot go
on is told and waits for a change.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from common import process_records
from common.process_records import FAILED, MONITORING, PREPARING, READY, RESTARTING, STARTING
from dev.services import CHECKOUT, OWN_AGENT_OFF, Service
from dev.supervisor import ports, process_tree, readiness
from dev.supervisor.crash_excerpt import ProgramEnd, crash_excerpt
from dev.supervisor.process_log import REPEATED, ErrorCount
from dev.supervisor.program import Program
from dev.supervisor.status_writer import Crash, StatusWriter
from dev.supervisor.takeover import (
    TAKEOVER_REQUEST,
    FileTimes,
    ReplacedPrograms,
    Takeover,
    cancelled,
    code_times,
)

LOOK_EVERY_S = 0.5
PROBE_EVERY_S, CHECK_EVERY_S, MONITOR_EVERY_S = 0.15, 3.0, 5.0
PORT_GRACE_S = 1.5  # a port may be held for a moment after its holder was told to end
FAILED_CHECKS = 2  # in a row, before a ready program counts as not answering
BACKOFF_S = (0.5, 1.0, 2.0, 4.0)  # so many crashes in a row are answered by another start
HAND_OVER_S = 1.0  # in which it is noticed that another program has taken over
STABLE_S = 30.0  # a crash after so long is not one in a row
SAY_AGAIN_S = 10.0
MANY = 200  # lines of the log, among which those are that tell


class Supervisor:
    """What a launcher does between its start and its end."""

    def __init__(
        self,
        service: Service,
        environ: Mapping[str, str],
        monitors: Mapping[str, str],
        status: StatusWriter,
        begin_anew: Callable[[str], None],
        tried: FileTimes,
    ) -> None:
        """`tried` is from before the settings were read: who mends a file while its fault is still
        on its way to the screen has mended it too."""
        self.service = service
        self.environ = environ
        if service.reload:
            request = status.home / "run" / f"{service.name}.takeover-request"
            self.environ = {**environ, TAKEOVER_REQUEST: str(request)}
        self.monitors = monitors
        self.status = status
        self.begin_anew = begin_anew
        self._tried = tried
        self.program: Program | None = None
        self.began = status.record.launched
        self._takeover = Takeover(service, self.environ, status)
        self._replaced = ReplacedPrograms(status)

    async def run(self, errors: list[str], cause: str) -> None:
        """Go through the steps; never returns."""
        if errors:
            await self._fail("; ".join(errors), cause)
        if reason := self.monitors.get(self.service.name):
            await self._monitor(reason)
        self.status.record.port = self.service.port.number(self.environ)
        if self.service.prepare:
            await self._prepare()
        await self._wait_for_dependencies()
        await self._keep_running()

    async def end_program(self) -> None:
        """End what runs, with all it started."""
        if self.program is None:
            return
        for sentence in await self.program.end():
            self.status.log.say(sentence, "WARNING")
        self.program = None
        self.status.set_program(None)

    async def end_all(self) -> None:
        """End what runs, and with it the programs that have handed over and end their calls."""
        await asyncio.gather(self.end_program(), self._replaced.end())

    async def _start(self, command: tuple[str, ...]) -> Program:
        self.status.log.last.clear()
        self.status.log.errors = ErrorCount()
        self.status.record.repeats = 0
        self.program = await Program.start(command, self.environ, self.status.log)
        self.status.set_program(self.program)
        return self.program

    async def _prepare(self) -> None:
        """Make ready what only this process needs; its progress is the record's detail."""
        what = " and ".join(self.service.prepare)
        self.status.set(PREPARING, f"preparing {what}")
        command = (sys.executable, "-m", "dev.bootstrap", "make", *self.service.prepare)
        program = await self._start(command)
        ended = asyncio.create_task(program.ended())
        try:
            while not ended.done():
                await asyncio.wait((ended,), timeout=LOOK_EVERY_S)
                self.status.detail_from_output()
        finally:
            ended.cancel()
        await program.last_words()
        end = ProgramEnd.of(ended.result(), self.status.log.tail(MANY))
        await self.end_program()
        if end.code != 0:
            last_lines = "\n".join(self.status.log.tail(20))
            detail = f"{self.service.name} cannot be prepared, it {end.how}:\n{last_lines}"
            await self._fail(detail, "prepare-failed", end.log)

    async def _wait_for_dependencies(self) -> None:
        """Wait until each service that this one needs, and that is ours, is ready; say which one is
        missing."""
        ours = [name for name in self.service.after if name not in self.monitors]
        said_at = 0.0
        while missing := [text for name in ours if (text := self._missing(name))]:
            detail = "waits for " + ", ".join(missing)
            again = time.monotonic() - said_at > SAY_AGAIN_S
            if again or detail != self.status.record.detail:
                self.status.set(STARTING, detail, say=True)
                said_at = time.monotonic()
            await asyncio.sleep(PROBE_EVERY_S)

    def _missing(self, name: str) -> str | None:
        other = process_records.read(self.status.home, name)
        if other is None or not other.launcher_alive:
            return f"{name} (not started)"
        return None if other.state == READY else f"{name} ({other.state})"

    async def _keep_running(self) -> None:
        """Start the program, watch it, start it again; give up loudly after crashes in a row."""
        crashes = 0
        while True:
            await self._wait_for_ports()
            started = time.monotonic()
            self.status.set(STARTING, "starting")
            end = await self._run_once()
            text = f"{self.service.name} {end.text(str(CHECKOUT))}"
            crashes = crashes + 1 if time.monotonic() - started < STABLE_S else 1
            cause = end.cause if crashes == 1 else "crash-loop"
            self.status.crashed(Crash(cause, text, end.log))
            self.status.set(RESTARTING, text)
            await self.end_program()
            if end.broken_code:
                await self._fail(text, "crash-loop", end.log)
            if crashes > len(BACKOFF_S):
                await self._fail(f"{text}; given up after {crashes} times in a row", cause, end.log)
            wait = BACKOFF_S[crashes - 1]
            self.status.record.restarts += 1
            self.status.record.ready_after_s = None
            row = f" ({crashes} times in a row)" if crashes > 1 else ""
            detail = f"{text}{row}; starts again in {wait:g} s"
            self.status.set(RESTARTING, detail, say=True)
            await asyncio.sleep(wait)
            self.began = time.time()

    async def _run_once(self) -> ProgramEnd:
        """Run the program, and what takes over with changed code, to the end; how it ended."""
        self.status.code_broken(None)
        self._tried = self._tried._replace(code=code_times(self.service))
        try:
            program = await self._start(self.service.command)
        except OSError as error:
            return ProgramEnd.never_began(self.service.command, error)
        self.status.log.say(f"started as pid {program.identity.pid}")
        while isinstance(last := await self._end_or_replacement(program), Program):
            program = last
            self._tried = self._tried._replace(code=self._takeover.tried)
            self._hand_over(program)
        # Told at once: the last words of what it left behind may take a while.
        first = ProgramEnd.of(last, ())
        self.status.set(RESTARTING, f"{self.service.name} {first.how}", cause=first.cause)
        await program.last_words()
        return ProgramEnd.of(last, self.status.log.tail(MANY))

    async def _end_or_replacement(self, program: Program) -> int | Program:
        """Watch the program to its end; the exit code, or what has taken over with new code."""
        watch = asyncio.create_task(self._watch(program))
        ended = asyncio.create_task(program.ended())
        replaced = asyncio.create_task(self._takeover.replace(program, self._tried.code))
        try:
            await asyncio.wait((ended, replaced), return_when=asyncio.FIRST_COMPLETED)
            if ended.done() and ended.result() == 0 and self._takeover.trying:
                # It may have handed over and been done at once.
                await asyncio.wait((replaced,), timeout=HAND_OVER_S)
            return replaced.result() if replaced.done() else ended.result()
        finally:
            await cancelled(watch, ended, replaced)

    def _hand_over(self, replacement: Program) -> None:
        """Take the program that has taken over for the one that runs; see the other one off."""
        before = self.program
        if before is not None:
            self._replaced.add(before)
        self.program, self.status.log = replacement, replacement.log
        self.status.set_program(replacement)
        self.status.drop_beside(replacement)
        self.status.code_broken(None)
        since = f"{self._takeover.what} since {time.strftime('%H:%M:%S')}"
        self.status.set(READY, f"ready on port {self.status.record.port} ({since})")

    async def _wait_for_ports(self) -> None:
        """Wait until every port is free; who holds one is told at once and stays in the record."""
        began = time.monotonic()
        said_refusal = ""
        while port := ports.first_busy(self.service, self.environ):
            if time.monotonic() - began > PORT_GRACE_S:
                refusal = await asyncio.to_thread(ports.refusal, self.service, port, self.environ)
                if refusal != said_refusal:
                    self.status.set(FAILED, refusal, cause="port-taken", say=True)
                    said_refusal = refusal
            await asyncio.sleep(LOOK_EVERY_S if said_refusal else PROBE_EVERY_S)

    async def _watch(self, program: Program) -> None:
        """Follow the program from its start to ready, and go on asking whether it answers."""
        wrong_checks = 0
        while True:
            self.status.keep()
            wrong = await self._question(program)
            if wrong is None:
                wrong_checks = 0
                self._ready()
            elif self.status.now == READY:
                wrong_checks += 1
                if wrong_checks >= FAILED_CHECKS:
                    self._not_ready(wrong, say=True)
            elif self.status.record.ready_after_s is not None:
                self._not_ready(wrong)
            elif (errors := self.status.log.errors) is not None and errors.times:
                self._fails_again(wrong, errors)
            elif not self.status.detail_from_output():
                self.status.set(self.status.now, wrong)
            await asyncio.sleep(CHECK_EVERY_S if self.status.now == READY else PROBE_EVERY_S)

    def _fails_again(self, wrong: str, errors: ErrorCount) -> None:
        """The program has never been ready, and goes on trying what fails each time."""
        again = errors.times > self.status.record.repeats
        self.status.record.repeats = errors.times
        detail = f"{wrong}; its log has the same error {errors.times} times: {errors.line}"
        self.status.set(self.status.now, detail, say=again and errors.times == REPEATED)

    def _ready(self) -> None:
        if self.status.now == READY:
            return
        self.status.log.errors = None
        self.status.record.repeats = 0
        if self.status.record.ready_after_s is None:
            self.status.record.ready_after_s = round(time.time() - self.began, 2)
        self.status.set(READY, f"ready on port {self.status.record.port}", say=True)

    def _not_ready(self, wrong: str, *, say: bool = False) -> None:
        """The program was ready, and runs, but has stopped to answer as it should."""
        log = crash_excerpt(self.status.log.tail(MANY), errors_only=True)
        detail = f"no longer ready: {wrong}"
        self.status.set(STARTING, detail, cause="not-ready", log=log, say=say)

    async def _question(self, program: Program) -> str | None:
        """None when the service answers, and it is the recorded program that listens there."""
        wrong = await asyncio.to_thread(readiness.ask, self.service, self.environ)
        # Who listens is dear to find out, and does not change while the program lives.
        if wrong is not None or self.status.now == READY:
            return wrong
        number = self.service.port.number(self.environ)
        family = await asyncio.to_thread(process_tree.descendants, program.identity)
        if await asyncio.to_thread(ports.owns, family, number):
            return None
        return f"another process answers on port {number}"

    async def _monitor(self, reason: str) -> None:
        """Ask someone else's service every few seconds, and say when its state changes."""
        if reason == OWN_AGENT_OFF:
            self.status.record.answers = True  # nobody needs it
            self.status.set(MONITORING, reason, say=True)
            await asyncio.Event().wait()
        self.status.set(MONITORING, f"not started here: {reason}", say=True)
        before: str | None = "not asked yet"
        while True:
            self.status.keep()
            wrong = await asyncio.to_thread(readiness.ask_elsewhere, self.service, self.environ)
            if wrong != before:
                self.status.record.answers = wrong is None
                answer = "it answers" if wrong is None else wrong
                self.status.set(MONITORING, f"{answer} ({reason})", say=True)
                before = wrong
            await asyncio.sleep(MONITOR_EVERY_S)

    async def _fail(self, detail: str, cause: str, log: Sequence[str] = ()) -> None:
        """Give up loudly, then wait for a change of settings or code. Never returns."""
        self.status.set(FAILED, detail, cause=cause, log=log, say=True)
        self.status.log.say(
            "waits for a change of .env or of the code, or for "
            f"./restart_voice_system.sh {self.service.name}"
        )
        while FileTimes.of(self.service) == self._tried:  # noqa: ASYNC110 - files have no event
            await asyncio.sleep(LOOK_EVERY_S * 2)
        self.begin_anew("settings or code changed")
        await asyncio.Event().wait()
