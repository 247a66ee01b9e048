"""What the LiveKit server reports of a room, as events of its timeline."""

from __future__ import annotations

import time
from typing import Any

from livekit.protocol.models import DisconnectReason, ParticipantInfo, TrackSource, TrackType

from common.events import Stage
from proxy.timeline.timeline import Timeline
from proxy.tokens import AGENT_PREFIX

PROMPT_S = 5.0
"""A report whose time, told in whole seconds, is this close to now is of now."""

Told = tuple[Stage, str, dict[str, Any]]


def note_report(timeline: Timeline, report: Any) -> None:
    """Put a report, checked by its signature, into the timeline of its room."""
    room = report.room.name
    if not room:
        return
    told = _told(report)
    if told is None:
        return
    stage, name, data = told
    now = time.time()
    at = now if abs(now - report.created_at) < PROMPT_S else float(report.created_at)
    key = f"sfu-{report.id}" if report.id else None
    timeline.note(room, stage, name, data, source="sfu", at=at, key=key)
    if report.event == "room_finished":
        timeline.end(room, at)


def _told(report: Any) -> Told | None:
    who = report.participant
    # Reports of tracks do not tell the kind; no caller gets a token for an agent's identity.
    is_agent = who.kind == ParticipantInfo.AGENT or who.identity.startswith(AGENT_PREFIX)
    match report.event:
        case "room_started" | "room_finished":
            return "signal", report.event, {"sid": report.room.sid}
        case "participant_joined":
            data = {"identity": who.identity, "kind": _kind(who), "sid": who.sid}
            return ("join" if is_agent else "signal"), "participant_joined", data
        case "participant_left" | "participant_connection_aborted":
            reason = str(DisconnectReason.Name(who.disconnect_reason))  # as the page names it
            data = {"identity": who.identity, "kind": _kind(who), "reason": reason}
            if report.event == "participant_connection_aborted":
                data["aborted"] = True
            return ("join" if is_agent else "signal"), "participant_left", data
        case "track_published" | "track_unpublished":
            return ("play" if is_agent else "hear"), report.event, _track(report)
    return None


def _kind(who: Any) -> str:
    return str(ParticipantInfo.Kind.Name(who.kind)).lower()


def _track(report: Any) -> dict[str, Any]:
    track = report.track
    return {
        "identity": report.participant.identity,
        "sid": track.sid,
        "kind": str(TrackType.Name(track.type)).lower(),
        "source": str(TrackSource.Name(track.source)).lower(),
        "muted": track.muted,
    }
