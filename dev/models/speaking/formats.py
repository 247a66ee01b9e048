"""Speech as the formats that OpenAI's endpoint has, encoded piece by piece (FFmpeg, by PyAV)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import av
from av.audio import AudioStream

from dev.models.sound import Pcm

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]


@dataclass(frozen=True)
class _File:
    container: str
    codec: str
    options: dict[str, str]
    bit_rate: int = 0


# Nothing is written into a header afterwards: it is sent before the end is known.
_FILES = {
    "mp3": _File("mp3", "libmp3lame", {"write_xing": "0", "id3v2_version": "0"}, 64_000),
    "opus": _File("ogg", "libopus", {"page_duration": "20000"}, 48_000),  # microseconds
    "aac": _File("adts", "aac", {}, 64_000),
    "flac": _File("flac", "flac", {}),
    "wav": _File("wav", "pcm_s16le", {}),
}
CONTENT_TYPES: dict[Format, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


class Encoder(Protocol):
    def push(self, pcm: Pcm) -> bytes:
        """What can be sent when this much more was said."""

    def rest(self) -> bytes:
        """What is left, when nothing more will be said."""


def encoder(name: Format, rate: int) -> Encoder:
    return _Samples() if name == "pcm" else _FileEncoder(_FILES[name], rate)


class _Samples:
    """No file at all: 16 bit, little endian."""

    def push(self, pcm: Pcm) -> bytes:
        return pcm.astype("<i2").tobytes()

    def rest(self) -> bytes:
        return b""


class _Written:
    """A file that can be written only, as a connection can."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


class _FileEncoder:
    def __init__(self, file: _File, rate: int) -> None:
        self._written = _Written()
        options = {"flush_packets": "1", **file.options}
        self._container = av.open(
            self._written, "w", format=file.container, container_options=options
        )
        stream = self._container.add_stream(file.codec, rate=rate, layout="mono")
        assert isinstance(stream, AudioStream)
        if file.bit_rate:
            stream.bit_rate = file.bit_rate
        self._stream, self._rate, self._at = stream, rate, 0

    def push(self, pcm: Pcm) -> bytes:
        if len(pcm):
            frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate, frame.pts = self._rate, self._at
            self._at += len(pcm)
            self._container.mux(self._stream.encode(frame))
        return self._written.taken()

    def rest(self) -> bytes:
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._written.taken()
