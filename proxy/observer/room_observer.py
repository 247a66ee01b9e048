"""One room, watched from inside by a hidden participant: it hears data, no media.

It is hidden from all others, and dependent (the grant `agent`): a room with nobody else in it
closes as if it were not there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from livekit import api, rtc

from common import logs
from common.events import Stage
from common.http_proxy import hide_from_native_code
from proxy.api.tokens import AGENT_PREFIX
from proxy.observer.plain_events import STATE, PlainReader
from proxy.observer.session_events import TOPIC, SessionReader, Told
from proxy.settings import ProxySettings
from proxy.timeline.sfu_events import OBSERVER_PREFIX
from proxy.timeline.timeline import Timeline

log = logging.getLogger("proxy.observer")

# The native SDK tells each connection as news; what matters is told here.
logging.getLogger("livekit").setLevel(logging.WARNING)

TRANSCRIPTION = "lk.transcription"
FINAL, SEGMENT, TRACK = "lk.transcription_final", "lk.segment_id", "lk.transcribed_track_id"
TOKEN_TTL_S = 3600
REPORTED_S = 1.0
"""So long the server's own report of who comes and goes is waited for, before it is told here."""
CLOCKS_S = 1.0
"""An agent's clock that differs by less is right: the difference is the way."""
MESSAGE_MAX_BYTES = 512 * 1024
MESSAGES_MAX = 1000
CONNECT_S, LEAVE_S = 10.0, 1.0
ENDED = (rtc.DisconnectReason.ROOM_DELETED, rtc.DisconnectReason.ROOM_CLOSED)


