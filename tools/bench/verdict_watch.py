"""Looks over the proxy's shoulder during a call: every verdict that was given, none missed."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp

from dev.caller import CallError
from tools.bench.waiting import ended

LONGEST_LINE = 2**20
FIRST_S = 10.0


class VerdictWatch:
    """`async with VerdictWatch(proxy_url, room) as watch:` …, then `watch.failing`."""

    def __init__(self, proxy_url: str, room: str) -> None:
        self.failing: list[str] = []
        """Each failing verdict once: `stage/cause: sentence`, and the evidence."""
        self.count = 0
        """How many times the verdicts were told."""
        self._url = f"{proxy_url}/api/rooms/{quote(room, safe='')}/events"
        self._first = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Returns once the verdicts of the room have been told for the first time."""
        self._task = asyncio.create_task(self._watch(), name="watch verdicts")
        first = asyncio.create_task(self._first.wait())
        await asyncio.wait(
            {self._task, first}, timeout=FIRST_S, return_when=asyncio.FIRST_COMPLETED
        )
        if not self._first.is_set():
            first.cancel()
            await self._end()
            raise CallError(f"no verdicts came from {self._url}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        assert self._task is not None
        over = self._task.done()
        await self._end()
        if over and error is None:
            raise CallError(f"the verdicts ended before the call: {self._url}")

    async def _end(self) -> None:
        """End the task; what it failed by is raised."""
        try:
            await ended(self._task)
        except Exception as error:
            raise CallError(f"the verdicts cannot be watched at {self._url}: {error}") from error

    async def _watch(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=30)
        async with (
            aiohttp.ClientSession(timeout=timeout, read_bufsize=LONGEST_LINE) as http,
            http.get(self._url, headers={"Accept": "text/event-stream"}) as response,
        ):
            response.raise_for_status()
            kind = ""
            async for line in response.content:
                name, _, value = line.decode().rstrip("\r\n").partition(": ")
                if name == "event":
                    kind = value
                elif name == "data" and kind == "verdicts":
                    self._take(json.loads(value))

    def _take(self, answer: dict[str, Any]) -> None:
        self.count += 1
        self._first.set()
        for verdict in answer["verdicts"]:
            if verdict["state"] != "failing":
                continue
            said = f"{verdict['stage']}/{verdict['cause']}"
            if not any(each.startswith(said) for each in self.failing):
                evidence = "; ".join(each["text"] for each in verdict["evidence"])
                self.failing.append(f"{said}: {verdict['sentence']} [{evidence}]")
