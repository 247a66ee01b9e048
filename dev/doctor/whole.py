"""The doctor with all its means."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Mapping

from dev.doctor import report, surroundings
from dev.doctor.examination import examine


def run(options: argparse.Namespace, exported: Mapping[str, str]) -> int:
    """Examine and tell; the exit code."""
    # What is wrong is told in lines of our own.
    logging.disable(logging.CRITICAL)
    around = surroundings.look(exported)
    examined = asyncio.run(examine(around, outside=not options.offline))
    if options.json:
        print(json.dumps(examined.as_json(), indent=2))
    else:
        for line in report.lines(examined, colour=sys.stdout.isatty(), verbose=options.verbose):
            print(line)
    return 0 if examined.well else 1
