"""Requests to the system under test, each timed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from proxy.outside import FAILURES, in_words

LIMIT_S = 5.0
BODY_MAX = 8 * 2**20


class NoAnswer(Exception):
    """There was none; the text says why."""


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    ms: float

    @property
    def json(self) -> Any:
        """The body as JSON; an empty object when it is something else."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    @property
    def told(self) -> str:
        """The status, and the code of an error."""
        code = self.json.get("error") if isinstance(self.json, dict) else None
        return f"{self.status} {code}" if code else str(self.status)


class Client:
    """One system."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session = session
        self.base = base.rstrip("/")

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        limit: float = LIMIT_S,
        first: bytes = b"",
    ) -> Reply:
        """The answer to one request; of a stream only as much as it takes until `first` came."""
        began = time.monotonic()
        try:
            async with (
                asyncio.timeout(limit),
                self.session.request(
                    method,
                    URL(self.base + path, encoded=True),
                    json=body,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                if first and response.status == 200:
                    data = b""
                    while first not in data and (part := await response.content.readany()):
                        data += part
                else:
                    data = await response.content.read(BODY_MAX)
                ms = round((time.monotonic() - began) * 1000, 1)
                return Reply(response.status, response.headers, data, ms)
        except TimeoutError:
            raise NoAnswer(f"no answer within {limit:g} s") from None
        except FAILURES as error:
            raise NoAnswer(in_words(error)) from None
