"""When a call is over, and how the agent then leaves the room.

A call is over when no caller is left in the room. A caller who says goodbye ends it at once; one
whose connection is lost may come back within AGENT_ABSENCE_TIMEOUT. With several callers in the
room, the agent listens to another caller instead.

The agent leaves the room at once and closes the rest afterwards: who comes into the room meanwhile
must not talk to an agent that is on its way out. A room can also be lost, as when the LiveKit
server restarts: its callers come back, and need another agent.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable

from livekit import rtc
from livekit.agents import AgentSession, JobContext

logger = logging.getLogger("agent.job")

GOODBYES = (
    rtc.DisconnectReason.CLIENT_INITIATED,
    rtc.DisconnectReason.ROOM_DELETED,
    rtc.DisconnectReason.PARTICIPANT_REMOVED,
    rtc.DisconnectReason.USER_REJECTED,
)
FIRST_CALLER_TIMEOUT = 10.0  # seconds the agent waits in a room where nobody has been yet
GONE_TIMEOUT = 2.0  # the same when a caller waited for the agent: that one hung up meanwhile

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

BY_WORKER = "parent process shutdown"
"""Why a job ends that its worker ends, in livekit-agents' words."""
ENDED_WITHIN_S = 20.0
"""So late the server may still end the job of an agent that had to connect more than once."""

# What the SDK logs when it cannot send to a room that was left: no fault of anybody. The session
# is closed after the room, so it tries. tests/fast/agent/test_upstream_names.py checks the texts.
UNSENT_OF_AGENTS = ("failed to send session event", "failed to publish agent transcription")
UNSENT_OF_NATIVE = ("failed to handle request", "failed to send dc_event")  # liblivekit_ffi
UNSENT_OF_OURS = ("an event could not be published to the room",)  # agent/events.py
UNSENT = (*UNSENT_OF_AGENTS, *UNSENT_OF_NATIVE, *UNSENT_OF_OURS)
SENDERS = ("livekit", "livekit.agents", "agent.events")  # the loggers of these texts


CALLER = "voice.caller"
"""Attribute of who has a token of the proxy: a caller, not a bot that has come with one of its own
(proxy/api/tokens.py gives it)."""


class Callers:
    """Watches the participants of a room; calls `over(reason)` once.

    `caller_waits`: a caller was there when the agent was dispatched. `linked` is told whom the
    agent listens to, each time that it changes.
    """

    def __init__(
        self,
        room: rtc.Room,
        session: AgentSession[None],
        absence_timeout: float,
        over: Callable[[str], None],
        caller_waits: bool = False,
        linked: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        self._room = room
        self._session = session
        self._absence_timeout = absence_timeout
        self._over = over
        self._timer: asyncio.TimerHandle | None = None
        self._tell = linked
        self._told: str | None = None
        room.on("participant_connected", self._joined)
        room.on("participant_disconnected", self._left)
        self._prefer_a_caller()
        self._tell_whom()
        if not self._present():
            if caller_waits:
                self._end_after(GONE_TIMEOUT, "the caller was gone before the agent was there")
            else:
                self._end_after(FIRST_CALLER_TIMEOUT, "nobody came")

    def aclose(self) -> None:
        self._stay()
        self._room.off("participant_connected", self._joined)
        self._room.off("participant_disconnected", self._left)

    def _present(self) -> list[rtc.RemoteParticipant]:
        return [
            participant
            for participant in self._room.remote_participants.values()
            if participant.kind != rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        ]

    def _joined(self, participant: rtc.RemoteParticipant) -> None:
        if self._present():
            self._stay()
            if self._listens_to() is None:
                self._session.room_io.set_participant(participant.identity)
            self._prefer_a_caller()
            self._tell_whom()

    def _prefer_a_caller(self) -> None:
        """Who is no more than a participant, such as a bot with a standard token, is listened to
        only while there is no caller of the proxy's, and none by telephone."""
        callers = [each for each in self._present() if _is_caller(each)]
        if callers and self._listens_to() not in {each.identity for each in callers}:
            self._session.room_io.set_participant(callers[0].identity)

    def _left(self, gone: rtc.RemoteParticipant) -> None:
        present = [caller for caller in self._present() if caller.identity != gone.identity]
        if present:
            if self._listens_to() in (None, gone.identity):
                best = next((each for each in present if _is_caller(each)), present[0])
                self._session.room_io.set_participant(best.identity)
            self._tell_whom()
            return
        reason = gone.disconnect_reason or rtc.DisconnectReason.UNKNOWN_REASON
        logger.info("the last caller left: %s", rtc.DisconnectReason.Name(reason))
        self._end_after(
            0.0 if reason in GOODBYES else self._absence_timeout,
            f"the caller left ({rtc.DisconnectReason.Name(reason)})",
        )

    def _tell_whom(self) -> None:
        identity = self._listens_to()
        if identity != self._told:
            self._told = identity
            self._tell(identity)

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


def _is_caller(participant: rtc.RemoteParticipant) -> bool:
    by_telephone = participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_SIP
    return by_telephone or CALLER in participant.attributes


class RoomExit:
    """Ends the job of a call, once."""

    def __init__(self, ctx: JobContext) -> None:
        self._ctx = ctx
        self._disconnecting: asyncio.Task[None] | None = None

    def leave(self, reason: str) -> None:
        if self._disconnecting is not None:
            return
        for name in SENDERS:
            logging.getLogger(name).addFilter(is_news)
        self._ctx.shutdown(reason)
        self._disconnecting = asyncio.create_task(
            self._ctx.room.disconnect(), name="leave the room"
        )


class LostRoom:
    """Whether the job loses the room, which nobody wanted."""

    def __init__(self, room: rtc.Room) -> None:
        self._reason: str | None = None
        self._troubled_at = -math.inf
        self._away = False
        room.on("disconnected", self._disconnected)
        room.on("reconnecting", lambda: self.troubled(away=True))
        room.on("reconnected", self.troubled)

    def reason(self, ended: str) -> str | None:
        """LiveKit's name of why the room was lost; None when it was not. `ended`: why the job ends.

        An agent that connects anew, or whose try to connect failed, has left the room for the
        LiveKit server, which then has the worker end its job, late: perhaps when it is in again.
        """
        lately = time.monotonic() - self._troubled_at < ENDED_WITHIN_S
        if self._reason is None and ended == BY_WORKER and (self._away or lately):
            return rtc.DisconnectReason.Name(rtc.DisconnectReason.SIGNAL_CLOSE)
        return self._reason

    def troubled(self, away: bool = False) -> None:
        """The connection to the room was lost, or could not be made; `away`: it is not back."""
        self._away, self._troubled_at = away, time.monotonic()

    def _disconnected(self, reason: rtc.DisconnectReason.ValueType) -> None:
        if reason in LOST:
            self._reason = rtc.DisconnectReason.Name(reason)


def is_news(record: logging.LogRecord) -> bool:
    """A log filter: False for the message that nothing can be sent to a room that was left."""
    message = record.getMessage()
    return not any(text in message for text in UNSENT)
