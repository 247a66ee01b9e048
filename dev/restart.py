"""./restart_voice_system.sh: stop what runs, start everything, return when it is ready.

    ./restart_voice_system.sh               restart everything (a healthy Letta is kept, it takes long to start)
    ./restart_voice_system.sh NAME…         restart just these processes
    ./restart_voice_system.sh stop          end everything
    ./restart_voice_system.sh status        the state of each process
    ./restart_voice_system.sh logs [-f] [NAME]

While honcho and its launchers live, a restart is a request to each launcher, which ends its program and begins anew;
otherwise what is left of an earlier start is ended and honcho is started in the background.
"""

import contextlib
import fcntl
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from dev import exported, records, running
from dev.environment import Composed, compose
from dev.parents import Parents
from dev.records import FAILED, MONITORING, READY, Record
from dev.running import HONCHO_LOG
from dev.services import CHECKOUT, SERVICES

COMMANDS = ("stop", "status", "logs")
LOOK_EVERY_S = 0.1
NEWS_EVERY_S = 5.0
FAILED_WAIT_S = 2.0
LIMIT_S = 1800.0  # a first start may download for long; silence never lasts, a failed process ends it at once
LOG_LINES, FAILED_LINES = 40, 12


class System:
    """The system of one VOICE_HOME, as seen by the restart command."""

    def __init__(self) -> None:
        environ, _ = exported.exported(Parents())
        self.environ = environ
        self.names = list(SERVICES)
        self.home = Path(self.compose("proxy").home)
        (self.home / "run").mkdir(parents=True, exist_ok=True)

    def compose(self, name: str) -> Composed:
        return compose(SERVICES[name], SERVICES, self.environ, CHECKOUT / ".env")


def main(arguments: list[str]) -> int:
    known = (*SERVICES, *COMMANDS)
    wrong = [
        word
        for word in arguments
        if word not in known and not (arguments[0] == "logs" and word == "-f")
    ]
    if wrong or (arguments and arguments[0] in ("stop", "status") and len(arguments) > 1):
        print(__doc__, file=sys.stderr)
        if wrong:
            print(
                f"{wrong[0]!r} is neither a command nor a process; the processes are {', '.join(SERVICES)}",
                file=sys.stderr,
            )
        return 2
    system = System()
    match arguments:
        case ["status"]:
            return status(system)
        case ["logs", *rest]:
            return logs(system, [word for word in rest if word != "-f"], follow="-f" in rest)
        case ["stop"]:
            with one_at_a_time(system.home, "stop"):
                return stop(system)
        case _:
            with one_at_a_time(system.home, f"restart {' '.join(arguments)}".strip()):
                return restart(system, arguments)


@contextlib.contextmanager
def one_at_a_time(home: Path, what: str) -> Iterator[None]:
    """Hold the lock of this command; while another run of it holds the lock, say which one."""
    with (home / "run" / "restart.lock").open("a+") as file:
        said = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not said:
                    file.seek(0)
                    print(
                        f"waits for another run of this command: {file.read().strip()}", flush=True
                    )
                    said = True
                time.sleep(LOOK_EVERY_S)
        file.truncate(0)
        file.write(f"pid {os.getpid()} ({what})")
        file.flush()
        yield


def restart(system: System, named: list[str]) -> int:
    """Restart everything or the `named` processes and wait until all are ready."""
    began = time.time()
    honcho = running.common_honcho(system.home, system.names)
    handed: Path | None = None
    process = None
    if honcho is None:
        ended, killed = running.stop(system.home, system.names)
        if ended:
            print(f"stopped what an earlier start left ({ended} processes)")
        for sentence in killed:
            print(sentence)
        process = running.start_honcho(system.home, system.home / "logs" / HONCHO_LOG)
        print(
            f"started honcho (pid {process.pid}), its output is in {_short(system.home / 'logs' / HONCHO_LOG)}",
            flush=True,
        )
        asked = system.names
    else:
        asked = named or [name for name in system.names if not _keep(system, name)]
        kept = [name for name in system.names if name not in asked]
        note = f", {', '.join(kept)} kept running" if kept and not named else ""
        print(f"restarting {', '.join(asked)} under honcho (pid {honcho.pid}){note}", flush=True)
        handed = exported.hand_over(system.home)
        for name in asked:
            if record := records.read(system.home, name):
                running.ask_to_restart(record)
    try:
        return _wait_ready(system, asked, began, lambda: process is None or process.poll() is None)
    finally:
        if handed is not None:
            handed.unlink(missing_ok=True)


def _keep(system: System, name: str) -> bool:
    """Whether a restart of everything leaves `name` alone: healthy, and started with the settings of now."""
    record = records.read(system.home, name)
    return (
        SERVICES[name].keeps
        and record is not None
        and record.state == READY
        and record.program is not None
        and record.program.alive
        and record.fingerprint == system.compose(name).fingerprint
    )


