"""An agent that replays a recorded history into a room over the real SFU: text, events, sound.

    python -m tests.system.page.replayed_agent WS_URL TOKEN PROXY_URL PROOF < HISTORY.json

The token must be of kind agent; the proof is what the proxy takes an agent's events for. A history
is a list of steps, done one after another:
    {"wait": 0.2}                                    let time pass, as it did
    {"state": "listening"}                           attribute lk.agent.state
    {"event": ["think", "request", {"turn": 1}]}     as the worker reports it, on voice.event
    {"caller": "my na", "id": "S1", "final": false}  the caller's words, in the caller's name
    {"agent": "Nice to meet you.", "id": "S2"}       the reply, word by word, with a tone as voice
    {"agent": "...", "id": "S3", "until": 3}         the same, broken off after 3 words
It stays in the room after the last step, until it is told to end (SIGTERM).
"""

from __future__ import annotations

import asyncio
import json
import math
import secrets
import signal
import sys
import time
from array import array
from typing import Any
from urllib.parse import quote

import aiohttp
from livekit import rtc

from dev.caller.ending import end_process

RATE = 24000
TONE_HZ = 330
LOUDNESS = 6000
WORDS_A_SECOND = 7.0
TRANSCRIPTION = "lk.transcription"
EVENTS = "voice.event"


class ReplayedAgent:
    """One participant of kind agent, whose events go to the room and to the timeline."""

    def __init__(self, proxy: str, proof: str) -> None:
        self._proxy = proxy
        self._proof = proof
        self._mark = secrets.token_hex(4)
        self._told = 0
        self.room = rtc.Room()
        self.told_to_end = asyncio.Event()
        self._source = rtc.AudioSource(RATE, 1, queue_size_ms=200)
        self._published = 0

    async def join(self, url: str, token: str) -> None:
        await self.room.connect(url, token)
        track = rtc.LocalAudioTrack.create_audio_track("voice", self._source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)

    async def replay(self, steps: list[dict[str, Any]]) -> None:
        caller = await self._caller()
        for step in steps:
            if self.told_to_end.is_set():
                return
            match step:
                case {"wait": seconds}:
                    await asyncio.sleep(seconds)
                case {"state": state}:
                    await self.room.local_participant.set_attributes({"lk.agent.state": state})
                case {"event": [stage, name, data]}:
                    await self._report(stage, name, data)
                case {"caller": text, "id": segment, "final": final}:
                    await self._say_for(caller, text, segment, final=final)
                case {"agent": text, "id": segment}:
                    await self._say(text, segment, step.get("until"))
                case _:
                    raise ValueError(f"a history has no such step: {step}")

    async def _caller(self) -> str:
        """The identity of the first participant that is not an agent."""
        while not self.told_to_end.is_set():
            for participant in self.room.remote_participants.values():
                if participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD:
                    return participant.identity
            await asyncio.sleep(0.05)
        return ""

    async def _report(self, stage: str, name: str, data: dict[str, Any]) -> None:
        self._told += 1
        event = {
            "key": f"{self._mark}-{self._told}",
            "at": time.time(),
            "room": self.room.name,
            "source": "agent",
            "stage": stage,
            "name": name,
            "data": data,
        }
        await self.room.local_participant.publish_data(
            json.dumps(event), reliable=True, topic=EVENTS
        )
        url = f"{self._proxy}/api/rooms/{quote(self.room.name, safe='')}/events"
        proof = {"Authorization": f"Bearer {self._proof}"}
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            await session.post(url, json={"events": [event]}, headers=proof)

    async def _say_for(self, caller: str, text: str, segment: str, *, final: bool) -> None:
        writer = await self.room.local_participant.stream_text(
            topic=TRANSCRIPTION,
            sender_identity=caller,
            attributes={
                "lk.segment_id": segment,
                "lk.transcription_final": "true" if final else "false",
            },
        )
        await writer.write(text)
        await writer.aclose()

    async def _say(self, text: str, segment: str, until: int | None) -> None:
        writer = await self.room.local_participant.stream_text(
            topic=TRANSCRIPTION,
            attributes={"lk.segment_id": segment, "lk.transcription_final": "false"},
        )
        for number, word in enumerate(text.split()[:until]):
            if self.told_to_end.is_set():
                break
            await writer.write(word if number == 0 else f" {word}")
            await self._tone(1 / WORDS_A_SECOND)
        await writer.aclose(attributes={"lk.transcription_final": "true"})

    async def _tone(self, seconds: float) -> None:
        """A tone that swells and fades once a word; returns when it has been taken for sending."""
        count = int(RATE * seconds)
        samples = array(
            "h",
            (
                int(
                    LOUDNESS
                    * math.sin(math.pi * i / count)
                    * math.sin(2 * math.pi * TONE_HZ * (self._published + i) / RATE)
                )
                for i in range(count)
            ),
        )
        self._published += count
        await self._source.capture_frame(rtc.AudioFrame(samples.tobytes(), RATE, 1, count))


async def main(steps: list[dict[str, Any]], url: str, token: str, proxy: str, proof: str) -> None:
    agent = ReplayedAgent(proxy, proof)
    # Ending between two words, never within one: a frame that is being sent cannot be called back.
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, agent.told_to_end.set)
    await agent.join(url, token)
    await agent.replay(steps)
    await agent.told_to_end.wait()
    await agent.room.disconnect()


if __name__ == "__main__":
    asyncio.run(main(json.load(sys.stdin), *sys.argv[1:5]))
    end_process(0)
