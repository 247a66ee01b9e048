"""The caller's voice: words to sound, without a network.

flite's voice `rms` is the one that offline speech recognition understands best (2-3 % of its words
are misheard), so it is taken when the program is installed. Else the models server speaks, with the
best of espeak-ng's voices (20 %; its usual one 84 %).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

import aiohttp

from dev.caller.errors import CallError
from dev.caller.sound import Sound, read_wav

FLITE_VOICES = ("rms", "kal16", "awb", "slt", "kal")
ESPEAK = "espeak"
ESPEAK_VOICE, ESPEAK_SPEED = "en-us+edward", 1.03  # of the models server's usual speed
SPEECH_TIMEOUT_S = 30
DEFAULT_MODELS_URL = "http://localhost:8090/v1"


class Voice:
    """Says sentences; the same sentence is made once."""

    def __init__(self, name: str | None = None, models_url: str | None = None) -> None:
        """`name`: a voice of flite, `espeak` (spoken by the models server), None for the best."""
        if name not in (None, ESPEAK, *FLITE_VOICES):
            raise CallError(
                f"there is no voice {name!r}; there are {', '.join(FLITE_VOICES)} (program flite) "
                f"and {ESPEAK} (the models server's)"
            )
        flite = shutil.which("flite")
        if name in FLITE_VOICES and not flite:
            raise CallError(f"voice {name!r} needs the program flite (Debian package flite)")
        self.name = name or ("rms" if flite else ESPEAK)
        self._models_url = models_url or os.environ.get("MODELS_URL") or DEFAULT_MODELS_URL
        self._made: dict[str, Sound] = {}

    async def speak(self, words: str) -> Sound:
        if words not in self._made:
            if self.name == ESPEAK:
                sound = await _from_models(words, self._models_url)
            else:
                sound = await _from_flite(words, self.name)
            self._made[words] = Sound(sound.samples, words)
        return self._made[words]


async def _from_flite(words: str, voice: str) -> Sound:
    with tempfile.TemporaryDirectory(prefix="caller-") as folder:
        path = Path(folder, "words.wav")
        process = await asyncio.create_subprocess_exec(
            "flite", "-voice", voice, "-t", words, "-o", str(path),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        if process.returncode != 0 or not path.exists():
            raise CallError(f"flite could not say {words!r}: {output.decode().strip()}")
        return read_wav(path)


async def _from_models(words: str, url: str) -> Sound:
    wish = {
        "input": words,
        "model": "espeak-ng",
        "voice": ESPEAK_VOICE,
        "speed": ESPEAK_SPEED,
        "response_format": "wav",
    }
    timeout = aiohttp.ClientTimeout(total=SPEECH_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as http,
            http.post(f"{url}/audio/speech", json=wish) as response,
        ):
            wav = await response.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise CallError(
            f"the caller has no voice: flite is not installed (Debian package flite), and the "
            f"models server at {url} did not answer: {error}"
        ) from error
    with tempfile.TemporaryDirectory(prefix="caller-") as folder:
        path = Path(folder, "words.wav")
        path.write_bytes(wav)
        return read_wav(path)
