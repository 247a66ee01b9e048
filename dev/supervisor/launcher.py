"""The launcher between honcho and one program: `python -m dev.supervisor.launcher NAME`.

It runs the supervisor until TERM, INT or HUP, or until honcho is gone, and then ends its program
with all that started. USR1 asks it to begin anew with new code and new settings; it becomes a new
launcher with the same pid, so that honcho does not notice. Whatever happens to the program the
launcher stays, since honcho ends everything as soon as one process ends.
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

from common import process_records
from common.process_records import PREPARING, RESTARTING, STOPPED, Identity, ProcessRecord
from dev.services import CHECKOUT, services
from dev.supervisor import handover, private_files, process_tree
from dev.supervisor.crash_excerpt import error_with_place
from dev.supervisor.parents import Parents
from dev.supervisor.process_log import BEGINS, ProcessLog
from dev.supervisor.program import Guardian
from dev.supervisor.status_writer import StatusWriter, record_redactor
from dev.supervisor.supervisor import LOOK_EVERY_S, Supervisor
from dev.supervisor.takeover import FileTimes


class Launcher:
    """The frame around one supervisor: who may end it, and what is left when it ends."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.launched = time.time()
        self.parents = Parents()
        self.exported, self.warning = handover.exported(self.parents)
        self.end_requested: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.again = False
        self.home: Path | None = None
        # Handed on even when a second request comes before it was taken: else the next launcher
        # in this process would wait for itself.
        self.lock = handover.carried_lock()
        self.supervisor: Supervisor | None = None

    async def run(self) -> int:
        """Live until told to end, then leave nothing behind."""
        self._listen()
        working = asyncio.create_task(self._work())
        await asyncio.wait((working, self.end_requested), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()  # it never returns: this raises what went wrong in the launcher itself
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
        if self.supervisor is not None:
            await self._end(self.supervisor)
        if self.again:
            self._become_new()
        return 0

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._finish, f"{number.name} received")
        loop.add_signal_handler(signal.SIGUSR1, self._begin_anew, "restart asked for")
        self.watcher = asyncio.create_task(self._watch_parents())

    def _finish(self, reason: str) -> None:
        self.again = False
        if not self.end_requested.done():
            self.end_requested.set_result(reason)

    def _begin_anew(self, reason: str) -> None:
        if not self.end_requested.done():
            self.again = True
            self.end_requested.set_result(reason)

    async def _watch_parents(self) -> None:
        self._finish(await self.parents.until_gone())

    async def _work(self) -> None:
        tried = FileTimes.of(services()[self.name])
        composed = await self._compose()
        self.home = home = Path(composed["home"])
        private_files.state_folders(home)
        log = ProcessLog(home, self.name, json=composed["environ"].get("LOG_FORMAT") == "json")
        log.say(BEGINS)
        if self.warning:
            log.say(self.warning, "WARNING")
        # One of the launchers says it, unless the command that starts them has.
        says_it = self.name == next(iter(services())) and not os.environ.get(handover.HANDOVER)
        if says_it and (exposed := private_files.exposed_dotenv()):
            log.say(exposed, "WARNING")
        self.lock = await self._take_lock(home, log)
        await self._clean_up(home, log)
        honcho = self.parents.honcho
        mine = ProcessRecord(
            self.name,
            PREPARING,
            "begins",
            launcher=Identity.of(os.getpid()),
            launched=self.launched,
            honcho=Identity.of(honcho.pid) if honcho else None,
            fingerprint=composed["fingerprint"],
        )
        redactor, broken = record_redactor(composed["environ"], str(CHECKOUT))
        if broken:
            log.say(f"{broken}: secrets are blotted out in their plain form only", "ERROR")
        status = StatusWriter(home, mine, log, redactor)
        status.set(PREPARING)
        self.guardian = Guardian(process_records.path(home, self.name))
        self.supervisor = Supervisor(
            services()[self.name],
            composed["environ"],
            composed["monitors"],
            status,
            self._begin_anew,
            tried,
        )
        await self.supervisor.run(composed["errors"], composed["cause"])

    async def _compose(self) -> dict[str, Any]:
        """The settings: handed over by a restart, or composed by a process of their own."""
        file = os.environ.get(handover.HANDOVER, "")
        if ready := handover.handed_settings(file, self.name, self.exported):
            return ready
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dev.environment", self.name),
            cwd=CHECKOUT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await child.communicate(json.dumps(self.exported).encode())
        if child.returncode == 0:
            composed: dict[str, Any] = json.loads(output)
            return composed
        lines = errors.decode(errors="replace").splitlines()
        why = error_with_place(lines, str(CHECKOUT)) or f"exit code {child.returncode}"
        return handover.unreadable_settings(self.exported, why)

    async def _take_lock(self, home: Path, log: ProcessLog) -> int:
        """One launcher for each name and home; a second one waits for the first to end."""
        path = home / "run" / f"{self.name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = self.lock or os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.set_inheritable(lock, False)
        warned = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            except BlockingIOError:
                if not warned:
                    other = process_records.read(home, self.name)
                    who = ""
                    if other and other.launcher and other.launcher_alive:
                        who = f" (pid {other.launcher.pid})"
                    log.say(
                        f"another launcher of {self.name}{who} runs already for {home}; this one "
                        "waits until it ends (./restart_voice_system.sh stop ends it)",
                        "WARNING",
                    )
                    warned = True
                await asyncio.sleep(LOOK_EVERY_S)

    async def _clean_up(self, home: Path, log: ProcessLog) -> None:
        """End what an earlier launcher left when it was killed."""
        left = process_records.read(home, self.name)
        if left is None:
            return
        for sentence in await asyncio.to_thread(process_tree.end_recorded, left):
            log.say(f"left by an earlier launcher: {sentence}", "WARNING")

    async def _end(self, supervisor: Supervisor) -> None:
        reason = self.end_requested.result()
        supervisor.status.log.say(f"ending: {reason}")
        await supervisor.end_all()
        supervisor.status.set(RESTARTING if self.again else STOPPED, reason)
        self.guardian.dismiss()
        supervisor.status.log.close()

    def _become_new(self) -> None:
        """Replace this process by a new launcher: same pid, new code, new settings."""
        environ, file = self.exported, ""
        if self.home is not None:
            environ = handover.handed_environ(self.home) or environ
            file = str(handover.path(self.home))
        environ = handover.carry(environ, self.lock, file)
        # An ignored signal stays ignored in what this process becomes, until that one listens.
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        run = str(CHECKOUT / "dev" / "run")
        os.execve(run, [run, self.name], environ)


async def _main(name: str) -> int:
    return await Launcher(name).run()


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in services():
        print(f"usage: dev/run {'|'.join(services())}", file=sys.stderr)
        return 2
    os.chdir(CHECKOUT)
    os.umask(private_files.UMASK)
    return asyncio.run(_main(arguments[0]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
