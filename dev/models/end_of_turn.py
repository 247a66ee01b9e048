"""`POST /v1/audio/end-of-turn`: whether somebody who pauses has finished, by how it sounds.

smart-turn listens to melody and pace of the last seconds. It is right more often than not, so its
answer is one of several signs: agent/speech/end_of_turn.py weighs them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
from aiohttp import web
from faster_whisper.feature_extractor import FeatureExtractor

from dev.models.refusal import refusal
from dev.models.weights import SMART_TURN, NoWeights, get

RATE = 16_000
HEARD_S = 8  # seconds that the model listens to; what is longer is cut at its beginning
FRAMES = 100 * HEARD_S
log = logging.getLogger("models.end_of_turn")


class EndOfTurn:
    """The model: loaded in the background, shared by all calls, one answer at a time."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="end of turn")
        self._features = FeatureExtractor(chunk_length=HEARD_S)
        self._model: onnxruntime.InferenceSession | None = None
        self.problem = "the model of the end of a turn is being loaded"

    @property
    def state(self) -> str:
        """`ready`, or `missing` (`problem` says why)."""
        return "ready" if self._model is not None else "missing"

    def start(self) -> None:
        # Not in the pool, which the process waits for at its end: a download may take long.
        threading.Thread(target=self._load, name="loading end of turn", daemon=True).start()

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def probability(self, pcm: bytes) -> float:
        """That whoever speaks in `pcm` (16 kHz, 16 bit, mono) has finished, from 0 to 1."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._predict, pcm)

    def _load(self) -> None:
        try:
            folder = get(SMART_TURN)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            # Between two answers its thread would else go on looking for work.
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            path = folder / SMART_TURN.files[0].name
            self._model = onnxruntime.InferenceSession(str(path), options)
            self._predict(bytes(2 * RATE))  # the first takes several times as long
        except NoWeights as error:
            self.problem = str(error)
            log.error("%s", self.problem)
        except Exception as error:  # onnxruntime says in many ways what is wrong with a file
            self._model = None
            self.problem = f"The model of the end of a turn cannot be loaded: {error}"
            log.exception("the model of the end of a turn cannot be loaded")

    def _predict(self, pcm: bytes) -> float:
        assert self._model is not None
        samples = np.frombuffer(pcm, np.int16)[-HEARD_S * RATE :].astype(np.float32) / 32768
        samples = np.pad(samples, (HEARD_S * RATE - len(samples), 0))
        samples = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
        features = self._features(samples)[None, :, :FRAMES].astype(np.float32)
        (answer,) = self._model.run(None, {"input_features": features})
        return float(np.ravel(answer)[0])  # named logits, but a probability already


def routes(end_of_turn: EndOfTurn) -> list[web.RouteDef]:
    async def answer(request: web.Request) -> web.Response:
        pcm = await request.read()
        if not pcm or len(pcm) % 2:
            return refusal(400, f"{len(pcm)} bytes: send PCM of 16 kHz, 16 bit, mono")
        if end_of_turn.state != "ready":
            return refusal(503, end_of_turn.problem)
        began = time.perf_counter()
        probability = await end_of_turn.probability(pcm)
        ms = round((time.perf_counter() - began) * 1000, 1)
        return web.json_response({"probability": round(probability, 3), "ms": ms})

    return [web.post("/v1/audio/end-of-turn", answer)]
