"""A room that was lost is told from one that somebody left, or was thrown out of."""

from __future__ import annotations

from typing import Any

import pytest
from livekit import rtc

from agent.leaving import LostRoom

Reason = rtc.DisconnectReason


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (Reason.SERVER_SHUTDOWN, "SERVER_SHUTDOWN"),
        (Reason.CONNECTION_TIMEOUT, "CONNECTION_TIMEOUT"),
        (Reason.UNKNOWN_REASON, "UNKNOWN_REASON"),
        (Reason.CLIENT_INITIATED, None),
        (Reason.PARTICIPANT_REMOVED, None),
        (Reason.ROOM_DELETED, None),
        (Reason.DUPLICATE_IDENTITY, None),
    ],
)
def test_what_is_lost(reason: Reason.ValueType, told: str | None) -> None:
    room: Any = rtc.EventEmitter()
    lost = LostRoom(room)
    room.emit("disconnected", reason)
    assert lost.reason == told
