"""The one voice of this server: loaded in the background, shared by all calls."""

from __future__ import annotations

import asyncio
import logging
import textwrap
import threading
from collections.abc import AsyncGenerator

import numpy as np

from dev.models.model_threads import ModelThreads, Rank
from dev.models.settings import ModelsSettings
from dev.models.sound import Pcm, Resampler
from dev.models.speaking import voices
from dev.models.speaking.markup import plain
from dev.models.speaking.piper import Clause, Piper, Samples
from dev.models.speaking.voices import NoSuchVoice
from dev.models.speaking.wording import as_said
from dev.models.weights import NoWeights

RATE = 24_000  # OpenAI's rate for pcm
THREADS = 2  # replies that begin together are more than one core can do in time
# A text's first sound is a short piece, there soon; the later ones are longer, which costs less.
FIRST_FRAMES, MORE, MOST_FRAMES = 20, 1.5, 60
SILENCE = 0.01  # below this a sample is silence; Piper begins each clause with tens of ms of it
ATTACK_S = 0.01  # kept before the first loud sample: a soft consonant begins quieter than SILENCE
PAUSE_S = 0.12  # at a comma; after a sentence Piper's own pause is right
# Within this a new text should sound; what sounds already and has less left goes first.
FIRST_SOUND_S = 0.25
SHOWN_CHARACTERS = 60
NOTHING_S = 0.1  # of silence for a text without a word: a sound file must have some sound
log = logging.getLogger("models.speaking")


class CannotSpeak(Exception):
    """There is no voice; the text says why, and what to do."""


class UnknownSpeaker(ValueError):
    """The voice has no speaker of that name."""


class CannotSay(ValueError):
    """The text has nothing in it that this voice can say."""


class Speaking:
    """`state` is loading, ready, or missing; `speak` waits while it is loading. `problem` may also
    tell why another voice than MODELS_VOICE speaks."""

    def __init__(self, settings: ModelsSettings) -> None:
        self._settings = settings
        self._threads = ModelThreads("text-to-speech", THREADS)
        self._piper: Piper | None = None
        self._loaded: asyncio.Future[None] | None = None
        self._closed = False
        self.problem = ""

    @property
    def state(self) -> str:
        if self._piper is not None:
            return "ready"
        return "missing" if self.problem and self._loaded and self._loaded.done() else "loading"

    @property
    def voice(self) -> str:
        """Its name; empty while there is none."""
        return self._piper.name if self._piper else ""

    def start(self) -> None:
        self._loaded = asyncio.get_running_loop().create_future()
        # Not one of the loop's own threads, which it waits for at its end: a download may be long.
        threading.Thread(
            target=self._load,
            args=(asyncio.get_running_loop(), self._loaded),
            name="loading text-to-speech",
            daemon=True,
        ).start()

    def close(self) -> None:
        self._closed = True
        self._threads.close()

    async def ready(self) -> Piper:
        """The voice, when it is loaded. Raises CannotSpeak."""
        assert self._loaded is not None, "not started"
        await asyncio.shield(self._loaded)
        if self._piper is None:
            raise CannotSpeak(self.problem)
        return self._piper

    async def speak(
        self, text: str, *, speaker: str = "", speed: float = 1.0
    ) -> AsyncGenerator[Pcm]:
        """The sound of `text` at RATE, piece by piece. Raises CannotSpeak, UnknownSpeaker,
        CannotSay."""
        piper = await self.ready()
        if speaker and speaker not in piper.speakers:
            there = ", ".join(piper.speakers) or "only its own"
            raise UnknownSpeaker(f"{piper.name} has no voice {speaker!r}; it has {there}")
        deadline = asyncio.get_running_loop().time() + FIRST_SOUND_S

        def due() -> Rank:
            """Whose sound is played to its end first is served first, a piece of it at a time."""
            return (deadline,)

        clauses = await self._threads.run(due, _clauses, text, piper)
        if not clauses:
            yield np.zeros(round(NOTHING_S * RATE), np.int16)
            return
        resampler = Resampler(piper.rate, RATE)
        pace, step, sounding = self._settings.models_speed * speed, FIRST_FRAMES, False
        for clause in clauses:
            frames = await self._threads.run(due, piper.frames, clause, pace, speaker)
            start, begun = 0, False
            while start < frames.count:
                end = min(start + step, frames.count)
                if not frames.are_made(end):
                    await self._threads.run(due, piper.make, frames, end)
                samples = await self._threads.run(due, piper.sound, frames, start, end)
                start, step = end, min(int(MORE * step), MOST_FRAMES)
                if not begun:
                    samples = _without_beginning(samples, piper.rate)
                    begun = len(samples) > 0
                if start == frames.count and not clause.ends_sentence:
                    samples = _with_pause(samples, piper.rate)
                if not len(samples):
                    continue
                if not sounding:
                    sounding, deadline = True, asyncio.get_running_loop().time()
                deadline += len(samples) / piper.rate
                yield resampler.push(samples)
        yield resampler.rest()

    def _load(self, loop: asyncio.AbstractEventLoop, loaded: asyncio.Future[None]) -> None:
        """In a thread of its own; `loaded` is set however it goes."""
        name = self._settings.models_voice
        try:
            self._piper = Piper(voices.named(name))
        except NoWeights as error:  # of the default, which has no other
            self.problem = str(error)
            log.error("%s", self.problem)
        except NoSuchVoice as error:
            self._load_default(f"MODELS_VOICE: {error}")
        except Exception as error:  # ONNX Runtime says in many ways what is wrong with a file
            log.exception("the voice %s cannot be loaded", name)
            self._load_default(f"MODELS_VOICE: {name} cannot be loaded: {error}")
        if not self._closed:
            loop.call_soon_threadsafe(loaded.set_result, None)

    def _load_default(self, problem: str) -> None:
        try:
            self._piper = Piper(voices.default())
            self.problem = f"{problem}; {self._piper.name} speaks instead"
        except NoWeights as error:
            self.problem = f"{problem}; {error}"
        except Exception as error:
            self.problem = f"{problem}; the installation's own cannot be loaded either: {error}"
        log.error("%s", self.problem)


def _clauses(text: str, piper: Piper) -> list[Clause]:
    """What is read out of `text`; the words for signs and the like are known in English only."""
    written = plain(text)
    said = as_said(written, piper.region) if piper.language == "en" else written
    clauses = piper.clauses(said)
    if written and not clauses:
        shown = textwrap.shorten(written, SHOWN_CHARACTERS, placeholder="…")
        raise CannotSay(
            f"the voice {piper.name} (language {piper.language}) cannot say {shown!r}; "
            "MODELS_VOICE names another"
        )
    return clauses


def _without_beginning(samples: Samples, rate: int) -> Samples:
    loud = np.flatnonzero(np.abs(samples) > SILENCE)
    return samples[max(int(loud[0] - ATTACK_S * rate), 0) :] if len(loud) else samples[:0]


def _with_pause(samples: Samples, rate: int) -> Samples:
    """The end of a clause, with the silence of a comma after it."""
    loud = np.flatnonzero(np.abs(samples) > SILENCE)
    spoken = samples[: loud[-1] + 1] if len(loud) else samples[:0]
    return np.concatenate([spoken, np.zeros(int(PAUSE_S * rate), np.float32)])
