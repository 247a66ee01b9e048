"""./restart_voice_system.sh: stop what runs, start everything, return when it is ready.

    ./restart_voice_system.sh               restart everything (but a healthy Letta is kept)
    ./restart_voice_system.sh NAME…         restart just these processes
    ./restart_voice_system.sh stop          end everything
    ./restart_voice_system.sh status        the state of each process
    ./restart_voice_system.sh logs [-f] [NAME]

While honcho and its launchers live, a restart is a request to each launcher, which ends its
program and begins anew; otherwise what is left of an earlier start is ended and honcho is started
in the background.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from common import process_records
from common.process_records import FAILED, MONITORING, READY, STARTING, STOPPED, ProcessRecord
from dev.services import CHECKOUT, services
from dev.supervisor import handover, private_files, running
from dev.supervisor.crash_excerpt import broken_code
from dev.supervisor.parents import Parents, holder_line, holder_of
from dev.supervisor.process_log import ProcessLog, as_text

COMMANDS = ("stop", "status", "logs")
LOG_LINES = 40
LOOK_EVERY_S = 0.1
NEWS_EVERY_S = 5.0
# Others may fail for the same reason a moment later: they are told together.
FAILED_WAIT_S = 2.0
# A first start may download for long; a failed process ends the wait at once.
LIMIT_S = 1800.0
# A program that runs and neither gets ready nor says anything for so long gets no further.
SILENT_S = 300.0
# After fewer crashes a launcher gives up by itself, unless the program runs for a while each time.
CRASHES = 5
HONCHO_LINES, FAILED_LINES = 40, 12


class Home:
    """The system of one VOICE_HOME, as seen by the restart command."""

    def __init__(self) -> None:
        self.began = time.time()
        self.environ, _ = handover.exported(Parents())
        self.names = list(services())
        self.composed = _composed(self.names, self.environ)
        self.path = Path(self.composed[self.names[0]]["home"])
        private_files.state_folders(self.path)

    def hands_over(self) -> AbstractContextManager[Path]:
        """While it is open, launchers that begin find this shell's environment and settings."""
        return handover.handing_over(self.path, self.environ, self.composed)


def _composed(names: list[str], environ: dict[str, str]) -> dict[str, dict[str, Any]]:
    """The composed settings of each process; when the code that composes them is broken, that."""
    try:
        # Imported here, since `stop` and `status` must work whatever is broken elsewhere.
        from dev.environment import compose

        return {name: asdict(compose(name, environ, CHECKOUT / ".env")) for name in names}
    except Exception as error:  # any code may raise anything when it is loaded
        unreadable = handover.unreadable_settings(environ, broken_code(error, str(CHECKOUT)))
        return dict.fromkeys(names, unreadable)


def main(arguments: list[str]) -> int:
    known = (*services(), *COMMANDS)
    wrong = [
        word
        for word in arguments
        if word not in known and not (arguments[0] == "logs" and word == "-f")
    ]
    if wrong or (arguments and arguments[0] in ("stop", "status") and len(arguments) > 1):
        print(__doc__, file=sys.stderr)
        if wrong:
            print(
                f"{wrong[0]!r} is neither a command nor a process; the processes are "
                f"{', '.join(services())}",
                file=sys.stderr,
            )
        return 2
    os.umask(private_files.UMASK)
    home = Home()
    match arguments:
        case ["status"]:
            code = status(home)
            _warn_of_exposed_secrets()
            return code
        case ["logs", *rest]:
            return logs(home, [word for word in rest if word != "-f"], follow="-f" in rest)
        case ["stop"]:
            with one_at_a_time(home.path, "stop"):
                return stop(home)
        case _:
            _warn_of_exposed_secrets()
            with one_at_a_time(home.path, f"restart {' '.join(arguments)}".strip()):
                return restart(home, arguments)


def _warn_of_exposed_secrets() -> None:
    if warning := private_files.exposed_dotenv():
        print(f"warning: {warning}", flush=True)


@contextlib.contextmanager
def one_at_a_time(home: Path, what: str) -> Iterator[None]:
    """Hold the lock of this command; while another run of it holds the lock, say which one."""
    with (home / "run" / "restart.lock").open("a+") as file:
        waits = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waits:
                    file.seek(0)
                    holder = holder_of(file.read())
                    print(
                        f"waits for another run of this command: {holder} holds {file.name}",
                        flush=True,
                    )
                    waits = True
                time.sleep(LOOK_EVERY_S)
        file.truncate(0)
        file.write(holder_line(what))
        file.flush()
        yield


