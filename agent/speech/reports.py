"""Reports of speech-to-text and text-to-speech to their call: kept until it begins, then passed on.

Both are made before the call (agent/job/process.py), so they cannot know its events.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Protocol

from common.failures import failure, words

logger = logging.getLogger("agent.speech")


@dataclass(frozen=True)
class Degraded:
    """What the call must do without. `again`: it was reported before and has not worked since."""

    what: str
    error: str
    consequence: str
    again: bool = False


class ReportListener(Protocol):
    """The call, which hears what its providers report."""

    def event(self, stage: str, name: str, /, **data: Any) -> None:
        """Something that belongs into the call's timeline."""

    def degraded(self, degraded: Degraded) -> None:
        """Something that the call must do without."""


class Reports:
    """Made once a process, before its call. Until the call listens, events are dropped, and what is
    broken is kept for it."""

    def __init__(self) -> None:
        self._unheard: list[Degraded] = []
        self._broken: set[str] = set()
        self._listener: ReportListener | None = None

    def listen(self, listener: ReportListener) -> None:
        """The call begins: it hears of what is broken already, and of all that follows."""
        self._listener = listener
        for degraded in self._unheard:
            listener.degraded(degraded)

    def emit(self, stage: str, name: str, /, **data: Any) -> None:
        if self._listener is not None:
            self._listener.event(stage, name, **data)

    def failed(
        self, stage: str, error: BaseException, provider: str, attempt: int, recoverable: bool
    ) -> None:
        """A try failed; `recoverable`: there will be another one."""
        self.emit(
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
        degraded = Degraded(what, error, consequence, again)
        if self._listener is None:
            self._unheard.append(degraded)
        else:
            self._listener.degraded(degraded)

    def works(self, what: str) -> None:
        if what in self._broken:
            self._broken.discard(what)
            logger.info("%s works again", what)


class Attempts:
    """Reports each failed try of a provider, numbered, from LiveKit's `error` events."""

    def __init__(self, reports: Reports, stage: str, provider: str) -> None:
        self._reports = reports
        self._stage = stage
        self._provider = provider
        self._count = 0

    def begin(self, *_: object) -> None:
        self._count = 0

    def failed(self, event: Any) -> None:
        """`event` is an STTError or a TTSError."""
        self._count += 1
        self._reports.failed(
            self._stage, event.error, self._provider, self._count, event.recoverable
        )
        if not event.recoverable:
            self._count = 0
