"""What one can ask of the doctor. Standard library only."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


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
    if options.bundle is not None:
        options.bundle = options.folder / options.bundle.expanduser()
        if options.bundle.exists():
            parser.error(f"{options.bundle} exists already: name a file that does not")
        if not options.bundle.parent.is_dir():
            parser.error(f"the folder {options.bundle.parent} does not exist")
    return options
