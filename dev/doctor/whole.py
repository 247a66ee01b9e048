"""The doctor with all its means."""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from common.known_secrets import is_secret
from common.redaction import BLOT
from dev.doctor import bundle, surroundings
from dev.doctor.examination import examine
from dev.doctor.surroundings import Surroundings
from dev.table import table


def run(options: argparse.Namespace, exported: Mapping[str, str]) -> int:
    """Examine and tell; the exit code."""
    # What is wrong is told in lines of our own.
    logging.disable(logging.CRITICAL)
    around = surroundings.look(exported)
    examined = asyncio.run(examine(around, outside=not options.offline))
    bundle.tell(options, examined)
    written = True
    if options.bundle is not None:
        # Slow to import, and only needed here.
        from proxy.bundle.calls import last_calls

        calls, trouble = asyncio.run(last_calls(around.settings))
        written = bundle.write(
            options,
            examined,
            around.redactor,
            around.home,
            settings=_settings(around),
            calls=calls,
            trouble=trouble,
        )
    return 0 if examined.well and written else 1


def _settings(around: Surroundings) -> dict[str, Any]:
    """Every setting: its value, and where that is from."""
    told: dict[str, Any] = {}
    for setting in table():
        value = around.environ.get(setting.name, "") or setting.default
        hidden = is_secret(setting.name, value) and value
        told[setting.name] = {
            "value": BLOT if hidden else value,
            "from": around.sources.get(setting.name, "default"),
        }
    return {"settings": told, "problems": around.problems, "elsewhere": around.monitors}
