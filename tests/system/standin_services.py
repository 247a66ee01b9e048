"""The services of the launcher's tests: the real livekit, and programs that are quick to start."""

import sys
from pathlib import Path

from dev.services import SERVICES as REAL
from dev.services import Port, Service

PROGRAM = str(Path(__file__).with_name("standin_program.py"))


def _standin(name: str, setting: str, after: tuple[str, ...] = (), keeps: bool = False) -> Service:
    return Service(
        name=name,
        command=(sys.executable, PROGRAM, name, setting),
        ports=(Port(setting, 0),),
        probe=name,
        after=after,
        keeps=keeps,
        code=name if name == "agent" else "",
        reload="AGENT_RELOAD" if name == "agent" else "",
    )


SERVICES = {
    "livekit": REAL["livekit"],
    "letta": _standin("letta", "LETTA_PORT", keeps=True),
    "agent": _standin("agent", "AGENT_PORT", after=("livekit",)),
    "proxy": _standin("proxy", "PROXY_PORT"),
}
