"""What the timeline tells of a room's agent: how its job ended, and who was there before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from common.events import Event
from proxy.dispatch.records import DispatchRequest
from proxy.timeline.call import CallRecord

EXITS = ("job.ended", "job.process_ended")
JOINS = ("join.participant_joined", "dispatch.verified")
JOB = "job.job"


@dataclass(frozen=True)
class JobExit:
    """How a job has ended that the call still needs.

    `died`: its process ended otherwise than a call ends. `stopped`: the worker stopped, and will
    come back. `lost`: it lost its room, which nobody wanted.
    """

    job_id: str
    how: Literal["died", "stopped", "lost"]
    reason: str = "its process ended"
    lost: str = ""
    """LiveKit's reason for losing the room."""


def job_exit_of(event: Event) -> JobExit | None:
    """The exit that the worker reports; None when the call had ended, or for any other event."""
    if event.topic not in EXITS or event.source != "agent":
        return None
    data = event.data
    job_id = str(data.get("job_id") or "")
    reason = str(data.get("reason") or JobExit.reason)
    if data.get("lost"):
        return JobExit(job_id, "lost", reason, str(data["lost"]))
    if data.get("worker_stopped") is True:
        return JobExit(job_id, "stopped", reason)
    vanished = data.get("exit_code") is None and "is gone" in str(data.get("reason"))
    died = data.get("exit_code") or data.get("signal") or data.get("error") or vanished
    return JobExit(job_id, "died", reason) if died and event.topic == "job.process_ended" else None


@dataclass(frozen=True)
class CallFound:
    """A call that began before this proxy, as the timeline knows it."""

    agents: Mapping[str, float]
    """When each agent was first seen to join, by identity."""
    joined_at: float | None
    """When one was last seen to join."""
    request: DispatchRequest
    started: float


def call_found(call: CallRecord) -> CallFound:
    """What `call` tells of its agents: who joined, and what the last one was sent with."""
    agents: dict[str, float] = {}
    joined_at = None
    for event in call.history:
        if event.topic in JOINS:
            agents.setdefault(str(event.data.get("identity")), event.at)
            joined_at = event.at
    request = _request(call.history.last(JOB), call.agent_id)
    return CallFound(agents, joined_at, request, call.started)


def _request(job: Event | None, agent_id: str | None) -> DispatchRequest:
    """As the job's metadata tell it, which `DispatchRequest.metadata` made."""
    metadata: Any = None
    if job is not None:
        try:
            metadata = json.loads(str(job.data.get("metadata") or "{}"))
        except ValueError:
            metadata = None
    settings = metadata.get("settings") if isinstance(metadata, dict) else None
    return DispatchRequest(agent_id, settings if isinstance(settings, dict) else {})
