"""Waiting is woken by changes alone, and ends at its deadline."""

from __future__ import annotations

import asyncio

from dev.caller.changes import Changes


async def test_a_condition_is_looked_at_only_after_a_change() -> None:
    changes, looks, value = Changes(), 0, 0

    def condition() -> bool:
        nonlocal looks
        looks += 1
        assert looks < 10, "it spins instead of waiting"
        return value == 3

    waiting = asyncio.create_task(changes.until(condition, timeout=10))
    for value in (1, 2, 3):  # noqa: B007 - read by the condition
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        changes.notify()
    assert await waiting
    assert looks <= 5


async def test_what_holds_already_needs_no_change() -> None:
    assert await Changes().until(lambda: True, timeout=0)


async def test_the_deadline_ends_the_wait() -> None:
    changes = Changes()
    assert not await changes.until(lambda: False, timeout=0.01)
    changes.notify()  # nobody waits any more


async def test_several_may_wait() -> None:
    changes, done = Changes(), False
    waiting = [asyncio.create_task(changes.until(lambda: done, timeout=10)) for _ in range(3)]
    await asyncio.sleep(0)
    done = True
    changes.notify()
    assert await asyncio.gather(*waiting) == [True] * 3