def restart(home: Home, named: list[str]) -> int:
    """Restart everything or the `named` processes and wait until all of them are ready."""
    began = time.time()
    honcho = running.common_honcho(home.path, home.names)
    if honcho is None:
        return _start(home, began)
    restarted = named or [name for name in home.names if not _keep(home, name)]
    kept = [name for name in home.names if name not in restarted]
    note = f"; {', '.join(kept)} kept running" if kept and not named else ""
    print(f"restarting {', '.join(restarted)} under honcho (pid {honcho.pid}){note}", flush=True)
    with home.hands_over():
        for record in running.all_records(home.path, restarted).values():
            running.ask_to_restart(record)
        waiting = StartWait(home.path, named or home.names, restarted, began)
        return _result(home, waiting, lambda: honcho.alive)


def _start(home: Home, began: float) -> int:
    """End what an earlier start left and start honcho with everything."""
    ended, killed = running.stop(home.path, home.names)
    if ended:
        print(f"stopped what an earlier start left ({ended} processes)")
    for sentence in killed:
        print(sentence)
    log = home.path / "logs" / running.HONCHO_LOG
    with home.hands_over() as file:
        environ = {**home.environ, handover.HANDOVER: str(file)}
        # A line of JSON says by itself when it was and whose it is.
        prefix = home.composed[home.names[0]]["environ"].get("LOG_FORMAT") != "json"
        honcho = running.start_honcho(home.path, log, home.names, environ, prefix=prefix)
        print(f"started honcho (pid {honcho.pid}), its output is in {short(log)}", flush=True)
        waiting = StartWait(home.path, home.names, home.names, began)
        return _result(home, waiting, lambda: honcho.poll() is None)


def _result(home: Home, waiting: StartWait, honcho_lives: Callable[[], bool]) -> int:
    if not waiting.until_ready(honcho_lives):
        return 1
    page = process_records.read(home.path, "proxy")
    where = f" Open http://localhost:{page.port}/debug" if page and page.port else ""
    print(f"All ready in {time.time() - home.began:.1f} s.{where}")
    return 0


def _keep(home: Home, name: str) -> bool:
    """Whether a restart of everything leaves `name` alone: healthy, and started with the settings
    of now."""
    record = process_records.read(home.path, name)
    return (
        services()[name].keeps
        and record is not None
        and record.state == READY
        and record.program is not None
        and record.program.alive
        and record.fingerprint == home.composed[name]["fingerprint"]
    )


def stop(home: Home) -> int:
    """End everything; 1 when something could not be ended."""
    ended, killed = running.stop(home.path, home.names)
    for sentence in killed:
        print(sentence)
    left = [
        record.name
        for record in running.all_records(home.path, home.names).values()
        if record.launcher_alive
    ]
    if left:
        print(f"still running: {', '.join(left)}", file=sys.stderr)
        return 1
    print(f"stopped {ended} processes" if ended else "nothing was running")
    return 0


def status(home: Home) -> int:
    """One line a process; 0 when all are ready."""
    all_ready = True
    told: dict[str, str] = {}
    """Which process was the first to say what it failed by."""
    for name in home.names:
        record = process_records.read(home.path, name)
        if record is None:
            state, text = "stopped", "not started"
        elif not record.launcher_alive and record.state != STOPPED:
            state, text = "stopped", f"its launcher is gone (it was {record.state})"
        else:
            since = time.strftime("%H:%M:%S", time.localtime(record.since))
            first = told.setdefault(record.detail, name) if record.state == FAILED else name
            why = record.detail if first == name else f"for the same reason as {first}"
            state, text = record.state, f"since {since}  {why}"
        all_ready = all_ready and record is not None and is_ready(record)
        print(f"{name:8} {state:10} {text}")
    return 0 if all_ready else 1


def logs(home: Home, names: list[str], *, follow: bool) -> int:
    """The last lines of the logs; with `follow`, become `tail` and go on."""
    files = [home.path / "logs" / f"{name}.log" for name in names or home.names]
    there = [file for file in files if file.exists()]
    if not there:
        print(f"no log yet in {short(home.path / 'logs')}")
        return 1
    if follow:
        os.execvp("tail", ["tail", "-n", str(LOG_LINES), "-F", *map(str, there)])
    for file in there:
        print(f"==> {short(file)} <==")
        print("\n".join(last_lines(file, LOG_LINES)))
    return 0


