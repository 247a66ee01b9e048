"""What a speech provider answered, however odd: read within bounds, recognised, quoted.

Nothing of LiveKit is in here: the doctor judges answers by the same rules.
"""

from __future__ import annotations

import codecs
import io
import json
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TypeVar

import av
import numpy as np
from pydantic import BaseModel, StrictStr, ValidationError

from common.failures import OddAnswer

MOST_OF_A_TEXT = 256 * 1024  # bytes of an answer that should hold a transcript
LONGEST_TRANSCRIPT = 10_000  # characters; a minute of speech has about 1000
QUOTED = 160  # characters of an answer that are repeated in a sentence
LONGEST_REASON = 500  # characters of what a server itself calls its reason
HEAD = 1024  # bytes of sound by which it is recognised: 21 ms
SHORTEST_NOISE = 256  # samples
NOISE_LEVEL, NOISE_LIKENESS = 12_000, 0.3
SILENT = 0.001  # of the loudest 20 ms: -60 dB; nobody hears that
PRINTABLE = frozenset(range(0x20, 0x7F)) | frozenset(b"\t\r\n")
MOSTLY = 0.9
MPEG = {"mp3": "audio/mpeg", "aac": "audio/aac"}
COMPRESSED = ("mpeg", "mp3", "aac", "flac", "ogg", "opus", "webm", "mp4")
PCM = "audio/pcm"


Shape = TypeVar("Shape", bound=BaseModel)


class Transcript(BaseModel):
    """What speech-to-text has to answer, as far as we read it."""

    text: StrictStr


class _Error(BaseModel):
    message: StrictStr


class _Refusal(BaseModel):
    """How OpenAI's endpoints say why not."""

    error: _Error


@dataclass(frozen=True)
class Answer:
    """The head of an answer: `endpoint` is the method and the address that gave it."""

    endpoint: str
    status: int
    content_type: str = ""

    @property
    def media_type(self) -> str:
        return self.content_type.partition(";")[0].strip().lower()

    def odd(self, body: bytes, expected: str, kind: str = "odd") -> OddAnswer:
        """The error for an answer with this body in place of what was expected."""
        declared = f" ({self.media_type})" if self.media_type else ""
        what = quoted(body) if body else "nothing"
        return OddAnswer(
            f"{self.endpoint} answered {self.status} with {what}{declared}; expected {expected}",
            kind=kind if body else "empty",
        )

    def refused(self, body: bytes) -> OddAnswer:
        """The error for a status that is none of success."""
        words = f": {_reason(body) or quoted(body)}" if body else ""
        return OddAnswer(f"{self.endpoint} answered {self.status}{words}", status=self.status)


def transcript(answer: Answer, body: bytes) -> str:
    """The text of an answer of speech-to-text; OddAnswer when there is none."""
    expected = 'JSON with the words, such as {"text": "hello"}'
    return clean(answer.endpoint, checked(answer, body, Transcript, expected).text)


def checked(answer: Answer, body: bytes, shape: type[Shape], expected: str) -> Shape:
    """An answer of JSON, when it has this shape; else OddAnswer with what was expected."""
    if len(body) > MOST_OF_A_TEXT:
        raise answer.odd(body, f"{expected}, of at most {MOST_OF_A_TEXT // 1024} kB")
    decoded = _decoded(body, answer.content_type)
    if decoded is None:
        raise answer.odd(body, expected)
    try:
        return shape.model_validate_json(decoded)
    except ValidationError:
        raise answer.odd(body, expected) from None


def clean(endpoint: str, text: str) -> str:
    """A text that can be stored and shown; OddAnswer when it is longer than anybody speaks."""
    if len(text) > LONGEST_TRANSCRIPT:
        raise OddAnswer(
            f"{endpoint} answered with a text of {len(text)} characters "
            f"({quoted(text.encode(errors='replace'))}); expected the words of one utterance"
        )
    kept = (one for one in text if one.isspace() or unicodedata.category(one) not in ("Cc", "Cs"))
    return "".join(kept).strip()


