"""Status files as launchers write them, of a process that lives: this one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import psutil

STARTED = psutil.Process().create_time()
MYSELF = {"pid": os.getpid(), "start_time": STARTED}


def write(folder: Path, name: str, **status: Any) -> None:
    """A status file as a launcher writes it."""
    whole = {
        "name": name,
        "state": "ready",
        "since": 1.0,
        "detail": "ready after 1.0 s",
        "launcher": MYSELF,
        "program": MYSELF,
        "port": 1,
        "restarts": 0,
        "ready_after_s": 1.0,
        "updated": 2.0,
        **status,
    }
    (folder / f"{name}.json").write_text(json.dumps(whole))