class StartWait:
    """The wait of one start: `names` processes of `home`, those in `restarted` since `began`."""

    def __init__(self, home: Path, names: list[str], restarted: list[str], began: float) -> None:
        self.home = home
        self.names = names
        self.restarted = restarted
        self.began = began
        self.done: set[str] = set()

    def until_ready(self, honcho_lives: Callable[[], bool]) -> bool:
        """Tell each process that becomes ready; False when one cannot, with why and what to do."""
        failed_at: float | None = None
        next_news = time.time() + NEWS_EVERY_S
        while time.time() - self.began < LIMIT_S:
            current = self._look()
            if self.done.issuperset(self.names):
                return True
            waiting = [name for name in self.names if name not in self.done]
            failed = [name for name in waiting if name in current and has_failed(current[name])]
            failed_at = (failed_at or time.time()) if failed else None
            late = failed_at is not None and time.time() - failed_at > FAILED_WAIT_S
            if late or (failed and failed == waiting):
                for alike in _alike([current[name] for name in failed]):
                    self._tell_failure(*alike)
                for name in (name for name in waiting if name not in failed):
                    print(f"{name} is not ready yet: {_news(current.get(name))}", flush=True)
                return False
            if not honcho_lives():
                self._tell_honcho_ended()
                return False
            if time.time() >= next_news:
                for name in waiting:
                    news = _news(current.get(name))
                    print(f"{name:8} {self._seconds(time.time())} … {news}", flush=True)
                next_news = time.time() + NEWS_EVERY_S
            time.sleep(LOOK_EVERY_S)
        late_ones = ", ".join(name for name in self.names if name not in self.done)
        print(f"not ready after {LIMIT_S:.0f} s: {late_ones}; see ./restart_voice_system.sh status")
        return False

    def _look(self) -> dict[str, ProcessRecord]:
        """The records that count: one from before the restart says nothing about the new run."""
        current = {
            name: record
            for name, record in running.all_records(self.home, self.names).items()
            if name not in self.restarted or record.launched >= self.began
        }
        for name, record in current.items():
            if name not in self.done and is_ready(record):
                self.done.add(name)
                if name in self.restarted:
                    print(f"{name:8} {self._ready_text(record)}", flush=True)
        return current

    def _seconds(self, then: float) -> str:
        return f"{then - self.began:.1f} s"

    def _ready_text(self, record: ProcessRecord) -> str:
        if record.state == MONITORING:
            return f"not started here: {record.detail}"
        return f"ready after {self._seconds(record.since)} on port {record.port}"

    def _tell_failure(self, record: ProcessRecord, *others: ProcessRecord) -> None:
        """The `others` have failed by the same cause, which is told once."""
        why = record.detail
        if not record.launcher_alive:
            why = f"its launcher is gone; it was {record.state}: {record.detail}"
        elif is_silent(record):
            why = f"nothing has changed for {SILENT_S / 60:.0f} minutes: {record.detail}"
        log = self.home / "logs" / f"{record.name}.log"
        print(f"\n{record.name} is not ready: {why}")
        print(f"the last lines of {short(log)}:")
        lines = ProcessLog.since_start(last_lines(log, FAILED_LINES))
        print("\n".join(f"    {line}" for line in lines))
        if others:
            print(f"For the same reason not ready: {', '.join(each.name for each in others)}.")
        goes_on = "it goes on trying; " if record.repeats else ""
        names = " ".join(each.name for each in (record, *others))
        print(f"When that is mended: {goes_on}./restart_voice_system.sh {names}", flush=True)

    def _tell_honcho_ended(self) -> None:
        log = self.home / "logs" / running.HONCHO_LOG
        print(f"\nhoncho ended, so nothing runs; the last lines of {short(log)}:")
        print("\n".join(f"    {line}" for line in last_lines(log, HONCHO_LINES)))
        print("When the cause is mended: ./restart_voice_system.sh", flush=True)


def _alike(records: list[ProcessRecord]) -> list[list[ProcessRecord]]:
    """Those that say the same of why they are not ready, together: it is one cause."""
    alike: dict[object, list[ProcessRecord]] = {}
    for record in records:
        alike.setdefault((record.state, record.launcher_alive, record.detail), []).append(record)
    return list(alike.values())


def is_ready(record: ProcessRecord) -> bool:
    """Whether a process does its work: ready, or a monitor whose service answers."""
    monitors = record.state == MONITORING and record.answers is True
    return record.launcher_alive and (record.state == READY or monitors)


def has_failed(record: ProcessRecord) -> bool:
    """Whether waiting on brings nothing: it gave up, or what it tries fails each time."""
    ended = not record.launcher_alive or record.state == FAILED or record.answers is False
    return ended or record.repeats > 0 or record.restarts >= CRASHES or is_silent(record)


def is_silent(record: ProcessRecord) -> bool:
    """Whether its program runs, is not ready, and has said nothing for long: each line that it
    says is written into its record."""
    return record.state == STARTING and time.time() - record.updated > SILENT_S


def _news(record: ProcessRecord | None) -> str:
    if record is None:
        return "its launcher prepares itself"
    return f"{record.state}: {(record.detail.splitlines() or [''])[0][:120]}"


def last_lines(file: Path, count: int) -> list[str]:
    """The last lines of a log as text, whatever form it has."""
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            last = deque(lines, maxlen=count)
        texts = [text for line in last for text in as_text(line.rstrip("\n"))]
        return [text[:400] for text in texts[-count:]]
    except FileNotFoundError:
        return []


def short(path: Path) -> str:
    """A path as people write it: relative to the checkout when it lies there."""
    return str(path.relative_to(CHECKOUT) if path.is_relative_to(CHECKOUT) else path)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print(
            "\nstopped waiting; what was started goes on in the background: "
            "./restart_voice_system.sh status"
        )
        sys.exit(130)
