"""What went wrong with a call, in a sentence for the person who asked for it."""

from __future__ import annotations


class CallError(Exception):
    """Its text says what happened, with which value, and what to do next."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status  # the HTTP status, where a server refused

    @property
    def final(self) -> bool:
        """True when asking again cannot help: the request itself was refused."""
        return self.status is not None and 400 <= self.status < 500
