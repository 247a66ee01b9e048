"""Run Postgres and Letta in the foreground, end both together, and say which one died.

    python -m dev.letta.supervisor LOCK PLAN

LOCK and PLAN are numbers of open files: the lock on the state folder, held until this process ends,
and the plan made by __main__.py. Standard library only, and not much of it: this process lives as
long as Letta does.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from dev.letta import pidfile
from dev.letta.console import fail, say

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# A launcher waits 5 s for us: the two shares leave some of it over.
LETTA_ENDS_S = 2.5
POSTGRES_ENDS_S = 1.5
POSTGRES_STARTS_S = 120.0
SLOW_S = 5.0
POLL_S = 0.02
LAST_WORDS_S = 1.0
# The exit code with which the server says that it has already told what is wrong (sysexits.h).
TOLD = 78

Event = tuple[str, int]


class Ended(Exception):
    """It is over: the exit code, and the sentence for a person, if there is one to say."""

    def __init__(self, code: int, sentence: str = "") -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


class LettaSupervisor:
    """The two programs, in the order in which they start."""

    def __init__(self, plan: dict[str, object]) -> None:
        self.plan = plan
        self.events: SimpleQueue[Event] = SimpleQueue()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.last_words = ""  # the last thing Postgres said that was an error

    def run(self) -> int:
        for number in SIGNALS:
            signal.signal(number, lambda number, _: self.events.put(("signal", number)))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        try:
            self.start_postgres()
            self.start_letta()
            while True:
                self.look(None)
        except Ended as end:
            if end.sentence:
                fail(end.sentence)
            return end.code
        finally:
            self.end()

    def start_postgres(self) -> None:
        process = subprocess.Popen(
            self.words("postgres"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            cwd="/",
        )
        listener = Thread(target=self.listen, args=(process,), daemon=True)
        listener.start()
        self.watch("postgres", process, listener)
        began, told = time.monotonic(), False
        data = Path(str(self.plan["data"]))
        while not ((file := pidfile.read(data)) and file.ready and file.pid == process.pid):
            self.look(POLL_S)
            waited = time.monotonic() - began
            if waited > SLOW_S and not told:
                told = True
                say("Postgres is still putting its data in order after a hard end", "postgres")
            if waited > POSTGRES_STARTS_S:
                raise Ended(1, f"Postgres did not get ready in {POSTGRES_STARTS_S:.0f} s")
        say(f"ready after {time.monotonic() - began:.1f} s (pid {process.pid})", "postgres")

    def start_letta(self) -> None:
        environ = self.plan["environ"]
        assert isinstance(environ, dict)
        process = subprocess.Popen(
            self.words("letta"),
            stdin=subprocess.DEVNULL,
            env=environ,
            cwd=str(self.plan["folder"]),
        )
        self.watch("letta", process)
        say(f"starting the server (pid {process.pid})")

    def look(self, timeout: float | None) -> None:
        """Wait for one event, and end when it is one to end for."""
        try:
            name, number = self.events.get(timeout=timeout)
        except Empty:
            return
        if name == "signal":
            raise Ended(0)
        del self.running[name]
        if name == "letta":
            raise Ended(1, "" if number == TOLD else f"the Letta server {how(number)}; see above")
        because = f": {self.last_words}" if self.last_words else ""
        raise Ended(1, f"Postgres {how(number)}{because}{advice(because)}")

    def watch(
        self, name: str, process: subprocess.Popen[bytes], listener: Thread | None = None
    ) -> None:
        """Tell when it ends, after its last words, which say why."""
        self.running[name] = process

        def tell() -> None:
            code = process.wait()
            if listener is not None:
                listener.join(LAST_WORDS_S)  # a child that lives on may hold the pipe open
            self.events.put((name, code))

        Thread(target=tell, name=name, daemon=True).start()

    def listen(self, process: subprocess.Popen[bytes]) -> None:
        """Postgres' log as ours."""
        assert process.stderr
        for line in process.stderr:
            severity, _, text = line.decode(errors="replace").strip().partition(":  ")
            if severity in ("ERROR", "FATAL", "PANIC"):
                self.last_words = text
                say(text, "postgres", "ERROR")
            elif severity != "LOG":
                say(text or severity, "postgres", "WARNING")

    def end(self) -> None:
        """Letta first, so that its connections are gone when Postgres shuts down."""
        self.end_one("letta", ((signal.SIGTERM, LETTA_ENDS_S), (signal.SIGKILL, 0.5)))
        fast, immediate = (signal.SIGINT, POSTGRES_ENDS_S), (signal.SIGQUIT, 0.3)
        self.end_one("postgres", (fast, immediate, (signal.SIGKILL, 0.2)))
        if temporary := self.plan["temporary"]:
            with suppress(OSError):  # it holds something only when Postgres was killed
                Path(str(temporary)).rmdir()

    def end_one(self, name: str, steps: tuple[tuple[signal.Signals, float], ...]) -> None:
        process = self.running.pop(name, None)
        for number, patience in steps if process else ():
            assert process
            process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(patience)
                return
            say(f"{name} did not end on {number.name} within {patience} s", level="WARNING")

    def words(self, name: str) -> list[str]:
        words = self.plan[name]
        assert isinstance(words, list)
        return [str(word) for word in words]


def how(code: int) -> str:
    """How a program ended, from its exit code."""
    if code >= 0:
        return f"ended by itself (exit code {code})"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def advice(words: str) -> str:
    if "No space left on device" in words:
        return "; make room on the disk, or set VOICE_HOME to a folder on another one"
    if "Permission denied" in words:
        return "; make the folder writable, or set VOICE_HOME to one that is"
    return ""


def main(arguments: list[str]) -> int:
    lock_number, plan_number = map(int, arguments)
    os.set_inheritable(lock_number, False)  # not for the children, which may outlive us
    with os.fdopen(plan_number) as file:
        file.seek(0)
        plan = json.load(file)
    return LettaSupervisor(plan).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
