"""The launcher that stands between honcho and one program.

    python -m dev.launcher NAME [--table MODULE]

It waits for what the program needs and says so, starts it, watches it, restarts it when it crashes, and ends it with
all it started: on TERM, INT and HUP, and when honcho is gone. USR1 asks it to begin anew, with new code and new
settings, without honcho noticing. Whatever happens to the program, the launcher stays: honcho ends everything as soon
as one process ends.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from dev import exported as shell
from dev import ports, processes, readiness, records
from dev.logs import Log
from dev.parents import Parents
from dev.program import Guardian, Program
from dev.records import (
    FAILED,
    MONITORING,
    PREPARING,
    READY,
    RESTARTING,
    STARTING,
    STOPPED,
    Identity,
)
from dev.services import CHECKOUT, Service, load_table

LOOK_EVERY_S = 0.5
PROBE_EVERY_S, CHECK_EVERY_S, MONITOR_EVERY_S = 0.15, 3.0, 5.0
SAY_AGAIN_S = 10.0
PORT_GRACE_S = 1.5  # a port may be free a moment after its holder ended
FAILED_CHECKS = 2  # in a row, before a ready program counts as not answering
BACKOFF_S = (0.5, 1.0, 2.0, 4.0)  # so many crashes in a row are answered by another start
STABLE_S = 30.0  # a program that ran this long has not crashed in a row


class Launcher:
    """One process of the Procfile, from the first look at its settings to the end of its program."""

    def __init__(self, name: str, table: str | None) -> None:
        self.launched = time.time()
        self.table_name = table
        self.table = load_table(table)
        self.service: Service = self.table[name]
        self.parents = Parents()
        self.exported, self.warning = shell.exported(self.parents)
        self.program: Program | None = None
        self.end_reason: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.restart = False

    # --- the frame: from start to end ---

    async def run(self) -> int:
        """Live until told to end, then leave nothing behind; becomes a new launcher when asked to restart."""
        self._listen()
        composed = await self._compose()
        self.home = Path(composed["home"])
        self.environ: dict[str, str] = composed["environ"]
        self.monitors: dict[str, str] = composed["monitors"]
        self.log = Log(self.home, self.service.name)
        if self.warning:
            self.log.say(self.warning, "WARNING")
        life = asyncio.create_task(self._life(composed))
        await asyncio.wait((life, self.end_reason), return_when=asyncio.FIRST_COMPLETED)
        if life.done():
            life.result()  # it never returns: this raises what went wrong in the launcher itself
        life.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await life
        self.log.say(f"ending: {self.end_reason.result()}")
        if hasattr(self, "record"):
            await self._end_program()
            self._state(RESTARTING if self.restart else STOPPED, self.end_reason.result())
            self.guardian.dismiss()
        if self.restart:
            self._become_new()
        return 0

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._finish, f"{number.name} received", False)
        loop.add_signal_handler(signal.SIGUSR1, self._finish, "restart asked for", True)
        self.watcher = asyncio.create_task(self._watch_parents())

    def _finish(self, reason: str, restart: bool) -> None:
        if not self.end_reason.done():
            self.restart = restart
            self.end_reason.set_result(reason)
        elif not restart:
            self.restart = False  # told to end while restarting

    async def _watch_parents(self) -> None:
        while True:
            if gone := self.parents.gone():
                self._finish(gone, False)
            await asyncio.sleep(LOOK_EVERY_S)

    def _become_new(self) -> None:
        """Replace this process by a new launcher: same pid, so honcho keeps it; new code, new settings."""
        environ = shell.handed_over(self.home) or self.exported
        environ |= {shell.CARRIED: str(os.getpid())}
        if hasattr(self, "lock"):
            os.set_inheritable(self.lock, True)
            environ[shell.LOCK] = str(self.lock)
        if name := os.environ.get("HONCHO_PROCESS_NAME"):
            environ["HONCHO_PROCESS_NAME"] = name
        # An ignored signal stays ignored in what this process becomes, until that one listens.
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        options = ["--table", self.table_name] if self.table_name else []
        run = str(CHECKOUT / "dev" / "run")
        os.execve(run, [run, self.service.name, *options], environ)

    async def _compose(self) -> dict[str, Any]:
        options = ["--table", self.table_name] if self.table_name else []
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dev.environment", self.service.name, *options),
            cwd=CHECKOUT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await child.communicate(json.dumps(self.exported).encode())
        if child.returncode != 0:
            raise SystemExit(
                f"the settings of {self.service.name} cannot be read; the error stands above"
            )
        composed: dict[str, Any] = json.loads(told)
        return composed

    # --- life: what happens between, in order ---

    async def _life(self, composed: dict[str, Any]) -> None:
        await self._take_lock()
        left = records.read(self.home, self.service.name)
        honcho = self.parents.honcho
        self.record = records.Record(
            self.service.name,
            PREPARING,
            launcher=Identity.of(os.getpid()),
            launched=self.launched,
            honcho=Identity.of(honcho.pid) if honcho else None,
            fingerprint=str(composed["fingerprint"]),
        )
        if left is not None:
            for sentence in await asyncio.to_thread(processes.end_recorded, left):
                self.log.say(f"left by an earlier launcher: {sentence}", "WARNING")
        self.guardian = Guardian(records.path(self.home, self.service.name))
        errors = composed["errors"]
        assert isinstance(errors, list)
        if errors:
            await self._fail("; ".join(errors))
        if reason := self.monitors.get(self.service.name):
            await self._monitor(reason)
        self.record.port = self.service.port.number(self.environ)
        await self._prepare()
        await self._wait_for_others()
        await self._keep_running()

    async def _take_lock(self) -> None:
        """One launcher for each name and VOICE_HOME; a second one waits for the first to end."""
        path = self.home / "run" / f"{self.service.name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        carried = os.environ.get(shell.LOCK)
        if carried and os.environ.get(shell.CARRIED) == str(os.getpid()):
            self.lock = int(carried)
            os.set_inheritable(self.lock, False)
        else:
            self.lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        said = False
        while True:
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if not said:
                    other = records.read(self.home, self.service.name)
                    who = f" (pid {other.launcher.pid})" if other and other.launcher else ""
                    self.log.say(
                        f"another launcher of {self.service.name}{who} runs already in {self.home}; this one waits until "
                        "it ends (./restart_voice_system.sh stop ends it)",
                        "WARNING",
                    )
                    said = True
                await asyncio.sleep(LOOK_EVERY_S)

    async def _prepare(self) -> None:
        """Make ready what only this process needs; its progress is the record's detail."""
        if not self.service.prepare:
            return
        self._state(PREPARING, f"preparing {' and '.join(self.service.prepare)}")
        command = (sys.executable, "-m", "dev.bootstrap", "make", *self.service.prepare)
        self.program = await Program.start(command, self.environ, self.log)
        self._state(PREPARING)
        ended = asyncio.create_task(self.program.ended())
        while not ended.done():
            await asyncio.wait((ended,), timeout=LOOK_EVERY_S)
            self._detail_from_output()
        said = self.log.tail(14)
        how = ended.result()
        self.program = None
        if not how.endswith("code 0"):
            await self._fail(f"preparing {self.service.name} {how}: " + "\n".join(said))

    async def _wait_for_others(self) -> None:
        """Wait until every service this one needs is ready, and say which one is missing."""
        said = 0.0
        while missing := [text for name in self.service.after if (text := self._missing(name))]:
            if time.monotonic() - said > SAY_AGAIN_S:
                self._state(STARTING, "waits for " + ", ".join(missing), say=True)
                said = time.monotonic()
            await asyncio.sleep(PROBE_EVERY_S)

    def _missing(self, name: str) -> str | None:
        if name in self.monitors:
            return None
        record = records.read(self.home, name)
        if record is None or not record.launcher_alive:
            return f"{name} (not started)"
        return None if record.state == READY else f"{name} ({record.state})"

    async def _keep_running(self) -> None:
        """Start the program, watch it, start it again; give up loudly after several crashes in a row."""
        crashes = 0
        while True:
            await self._wait_for_ports()
            started = time.monotonic()
            self.log.last.clear()
            self._state(STARTING, "starting")
            try:
                self.program = await Program.start(self.service.command, self.environ, self.log)
            except OSError as error:
                await self._fail(
                    f"cannot run {' '.join(self.service.command)}: {error.strerror or error}"
                )
            self.log.say(f"started as pid {self._running.identity.pid}")
            self._state(STARTING)
            ended = asyncio.create_task(self._running.ended())
            watch = asyncio.create_task(self._watch())
            try:
                how = await ended
            finally:
                watch.cancel()
                ended.cancel()
            said = self.log.tail(8)
            await self._end_program()
            self.record.ready_after_s = None
            crashes = crashes + 1 if time.monotonic() - started < STABLE_S else 1
            if crashes > len(BACKOFF_S):
                last = "\n".join(f"    {line}" for line in said)
                await self._fail(
                    f"{self.service.name} {how}, {crashes} times in a row. Its last lines:\n{last}"
                )
            wait = BACKOFF_S[crashes - 1]
            self.record.restarts += 1
            why = f": {said[-1]}" if said else ""
            self._state(
                RESTARTING, f"{self.service.name} {how}{why}; starts again in {wait:g} s", say=True
            )
            await asyncio.sleep(wait)

    @property
    def _running(self) -> Program:
        assert self.program is not None
        return self.program

    async def _wait_for_ports(self) -> None:
        """Wait until every port is free; who holds one is said at once and stays in the record."""
        began = time.monotonic()
        said = ""
        while port := ports.first_busy(self.service, self.environ):
            if time.monotonic() - began > PORT_GRACE_S:
                refusal = await asyncio.to_thread(ports.refusal, self.service, port, self.environ)
                if refusal != said:
                    self._state(FAILED, refusal, say=True)
                    said = refusal
            await asyncio.sleep(LOOK_EVERY_S if said else PROBE_EVERY_S)

    async def _watch(self) -> None:
        """Follow the program from its start to ready, and go on asking whether it answers."""
        wrong_checks = 0
        while True:
            wrong = await self._question()
            if wrong is None:
                wrong_checks = 0
                if self.record.state != READY:
                    if self.record.ready_after_s is None:
                        self.record.ready_after_s = round(time.time() - self.launched, 2)
                        self.launched = time.time()  # a later start counts from its own beginning
                    self._state(READY, f"ready on port {self.record.port}", say=True)
            elif self.record.state == READY:
                wrong_checks += 1
                if wrong_checks >= FAILED_CHECKS:
                    self._state(STARTING, f"no longer ready: {wrong}", say=True)
            elif not self._detail_from_output() and wrong != self.record.detail:
                self._state(self.record.state, wrong)
            await asyncio.sleep(CHECK_EVERY_S if self.record.state == READY else PROBE_EVERY_S)

    async def _question(self) -> str | None:
        """None when the recorded program itself listens and its protocol answers."""
        program, number = self._running, self.service.port.number(self.environ)
        family = await asyncio.to_thread(processes.descendants, program.identity)
        if not ports.owns(family, number):
            return f"does not listen on port {number} yet"
        return await asyncio.to_thread(readiness.ask, self.service, self.environ)

    async def _monitor(self, reason: str) -> None:
        """Ask someone else's service every few seconds, and say when its state changes."""
        self._state(MONITORING, f"not started here: {reason}", say=True)
        before: str | None = "not asked yet"
        while True:
            wrong = await asyncio.to_thread(readiness.ask_elsewhere, self.service, self.environ)
            if wrong != before:
                self.record.answers = wrong is None
                told = f"it answers ({reason})" if wrong is None else f"{wrong} ({reason})"
                self._state(
                    MONITORING, told, say=True, level="INFO" if wrong is None else "WARNING"
                )
                before = wrong
            await asyncio.sleep(MONITOR_EVERY_S)

    # --- helpers ---

    async def _fail(self, detail: str) -> None:
        """Give up loudly, then wait for a change of settings or code, which begins anew. Never returns."""
        self._state(FAILED, detail, say=True, level="ERROR")
        self.log.say(
            f"waits for a change of .env or the code, or for ./restart_voice_system.sh {self.service.name}"
        )
        before = self._sources()
        while self._sources() == before:
            await asyncio.sleep(LOOK_EVERY_S * 2)
        self._finish("settings or code changed", True)
        await asyncio.Event().wait()

    def _sources(self) -> dict[str, float]:
        """The modification times of what a failed start may be mended by."""
        files = [CHECKOUT / ".env", *CHECKOUT.glob("requirements*.txt")]
        if self.service.code:
            files += (CHECKOUT / self.service.code).rglob("*.py")
        found = {}
        for file in files:
            with contextlib.suppress(FileNotFoundError):
                found[str(file)] = file.stat().st_mtime
        return found

    async def _end_program(self) -> None:
        if self.program is None:
            return
        for sentence in await self.program.end():
            self.log.say(sentence, "WARNING")
        self.program = None

    def _detail_from_output(self) -> bool:
        """Let the program's own last line tell how far it is; False when it has said nothing new."""
        last = self.log.last[-1] if self.log.last else ""
        if last and last != self.record.detail:
            self._state(self.record.state, last)
        return bool(last)

    def _state(
        self, state: str, detail: str | None = None, *, say: bool = False, level: str = "INFO"
    ) -> None:
        """Write the record; every state has since when and a sentence why."""
        if state != self.record.state:
            self.record.since = time.time()
        self.record.state = state
        if detail is not None:
            self.record.detail = detail
        self.record.program = self.program.identity if self.program else None
        self.record.tag = self.program.tag if self.program else ""
        records.write(self.home, self.record)
        if say:
            self.log.say(f"{state}: {self.record.detail}", "ERROR" if state == FAILED else level)


async def _main(name: str, table: str | None) -> int:
    return await Launcher(name, table).run()


def main(arguments: list[str]) -> int:
    name = arguments[0] if arguments else ""
    table = arguments[2] if arguments[1:2] == ["--table"] else None
    if name not in load_table(table):
        print(f"usage: dev/run {'|'.join(load_table(table))}", file=sys.stderr)
        return 2
    os.chdir(CHECKOUT)
    return asyncio.run(_main(name, table))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
