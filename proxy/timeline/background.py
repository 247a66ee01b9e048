"""Work beside the requests: a task that no fault ends, and a thread that nobody waits for."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

log = logging.getLogger("proxy.timeline")

AFTER_FAULT_S = 1.0

Result = TypeVar("Result")


async def run_forever(run: Callable[[], Awaitable[None]]) -> None:
    """Run `run` until it returns; after a fault, which is logged, run it again.

    Every call relies on this work, so an error that nobody foresaw must not end it.
    """
    while True:
        try:
            return await run()
        except Exception:
            log.exception("The timeline failed at something nobody foresaw; it goes on")
            await asyncio.sleep(AFTER_FAULT_S)


async def in_daemon_thread(work: Callable[[], Result]) -> Result:
    """Return or raise what `work` does, in a thread that does not outlive the process.

    The loop's own threads are waited for when the proxy stops, however long they take.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def finish(result: Result | None, error: Exception | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as raised:
            error = raised
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(finish, result, error)

    threading.Thread(target=run, name="calls database", daemon=True).start()
    return await done