def form_of_sound(answer: Answer, head: bytes) -> str:
    """The media type of a voice by its first bytes, of which there are HEAD unless it is shorter.

    Servers declare anything for raw samples, so the bytes decide. OddAnswer when they are no sound.
    """
    expected = "sound (response_format pcm: raw samples of 16 bits)"
    if not head:
        raise answer.odd(head, expected)
    if (container := container_of(head)) is not None:
        return container
    if is_text(head) or any(form in answer.media_type for form in COMPRESSED):
        raise answer.odd(head, expected)
    if is_noise(head):
        raise OddAnswer(
            f"{answer.endpoint} answered {answer.status} with bytes that are no samples of sound: "
            f"taken as such they are noise at full loudness; expected {expected}"
        )
    return PCM


def container_of(head: bytes) -> str | None:
    """The media type of the container that begins so; None when it is none that can be decoded.

    Libraries that know files by their first bytes (puremagic, filetype) go by two bytes for MP3,
    which raw samples have now and then; FFmpeg wants whole frames.
    """
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return "audio/wav"
    for magic, media_type in (
        (b"OggS", "audio/ogg"),
        (b"fLaC", "audio/flac"),
        (b"ID3", "audio/mpeg"),
        (b"\x1aE\xdf\xa3", "audio/webm"),
    ):
        if head.startswith(magic):
            return media_type
    if head[4:8] == b"ftyp":
        return "audio/mp4"
    if len(head) > 1 and head[0] == 0xFF and head[1] >= 0xE0:  # where a frame of MPEG may begin
        try:
            with av.open(io.BytesIO(head)) as opened:
                return MPEG.get(opened.format.name)
        except (av.FFmpegError, ValueError):
            return None
    return None


def is_text(head: bytes) -> bool:
    """Whether bytes are written words: JSON, HTML, a sentence. No sound looks like that."""
    if sum(byte in PRINTABLE for byte in head) >= MOSTLY * len(head):
        return True
    encoding = "utf-16" if head.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)) else "utf-8"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(text) and all(one.isprintable() or one.isspace() for one in text)


def is_noise(head: bytes) -> bool:
    """Whether samples are as loud as can be and do not depend on each other.

    So look compressed sound, encrypted bytes, and samples of another width or byte order, which
    would hurt the ears. A voice is far from either: its loud sounds are waves.
    """
    samples = np.frombuffer(head[: len(head) // 2 * 2], dtype="<i2").astype(np.float64)
    if len(samples) < SHORTEST_NOISE:
        return False
    power = float(np.mean(samples**2))
    if power < NOISE_LEVEL**2:
        return False
    return abs(float(np.mean(samples[1:] * samples[:-1]))) < NOISE_LIKENESS * power


def loudest(pcm: bytes | memoryview, rate: int) -> float:
    """The level of the loudest 20 ms of samples of 16 bits: 0 is silence, 1 as loud as can be."""
    samples = np.frombuffer(pcm, dtype=np.int16).astype(np.float32)
    window = max(1, rate // 50)
    levels = [
        float(np.sqrt(np.mean(samples[at : at + window] ** 2)))
        for at in range(0, len(samples), window)
    ]
    return max(levels, default=0.0) / 32768


def quoted(body: bytes) -> str:
    """An answer in a sentence: its first words, or how many bytes it has."""
    if not is_text(body[:HEAD]):
        return f"{len(body)} bytes that are no text ({body[:8].hex(' ')} …)"
    words = " ".join(body[: QUOTED * 8].decode(errors="replace").split())
    return words if len(words) <= QUOTED else f"{words[:QUOTED]}…"


def _reason(body: bytes) -> str | None:
    """The sentence of a refusal in OpenAI's form."""
    try:
        reason = " ".join(_Refusal.model_validate_json(body).error.message.split())
    except ValidationError:
        return None
    return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]}…"


async def read(parts: AsyncIterator[bytes], most: int) -> bytes:
    """The bytes of an answer; a little more than `most` when it has more."""
    body = bytearray()
    async for part in parts:
        body += part
        if len(body) > most:
            break
    return bytes(body)


async def head_of(parts: AsyncIterator[bytes]) -> bytes:
    """As much as it takes to recognise a sound."""
    return await read(parts, HEAD - 1)


def _decoded(body: bytes, content_type: str) -> str | None:
    """The text of an answer that should be JSON, and so UTF-8; else as its sender declares it."""
    charset = content_type.partition("charset=")[2].partition(";")[0].strip(" \"'")
    for encoding in (json.detect_encoding(body), charset):
        try:
            return body.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    return None
