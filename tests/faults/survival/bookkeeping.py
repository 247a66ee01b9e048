"""What the timeline has of a call, beside what the caller was told as it happened."""

from __future__ import annotations

from typing import Any

import httpx

from tests.faults.call import Call
from tests.faults.survival.survival import until
from tests.running_system import System

COMPLETE_WITHIN_S = 60.0
"""On a machine that is busy; how soon it should be is the goal of a row."""


def kept(system: System, room: str) -> list[dict[str, Any]]:
    """The events of the room's calls as the proxy has them, oldest first; none while it is away.

    Of each call the export, which is what a person keeps of it.
    """
    try:
        with httpx.Client(base_url=system.proxy_url, timeout=5.0) as proxy:
            calls = proxy.get("/api/calls").raise_for_status().json()["calls"]
            ids = [each["id"] for each in reversed(calls) if each["room"] == room]
            exports = [proxy.get(f"/api/calls/{one}?format=json") for one in ids]
            return [event for one in exports for event in one.raise_for_status().json()["events"]]
    except httpx.HTTPError:
        return []


def is_complete(system: System, call: Call) -> None:
    """Wait until the timeline has all that the worker told the caller, in order, each once."""
    told = [each["key"] for each in call.caller.events]
    assert told, "the worker told nothing"
    until(
        lambda: set(told) <= {each["key"] for each in kept(system, call.room)},
        f"the timeline has all {len(told)} events of room {call.room}",
        COMPLETE_WITHIN_S,
    )
    keys = [each["key"] for each in kept(system, call.room)]
    doubles = {key for key in keys if keys.count(key) > 1}
    assert not doubles, f"these are there twice: {doubles}"
    wanted = set(told)
    assert [key for key in keys if key in wanted] == told, "they are in another order"


def is_well(call: Call) -> None:
    """Wait until no stage of the call fails. The machine may have no CPU to spare meanwhile."""

    def well() -> bool:
        answer = call.ask()
        system = next(each for each in answer["verdicts"] if each["stage"] == "system")
        busy = system["cause"] == "machine-out-of-cpu"
        return answer["failing"] is None and (busy or system["state"] == "ok")

    until(well, f"all is well in room {call.room}: {call.ask()['verdicts']}", COMPLETE_WITHIN_S)
