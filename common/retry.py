"""How often, and how far apart, something is tried again: every policy of the system in one place.

Each says what somebody waits for. tenacity does the trying.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    stop_never,
    wait_exponential,
    wait_fixed,
    wait_random_exponential,
)


@dataclass(frozen=True)
class RetryPolicy:
    """`tries` of None: until it succeeds. The wait before the second try is `first_wait_s`; it
    doubles up to `longest_wait_s`, or stays as it is when that is None; with `jitter` it is
    anything up to that. No try is begun `within_s` seconds after the first."""

    tries: int | None
    first_wait_s: float
    longest_wait_s: float | None = None
    jitter: bool = False
    within_s: float | None = None

    def retrying(self, may_pass: Callable[[BaseException], bool], **hooks: Any) -> AsyncRetrying:
        """Tries again what failed with an error that `may_pass`; raises what the last try did.
        `hooks` are tenacity's, such as `before_sleep`."""
        stop: Any = stop_never if self.tries is None else stop_after_attempt(self.tries)
        if self.within_s is not None:
            stop = stop | stop_after_delay(self.within_s)
        wait: Any = wait_fixed(self.first_wait_s)
        if self.longest_wait_s is not None:
            growing = wait_random_exponential if self.jitter else wait_exponential
            wait = growing(multiplier=self.first_wait_s, max=self.longest_wait_s)
        return AsyncRetrying(
            stop=stop, wait=wait, retry=retry_if_exception(may_pass), reraise=True, **hooks
        )


CONNECT_ROOM = RetryPolicy(tries=5, first_wait_s=3.0)
"""The job enters its room; the caller sees "connecting"."""
START_SESSION = RetryPolicy(tries=3, first_wait_s=2.0)
"""The job starts the voice session; the caller sees "connecting"."""
OPEN_LETTA = RetryPolicy(tries=3, first_wait_s=0.5)
"""The job opens its Letta conversation; the call begins without it meanwhile."""
ASK_PROVIDER = RetryPolicy(tries=3, first_wait_s=0.0)
"""A provider has asked to be asked again (Retry-After, which sets the waits); the caller waits for
the reply, PROVIDER_PATIENCE seconds at most."""
OPEN_CALLS_DATABASE = RetryPolicy(tries=None, first_wait_s=0.02, longest_wait_s=0.2, within_s=1.0)
"""The calls database is opened while others open it, each in some milliseconds; one that stays
locked is named soon. Calls are kept in memory meanwhile."""
DISPATCH = RetryPolicy(tries=3, first_wait_s=0.2, longest_wait_s=2.0, within_s=4.0)
"""The proxy asks the LiveKit server for an agent; the page waits for the answer."""
STORE_EVENTS = RetryPolicy(tries=None, first_wait_s=0.25, longest_wait_s=2.0)
"""The proxy writes events into the calls database; nobody waits."""
DELIVER_EVENTS = RetryPolicy(tries=None, first_wait_s=0.1, longest_wait_s=2.0, jitter=True)
"""The worker sends events to the proxy; nobody waits, they are spooled."""
