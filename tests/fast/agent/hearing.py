"""Speech-to-text under test: a detector that says what the test wants, and servers on loopback."""

from __future__ import annotations

import asyncio
import json

import numpy as np
from aiohttp import web
from livekit import rtc
from livekit.agents import LanguageCode, stt, vad
from livekit.agents.utils import AudioBuffer
from livekit.agents.vad import VADEvent, VADEventType

from agent.speech.offline import OfflineStream, OfflineSTT
from agent.speech.overlap import Overlap
from agent.speech.vad import SharedVAD
from tests.fast.agent.kept_events import collected, heard_reports

RATE = 16_000


def frame(seconds: float = 0.032, loudness: int = 0) -> rtc.AudioFrame:
    wave = np.sin(np.arange(int(RATE * seconds)) / 8) * loudness
    samples = wave.astype(np.int16)
    return rtc.AudioFrame(samples.tobytes(), RATE, 1, len(samples))


def event(
    kind: VADEventType, silence: float = 0.0, speech: float = 0.0, spoken: float = 0.0
) -> VADEvent:
    return VADEvent(
        type=kind,
        samples_index=0,
        timestamp=0.0,
        speech_duration=spoken,
        silence_duration=0.0,
        raw_accumulated_silence=silence,
        raw_accumulated_speech=speech,
    )


START = event(VADEventType.START_OF_SPEECH)
END = event(VADEventType.END_OF_SPEECH)


class Detector(vad.VAD):
    """A detector that says what the test wants."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=0.032))

    def stream(self) -> vad.VADStream:
        raise AssertionError("speech-to-text must not run a detector of its own")


class Listener:
    """The models server's side of the stream: notes what it gets, says what the test wants."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[str] = asyncio.Queue()
        self.url = ""
        self._socket: web.WebSocketResponse | None = None

    async def serve(self) -> web.AppRunner:
        app = web.Application()
        app.add_routes([web.get("/v1/audio/transcriptions/stream", self._stream)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        return runner

    async def say(self, **told: str) -> None:
        assert self._socket is not None
        await self._socket.send_json(told)

    async def send(self, message: str) -> None:
        assert self._socket is not None
        await self._socket.send_str(message)

    async def hang_up(self) -> None:
        assert self._socket is not None
        await self._socket.close()

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        self._socket = ws = web.WebSocketResponse()
        await ws.prepare(request)
        self.got.put_nowait("connected")
        async for message in ws:
            kind = "audio" if message.type is web.WSMsgType.BINARY else json.loads(message.data)
            self.got.put_nowait(kind if isinstance(kind, str) else kind["type"])
        return ws


class Hearing:
    """An offline speech-to-text stream between a test's detector and a test's server."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.detector = SharedVAD(Detector())
        self.events, self.told = collected()
        reports, self.degraded = heard_reports(self.events)
        self.overlap = Overlap(reports)
        stream = OfflineSTT(listener.url, self.detector, self.overlap, reports).stream()
        assert isinstance(stream, OfflineStream)
        self.stream = stream

    def detect(self, one: VADEvent) -> None:
        for listener in self.detector.listeners:
            listener(one)

    async def got(self) -> str:
        return await asyncio.wait_for(self.listener.got.get(), 2)

    async def transcript(self) -> stt.SpeechEvent:
        return await asyncio.wait_for(anext(self.stream), 2)


class Recorder(stt.STT[str]):
    """A speech-to-text that takes recordings and tells their length."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))

    async def _recognize_impl(self, buffer: AudioBuffer, **_: object) -> stt.SpeechEvent:
        frames = buffer if isinstance(buffer, list) else [buffer]
        seconds = sum(one.duration for one in frames)
        text = stt.SpeechData(language=LanguageCode("en"), text=f"{seconds:.2f} seconds")
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[text])
