"""Wait until processes are ready and tell how it goes: times, long steps, and why one fails."""

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from dev import running
from dev.log_line import as_text
from dev.logs import Log
from dev.records import FAILED, MONITORING, READY, Record
from dev.services import CHECKOUT

LOOK_EVERY_S = 0.1
NEWS_EVERY_S = 5.0
# Others may fail for the same reason a moment later: they are told together.
FAILED_WAIT_S = 2.0
# A first start may download for long; a failed process ends the wait at once.
LIMIT_S = 1800.0
HONCHO_LINES, FAILED_LINES = 40, 12


class Waiting:
    """The wait of one start: `wanted` processes of `home`, those in `restarted` since `began`."""

    def __init__(self, home: Path, wanted: list[str], restarted: list[str], began: float) -> None:
        self.home = home
        self.wanted = wanted
        self.restarted = restarted
        self.began = began
        self.done: set[str] = set()

    def until_ready(self, honcho_lives: Callable[[], bool]) -> bool:
        """Tell each process that becomes ready; False when one cannot, with why and what to do."""
        failed_at: float | None = None
        next_news = time.time() + NEWS_EVERY_S
        while time.time() - self.began < LIMIT_S:
            found = self._look()
            if self.done.issuperset(self.wanted):
                return True
            waiting = [name for name in self.wanted if name not in self.done]
            failed = [name for name in waiting if name in found and has_failed(found[name])]
            failed_at = (failed_at or time.time()) if failed else None
            late = failed_at is not None and time.time() - failed_at > FAILED_WAIT_S
            if late or (failed and failed == waiting):
                for name in failed:
                    self._tell_failure(found[name])
                return False
            if not honcho_lives():
                self._tell_honcho_ended()
                return False
            if time.time() >= next_news:
                for name in waiting:
                    news = _news(found.get(name))
                    print(f"{name:8} {self._seconds(time.time())} … {news}", flush=True)
                next_news = time.time() + NEWS_EVERY_S
            time.sleep(LOOK_EVERY_S)
        late_ones = ", ".join(name for name in self.wanted if name not in self.done)
        print(f"not ready after {LIMIT_S:.0f} s: {late_ones}; see ./restart_voice_system.sh status")
        return False

    def _look(self) -> dict[str, Record]:
        """The records that count: one from before the restart says nothing about the new run."""
        found = {
            name: record
            for name, record in running.all_records(self.home, self.wanted).items()
            if name not in self.restarted or record.launched >= self.began
        }
        for name, record in found.items():
            if name not in self.done and is_ready(record):
                self.done.add(name)
                if name in self.restarted:
                    print(f"{name:8} {self._ready_text(record)}", flush=True)
        return found

    def _seconds(self, then: float) -> str:
        return f"{then - self.began:.1f} s"

    def _ready_text(self, record: Record) -> str:
        if record.state == MONITORING:
            return f"not started here: {record.detail}"
        return f"ready after {self._seconds(record.since)} on port {record.port}"

    def _tell_failure(self, record: Record) -> None:
        why = record.detail
        if not record.launcher_alive:
            why = f"its launcher is gone; it was {record.state}: {record.detail}"
        log = self.home / "logs" / f"{record.name}.log"
        print(f"\n{record.name} is not ready: {why}")
        print(f"the last lines of {short(log)}:")
        lines = Log.since_start(last_lines(log, FAILED_LINES))
        print("\n".join(f"    {line}" for line in lines))
        print(f"When that is mended: ./restart_voice_system.sh {record.name}", flush=True)

    def _tell_honcho_ended(self) -> None:
        log = self.home / "logs" / running.HONCHO_LOG
        print(f"\nhoncho ended, so nothing runs; the last lines of {short(log)}:")
        print("\n".join(f"    {line}" for line in last_lines(log, HONCHO_LINES)))
        print("When the cause is mended: ./restart_voice_system.sh", flush=True)


def is_ready(record: Record) -> bool:
    """Whether a process does its work: ready, or a monitor whose service answers."""
    monitors = record.state == MONITORING and record.answers is True
    return record.launcher_alive and (record.state == READY or monitors)


def has_failed(record: Record) -> bool:
    return not record.launcher_alive or record.state == FAILED or record.answers is False


def _news(record: Record | None) -> str:
    if record is None:
        return "its launcher prepares itself"
    return f"{record.state}: {(record.detail.splitlines() or [''])[0][:120]}"


def last_lines(file: Path, count: int) -> list[str]:
    """The last lines of a log as text, whatever form it has."""
    try:
        with file.open(errors="replace") as lines:
            last = deque(lines, maxlen=count)
        told = [line for each in last for line in as_text(each.rstrip("\n"))]
        return [line[:400] for line in told[-count:]]
    except FileNotFoundError:
        return []


def short(path: Path) -> str:
    """A path as people write it: relative to the checkout when it lies there."""
    return str(path.relative_to(CHECKOUT) if path.is_relative_to(CHECKOUT) else path)
