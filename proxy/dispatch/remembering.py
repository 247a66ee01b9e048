"""What the timeline knows of a room's agent: for a proxy that was started during the call."""

from __future__ import annotations

import json
from typing import Any

from common.events import Event
from proxy.dispatch.record import Record, Wish
from proxy.timeline.call import Call

JOINED = ("join.participant_joined", "dispatch.verified")
JOB = "job.job"


def remember(record: Record, call: Call) -> None:
    """Put into `record` which agents have been in the room, and what the last was sent with."""
    for event in call.history:
        if event.topic in JOINED:
            record.saw(str(event.data.get("identity")), event.at)
            record.joined_at = event.at
    record.wish = _wish(call.history.last(JOB), call.agent_id)
    record.requested_at = call.started
    if record.seen:
        record.state, record.message = "joined", "An agent was in the room before the proxy was."


def _wish(job: Event | None, agent_id: str | None) -> Wish:
    """As the metadata of the job tell it; they were made by `Wish.metadata`."""
    sent: Any = None
    if job is not None:
        try:
            sent = json.loads(str(job.data.get("metadata") or "{}"))
        except ValueError:
            sent = None
    settings = sent.get("settings") if isinstance(sent, dict) else None
    return Wish(agent_id, settings if isinstance(settings, dict) else {})
