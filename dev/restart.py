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

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

from dev import exported, records, running
from dev.environment import compose
from dev.hand_over import handing_over
from dev.parents import Parents
from dev.records import READY
from dev.services import CHECKOUT, services
from dev.waiting import Waiting, is_ready, last_lines, short

COMMANDS = ("stop", "status", "logs")
LOOK_EVERY_S = 0.1
LOG_LINES = 40


class System:
    """The system of one VOICE_HOME, as seen by the restart command."""

    def __init__(self) -> None:
        self.began = time.time()
        environ, _ = exported.exported(Parents())
        self.environ = environ
        self.names = list(services())
        self.composed = {name: compose(name, environ, CHECKOUT / ".env") for name in self.names}
        self.home = Path(self.composed[self.names[0]].home)
        (self.home / "run").mkdir(parents=True, exist_ok=True)

    def hands_over(self) -> AbstractContextManager[Path]:
        """While it is open, launchers that begin find this shell's environment and settings."""
        composed = {name: asdict(one) for name, one in self.composed.items()}
        return handing_over(self.home, self.environ, composed)


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
    """Restart everything or the `named` processes and wait until all of them are ready."""
    began = time.time()
    honcho = running.common_honcho(system.home, system.names)
    if honcho is None:
        return _start(system, began)
    asked = named or [name for name in system.names if not _keep(system, name)]
    kept = [name for name in system.names if name not in asked]
    note = f"; {', '.join(kept)} kept running" if kept and not named else ""
    print(f"restarting {', '.join(asked)} under honcho (pid {honcho.pid}){note}", flush=True)
    with system.hands_over():
        for record in running.all_records(system.home, asked).values():
            running.ask_to_restart(record)
        waiting = Waiting(system.home, named or system.names, asked, began)
        return _result(system, waiting, lambda: honcho.alive)


def _start(system: System, began: float) -> int:
    """End what an earlier start left and start honcho with everything."""
    ended, killed = running.stop(system.home, system.names)
    if ended:
        print(f"stopped what an earlier start left ({ended} processes)")
    for sentence in killed:
        print(sentence)
    log = system.home / "logs" / running.HONCHO_LOG
    with system.hands_over() as file:
        environ = {**system.environ, exported.HAND_OVER: str(file)}
        # A line of JSON says by itself when it was and whose it is.
        prefix = system.composed[system.names[0]].environ.get("LOG_FORMAT") != "json"
        honcho = running.start_honcho(system.home, log, system.names, environ, prefix=prefix)
        print(f"started honcho (pid {honcho.pid}), its output is in {short(log)}", flush=True)
        waiting = Waiting(system.home, system.names, system.names, began)
        return _result(system, waiting, lambda: honcho.poll() is None)


def _result(system: System, waiting: Waiting, honcho_lives: Callable[[], bool]) -> int:
    if not waiting.until_ready(honcho_lives):
        return 1
    page = records.read(system.home, "proxy")
    where = f" Open http://localhost:{page.port}/debug" if page and page.port else ""
    print(f"All ready in {time.time() - system.began:.1f} s.{where}")
    return 0


def _keep(system: System, name: str) -> bool:
    """Whether a restart of everything leaves `name` alone: healthy, and started with the settings
    of now."""
    record = records.read(system.home, name)
    return (
        services()[name].keeps
        and record is not None
        and record.state == READY
        and record.program is not None
        and record.program.alive
        and record.fingerprint == system.composed[name].fingerprint
    )


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
        all_ready = all_ready and record is not None and is_ready(record)
        print(f"{name:8} {state:10} {text}")
    return 0 if all_ready else 1


def logs(system: System, names: list[str], *, follow: bool) -> int:
    """The last lines of the logs; with `follow`, become `tail` and go on."""
    files = [system.home / "logs" / f"{name}.log" for name in names or system.names]
    there = [file for file in files if file.exists()]
    if not there:
        print(f"no log yet in {short(system.home / 'logs')}")
        return 1
    if follow:
        os.execvp("tail", ["tail", "-n", str(LOG_LINES), "-F", *map(str, there)])
    for file in there:
        print(f"==> {short(file)} <==")
        print("\n".join(last_lines(file, LOG_LINES)))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print(
            "\nstopped waiting; what was started goes on in the background: "
            "./restart_voice_system.sh status"
        )
        sys.exit(130)
