"""Whose sound is decoded next, when one model serves all."""

from __future__ import annotations

import asyncio
import threading

import pytest

from dev.models.hearing.decode_queue import Client, DecodeQueue, Urgency


class Held:
    """A queue whose model stands still until `release`; `order` is who was decoded, in order."""

    def __init__(self) -> None:
        self.queue = DecodeQueue()
        self.order: list[str] = []
        self._gate = threading.Event()
        self.first = self.wants(Client(), Urgency.AWAITED, "first", self._gate.wait)

    def wants(
        self, client: Client, urgency: Urgency, name: str, does: object = None
    ) -> asyncio.Task[str]:
        def work() -> str:
            if callable(does):
                does()
            self.order.append(name)
            return name

        return asyncio.create_task(self.queue.run(client, urgency, work))

    async def release(self, *tasks: asyncio.Task[str]) -> list[str]:
        await asyncio.sleep(0)  # the tasks get into the queue
        self._gate.set()
        await asyncio.gather(self.first, *tasks)
        self.queue.close()
        return self.order[1:]


async def test_what_a_caller_waits_for_goes_first_then_files_then_early_words() -> None:
    held = Held()
    tasks = [
        held.wants(Client(), urgency, urgency.name)
        for urgency in (Urgency.INTERIM, Urgency.FILE, Urgency.AWAITED)
    ]
    assert await held.release(*tasks) == ["AWAITED", "FILE", "INTERIM"]


async def test_one_who_wants_much_does_not_hold_up_one_who_wants_little() -> None:
    held = Held()
    greedy, modest = Client(), Client()
    tasks = [held.wants(greedy, Urgency.AWAITED, f"greedy {n}") for n in range(5)]
    tasks.append(held.wants(modest, Urgency.AWAITED, "modest"))
    assert (await held.release(*tasks)).index("modest") <= 1


async def test_who_has_left_is_not_decoded_and_a_failure_is_the_callers_own() -> None:
    held = Held()

    def fails() -> None:
        raise RuntimeError("out of memory")

    gone = held.wants(Client(), Urgency.AWAITED, "gone")
    failed = held.wants(Client(), Urgency.AWAITED, "failed", fails)
    other = held.wants(Client(), Urgency.AWAITED, "other")
    await asyncio.sleep(0)
    assert held.queue.length == 4 and not held.queue.idle
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    with pytest.raises(RuntimeError, match="out of memory"):
        await held.release(failed, other)
    assert await other == "other"
    assert held.order[1:] == ["other"]
    assert held.queue.idle
