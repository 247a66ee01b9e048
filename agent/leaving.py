"""The end of a call, as the room sees it: the agent leaves at once, the rest is closed afterwards.

Who comes into the room meanwhile must not talk to an agent that is on its way out. A room can also
be lost, as when the server is restarted: its callers come back, and need another agent.
"""

from __future__ import annotations

import asyncio
import logging

from livekit import rtc
from livekit.agents import JobContext

UNSENT = (
    "failed to send session event",
    "failed to publish agent transcription",
    "failed to handle request",
    "failed to send dc_event",
    "an event could not be published to the room",
)
# Why a room may be gone although nobody wanted to leave it.
LOST = (
    rtc.DisconnectReason.UNKNOWN_REASON,
    rtc.DisconnectReason.SERVER_SHUTDOWN,
    rtc.DisconnectReason.STATE_MISMATCH,
    rtc.DisconnectReason.JOIN_FAILURE,
    rtc.DisconnectReason.SIGNAL_CLOSE,
    rtc.DisconnectReason.CONNECTION_TIMEOUT,
    rtc.DisconnectReason.MEDIA_FAILURE,
)
SENDERS = ("livekit", "livekit.agents", "agent.events")


class Leaving:
    """Ends the job of a call, once."""

    def __init__(self, ctx: JobContext) -> None:
        self._ctx = ctx
        self._left: asyncio.Task[None] | None = None

    def over(self, reason: str) -> None:
        if self._left is not None:
            return
        for name in SENDERS:
            logging.getLogger(name).addFilter(is_news)
        self._ctx.shutdown(reason)
        self._left = asyncio.create_task(self._ctx.room.disconnect(), name="leave the room")


class LostRoom:
    """`reason`: LiveKit's name of why the room was lost, or None."""

    def __init__(self, room: rtc.Room) -> None:
        self.reason: str | None = None
        room.on("disconnected", self._disconnected)

    def _disconnected(self, reason: rtc.DisconnectReason.ValueType) -> None:
        if reason in LOST:
            self.reason = rtc.DisconnectReason.Name(reason)


def is_news(record: logging.LogRecord) -> bool:
    """Not that nothing more can be sent to a room that was left."""
    message = record.getMessage()
    return not any(sign in message for sign in UNSENT)
