"""Doing something several times: each try is logged with its number, a failed one with why."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_fixed

from agent.events import Events

logger = logging.getLogger("agent.job")


async def tried(
    work: Callable[[], Awaitable[None]],
    what: str,
    tries: int,
    wait_s: float,
    events: Events,
    can_pass: Callable[[BaseException], bool],
) -> None:
    """Do it, again `wait_s` seconds after a failure that can pass; raises what the last try did.

    Each failure that is followed by another try becomes a `job.retry` event.
    """

    retrying = AsyncRetrying(
        stop=stop_after_attempt(tries),
        wait=wait_fixed(wait_s),
        retry=retry_if_exception(can_pass),
        reraise=True,
    )
    async for attempt in retrying:
        number = attempt.retry_state.attempt_number
        with attempt:
            logger.info("%s: try %s of %s", what, number, tries)
            try:
                await work()
            except Exception as error:
                end = "it was the last"
                if not can_pass(error):
                    end = "another cannot help"
                elif number < tries:
                    end = f"the next follows in {wait_s:g} s"
                    events.emit(
                        "job", "retry", what=what, attempt=number, of=tries, error=str(error)
                    )
                logger.warning(
                    "%s: try %s of %s failed; %s", what, number, tries, end, exc_info=True
                )
                raise


def room_may_open(error: BaseException) -> bool:
    """Whether the same try may succeed later: not when the token is refused or the room is gone."""
    if not isinstance(error, Exception):
        return False
    text = str(error).lower()
    return not any(sign in text for sign in ("401", "403", "404", "unauthorized", "not found"))
