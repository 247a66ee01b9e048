"""An agent that is no session of livekit-agents: it keeps to LiveKit's conventions, or only sends
sound. It speaks the real protocol, as a participant of the kind that an agent's token has."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
from livekit import api, rtc

from tests.running_system import System

RATE, FRAME = 24_000, 480
TONE_HZ, LOUD = 440, 8000


class PlainAgent:
    """In the room of a caller."""

    def __init__(self, room: rtc.Room, caller: str) -> None:
        self._room = room
        self._caller = caller
        self._source = rtc.AudioSource(RATE, 1)

    async def state(self, state: str) -> None:
        await self._room.local_participant.set_attributes({"lk.agent.state": state})

    async def transcribes(self, words: str, *, caller: bool) -> None:
        """Send a whole segment: what the caller said, in the caller's name, or its own words."""
        writer = await self._room.local_participant.stream_text(
            topic="lk.transcription",
            sender_identity=self._caller if caller else self._room.local_participant.identity,
            attributes={
                "lk.segment_id": f"SG_{uuid.uuid4().hex[:8]}",
                "lk.transcription_final": "true",
            },
        )
        await writer.write(words)
        await writer.aclose()

    async def sounds(self, seconds: float) -> None:
        """Publish a track, and play a tone on it."""
        track = rtc.LocalAudioTrack.create_audio_track("voice", self._source)
        await self._room.local_participant.publish_track(track)
        wave = LOUD * np.sin(2 * np.pi * TONE_HZ * np.arange(int(RATE * seconds)) / RATE)
        pcm = wave.astype(np.int16)
        for begin in range(0, len(pcm) - FRAME, FRAME):
            samples = pcm[begin : begin + FRAME].tobytes()
            await self._source.capture_frame(rtc.AudioFrame(samples, RATE, 1, FRAME))


@asynccontextmanager
async def plain_agent(system: System, room_name: str, caller: str) -> AsyncIterator[PlainAgent]:
    grants = api.VideoGrants(room_join=True, room=room_name, can_update_own_metadata=True)
    token = (
        api.AccessToken(system.api_key, system.api_secret)
        .with_identity("plain-agent")
        .with_kind("agent")
        .with_grants(grants)
        .to_jwt()
    )
    room = rtc.Room()
    await room.connect(system.livekit_url, token)
    await asyncio.sleep(0)
    try:
        yield PlainAgent(room, caller)
    finally:
        await room.disconnect()
