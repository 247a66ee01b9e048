"""The table of odd answers: what a provider answers, and what must be said of it."""

from __future__ import annotations

import gzip
import io
import json

import av
import numpy as np

from tests.odd_server import OddAnswer

JSON = "application/json"
HTML = "text/html; charset=utf-8"
LOGIN = b"<!doctype html><html><head><title>Sign in</title></head><body>Please</body></html>"
EXPECTED = '{"text": "hello"}'


def _said(name: str, body: bytes, *quoted: str, content_type: str | None = JSON) -> OddAnswer:
    """An answer of speech-to-text with 200 in which there is no text."""
    said = ("POST http://127.0.0.1:", "/v1/audio/transcriptions answered 200", *quoted, EXPECTED)
    return OddAnswer(name, "transcriptions", body, said, content_type=content_type)


def _refused(status: int, body: bytes = b"", content_type: str = JSON, *quoted: str) -> OddAnswer:
    said = (f"/v1/audio/transcriptions answered {status}", *quoted)
    name = f"status {status} {body[:20]!r}"
    return OddAnswer(name, "transcriptions", body, said, "", status, content_type)


def _understood(name: str, body: bytes, text: str, content_type: str | None = JSON) -> OddAnswer:
    return OddAnswer(name, "transcriptions", body, (), text, content_type=content_type)


UNDERSTOOD = OddAnswer("a text", "transcriptions", b'{"text": "good day"}', (), "good day")
TRANSCRIPTIONS = (
    _said("text of null", b'{"text": null}', '{"text": null}'),
    _said("JSON without a text", b'{"words": ["a"]}', '{"words": ["a"]}'),
    _said("text of a number", b'{"text": 7}', '{"text": 7}'),
    _said("text of a list", b'{"text": ["a", "b"]}', '["a", "b"]'),
    _said("text of an object", b'{"text": {"text": "a"}}', '{"text": {"text": "a"}}'),
    _said("text of true", b'{"text": true}', "true"),
    _said("null", b"null", "null"),
    _said("a number", b"42", "42"),
    _said("NaN", b"NaN", "NaN"),
    _said("a list", b'[{"text": "a"}]', '[{"text": "a"}]'),
    _said("a string", b'"hello"', '"hello"'),
    _said("JSON that ends early", b'{"text": "hel', '{"text": "hel'),
    _said("two JSON documents", b'{"text": "a"}{"text": "b"}', '{"text": "a"}'),
    _said("deep nesting", b'{"a":' * 5000 + b"1" + b"}" * 5000, '{"a":{"a":'),
    _said("nothing", b"", "with nothing"),
    _said("spaces", b"   \n", "answered 200"),
    _said("an error with 200", b'{"error": {"message": "no such model"}}', "no such model"),
    _said("a page to sign in", LOGIN, "Sign in", "(text/html)", content_type=HTML),
    _said("plain words", b"good day", "good day", content_type="text/plain"),
    _said("bytes", bytes(range(256)), "256 bytes that are no text", content_type=None),
    _said("words in no charset", b'{"text": "caf\xe9"}', '{"text": "caf', content_type=JSON),
    _said("an unknown charset", b'{"text": "\xe9"}', content_type=f"{JSON}; charset=no-such"),
    _said("half of a surrogate", b'{"text": "a \\ud800 b"}', "\\ud800"),
    _said("a megabyte of JSON", b'{"text": "' + b"a" * 1024 * 1024 + b'"}', "256 kB"),
    OddAnswer(
        "a text longer than speech",
        "transcriptions",
        json.dumps({"text": "la " * 20_000}).encode(),
        ("/v1/audio/transcriptions answered with a text of 60000 characters", "la la la"),
        content_type=JSON,
    ),
    OddAnswer(
        "a body without an end",
        "transcriptions",
        b'{"a": "' + b"a" * 1000 + b'"}',
        ("/v1/audio/transcriptions answered 200", "256 kB"),
        how="endless",
    ),
    OddAnswer(
        "a body shorter than declared",
        "transcriptions",
        b'{"text": "good day"}',
        ("/v1/audio/transcriptions failed",),
        how="cut",
    ),
    OddAnswer(
        "chunks that break off",
        "transcriptions",
        b'{"text": "good day"}',
        ("/v1/audio/transcriptions failed",),
        how="chunks cut",
    ),
    OddAnswer(
        "a body byte by byte",
        "transcriptions",
        b'{"text": "good day"}' * 1000,
        ("/v1/audio/transcriptions did not answer in time",),
        how="drip",
    ),
    OddAnswer(
        "a head without a body",
        "transcriptions",
        said=("/v1/audio/transcriptions did not answer in time",),
        how="hang",
    ),
    OddAnswer(
        "no answer at all",
        "transcriptions",
        said=("/v1/audio/transcriptions failed",),
        how="reset",
    ),
    OddAnswer(
        "redirects to itself",
        "transcriptions",
        said=("/v1/audio/transcriptions failed", "redirects"),
        how="redirects",
    ),
    OddAnswer(
        "gzip that is none",
        "transcriptions",
        b'{"text": "good day"}',
        ("/v1/audio/transcriptions failed",),
        headers={"Content-Encoding": "gzip"},
    ),
    _refused(204, b"", JSON, "with nothing"),
    _refused(302, b"elsewhere", "text/plain", "elsewhere"),
    _refused(304),
    _refused(400, b'{"error": {"message": "bad audio"}}', JSON, "bad audio"),
    _refused(401, LOGIN, HTML, "Sign in"),
    _refused(403, b"null"),
    _refused(404, b'{"detail": "Not Found"}', JSON, "Not Found"),
    _refused(413, b"too long", "text/plain", "too long"),
    _refused(418, b"\xff\xfe\x00" * 100, "image/png", "300 bytes that are no text"),
    _refused(422, b'{"detail": [{"loc": ["file"]}]}', JSON, "loc"),
    _refused(429, b"[]"),
    _refused(500, b""),
    _refused(502, b"<html><h1>502 Bad Gateway</h1></html>", HTML, "Bad Gateway"),
    _refused(503, b"x" * 1024 * 1024, "text/plain", "xxx…"),
    _refused(599, b'"odd"', JSON, '"odd"'),
    _understood("a text and more", b'{"text": " good day ", "x": NaN, "y": null}', "good day"),
    _understood("an empty text", b'{"text": ""}', ""),
    _understood("a text that is declared HTML", b'{"text": "good day"}', "good day", HTML),
    _understood("UTF-16", '{"text": "good day"}'.encode("utf-16"), "good day"),
    _understood("a mark of byte order", '{"text": "good day"}'.encode("utf-8-sig"), "good day"),
    _understood("Latin-1", b'{"text": "caf\xe9"}', "café", f"{JSON}; charset=iso-8859-1"),
    _understood("Chinese", '{"text": "你好"}'.encode(), "你好"),
    _understood("a NUL in the text", b'{"text": "good\\u0000 day"}', "good day"),
    OddAnswer(
        "gzip",
        "transcriptions",
        gzip.compress(b'{"text": "good day"}'),
        text="good day",
        headers={"Content-Encoding": "gzip"},
    ),
)