def _wait_ready(
    system: System, asked: list[str], began: float, honcho_lives: Callable[[], bool]
) -> int:
    """Tell each process that becomes ready; 0 when all are, else 1 with what is wrong."""
    done: set[str] = set()
    failed_at = 0.0
    next_news = began + NEWS_EVERY_S
    while time.time() - began < LIMIT_S:
        found = running.all_records(system.home, system.names)
        # A record from before this restart says nothing about the new run.
        fresh = {
            name: one for name, one in found.items() if name not in asked or one.launched >= began
        }
        for name in system.names:
            if name in fresh and name not in done and _is_ready(fresh[name]):
                done.add(name)
                if name in asked:
                    print(f"{name:8} {_ready_text(fresh[name], began)}", flush=True)
        if len(done) == len(system.names):
            port = found["proxy"].port
            print(f"All ready in {time.time() - began:.1f} s. Open http://localhost:{port}/debug")
            return 0
        failed = [name for name, one in fresh.items() if name not in done and _has_failed(one)]
        if failed and not failed_at:
            failed_at = time.time()
        if not failed:
            failed_at = 0.0
        # Others may fail for the same reason a moment later: tell them together.
        if failed and (
            time.time() - failed_at > FAILED_WAIT_S or len(done) + len(failed) == len(system.names)
        ):
            for name in failed:
                _tell_failure(system, fresh[name])
            return 1
        if not honcho_lives():
            return _tell_honcho_ended(system)
        if time.time() >= next_news:
            for name in system.names:
                if name not in done:
                    print(
                        f"{name:8} {time.time() - began:.0f} s … {_news(fresh.get(name))}",
                        flush=True,
                    )
            next_news = time.time() + NEWS_EVERY_S
        time.sleep(LOOK_EVERY_S)
    print(
        f"not ready after {LIMIT_S:.0f} s: {', '.join(name for name in system.names if name not in done)}"
    )
    return 1


def _is_ready(record: Record) -> bool:
    return record.launcher_alive and (
        record.state == READY or (record.state == MONITORING and record.answers is True)
    )


def _has_failed(record: Record) -> bool:
    return not record.launcher_alive or record.state == FAILED or record.answers is False


def _ready_text(record: Record, began: float) -> str:
    if record.state == MONITORING:
        return f"not started here, {record.detail}"
    return f"ready after {record.since - began:.1f} s on port {record.port}"


def _news(record: Record | None) -> str:
    if record is None:
        return "its launcher prepares itself"
    return f"{record.state}: {record.detail.splitlines()[0][:120] if record.detail else ''}"


def _tell_failure(system: System, record: Record) -> None:
    why = (
        record.detail
        if record.launcher_alive
        else f"its launcher is gone; it was {record.state}: {record.detail}"
    )
    log = system.home / "logs" / f"{record.name}.log"
    print(f"\n{record.name} is not ready: {why}")
    lines = _last_lines(log, FAILED_LINES)
    if lines:
        print(f"the last lines of {_short(log)}:")
        print("\n".join(f"    {line}" for line in lines))
    print(f"When that is mended: ./restart_voice_system.sh {record.name}", flush=True)


def _tell_honcho_ended(system: System) -> int:
    log = system.home / "logs" / HONCHO_LOG
    print(f"\nhoncho ended, so nothing runs; the last lines of {_short(log)}:")
    print("\n".join(f"    {line}" for line in _last_lines(log, LOG_LINES)))
    print("When the cause is mended: ./restart_voice_system.sh", flush=True)
    return 1


def stop(system: System) -> int:
    """End everything; 1 when something could not be ended."""
    ended, killed = running.stop(system.home, system.names)
    for sentence in killed:
        print(sentence)
    left = [
        one.name
        for one in running.all_records(system.home, system.names).values()
        if one.launcher_alive
    ]
    if left:
        print(f"still running: {', '.join(left)}", file=sys.stderr)
        return 1
    print(f"stopped {ended} processes" if ended else "nothing was running")
    return 0


def status(system: System) -> int:
    """One line a process; 0 when all are ready."""
    all_ready = True
    for name in system.names:
        record = records.read(system.home, name)
        if record is None or (not record.launcher_alive and record.state != records.STOPPED):
            state, text = (
                "stopped",
                "not started"
                if record is None
                else f"its launcher is gone (it was {record.state})",
            )
        else:
            since = time.strftime("%H:%M:%S", time.localtime(record.since))
            state, text = record.state, f"since {since}  {record.detail}"
        all_ready = all_ready and record is not None and _is_ready(record)
        print(f"{name:8} {state:10} {text}")
    return 0 if all_ready else 1


def logs(system: System, names: list[str], *, follow: bool) -> int:
    """The last lines of the logs; with `follow`, become `tail` and go on."""
    files = [system.home / "logs" / f"{name}.log" for name in names or system.names]
    there = [file for file in files if file.exists()]
    if not there:
        print(f"no log yet in {_short(system.home / 'logs')}")
        return 1
    if follow:
        os.execvp("tail", ["tail", "-n", str(LOG_LINES), "-F", *map(str, there)])
    for file in there:
        print(f"==> {_short(file)} <==")
        print("\n".join(_last_lines(file, LOG_LINES)))
    return 0


def _last_lines(file: Path, count: int) -> list[str]:
    try:
        with file.open(errors="replace") as lines:
            return [line.rstrip("\n")[:400] for line in deque(lines, maxlen=count)]
    except FileNotFoundError:
        return []


def _short(path: Path) -> str:
    return str(path.relative_to(CHECKOUT) if path.is_relative_to(CHECKOUT) else path)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print(
            "\nstopped waiting; what was started goes on in the background: ./restart_voice_system.sh status"
        )
        sys.exit(130)
