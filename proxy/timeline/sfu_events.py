"""What the LiveKit server reports of a room, as events of its timeline."""

from __future__ import annotations

import time
from typing import Any

from livekit.protocol.models import DisconnectReason, ParticipantInfo, TrackSource, TrackType

from common.events import Stage
from proxy.api.tokens import AGENT_PREFIX
from proxy.timeline.timeline import Timeline

PROMPT_S = 5.0
"""A report whose time, told in whole seconds, is this close to now is of now."""

OBSERVER_PREFIX = "voice-observer-"
"""Begins the identity of who watches a room for the proxy: nobody's caller."""

Reported = tuple[Stage, str, dict[str, Any]]
"""Stage, name and data of an event."""


def note_report(timeline: Timeline, report: Any) -> None:
    """Put a report, checked by its signature, into the timeline of its room."""
    room = report.room.name
    if not room:
        return
    reported = _reported(report)
    if reported is None:
        return
    stage, name, data = reported
    now = time.time()
    at = now if abs(now - report.created_at) < PROMPT_S else float(report.created_at)
    key = f"sfu-{report.id}" if report.id else None
    timeline.note(room, stage, name, data, source="sfu", at=at, key=key)
    if report.event == "room_finished":
        timeline.end(room, at)


def _reported(report: Any) -> Reported | None:
    participant = report.participant
    if participant.permission.hidden or participant.identity.startswith(OBSERVER_PREFIX):
        return None  # for all others it is not there
    # Reports of tracks do not tell the kind; no caller gets a token for an agent's identity.
    is_agent = participant.kind == ParticipantInfo.AGENT or participant.identity.startswith(
        AGENT_PREFIX
    )
    match report.event:
        case "room_started" | "room_finished":
            return "signal", report.event, {"sid": report.room.sid}
        case "participant_joined":
            data = {
                "identity": participant.identity,
                "kind": _kind(participant),
                "sid": participant.sid,
            }
            return ("join" if is_agent else "signal"), "participant_joined", data
        case "participant_left" | "participant_connection_aborted":
            reason = str(
                DisconnectReason.Name(participant.disconnect_reason)
            )  # as the page names it
            data = {"identity": participant.identity, "kind": _kind(participant), "reason": reason}
            if report.event == "participant_connection_aborted":
                data["aborted"] = True
            return ("join" if is_agent else "signal"), "participant_left", data
        case "track_published" | "track_unpublished":
            return ("play" if is_agent else "hear"), report.event, _track(report)
    return None


def _kind(participant: Any) -> str:
    return str(ParticipantInfo.Kind.Name(participant.kind)).lower()


def _track(report: Any) -> dict[str, Any]:
    track = report.track
    return {
        "identity": report.participant.identity,
        "sid": track.sid,
        "kind": str(TrackType.Name(track.type)).lower(),
        "source": str(TrackSource.Name(track.source)).lower(),
        "muted": track.muted,
    }
