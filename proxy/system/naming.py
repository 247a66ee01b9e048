"""A process of this machine in a few words, without what may be secret in its command line."""

from __future__ import annotations

import re
from pathlib import PurePath

import psutil

WORDS, LENGTH = 5, 80
MAY_BE_SECRET = re.compile(r"key|secret|token|password|://[^/]*@|^eyJ", re.IGNORECASE)


def told(process: psutil.Process) -> str:
    """`pid 12 (python -m agent)`; raises psutil.Error when the process has gone."""
    words = process.cmdline() or [process.name()]
    words = [PurePath(words[0]).name, *words[1:WORDS]]
    command = " ".join("…" if MAY_BE_SECRET.search(word) else word for word in words)
    return f"pid {process.pid} ({command[:LENGTH].strip()})"
