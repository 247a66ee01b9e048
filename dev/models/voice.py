"""espeak-ng as a library: text in, PCM out. The library has global state, so one text at a time."""

from __future__ import annotations

import ctypes
import threading

import espeakng_loader
import numpy as np

from dev.models.sound import Pcm

# From espeak-ng's speak_lib.h.
AUDIO_OUTPUT_SYNCHRONOUS = 2
RATE = 1
POSITION_CHARACTER = 1
CHARS_UTF8 = 1
SLOWEST, FASTEST = 80, 450
# Below this a sample is silence; espeak-ng begins each text with tens of ms of it.
SILENCE = 40
# The attack of a soft consonant is quieter than SILENCE: keep this much before a loud sample.
ATTACK_S = 0.01

Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class UnknownVoice(ValueError):
    """espeak-ng has no voice of that name."""


class Voice:
    """Speaks with the voice `name` at `words_a_minute` (loaded on first use, about 10 ms)."""

    def __init__(self, name: str, words_a_minute: int) -> None:
        self._default, self._speed = name, words_a_minute
        self._lock = threading.Lock()
        self._library: ctypes.CDLL | None = None
        self._parts: list[bytes] = []
        self._callback = Callback(self._collect)
        self.rate = 0

    def speak(self, text: str, *, voice: str | None = None, speed: float = 1.0) -> Pcm:
        """The sound of `text` at `self.rate` Hz, silence before it cut. Blocks: for a thread."""
        with self._lock:
            library = self._library or self._load()
            name = voice or self._default
            if library.espeak_SetVoiceByName(name.encode()) != 0:
                raise UnknownVoice(f"espeak-ng has no voice {name!r}")
            pace = min(max(round(self._speed * speed), SLOWEST), FASTEST)
            library.espeak_SetParameter(RATE, pace, 0)
            self._parts.clear()
            data = text.encode()
            library.espeak_Synth(
                data, len(data) + 1, 0, POSITION_CHARACTER, 0, CHARS_UTF8, None, None
            )
            pcm = np.frombuffer(b"".join(self._parts), np.int16)
        loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > SILENCE)
        return pcm[max(int(loud[0] - ATTACK_S * self.rate), 0) :] if len(loud) else pcm[:0]

    def _load(self) -> ctypes.CDLL:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        library.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int,
            ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        rate = library.espeak_Initialize(
            AUDIO_OUTPUT_SYNCHRONOUS, 60, espeakng_loader.get_data_path().encode(), 0
        )
        if rate <= 0:
            raise RuntimeError("espeak-ng cannot load its voices")
        library.espeak_SetSynthCallback(self._callback)
        self.rate, self._library = rate, library
        return library

    def _collect(self, samples: object, count: int, _events: object) -> int:
        if samples and count > 0:
            self._parts.append(ctypes.string_at(samples, 2 * count))  # type: ignore[arg-type]
        return 0
