"""./scripts/doctor [URL]: everything that can be found out without a call; see --help.

What needs packages is imported late: when they are not there or cannot be loaded, minimal.py says
what can be said without them.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    exported = dict(os.environ)
    try:
        if options.url is not None:
            from dev.doctor import deployment

            return deployment.main([options.url, *(["--json"] if options.json else [])])
        from dev.doctor.full import run
    except Exception as error:  # a package that is missing or broken, a mistake in our own code
        return _minimal(options, exported, error)
    return run(options, exported)


def _minimal(options: argparse.Namespace, exported: Mapping[str, str], error: Exception) -> int:
    try:
        from dev.doctor import minimal
    except Exception as own:  # a file that even this needs: nothing is left but to name it
        where = traceback.extract_tb(own.__traceback__)[-1]
        file, line = (where.filename, where.lineno)
        if isinstance(own, SyntaxError):
            file, line = str(own.filename), own.lineno
        print(f"The doctor cannot be loaded: correct {file}, line {line}: {own}", file=sys.stderr)
        return 1
    return minimal.run(options, exported, error)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; wrong usage ends the process with 2."""
    parser = argparse.ArgumentParser(
        prog="./scripts/doctor",
        description="Look at the whole system without a browser and without a call, and say what "
        "is wrong and what to do first. Nothing needs to run for it; nothing is changed.",
        epilog="Ends with 0 when all is well, 1 when something fails, 2 when it was asked wrongly. "
        "Each model in use is called once, with a word or less than a second of sound; those of "
        "providers elsewhere may bill that (a small part of a cent).",
    )
    parser.add_argument(
        "url",
        nargs="?",
        help="a deployment by its address, such as http://localhost:9000: try every endpoint of "
        "it, as ./scripts/check-deployment does, instead of looking at this machine",
    )
    parser.add_argument("--verbose", action="store_true", help="show every setting and detail")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    parser.add_argument(
        "--offline",
        action="store_true",
        help="call no model outside of this machine; ask it only for what is free",
    )
    parser.add_argument(
        "--bundle",
        metavar="FILE.zip",
        type=Path,
        help="write a bug report without secrets: this answer, logs, settings, the last calls",
    )
    parser.add_argument(
        "--transcripts",
        action="store_true",
        help="leave in the bundle what was said in the calls (otherwise it is blanked)",
    )
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.transcripts and options.bundle is None:
        parser.error("--transcripts is about --bundle")
    if options.url is not None and (options.bundle is not None or options.offline):
        parser.error("--bundle and --offline are about this machine, not about a deployment")
    if options.bundle is not None:
        options.bundle = options.folder / options.bundle.expanduser()
        if options.bundle.exists():
            parser.error(f"{options.bundle} exists already: name a file that does not")
        if not options.bundle.parent.is_dir():
            parser.error(f"the folder {options.bundle.parent} does not exist")
    return options


def end(code: int) -> NoReturn:
    """End at once: a question that hangs in a thread must not be waited for."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    end(main(sys.argv[1:]))
