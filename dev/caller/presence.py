"""One participant's stay in a room: its microphone, what it hears, and what the others tell it."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
from livekit import rtc
from livekit.rtc.participant import PublishTrackError

from common import http_proxy
from dev.caller.access import CallError, Ticket
from dev.caller.hearing import Changes, ReplyListener, Transcripts
from dev.caller.microphone import FRAME_SAMPLES, Microphone
from dev.caller.sound import RATE, Samples

AGENT_STATE = "lk.agent.state"
EVENTS_TOPIC = "voice.event"
CHAT_TOPIC = "lk.chat"
CONNECT_TIMEOUT_S = 10.0
HEARD_FRAME_MS = 20
# The codec then leaves its speech mode, which needs twice the processor time, in silence too.
BITRATE = 64_000
MAX_EVENTS = 20_000

logger = logging.getLogger(__name__)


class Presence:
    """Connects, publishes a microphone, keeps what it hears; `changes` tells of anything new."""

    def __init__(self, identity: str, record: bool) -> None:
        self.identity = identity
        self.changes = Changes()
        self.listener = ReplyListener()
        self.transcripts = Transcripts(self.changes)
        self.events: list[dict[str, Any]] = []  # the worker's, in order of arrival
        self.connected_at: float | None = None
        self.listening_at: float | None = None  # when an agent first said that it listens
        self.reconnects = 0  # how often the connection was lost and came back
        self.lost = ""  # why the room is gone, once it is
        self._room = rtc.Room()
        self._source = rtc.AudioSource(RATE, 1, queue_size_ms=0)  # no queue: our clock paces
        self.microphone = Microphone(self._send)
        self._tasks: set[asyncio.Task[None]] = set()
        if record:
            self.listener.recording = []
            self.microphone.recording = []
        self._listen_to_room()

    @property
    def agents(self) -> list[rtc.RemoteParticipant]:
        kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        return [each for each in self._room.remote_participants.values() if each.kind == kind]

    @property
    def agent_state(self) -> str | None:
        """`lk.agent.state` of the agent; None when there is no agent or it has not said."""
        states = (each.attributes.get(AGENT_STATE) for each in self.agents)
        return next((each for each in states if each), None)

    async def join(self, ticket: Ticket) -> None:
        options = rtc.RoomOptions(connect_timeout=CONNECT_TIMEOUT_S)
        http_proxy.hide_from_native_code(ticket.url)
        try:
            await self._room.connect(ticket.url, ticket.token, options)
        except rtc.ConnectError as error:
            raise CallError(
                f"the LiveKit server at {ticket.url} did not let the caller in: {error.message}. "
                "Next: ./restart_voice_system.sh status"
            ) from error
        self.connected_at = time.monotonic()

    async def publish(self) -> None:
        """Publish the microphone and keep it running."""
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        options.audio_encoding.max_bitrate = BITRATE
        try:
            await self._room.local_participant.publish_track(track, options)
        except PublishTrackError as error:
            raise CallError(f"the caller's microphone was refused: {error.message}") from error
        self._start(self.microphone.run(), "microphone")

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._room.disconnect()
        await self._source.aclose()

    async def send_text(self, text: str) -> None:
        await self._room.local_participant.send_text(text, topic=CHAT_TOPIC)

    async def until(self, condition: Callable[[], object], timeout: float) -> bool:
        """As Changes.until, but a lost room ends the wait with the reason."""
        met = await self.changes.until(lambda: bool(condition()) or bool(self.lost), timeout)
        if self.lost and not condition():
            raise CallError(f"the call ended: {self.lost}. Next: ./restart_voice_system.sh status")
        return met

    def _listen_to_room(self) -> None:
        self.transcripts.attach(self._room)
        # Each may bring the first news of the agent's state.
        self._room.on("participant_connected", lambda _: self._look())
        self._room.on("participant_disconnected", lambda _: self._look())
        self._room.on("participant_attributes_changed", lambda *_: self._look())
        self._room.on("track_subscribed", self._on_track)
        self._room.on("data_received", self._on_data)
        self._room.on("reconnected", self._on_reconnected)
        self._room.on("disconnected", self._on_disconnected)

    def _look(self) -> None:
        if self.listening_at is None and self.agent_state == "listening":
            self.listening_at = time.monotonic()
        self.changes.notify()

    def _on_track(self, track: rtc.Track, *_: object) -> None:
        self._look()
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            self._start(self._hear(track), f"listener for {track.sid}")

    def _on_data(self, packet: rtc.DataPacket) -> None:
        if packet.topic != EVENTS_TOPIC or len(self.events) >= MAX_EVENTS:
            return
        try:
            event = json.loads(packet.data)
        except ValueError:
            logger.warning("an event of the worker is not JSON: %r", packet.data[:80])
            return
        self.events.append({**event, "arrived": time.monotonic()})
        self.changes.notify()

    def _on_reconnected(self) -> None:
        self.reconnects += 1
        self.changes.notify()

    def _on_disconnected(self, reason: rtc.DisconnectReason.ValueType) -> None:
        self.lost = f"the room was left, reason {rtc.DisconnectReason.Name(reason)}"
        self.changes.notify()

    async def _hear(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(
            track, sample_rate=RATE, num_channels=1, frame_size_ms=HEARD_FRAME_MS
        )
        try:
            async for event in stream:
                self.listener.hear(np.frombuffer(event.frame.data, np.int16), time.monotonic())
                self.changes.notify()
        finally:
            await stream.aclose()

    async def _send(self, frame: Samples) -> None:
        await self._source.capture_frame(rtc.AudioFrame(frame.tobytes(), RATE, 1, FRAME_SAMPLES))

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.lost = f"the caller's {task.get_name()} failed: {error!r}"
            self.changes.notify()
