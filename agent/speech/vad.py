"""Voice activity detection: one stream a call, for the turns and for speech-to-text alike.

`load()` gives the Silero detector of livekit-agents, or None when it cannot be had. `SharedVAD`
lets speech-to-text listen to the same stream, which would else run a second detector over the same
audio. `LoudnessVAD` is what a call goes on with when there is no detector.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from livekit import local_inference, rtc
from livekit.agents import inference, utils, vad
from livekit.agents.vad import VADEvent, VADEventType

from agent.settings import AgentSettings
from agent.speech.levels import LevelMeter
from agent.speech.reports import Reports

logger = logging.getLogger("agent.speech")

VOICE_ACTIVITY = "voice activity detection"  # as it is called when a call must do without it
Listener = Callable[[VADEvent], None]

RECENT_S = 8.0  # seconds of sound that are kept
BYTES = 2  # of a sample
HYSTERESIS, LEAST_THRESHOLD = 0.15, 0.01  # from speech to silence, as the library has them
LOUDNESS_WINDOW = 0.03  # seconds
LOUDNESS_OVER_FLOOR = 6.0  # times as loud as the quietest sound so far
LOUDNESS_LEAST = 200.0  # of 32767; below this all is silence


def load(settings: AgentSettings, reports: Reports) -> vad.VAD | None:
    """The Silero detector; None, with the reason reported, when it cannot be loaded.

    livekit-agents would only find out in the call: its detector loads nothing before it is used.
    """
    try:
        local_inference.VAD().close()
        return inference.VAD(
            model="silero",
            min_speech_duration=settings.vad_min_speech,
            min_silence_duration=settings.vad_min_silence,
            activation_threshold=settings.vad_threshold,
            executor=AtOnce(),
        )
    except Exception as error:  # a native library: whatever it raises, a call must go on
        logger.exception("voice activity detection could not be loaded")
        reports.broken(
            VOICE_ACTIVITY,
            str(error) or type(error).__name__,
            "loudness decides when the caller speaks, which is rougher",
        )
        return None


class AtOnce(Executor):
    """Runs in the event loop's own thread what takes less time than to wake another thread.

    A window takes the detector 0.03 ms; going to a thread and back costs 0.2 ms, 31 times a second.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        # The loop awaits a future of its own as it is.
        future = asyncio.get_running_loop().create_future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class SharedVAD(vad.VAD):
    """A detector whose events others can listen to."""

    def __init__(self, inner: vad.VAD, meter: LevelMeter | None = None) -> None:
        super().__init__(capabilities=inner.capabilities)
        self._inner = inner
        self._meter = meter
        self.listeners: list[Listener] = []
        self.recent = bytearray()  # the last seconds of what the caller's microphone sent, as PCM

    def heard(self, frame: rtc.AudioFrame) -> None:
        if self._meter is not None:
            self._meter.heard(frame)
        self.recent += frame.data.tobytes()
        most = BYTES * round(RECENT_S * frame.sample_rate)
        # Not with each frame: what stands behind must be moved each time.
        if len(self.recent) > most * 5 // 4:
            del self.recent[: len(self.recent) - most]

    @property
    def model(self) -> str:
        return self._inner.model

    @property
    def provider(self) -> str:
        return self._inner.provider

    def tune(self, settings: AgentSettings) -> None:
        """Set what the settings of the call say: the detector was made before the call."""
        if isinstance(self._inner, LoudnessVAD):
            self._inner.tune(settings)
        elif isinstance(self._inner, inference.VAD):
            self._inner.update_options(
                min_speech_duration=settings.vad_min_speech,
                min_silence_duration=settings.vad_min_silence,
                activation_threshold=settings.vad_threshold,
                # Made from the threshold only where the detector is made.
                deactivation_threshold=max(settings.vad_threshold - HYSTERESIS, LEAST_THRESHOLD),
            )

    def stream(self) -> vad.VADStream:
        return _SharedStream(self._inner.stream(), self)


