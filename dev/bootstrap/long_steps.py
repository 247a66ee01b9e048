"""One long step of the preparation: run a command, show that it goes on, and say in words why it
failed.

Standard library only: this runs before any package is installed.
"""

import fcntl
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from dev.supervisor import private_files
from dev.supervisor.parents import Parents, holder_line, holder_of

CHECKOUT = Path(__file__).resolve().parents[2]
# Locks of preparations belong to the checkout, whatever VOICE_HOME says: two homes share its
# environments.
LOCKS = CHECKOUT / ".voice" / "locks"
KEPT_LINES = 12
FIRST_NEWS_S, NEWS_EVERY_S = 2.0, 5.0
END_WAIT_S = 3.0


class StepFailed(Exception):
    """A preparation that cannot go on; the text is for the person."""


def tell(text: str) -> None:
    """One line of progress on stdout."""
    now = time.time()
    clock = time.strftime("%H:%M:%S", time.localtime(now))
    print(f"{clock}.{int(now % 1 * 1000):03d} INFO preparing: {text}", flush=True)


def run(
    what: str,
    command: Sequence[str | Path],
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path = CHECKOUT,
    limit_s: float = 1800,
    advice: str = "",
) -> list[str]:
    """Run `command` to its end, telling every few seconds how long `what` has taken; returns its
    last lines.

    Raises StepFailed with the cause, the last lines and what to do. Ends the command when this
    process is told to end or when the parent is gone.
    """
    parents = Parents()
    started = time.monotonic()
    lines: deque[str] = deque(maxlen=200)
    try:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=dict(environ) if environ is not None else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise StepFailed(
            f"{what}: cannot run {command[0]}: {error.strerror or error}. {advice}".strip()
        ) from None
    ended: queue.Queue[int] = queue.Queue()
    threading.Thread(target=_collect, args=(process, lines, ended), daemon=True).start()
    next_news = FIRST_NEWS_S
    try:
        with _signals_end_this():
            while True:
                try:
                    code = ended.get(timeout=0.25)
                    break
                except queue.Empty:
                    pass
                took = time.monotonic() - started
                if took >= next_news:
                    tell(f"{what}: {took:.0f} s …{_latest(lines)}")
                    next_news = took + NEWS_EVERY_S
                if took > limit_s:
                    raise StepFailed(
                        f"{what}: not done after {limit_s:.0f} s, given up."
                        f"{_tail(lines)}\n{advice}".rstrip()
                    )
                if gone := parents.gone():
                    raise SystemExit(f"preparing: {what}: stopped, {gone}")
    finally:
        _end(process)
    if code != 0:
        raise StepFailed(
            f"{what}: failed after {time.monotonic() - started:.0f} s (exit code "
            f"{code}).{_tail(lines)}\n"
            f"{_what_to_do(lines, cwd)}{advice}".rstrip()
        )
    return list(lines)


@contextmanager
def lock(name: str, what: str) -> Iterator[None]:
    """Hold the checkout's lock `name` while preparing `what`; while another holds it, say who and
    what for."""
    private_files.folder(LOCKS.parent)
    private_files.folder(LOCKS)
    parents = Parents()
    with (LOCKS / name).open("a+") as file:
        started = time.monotonic()
        next_news = 0.5
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = time.monotonic() - started
                if waited >= next_news:
                    file.seek(0)
                    tell(f"waiting for {holder_of(file.read())}: {waited:.0f} s …")
                    next_news = waited + NEWS_EVERY_S
                if gone := parents.gone():
                    raise SystemExit(f"preparing: {what}: stopped, {gone}") from None
                time.sleep(0.1)
        file.truncate(0)
        file.write(holder_line(f"which prepares {what}"))
        file.flush()
        yield


def _collect(process: subprocess.Popen[str], lines: deque[str], ended: queue.Queue[int]) -> None:
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            if line.strip():
                lines.append(line.rstrip())
    ended.put(process.wait())


@contextmanager
def _signals_end_this() -> Iterator[None]:
    """Turn TERM and HUP into SystemExit, so that the command below is ended too."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(process: subprocess.Popen[str]) -> None:
    """End the command with the group it leads; nothing happens when it has ended by itself."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(END_WAIT_S)
        except subprocess.TimeoutExpired:
            continue


def _latest(lines: deque[str]) -> str:
    return f" {lines[-1].strip()[:100]}" if lines else ""


def _tail(lines: deque[str]) -> str:
    shown = [f"\n    {line[:300]}" for line in list(lines)[-KEPT_LINES:]]
    return " Its last lines:" + "".join(shown) if shown else " It printed nothing."


def _what_to_do(lines: deque[str], place: Path) -> str:
    """The likely cause in words, from the output and the disk."""
    output = "\n".join(lines).lower()
    free_mb = shutil.disk_usage(place).free // 2**20
    if "no space left" in output or free_mb < 200:
        return f"The disk is full ({free_mb} MB free at {place}): free some space and start again. "
    network = (
        "dns",
        "resolve",
        "timed out",
        "unreachable",
        "connect",
        "network",
        "temporary failure",
        "enotfound",
    )
    if any(word in output for word in network):
        return (
            "The network or the package index cannot be reached: check the connection (or proxy "
            "settings) and start again. "
        )
    if "hash" in output and ("mismatch" in output or "do not match" in output):
        return (
            "A downloaded file is not the pinned one: do not go on; try another network, or "
            "empty the package cache. "
        )
    return ""


def fail(error: StepFailed) -> int:
    """Print a failed preparation the way every one of them is printed; returns the exit code."""
    print(f"preparing: {error}", file=sys.stderr, flush=True)
    return 1
