"""`--bundle FILE.zip`: the doctor's answer and what else helps to find a fault, without secrets.

Standard library only.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.redaction import Redactor
from dev.doctor import report
from dev.doctor.examined import Examined
from proxy.bundle.archive import Archive, Call


def write(
    options: argparse.Namespace,
    examined: Examined,
    redactor: Redactor,
    home: Path,
    *,
    settings: Mapping[str, Any],
    calls: Sequence[Call],
    trouble: str,
) -> bool:
    """Write the file that the options name; whether that worked."""
    archive = Archive(redactor, transcripts=options.transcripts)
    archive.add_calls(calls, trouble)
    told = report.lines(examined, colour=False, verbose=True)
    archive.add_text("doctor.txt", "\n".join([*told, ""]))
    archive.add_json("doctor.json", examined.as_json())
    archive.add_json("settings.json", settings)
    archive.add_home(home / "logs", home / "run")
    verdict = examined.verdict
    sentence = f"{verdict.state}: {verdict.sentence} {verdict.next}" if verdict is not None else ""
    data = archive.bytes("./scripts/doctor --bundle", sentence)
    try:
        with options.bundle.open("xb") as file:
            file.write(data)
    except OSError as error:
        print(f"{options.bundle} cannot be written: {error.strerror}", file=sys.stderr)
        return False
    print(
        f"bundle: {options.bundle} ({len(data) // 1024} kB). Fill in REPORT.md in it, and look "
        "through it before you give it away.",
        file=sys.stderr,
    )
    return True


def tell(options: argparse.Namespace, examined: Examined) -> None:
    """Print the answer as the options want it."""
    if options.json:
        print(json.dumps(examined.as_json(), indent=2))
        return
    for line in report.lines(examined, colour=sys.stdout.isatty(), verbose=options.verbose):
        print(line)
