"""What speech-to-text and text-to-speech tell of themselves: kept until there is a call, then told
to it.

They are made before the call (agent/process.py), so they cannot know its events.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from agent.failures import failure, words

logger = logging.getLogger("agent.speech")


class Emit(Protocol):
    """As `Events.emit`."""

    def __call__(self, stage: str, name: str, /, **data: Any) -> None: ...


@dataclass(frozen=True)
class Degraded:
    """What the call must do without. `again`: it was told before and has not worked since."""

    what: str
    error: str
    consequence: str
    again: bool = False


class Reports:
    """Passes on what is told to the one who listens."""

    def __init__(self) -> None:
        self._kept: list[Degraded] = []
        self._broken: set[str] = set()
        self._emit: Emit | None = None
        self._degraded: Callable[[Degraded], None] = self._kept.append

    def listen(self, emit: Emit, degraded: Callable[[Degraded], None]) -> None:
        """There is a call: it hears of what is broken already, and of what will happen."""
        self._emit, self._degraded = emit, degraded
        for one in self._kept:
            degraded(one)

    def tell(self, stage: str, name: str, /, **data: Any) -> None:
        """An event; without a call it is nobody's."""
        if self._emit is not None:
            self._emit(stage, name, **data)

    def failed(
        self, stage: str, error: BaseException, provider: str, attempt: int, recoverable: bool
    ) -> None:
        """A try failed; `recoverable`: there will be another one."""
        self.tell(
            stage,
            "error",
            message=words(error),
            provider=provider,
            attempt=attempt,
            recoverable=recoverable,
            **failure(error).data,
        )

    def broken(self, what: str, error: str, consequence: str) -> None:
        again = what in self._broken
        self._broken.add(what)
        logger.warning("%s: %s; %s", what, error, consequence)
        self._degraded(Degraded(what, error, consequence, again))

    def works(self, what: str) -> None:
        if what in self._broken:
            self._broken.discard(what)
            logger.info("%s works again", what)


class Attempts:
    """Tells of each failed try of a provider, numbered, from LiveKit's `error` events."""

    def __init__(self, reports: Reports, stage: str, provider: str) -> None:
        self._reports = reports
        self._stage = stage
        self._provider = provider
        self._count = 0

    def begin(self, *_: object) -> None:
        self._count = 0

    def failed(self, told: Any) -> None:
        """`told` is an STTError or a TTSError."""
        self._count += 1
        self._reports.failed(self._stage, told.error, self._provider, self._count, told.recoverable)
        if not told.recoverable:
            self._count = 0
