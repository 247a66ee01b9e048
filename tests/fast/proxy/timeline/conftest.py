"""Proxies that keep calls in a file, and reporters who prove who they are."""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import jwt
import pytest
from livekit import api

from tests.fast.proxy.conftest import KEY, SECRET, Asked, Proxy, StartProxy

DEADLINE_S = 10.0
_numbers = itertools.count()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "calls.db"


@pytest.fixture
async def proxy(start_proxy: StartProxy, database: Path) -> Proxy:
    """A proxy whose database is open."""
    started = await start_proxy(calls_database=database)
    await opened(started)
    return started


def event(name: str = "connected", stage: str = "signal", **more: Any) -> dict[str, Any]:
    """An event as a reporter sends it; `more` replaces its parts."""
    number = next(_numbers)
    return {
        "at": time.time(),
        "stage": stage,
        "name": name,
        "data": {"ms": 1.0},
        "key": f"key-{number}",
        **more,
    }


def agent_token(room: str = "r", **more: Any) -> str:
    grants = api.VideoGrants(agent=True, room=room)
    token = api.AccessToken(KEY, more.pop("secret", SECRET)).with_identity("agent")
    return token.with_grants(grants).with_ttl(timedelta(minutes=5)).to_jwt()


def page_token(room: str = "r", *, age: float = 0.0, life: float = 600.0, **more: Any) -> str:
    """A caller's token that was issued `age` seconds ago."""
    issued = time.time() - age
    claims = {
        "iss": KEY,
        "sub": "caller-1",
        "nbf": int(issued),
        "exp": int(issued + life),
        "video": {"roomJoin": True, "room": room},
        **more,
    }
    return jwt.encode(claims, SECRET, algorithm="HS256")


async def post(proxy: Proxy, events: list[Any], token: str, room: str = "r") -> Asked:
    headers = {"Authorization": f"Bearer {token}"}
    path = f"/api/rooms/{quote(room, safe='')}/events"
    return await proxy.post(path, {"events": events}, headers=headers)


async def posted(proxy: Proxy, *events: dict[str, Any], room: str = "r") -> Any:
    """What the agent's events were answered, which must be taken."""
    answer = await post(proxy, list(events), agent_token(room), room)
    assert answer.status == 200, answer.body
    return answer.json


class Watcher:
    """One stream of events, read message by message."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.last_id = ""

    async def next(self, kind: str | None = None) -> tuple[str, Any]:
        """The next message (of this kind): what it is, and its data."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                fields = await self._fields()
                if fields.get("id"):
                    self.last_id = fields["id"]
                if "event" in fields and kind in (None, fields["event"]):
                    return fields["event"], json.loads(fields["data"])

    async def event(self, name: str) -> Any:
        """The next event of that name."""
        while True:
            _, data = await self.next("event")
            if data["name"] == name:
                return data

    async def _fields(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        while True:
            line = (await self.response.content.readline()).decode()
            if not line:
                raise EOFError
            if line == "\n":
                return fields
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name] = value


@asynccontextmanager
async def watching(
    proxy: Proxy, room: str = "r", after: str = "", **options: Any
) -> AsyncIterator[Watcher]:
    headers = {"Last-Event-ID": after} if after else {}
    url = f"{proxy.url}/api/rooms/{room}/events"
    async with proxy.session.get(url, headers=headers, **options) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        yield Watcher(response)


def rows(database: Path, query: str, *values: Any) -> list[Any]:
    """What really is in the file."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query, values).fetchall()


def keys(database: Path, room: str = "r") -> list[str]:
    """The stored keys of a room, as often as they are there, by seq; those of the system aside."""
    query = "SELECT key FROM events WHERE room = ? AND stage != 'system' ORDER BY seq"
    stored = rows(database, query, room)
    return [key for (key,) in stored]


async def opened(proxy: Proxy) -> None:
    """Wait until the proxy has opened its database, which it does after it listens."""
    async with asyncio.timeout(DEADLINE_S):
        for _ in range(10):  # each waits for it a while
            if (await proxy.get("/api/calls")).status == 200:
                return


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens in the background of the proxy; a file notifies nobody."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def locked(database: Path) -> AsyncIterator[None]:
    """Another program holds the database within this block."""
    with closing(
        sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    ) as connection:
        # Not in the loop: the proxy may be just writing, and needs the loop to be done with it.
        await asyncio.to_thread(connection.execute, "BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
