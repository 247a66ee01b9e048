"""The one speech-to-text model of this server: loaded in the background, shared by all calls."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence

from dev.models.hearing import models
from dev.models.hearing.decode_queue import Client, DecodeQueue, Result, Urgency
from dev.models.hearing.models import DEFAULT, NoSuchModel
from dev.models.hearing.whisper import Heard, Samples, Whisper
from dev.models.settings import ModelsSettings
from dev.models.weights import NoWeights

THREADS = 1  # more are hardly quicker for half a minute of sound, and take from the calls
log = logging.getLogger("models.hearing")


ENGLISH = "en"


class CannotHear(Exception):
    """There is no speech-to-text model; the text says why, and what to do."""


class Listening:
    """`state` is loading, ready, or missing; `run` waits while it is loading. `problem` may also
    tell why another model than MODELS_STT_MODEL hears, or another language than STT_LANGUAGE."""

    def __init__(self, settings: ModelsSettings) -> None:
        self._settings = settings
        self._queue = DecodeQueue()
        self._whisper: Whisper | None = None
        self._loaded: asyncio.Future[None] | None = None
        self._closed = False
        self._language = ENGLISH
        self.problem = ""

    @property
    def state(self) -> str:
        if self._whisper is not None:
            return "ready"
        return "missing" if self._loaded and self._loaded.done() else "loading"

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
        before: Sequence[Heard],
        prompt: str,
        careful: bool,
        words: bool,
    ) -> Heard:
        """In the model's thread only."""
        assert self._whisper is not None  # `run` waited for it
        return self._whisper.hear(
            samples,
            language or self._language,
            at=at,
            before=before,
            prompt=prompt,
            careful=careful,
            words=words,
        )

    def _load(self, loop: asyncio.AbstractEventLoop, loaded: asyncio.Future[None]) -> None:
        """In a thread of its own; `loaded` is set however it goes."""
        name = self._settings.models_stt_model
        try:
            self._whisper = Whisper(models.named(name), THREADS)
        except NoWeights as error:  # of the default, which has no other
            self.problem = str(error)
            log.error("%s", self.problem)
        except NoSuchModel as error:
            self._load_default(f"MODELS_STT_MODEL: {error}")
        except Exception as error:  # CTranslate2 says in many ways what is wrong with a file
            log.exception("the model %s cannot be loaded", name)
            self._load_default(f"MODELS_STT_MODEL: {name} cannot be loaded: {error}")
        if self._whisper is not None:
            self._language = self._understood(self._whisper)
        if not self._closed:
            loop.call_soon_threadsafe(loaded.set_result, None)

    def _load_default(self, problem: str) -> None:
        try:
            self._whisper = Whisper(models.default(), THREADS)
            self.problem = f"{problem}; {DEFAULT} hears instead"
        except NoWeights as error:
            self.problem = f"{problem}; {error}"
        except Exception as error:
            self.problem = f"{problem}; the installation's own cannot be loaded either: {error}"
        log.error("%s", self.problem)

    def _understood(self, whisper: Whisper) -> str:
        """STT_LANGUAGE, where the model understands it."""
        language = self._settings.stt_language.split("-")[0].lower()
        if language in whisper.languages:
            return language
        self.problem = (
            f"{self.problem} STT_LANGUAGE is {self._settings.stt_language}, of which the model "
            "knows nothing, so it hears English: set MODELS_STT_MODEL to one for all languages, "
            "such as small."
        ).strip()
        log.error("%s", self.problem)
        return ENGLISH
