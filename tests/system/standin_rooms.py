"""All five services with their real settings, and programs that are quick to start; with
STANDIN_REAL the real ones."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from dev.services import SERVICES as REAL

PROGRAM = str(Path(__file__).with_name("standin_program.py"))
REAL_PROGRAMS = REAL if os.environ.get("STANDIN_REAL") else ("livekit",)
SERVICES = {
    name: replace(
        service,
        prepare=(),
        command=service.command
        if name in REAL_PROGRAMS
        else (sys.executable, PROGRAM, name, service.port.setting),
    )
    for name, service in REAL.items()
}