class RoomObserver:
    """Follows one room from `run()` until it ends there; cancelled, it leaves.

    `of_agent`: what the agent does is told, too, since no worker tells it.
    """

    def __init__(
        self, settings: ProxySettings, timeline: Timeline, room: str, *, of_agent: bool
    ) -> None:
        self.room = room
        self._settings = settings
        self._timeline = timeline
        self._of_agent = of_agent
        self._tasks: set[asyncio.Task[None]] = set()
        self._sessions: dict[str, SessionReader] = {}
        self._plain: dict[str, PlainReader] = {}
        self._behind: dict[str, float] = {}
        self._messages: asyncio.Queue[tuple[str, rtc.ByteStreamReader]] = asyncio.Queue(
            MESSAGES_MAX
        )
        self._over = asyncio.Event()
        self._reason: int | None = None

    async def run(self) -> bool:
        """Enter the room and stay to the end; whether that is the room's own end."""
        logs.about(self.room)
        room = rtc.Room()
        self._listen(room)
        reading = asyncio.create_task(self._read_sessions(), name=f"session events of {self.room}")
        try:
            hide_from_native_code(self._settings.livekit_url)
            async with asyncio.timeout(CONNECT_S):
                await room.connect(
                    self._settings.livekit_url, self._token(), rtc.RoomOptions(auto_subscribe=False)
                )
            for participant in room.remote_participants.values():
                self._came(room, participant)
            sid = await room.sid
            await self._over.wait()
            if self._reason in ENDED:
                await self._note_end(sid)
            return self._reason in (*ENDED, rtc.DisconnectReason.PARTICIPANT_REMOVED)
        finally:
            for task in [reading, *self._tasks]:
                task.cancel()
            await asyncio.gather(reading, *self._tasks, return_exceptions=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await room.disconnect()

    def _token(self) -> str:
        assert self._settings.livekit_credentials is not None
        grants = api.VideoGrants(
            room_join=True,
            room=self.room,
            hidden=True,
            agent=True,
            can_publish=False,
            can_publish_data=False,
            can_subscribe=False,
        )
        return (
            api.AccessToken(*self._settings.livekit_credentials)
            .with_identity(f"{OBSERVER_PREFIX}{secrets.token_hex(6)}")
            .with_grants(grants)
            .with_ttl(timedelta(seconds=TOKEN_TTL_S))
            .to_jwt()
        )

    def _listen(self, room: rtc.Room) -> None:
        room.on("participant_connected", lambda participant: self._came(room, participant))
        room.on("participant_disconnected", self._left)
        room.on("participant_attributes_changed", lambda _, who: self._state_of(who))
        room.on("track_published", self._published)
        room.on("disconnected", self._disconnected)
        if not self._of_agent:
            return
        room.register_byte_stream_handler(
            TOPIC, lambda reader, who: self._session_event(room, reader, who)
        )
        room.register_text_stream_handler(
            TRANSCRIPTION, lambda reader, who: self._start(self._read_words(room, reader, who))
        )

    def _disconnected(self, reason: Any) -> None:
        self._reason = reason
        self._over.set()

    async def _note_end(self, sid: str) -> None:
        """Tell that the room has ended, where the server's webhooks do not."""
        at = time.time()
        await asyncio.sleep(REPORTED_S)
        call = self._timeline.calls.newest(self.room)
        if call is None or call.history.last("signal.room_finished", sid=sid) is not None:
            return
        self._timeline.note(self.room, "signal", "room_finished", {"sid": sid}, source="sfu", at=at)
        self._timeline.end(self.room, at)

    def _came(self, room: rtc.Room, participant: rtc.RemoteParticipant) -> None:
        self._start(self._note_coming(participant, time.time()))
        for publication in participant.track_publications.values():
            self._published(publication, participant)
        self._state_of(participant)

    async def _note_coming(self, participant: rtc.RemoteParticipant, at: float) -> None:
        """Tell of it, where the server's webhooks do not."""
        await asyncio.sleep(REPORTED_S)
        call = self._timeline.calls.current(self.room)
        if call is not None and participant.identity in call.present:
            return
        data = {
            "identity": participant.identity,
            "kind": _kind(participant),
            "sid": participant.sid,
        }
        stage: Stage = "join" if _is_agent(participant) else "signal"
        key = f"room-came-{participant.sid}"
        self._timeline.note(
            self.room, stage, "participant_joined", data, source="sfu", at=at, key=key
        )

    def _left(self, participant: rtc.RemoteParticipant) -> None:
        self._start(self._note_leaving(participant, time.time()))

    async def _note_leaving(self, participant: rtc.RemoteParticipant, at: float) -> None:
        await asyncio.sleep(REPORTED_S)
        call = self._timeline.calls.current(self.room)
        if call is None or participant.identity not in call.present:
            return
        reason = participant.disconnect_reason
        data = {
            "identity": participant.identity,
            "kind": _kind(participant),
            "reason": rtc.DisconnectReason.Name(reason) if reason else "UNKNOWN_REASON",
        }
        stage: Stage = "join" if _is_agent(participant) else "signal"
        key = f"room-left-{participant.sid}"
        self._timeline.note(
            self.room, stage, "participant_left", data, source="sfu", at=at, key=key
        )

    def _published(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        self._start(self._note_track(publication, participant, time.time()))

    async def _note_track(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant, at: float
    ) -> None:
        await asyncio.sleep(REPORTED_S)
        stage: Stage = "play" if _is_agent(participant) else "hear"
        call = self._timeline.calls.current(self.room)
        topic = f"{stage}.track_published"
        if call is not None and call.history.last(topic, sid=publication.sid) is not None:
            return
        data = {
            "identity": participant.identity,
            "sid": publication.sid,
            "kind": rtc.TrackKind.Name(publication.kind).removeprefix("KIND_").lower(),
            "source": rtc.TrackSource.Name(publication.source).removeprefix("SOURCE_").lower(),
            "muted": publication.muted,
        }
        key = f"room-track-{publication.sid}"
        self._timeline.note(self.room, stage, "track_published", data, source="sfu", at=at, key=key)

    def _state_of(self, participant: rtc.Participant) -> None:
        """Of an agent that tells no more than its state."""
        who, state = participant.identity, participant.attributes.get(STATE, "")
        if not self._of_agent or not state:
            return
        if _is_agent(participant) and who not in self._sessions:
            self._tell(self._plain_of(who).state(state, time.time()))

    def _session_event(self, room: rtc.Room, reader: rtc.ByteStreamReader, who: str) -> None:
        """Anybody in the room can send on this topic; only an agent's word counts as an agent's."""
        sender = room.remote_participants.get(who)
        if sender is None or not _is_agent(sender):
            return
        try:
            self._messages.put_nowait((who, reader))
        except asyncio.QueueFull:
            log.warning("Session events of %s come too quickly: some are left out", who)

    async def _read_sessions(self) -> None:
        """One after the other, so that they are told in the order in which they were sent."""
        while True:
            who, reader = await self._messages.get()
            message = bytearray()
            async for chunk in reader:
                if len(message) + len(chunk) > MESSAGE_MAX_BYTES:
                    break
                message += chunk
            if who not in self._sessions:
                self._sessions[who] = SessionReader(self._turns())
            session = self._sessions[who]
            try:
                told = session.read(bytes(message))
            except Exception:
                # Whatever an agent sends, it must not end the watching.
                log.exception("A session event of %s cannot be read", who)
                continue
            self._tell(told, self._shift(who, told))

    def _shift(self, who: str, told: list[Told]) -> float:
        """Seconds to be added to the times of an agent whose clock is wrong."""
        if told:
            late = time.time() - max(one.at for one in told)
            self._behind[who] = min(late, self._behind.get(who, late))
        shift = self._behind.get(who, 0.0)
        return shift if abs(shift) > CLOCKS_S else 0.0

    async def _read_words(self, room: rtc.Room, reader: rtc.TextStreamReader, who: str) -> None:
        began, text = time.time(), ""
        async for piece in reader:
            text += piece
        attributes = reader.info.attributes or {}
        final = attributes.get(FINAL) == "true"
        speaker = room.remote_participants.get(who)
        of_agent = speaker is not None and _is_agent(speaker)
        if final and not self._has_page():
            data = {
                "id": attributes.get(SEGMENT) or reader.info.stream_id,
                "text": text,
                "final": True,
                "track": attributes.get(TRACK, ""),
            }
            self._note("speak" if of_agent else "transcribe", "segment", data, began)
        if self._sessions:
            return
        agent = next((one for one in room.remote_participants.values() if _is_agent(one)), None)
        plain = self._plain_of(agent.identity if agent is not None else who)
        if of_agent:
            self._tell(plain.agent_said(text, time.time()))
        else:
            self._tell(plain.caller_said(text, time.time(), final=final))

    def _plain_of(self, who: str) -> PlainReader:
        return self._plain.setdefault(who, PlainReader(self._turns()))

    def _turns(self) -> int:
        """How many turns the call has had, with another agent or told to another proxy."""
        call = self._timeline.calls.current(self.room)
        return call.turns if call is not None else 0

    def _tell(self, told: Iterable[Told], shift: float = 0.0) -> None:
        for one in told:
            if one.name == "agent_state" and self._has_page():
                continue
            self._note(one.stage, one.name, one.data, one.at + shift)

    def _has_page(self) -> bool:
        """Whether a page tells of this room what it sees itself: states, and words as they come."""
        call = self._timeline.calls.current(self.room)
        return call is not None and call.history.last("media.connected") is not None

    def _note(self, stage: Any, name: str, data: dict[str, Any], at: float) -> None:
        self._timeline.note(self.room, stage, name, data, source="agent", at=at)

    def _start(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _quietly(work: Any) -> None:
    """A stream that breaks off when its sender leaves is no fault."""
    try:
        await work
    except Exception as error:
        log.debug("Something of a watched room could not be read: %r", error)


def _is_agent(participant: rtc.Participant) -> bool:
    return (
        participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        or participant.identity.startswith(AGENT_PREFIX)
    )


def _kind(participant: rtc.Participant) -> str:
    name = rtc.ParticipantKind.Name(participant.kind)
    return str(name).removeprefix("PARTICIPANT_KIND_").lower()
