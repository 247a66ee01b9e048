"""What people are told: log lines of one form, and problems that end the program."""

import sys
import time


class Problem(Exception):
    """Something a person must mend; its text says what happened and what to do next."""


def say(text: str, name: str = "letta", level: str = "INFO") -> None:
    """One log line on stdout."""
    now = time.time()
    clock = time.strftime("%H:%M:%S", time.localtime(now))
    print(f"{clock}.{int(now % 1 * 1000):03d} {level} {name}: {text}", flush=True)


def fail(text: str) -> None:
    """The sentence a program ends with, on stderr."""
    print(f"letta: {text}", file=sys.stderr, flush=True)
