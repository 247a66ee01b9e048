"""Who has the machine: lanes of tests run beside each other, but what makes the whole machine busy
or takes its memory runs alone."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LANES = "TESTS_LANES"
"""The folder of the locks that the lanes of one run share; not set: nobody runs beside."""


@contextmanager
def shared_with_others(alone: bool) -> Iterator[None]:
    """Within this block others may use the machine, too, or (`alone`) nobody else does."""
    folder = os.environ.get(LANES)
    if folder is None:
        yield
        return
    with (Path(folder) / "machine").open("w") as machine:
        # Who waits to be alone holds the door, so that the others do not always come first.
        with (Path(folder) / "door").open("w") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(machine, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
