"""Decides when a call is over: when no caller is left in the room.

A caller who says goodbye ends the call at once; one whose connection is lost may come back within
AGENT_ABSENCE_TIMEOUT. With several callers in the room the agent listens to another one instead.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from livekit import rtc
from livekit.agents import AgentSession

logger = logging.getLogger("agent.job")

GOODBYES = (
    rtc.DisconnectReason.CLIENT_INITIATED,
    rtc.DisconnectReason.ROOM_DELETED,
    rtc.DisconnectReason.PARTICIPANT_REMOVED,
    rtc.DisconnectReason.USER_REJECTED,
)
FIRST_CALLER_TIMEOUT = 10.0  # seconds the agent waits in a room where nobody has been yet
GONE_TIMEOUT = 2.0  # the same where somebody was when it was asked for: they hung up meanwhile


class Callers:
    """Watches the participants of a room; calls `over(reason)` once.

    `waits`: somebody was there when the agent was asked for.
    """

    def __init__(
        self,
        room: rtc.Room,
        session: AgentSession[None],
        absence_timeout: float,
        over: Callable[[str], None],
        waits: bool = False,
    ) -> None:
        self._room = room
        self._session = session
        self._absence_timeout = absence_timeout
        self._over = over
        self._timer: asyncio.TimerHandle | None = None
        room.on("participant_connected", self._joined)
        room.on("participant_disconnected", self._left)
        if not self._present():
            if waits:
                self._end_after(GONE_TIMEOUT, "the caller was gone before the agent was there")
            else:
                self._end_after(FIRST_CALLER_TIMEOUT, "nobody came")

    def aclose(self) -> None:
        self._stay()
        self._room.off("participant_connected", self._joined)
        self._room.off("participant_disconnected", self._left)

    def _present(self) -> list[rtc.RemoteParticipant]:
        return [
            one
            for one in self._room.remote_participants.values()
            if one.kind != rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        ]

    def _joined(self, participant: rtc.RemoteParticipant) -> None:
        if self._present():
            self._stay()
            if self._listens_to() is None:
                self._session.room_io.set_participant(participant.identity)

    def _left(self, participant: rtc.RemoteParticipant) -> None:
        present = [one for one in self._present() if one.identity != participant.identity]
        if present:
            if self._listens_to() in (None, participant.identity):
                self._session.room_io.set_participant(present[0].identity)
            return
        reason = participant.disconnect_reason or rtc.DisconnectReason.UNKNOWN_REASON
        logger.info("the last caller left: %s", rtc.DisconnectReason.Name(reason))
        self._end_after(
            0.0 if reason in GOODBYES else self._absence_timeout,
            f"the caller left ({rtc.DisconnectReason.Name(reason)})",
        )

    def _listens_to(self) -> str | None:
        linked = self._session.room_io.linked_participant
        return linked.identity if linked else None

    def _end_after(self, seconds: float, reason: str) -> None:
        self._stay()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._over, reason)

    def _stay(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