class _SharedStream(vad.VADStream):
    """Hands everything to the inner stream; its events go to the listeners first."""

    def __init__(self, inner: vad.VADStream, shared: SharedVAD) -> None:
        # Not calling super().__init__(): it would start a second set of channels and tasks.
        self._inner = inner
        self._shared = shared
        self._quiet = False

    async def _main_task(self) -> None:
        raise NotImplementedError("the inner stream does the work")

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        self._shared.heard(frame)
        self._inner.push_frame(frame)

    def flush(self) -> None:
        self._inner.flush()

    def end_input(self) -> None:
        self._inner.end_input()

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def __anext__(self) -> VADEvent:
        while not self._news(event := await self._inner.__anext__()):
            pass
        for listener in self._shared.listeners:
            listener(event)
        return event

    def _news(self, event: VADEvent) -> bool:
        """Whether it says more than that the caller, who was silent, still is."""
        before = self._quiet
        self._quiet = (
            event.type == VADEventType.INFERENCE_DONE
            and not event.speaking
            and not event.raw_accumulated_speech
        )
        return not (before and self._quiet)


@dataclass(frozen=True)
class _Durations:
    min_speech: float
    min_silence: float


class LoudnessVAD(vad.VAD):
    """Takes what is much louder than the background for speech: rough, but needs nothing."""

    def __init__(self, settings: AgentSettings) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=LOUDNESS_WINDOW))
        self.tune(settings)

    @property
    def model(self) -> str:
        return "loudness"

    def tune(self, settings: AgentSettings) -> None:
        """For the streams that are made from now on."""
        self._durations = _Durations(settings.vad_min_speech, settings.vad_min_silence)

    def stream(self) -> vad.VADStream:
        return _LoudnessStream(self, self._durations)


class _LoudnessStream(vad.VADStream):
    def __init__(self, parent: vad.VAD, durations: _Durations) -> None:
        self._durations = durations
        super().__init__(parent)

    async def _main_task(self) -> None:
        bstream: utils.audio.AudioByteStream | None = None
        floor = math.inf
        speaking = False
        speech = silence = spoken = quiet = 0.0
        samples = 0
        async for frame in self._input_ch:
            if not isinstance(frame, rtc.AudioFrame):
                speaking, speech, silence = False, 0.0, 0.0
                continue
            if bstream is None:
                bstream = utils.audio.AudioByteStream(
                    frame.sample_rate, 1, round(frame.sample_rate * LOUDNESS_WINDOW)
                )
            for window in bstream.push(frame.data):
                samples += window.samples_per_channel
                loudness = float(np.sqrt(np.mean(np.square(window.data, dtype=np.float64))))
                floor = min(max(loudness, 1.0), floor * 1.01)
                loud = loudness > max(LOUDNESS_LEAST, floor * LOUDNESS_OVER_FLOOR)
                speech, silence = (
                    (speech + window.duration, 0.0) if loud else (0.0, silence + window.duration)
                )
                if speaking:
                    spoken += window.duration
                else:
                    quiet += window.duration

                def tell(kind: VADEventType) -> None:
                    self._event_ch.send_nowait(
                        VADEvent(
                            type=kind,
                            samples_index=samples,  # noqa: B023 (called at once)
                            timestamp=samples / window.sample_rate,  # noqa: B023
                            speech_duration=spoken,  # noqa: B023
                            silence_duration=quiet,  # noqa: B023
                            probability=1.0 if loud else 0.0,  # noqa: B023
                            speaking=speaking,  # noqa: B023
                            raw_accumulated_silence=silence,  # noqa: B023
                            raw_accumulated_speech=speech,  # noqa: B023
                        )
                    )

                tell(VADEventType.INFERENCE_DONE)
                if not speaking and speech >= self._durations.min_speech:
                    speaking, spoken, quiet = True, speech, 0.0
                    tell(VADEventType.START_OF_SPEECH)
                elif speaking and silence >= self._durations.min_silence:
                    speaking, quiet = False, silence
                    spoken -= silence
                    tell(VADEventType.END_OF_SPEECH)
                    spoken = 0.0
