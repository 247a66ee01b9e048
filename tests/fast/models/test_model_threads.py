"""Who is served next by a model that all calls share."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest

from dev.models.model_threads import ModelThreads, Rank


async def test_the_lowest_rank_is_served_first_and_who_has_left_not_at_all() -> None:
    threads, served = ModelThreads("a model", 2), list[str]()
    busy = [threading.Event() for _ in range(2)]
    first = [asyncio.create_task(threads.run(lambda: (0.0,), each.wait)) for each in busy]
    await asyncio.sleep(0)
    late, left, soon, after = (
        asyncio.create_task(threads.run(partial(tuple[float, ...], (rank,)), served.append, name))
        for rank, name in ((9.0, "late"), (1.0, "left"), (5.0, "soon"), (5.0, "after"))
    )
    await asyncio.sleep(0)
    assert threads.length == 6
    left.cancel()
    await asyncio.sleep(0)
    busy[0].set()
    await asyncio.gather(late, soon, after)
    assert served == ["soon", "after", "late"]
    busy[1].set()
    await asyncio.gather(*first)
    assert threads.length == 0
    threads.close()


async def test_a_rank_may_change_while_it_waits_and_an_error_is_whose_work_it_was() -> None:
    threads, served, busy = ModelThreads("a model"), list[str](), threading.Event()
    ranks = {"one": 1.0, "other": 2.0}

    def rank_of(name: str) -> Rank:
        return (ranks[name],)

    first = asyncio.create_task(threads.run(lambda: (0.0,), busy.wait))
    await asyncio.sleep(0)
    others = [
        asyncio.create_task(threads.run(partial(rank_of, name), served.append, name))
        for name in ranks
    ]
    await asyncio.sleep(0)
    ranks["one"] = 3.0
    busy.set()
    await asyncio.gather(first, *others)
    assert served == ["other", "one"]
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: (0.0,), divmod, 1, 0)
    assert await threads.run(lambda: (0.0,), divmod, 7, 2) == (3, 1)
    threads.close()
