"""The one speech-to-text model of this server: loaded in the background, shared by all calls."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from dev.models.hearing.decode_queue import Client, DecodeQueue, Result, Urgency
from dev.models.hearing.whisper import Heard, Samples, Whisper
from dev.models.settings import ModelsSettings
from dev.models.weights import WHISPER_TINY_EN, NoWeights, get

THREADS = 1  # more are hardly quicker for half a minute of sound, and take from the calls
log = logging.getLogger("models.hearing")


class CannotHear(Exception):
    """There is no speech-to-text model; the text says why, and what to do."""


class Listening:
    """`state` is loading, ready, or missing; `run` waits while it is loading."""

    def __init__(self, settings: ModelsSettings) -> None:
        self._settings = settings
        self._queue = DecodeQueue()
        self._whisper: Whisper | None = None
        self._loaded: asyncio.Future[None] | None = None
        self._closed = False
        self.problem = ""

    @property
    def state(self) -> str:
        if self._whisper is not None:
            return "ready"
        return "missing" if self.problem else "loading"

    @property
    def languages(self) -> list[str]:
        """Codes of those that the model understands; none while there is no model."""
        return self._whisper.languages if self._whisper else []

    @property
    def idle(self) -> bool:
        return self._queue.idle

    @property
    def waiting(self) -> int:
        return self._queue.length

    def start(self) -> None:
        self._loaded = asyncio.get_running_loop().create_future()
        # Not one of the loop's own threads, which it waits for at its end: a download may be long.
        threading.Thread(
            target=self._load,
            args=(asyncio.get_running_loop(), self._loaded),
            name="loading speech-to-text",
            daemon=True,
        ).start()

    def close(self) -> None:
        self._closed = True
        self._queue.close()

    async def ready(self) -> None:
        """Returns when the model is loaded. Raises CannotHear."""
        assert self._loaded is not None, "not started"
        await asyncio.shield(self._loaded)
        if self._whisper is None:
            raise CannotHear(self.problem)

    async def run(self, client: Client, urgency: Urgency, work: Callable[[], Result]) -> Result:
        """What `work` returns, which may call `decode`. Raises CannotHear."""
        await self.ready()
        return await self._queue.run(client, urgency, work)

    def decode(
        self,
        samples: Samples,
        *,
        language: str | None,
        at: float,
        before: str,
        careful: bool,
        words: bool,
    ) -> Heard:
        """In the model's thread only."""
        assert self._whisper is not None  # `run` waited for it
        return self._whisper.hear(
            samples, language or "en", at=at, before=before, careful=careful, words=words
        )

    def _load(self, loop: asyncio.AbstractEventLoop, loaded: asyncio.Future[None]) -> None:
        """In a thread of its own; `loaded` is set however it goes."""
        try:
            self._whisper = Whisper(get(WHISPER_TINY_EN), THREADS)
        except NoWeights as error:
            self.problem = str(error)
            log.error("%s", self.problem)
        except Exception as error:  # CTranslate2 says in many ways what is wrong with a file
            log.exception("speech-to-text cannot be loaded")
            self.problem = f"Speech-to-text cannot be loaded: {error}"
        if not self._closed:
            loop.call_soon_threadsafe(loaded.set_result, None)
