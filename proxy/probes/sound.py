"""Two participants, one room, one tone: does sound get through? A process of `connection.py`.

Reads `{"url", "speaker", "listener"}` (the last two are tokens) from stdin, and writes a line of
JSON `{"name", "ok", "ms", "detail"}` for each step to stdout. Ends with 0 when it has reported all.
"""

from __future__ import annotations

import array
import asyncio
import json
import math
import os
import sys
import time
from collections.abc import Awaitable

from livekit import rtc

from common import http_proxy

SAMPLE_RATE = 48_000
FRAME_MS = 10
TONE_HZ = 440
TONE_LEVEL = 8000
HEARD_LEVEL = 500
"""Root mean square above which a frame holds the tone; silence and comfort noise stay far below."""
JOIN_TIMEOUT_S = 8.0
MEDIA_TIMEOUT_S = 8.0
LEAVE_TIMEOUT_S = 3.0


class Clock:
    """Times steps and reports them."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def report(self, name: str, ok: bool, detail: str) -> bool:
        ms = round((time.monotonic() - self._started) * 1000, 1)
        print(json.dumps({"name": name, "ok": ok, "ms": ms, "detail": detail}), flush=True)
        self._started = time.monotonic()
        return ok


async def within(seconds: float, work: Awaitable[object], what: str) -> str:
    """Empty when `work` is done in time, else what went wrong in words."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        return f"{what} within {seconds:g} s"
    except rtc.ConnectError as error:
        return str(error)
    return ""


async def probe(url: str, speaker_token: str, listener_token: str) -> None:
    http_proxy.hide_from_native_code(url)
    clock = Clock()
    speaker, listener = rtc.Room(), rtc.Room()
    heard = asyncio.Event()
    listening: set[asyncio.Task[None]] = set()

    @listener.on("track_subscribed")
    def on_track(track: rtc.Track, *_: object) -> None:
        listening.add(asyncio.create_task(listen(track, heard)))

    joins = asyncio.gather(
        speaker.connect(url, speaker_token), listener.connect(url, listener_token)
    )
    trouble = await within(JOIN_TIMEOUT_S, joins, "No WebRTC connection: the room was not joined")
    if not clock.report("join", not trouble, trouble or "Two participants joined."):
        return

    talking = asyncio.create_task(talk(speaker))
    trouble = await within(
        MEDIA_TIMEOUT_S, heard.wait(), "Joined, but no sound arrived (UDP and TCP ports of media?)"
    )
    talking.cancel()
    for task in listening:
        task.cancel()
    await asyncio.gather(talking, *listening, return_exceptions=True)
    clock.report("media", not trouble, trouble or "A tone sent by one arrived at the other.")

    leaves = asyncio.gather(speaker.disconnect(), listener.disconnect())
    trouble = await within(LEAVE_TIMEOUT_S, leaves, "The room was not left")
    clock.report("leave", not trouble, trouble or "Both left.")


async def talk(room: rtc.Room) -> None:
    """Publish a tone until cancelled."""
    source = rtc.AudioSource(SAMPLE_RATE, 1)
    track = rtc.LocalAudioTrack.create_audio_track("probe", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    await room.local_participant.publish_track(track, options)
    count = SAMPLE_RATE * FRAME_MS // 1000
    turn = 2 * math.pi * TONE_HZ / SAMPLE_RATE
    # A whole number of periods does not fit into a frame: the phase goes on from frame to frame.
    sent = 0
    while True:
        tone = (int(TONE_LEVEL * math.sin(turn * (sent + n))) for n in range(count))
        frame = rtc.AudioFrame(array.array("h", tone).tobytes(), SAMPLE_RATE, 1, count)
        await source.capture_frame(frame)
        sent += count


async def listen(track: rtc.Track, heard: asyncio.Event) -> None:
    """Set `heard` when a frame with the tone arrives."""
    stream = rtc.AudioStream(track)
    try:
        async for event in stream:
            samples = event.frame.data
            if math.sqrt(sum(s * s for s in samples) / max(1, len(samples))) > HEARD_LEVEL:
                heard.set()
                return
    finally:
        await stream.aclose()


def main() -> None:
    order = json.load(sys.stdin)
    asyncio.run(probe(order["url"], order["speaker"], order["listener"]))
    # Everything is reported. The native library may crash when it is taken down in an orderly way.
    os._exit(0)


if __name__ == "__main__":
    main()
