"""Keeps the making of the next job process away from the beginning of a call.

The framework begins to make a process the moment one is taken, and on a small machine both then
take twice as long. So the pool is told to want one process less for a moment. A job that waits for
a process gets one made at once all the same.
"""

from __future__ import annotations

import asyncio

from livekit.agents.ipc.proc_pool import ProcPool

BEGINNING = 1.5  # seconds of a call in which no process is made for later ones


class UnhurriedPool:
    """Watches a pool of processes from its start to its end."""

    def __init__(self, pool: ProcPool) -> None:
        self._pool = pool
        self._wanted = pool.target_idle_processes
        self._timer: asyncio.TimerHandle | None = None
        pool.on("process_job_launched", self._call_begins)

    def _call_begins(self, _: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._pool.set_target_idle_processes(0)
        self._timer = asyncio.get_running_loop().call_later(BEGINNING, self._settled)

    def _settled(self) -> None:
        self._pool.set_target_idle_processes(self._wanted)
