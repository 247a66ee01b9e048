"""./scripts/doctor: everything that can be found out without a call. See options.py.

What needs packages is imported late: when they are not there or cannot be loaded, the doctor says
what can be said without them (bare.py).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from dev.doctor import options as wishes


def main(arguments: Sequence[str]) -> int:
    options = wishes.parse(arguments)
    exported = dict(os.environ)
    try:
        from dev.doctor.whole import run
    except Exception as error:  # a package that is missing or broken, a mistake in our own code
        from dev.doctor.bare import run as run_bare

        return run_bare(options, exported, error)
    return run(options, exported)


def end(code: int) -> NoReturn:
    """End at once: a question that hangs in a thread must not be waited for."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    end(main(sys.argv[1:]))
