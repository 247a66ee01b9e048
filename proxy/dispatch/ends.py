"""How the job of an agent has ended, as the worker tells it, when the call still needs an agent."""

from __future__ import annotations

from typing import Literal

from common.events import Event

TOPICS = ("job.ended", "job.process_ended")

End = Literal["died", "stopped", "lost"]


def end_in_call(event: Event) -> End | None:
    """`died`: its process ended otherwise than a call ends. `stopped`: the worker stopped, and will
    come back. `lost`: it lost its room, which nobody wanted. None: the call had ended, or the event
    is another one."""
    if event.topic not in TOPICS or event.source != "agent":
        return None
    data = event.data
    if data.get("lost"):
        return "lost"
    if data.get("worker_stopped") is True:
        return "stopped"
    unseen = data.get("exit_code") is None and "is gone" in str(data.get("reason"))
    died = data.get("exit_code") or data.get("signal") or data.get("error") or unseen
    return "died" if died and event.topic == "job.process_ended" else None
