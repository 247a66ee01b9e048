"""`POST /v1/embeddings`: vectors of hashed words and character trigrams, normalised to length 1.

The same text gives the same vector on every machine; texts that share words or parts of words are
near each other. There is no meaning in it: synonyms are as far apart as any two words.
"""

from __future__ import annotations

import asyncio
import base64
import re
import zlib
from typing import Literal

import numpy as np
from aiohttp import web
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dev.models.refusal import refusal

DIMENSIONS = 1536
MAX_TEXTS = 2048  # OpenAI's limit
MAX_CHARACTERS = 1_200_000  # of all texts; about OpenAI's 300 000 tokens
WORD_WEIGHT = 2.0


class EmbeddingRequest(BaseModel):
    model_config = ConfigDict(extra="ignore")
    input: str | list[str] | list[int] | list[list[int]]
    model: str = "hashed-ngram-embeddings"
    dimensions: int = Field(DIMENSIONS, ge=8, le=4096)
    encoding_format: Literal["float", "base64"] = "float"


async def answer(request: web.Request) -> web.Response:
    try:
        wanted = EmbeddingRequest.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0]) if first["loc"] else "body"
        return refusal(400, f"{where}: {first['msg']}", where)
    texts = _texts(wanted.input)
    if not texts or len(texts) > MAX_TEXTS:
        return refusal(400, f"input: {len(texts)} texts; 1 to {MAX_TEXTS} are allowed", "input")
    if (size := sum(map(len, texts))) > MAX_CHARACTERS:
        return refusal(400, f"input: {size} characters; {MAX_CHARACTERS} are allowed", "input")
    vectors = await asyncio.to_thread(lambda: [embed(text, wanted.dimensions) for text in texts])
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": base64.b64encode(vector.tobytes()).decode()
            if wanted.encoding_format == "base64"
            else vector.tolist(),
        }
        for index, vector in enumerate(vectors)
    ]
    tokens = sum(len(text) // 4 + 1 for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return web.json_response(
        {"object": "list", "data": data, "model": wanted.model, "usage": usage}
    )


def embed(text: str, dimensions: int = DIMENSIONS) -> NDArray[np.float32]:
    """The vector of `text`, of length 1; of the empty text a fixed one."""
    vector = np.zeros(dimensions, np.float32)
    words = re.findall(r"\w+", text.lower()) or [""]
    for word in words:
        _add(vector, f"w:{word}", WORD_WEIGHT)
        padded = f"^{word}$"
        for start in range(len(padded) - 2):
            _add(vector, f"g:{padded[start : start + 3]}", 1.0)
    norm = float(np.linalg.norm(vector))
    if norm == 0.0:  # features of opposite sign met in every place
        vector[0], norm = 1.0, 1.0
    return vector / np.float32(norm)


def _add(vector: NDArray[np.float32], feature: str, weight: float) -> None:
    hashed = zlib.crc32(feature.encode())
    sign = 1.0 if hashed & 0x80000000 else -1.0
    vector[hashed % len(vector)] += sign * weight


def _texts(given: str | list[str] | list[int] | list[list[int]]) -> list[str]:
    if isinstance(given, str):
        return [given]
    if given and all(isinstance(token, int) for token in given):
        return [" ".join(str(token) for token in given)]
    return [one if isinstance(one, str) else " ".join(map(str, one)) for one in given]  # type: ignore[arg-type]