def _silly(name: str, body: bytes, *quoted: str, content_type: str | None = None) -> OddAnswer:
    """An answer of text-to-speech with 200 that is no sound."""
    said = ("/v1/audio/speech answered 200", *quoted, "expected sound")
    return OddAnswer(name, "speech", body, said, content_type=content_type)


def _sounds(name: str, body: bytes, content_type: str | None = None) -> OddAnswer:
    return OddAnswer(name, "speech", body, content_type=content_type)


RATE, SECONDS = 24_000, 0.5
TONE = (8000 * np.sin(np.arange(int(RATE * SECONDS)) * 2 * np.pi * 300 / RATE)).astype("<i2")
PCM = TONE.tobytes()


def encoded(container: str, codec: str) -> bytes:
    """The tone as a file."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=48_000 if codec == "libopus" else RATE)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(TONE.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            output.mux(packet)
    return file.getvalue()


SPOKEN = OddAnswer("a tone", "speech", PCM, content_type="audio/pcm")
VOICES = (
    _sounds("samples without a type", PCM),
    _sounds("samples that are declared JSON", PCM, JSON),
    _sounds("MP3 in place of samples", encoded("mp3", "libmp3lame"), "audio/mpeg"),
    _sounds("MP3 that is declared samples", encoded("mp3", "libmp3lame"), "audio/pcm"),
    _sounds("WAV", encoded("wav", "pcm_s16le"), "audio/wav"),
    _sounds("FLAC", encoded("flac", "flac"), None),
    _sounds("Opus in Ogg", encoded("ogg", "libopus"), "audio/ogg"),
    _sounds("an odd number of bytes", PCM + b"\0"),
    _silly("an error with 200", b'{"error": "no such voice"}', "no such voice", content_type=JSON),
    _silly("an error that is declared sound", b'{"error": "no"}' * 20, content_type="audio/pcm"),
    _silly("a page to sign in", LOGIN, "Sign in", content_type=HTML),
    _silly("words", "你好".encode() * 100, "你好", content_type="text/plain"),
    _silly("nothing", b"", "with nothing"),
    _silly("server-sent events", b'data: {"type": "speech.audio.delta"}\n\n' * 9, "delta"),
    OddAnswer(
        "encrypted bytes",
        "speech",
        np.random.default_rng(1).bytes(48_000),
        ("/v1/audio/speech answered 200", "noise at full loudness"),
    ),
    OddAnswer("MP3 without sound", "speech", b"ID3\4" + bytes(2000), ("no audio frames",)),
    OddAnswer("no answer at all", "speech", said=("/v1/audio/speech failed",), how="reset"),
    OddAnswer("status 500", "speech", LOGIN, ("answered 500", "Sign in"), "", 500, HTML),
    OddAnswer("status 404", "speech", b"null", ("answered 404",), "", 404, JSON),
)
