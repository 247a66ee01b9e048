"""Tries the same again: each try is logged with its number, a failed one with its reason.

How often and how far apart stands in common/retry.py. Whether another try can help is read from
the error: LiveKit's native library gives nothing but a sentence, `ConnectError.message`, which
names the HTTP status of the LiveKit server's answer in one fixed place
(tests/unit/agent/test_upstream_names.py sees that it still does).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable

from livekit.rtc import ConnectError

from agent.events import Events
from common.retry import RetryPolicy

logger = logging.getLogger("agent.job")

REFUSED = re.compile(r"engine: signal failure: client error: (\d{3}) ")
"""Then the status in words, " - ", and the body of the answer, which may hold anything."""
FINAL_STATUSES = frozenset({401, 403, 404})
"""The token is refused, or the room is gone: the next try would get the same answer."""


async def retry(
    work: Callable[[], Awaitable[None]], what: str, policy: RetryPolicy, events: Events
) -> None:
    """Do `work` until it succeeds, as often as the policy allows; raises the last try's error.

    Each failure that is followed by another try becomes a `job.retry` event.
    """
    async for attempt in policy.retrying(is_transient):
        number = attempt.retry_state.attempt_number
        with attempt:
            logger.info("%s: try %s of %s", what, number, policy.tries)
            try:
                await work()
            except Exception as error:
                end = "it was the last"
                if not is_transient(error):
                    end = "another cannot help"
                elif policy.tries is None or number < policy.tries:
                    end = f"the next follows in {policy.first_wait_s:g} s"
                    events.emit(
                        "job", "retry", what=what, attempt=number, of=policy.tries, error=str(error)
                    )
                logger.warning(
                    "%s: try %s of %s failed; %s", what, number, policy.tries, end, exc_info=True
                )
                raise


def is_transient(error: BaseException) -> bool:
    """Whether the same try may succeed later. A failed look-up of a host name is transient."""
    if not isinstance(error, Exception):
        return False
    return refused_status(error) not in FINAL_STATUSES


def refused_status(error: Exception) -> int | None:
    """The HTTP status (400 to 499) with which the LiveKit server refused the job."""
    if not isinstance(error, ConnectError):
        return None
    refusal = REFUSED.match(error.message)
    return int(refusal.group(1)) if refusal else None
