"""How a program that makes calls ends: it hangs up first, whoever tells it to end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(work: Coroutine[Any, Any, int]) -> int:
    """The exit code of `work`; told to end it cleans up, told twice it ends at once."""
    return asyncio.run(_until_told(work))


async def _until_told(work: Coroutine[Any, Any, int]) -> int:
    task = asyncio.ensure_future(work)
    told: list[int] = []

    def end(number: signal.Signals) -> None:
        if told:
            end_process(128 + number)
        told.append(number)
        task.cancel()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, end, number)
    try:
        return await task
    except asyncio.CancelledError:
        return 128 + told[0] if told else 1


def end_process(code: int) -> NoReturn:
    """End at once, without taking the interpreter down.

    The SDK's own threads pass on their log lines once a second. When they call into an interpreter
    that is going away, the whole process is aborted: one end in ten, on a busy machine, had exit
    code 134 and a page of Rust on stderr.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
