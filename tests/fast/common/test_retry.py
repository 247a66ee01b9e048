"""The policies of trying again: how many tries, how far apart, and what is not tried again."""

from __future__ import annotations

import pytest

from common import retry
from common.retry import RetryPolicy


class Passing(Exception):
    pass


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, Passing)


async def _waits(
    policy: RetryPolicy, failures: int, error: type[Exception] = Passing
) -> list[float]:
    """The waits between the tries, none of which is waited for."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    left = failures
    async for attempt in policy.retrying(_may_pass, sleep=sleep):
        with attempt:
            if left:
                left -= 1
                raise error
    return waits


async def test_the_waits_stay_as_they_are_or_double_up_to_the_longest() -> None:
    assert await _waits(retry.CONNECT_ROOM, 4) == [3.0] * 4
    assert await _waits(retry.DISPATCH, 2) == [0.2, 0.4]
    assert await _waits(retry.STORE_EVENTS, 6) == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]


async def test_jitter_is_anything_up_to_that() -> None:
    waits = await _waits(retry.DELIVER_EVENTS, 40)
    assert all(0.0 <= wait <= 2.0 for wait in waits) and len(set(waits)) > 20


async def test_the_last_failure_is_raised_after_so_many_tries() -> None:
    with pytest.raises(Passing):
        await _waits(retry.OPEN_LETTA, 3)


async def test_what_cannot_pass_is_not_tried_again() -> None:
    with pytest.raises(ValueError):
        await _waits(retry.STORE_EVENTS, 1, ValueError)


async def test_no_try_is_begun_after_the_time() -> None:
    with pytest.raises(Passing):
        await _waits(RetryPolicy(tries=None, first_wait_s=0.0, within_s=0.0), 100)
