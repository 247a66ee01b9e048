"""How a program ended against its will: as a code, in words, and by its last lines."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from dev.telling import last_error, telling


@dataclass(frozen=True)
class Ending:
    """`code` is the exit code, or the negative number of a signal; None when it never began."""

    code: int | None
    how: str
    cause: str
    log: tuple[str, ...] = ()

    @classmethod
    def of(cls, code: int, said: Sequence[str]) -> "Ending":
        """The end of a program that returned `code` and `said` this at last."""
        if code < 0:
            how = f"was killed (signal {-code}, {signal.Signals(-code).name})"
            # Whoever is killed has no part in it, and so nothing to say, unless it saw it coming.
            return cls(code, how, "killed", tuple(telling(said, errors_only=True)))
        return cls(code, f"ended with exit code {code}", "crashed", tuple(telling(said)))

    @classmethod
    def never_began(cls, command: Sequence[str], error: OSError) -> "Ending":
        reason = error.strerror or error
        return cls(None, f"cannot be run ({' '.join(command)}: {reason})", "not-runnable")

    def __str__(self) -> str:
        error = last_error(self.log)
        return f"{self.how}: {error}" if error else self.how
