"""The timeline on a real Postgres, which goes away in the middle of a call and comes back."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from dev.letta_import import postgres
from proxy.timeline import api
from proxy.timeline.store.database import DatabaseUrl, open_store
from proxy.timeline.store.errors import StoreError
from proxy.timeline.store.tables import REVISIONS, metadata
from tests.fast.proxy.conftest import running_proxy
from tests.fast.proxy.timeline.conftest import agent_token, event, opened, post, posted, watching


@dataclass(frozen=True)
class Place:
    """Where a Postgres is that comes and goes."""

    data: Path
    sockets: Path

    def running(self) -> AbstractContextManager[postgres.Database]:
        return postgres.running(self.data, self.sockets)

    def address(self, database: str) -> str:
        return f"postgresql://{postgres.USER}@/{database}?host={self.sockets}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(dir=postgres.SHORT) as sockets:
        yield Place(tmp_path_factory.mktemp("calls") / "postgres", Path(sockets))


@pytest.fixture
async def url(place: Place) -> AsyncIterator[str]:
    """A new database of a running Postgres."""
    with place.running():
        yield await fresh_database(place)


async def fresh_database(place: Place) -> str:
    connection = await asyncpg.connect(place.address(postgres.USER))
    name = f"calls{time.time_ns()}"
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return place.address(name)


async def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row.values()) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def test_several_migrate_at_once_and_the_tables_are_those_of_the_code(url: str) -> None:
    stores = await asyncio.gather(*(open_store(DatabaseUrl(postgres=url)) for _ in range(4)))
    for store in stores:
        await store.beat()
        await store.aclose()
    assert await rows(url, "SELECT version_num FROM alembic_version") == [(REVISIONS[-1],)]

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection)
        return list(compare_metadata(context, metadata))

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url)
    )
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()

    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    with pytest.raises(StoreError, match=r"newer version .*DATABASE_URL"):
        await open_store(DatabaseUrl(postgres=url))


async def test_a_call_is_kept_read_again_and_deleted(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = {"text": "a\x00b 😀", "numbers": [1e300, -0.0, 2**60]}
    one, two = event("one", data=odd), event("two")
    async with AsyncExitStack() as stack:
        proxy = await running_proxy(stack, database_url=url)
        await opened(proxy)
        await posted(proxy, one)
        async with watching(proxy) as watcher:
            assert (await watcher.event("one"))["data"] == odd
            last = watcher.last_id
    async with AsyncExitStack() as stack:
        proxy = await running_proxy(stack, database_url=url)
        await opened(proxy)
        assert await posted(proxy, one, two) == {"success": True, "accepted": 1, "known": 1}
        async with watching(proxy, after=last) as watcher:
            await watcher.event("two")
        (call,) = (await proxy.get("/api/calls")).json["calls"]
        whole = (await proxy.get(f"/api/calls/{call['id']}")).json
        assert whole["events"][0]["data"] == odd
        assert (await proxy.ask("DELETE", f"/api/calls/{call['id']}")).status == 409
        monkeypatch.setattr(api, "GOING_ON_S", 0.0)
        assert (await proxy.ask("DELETE", f"/api/calls/{call['id']}")).status == 200
        assert await rows(url, "SELECT count(*) FROM events") == [(0,)]


async def test_postgres_goes_away_and_everything_is_stored_once(place: Place) -> None:
    async with AsyncExitStack() as stack:
        with place.running():
            url = await fresh_database(place)
            proxy = await running_proxy(stack, database_url=url)
            await opened(proxy)
            await posted(proxy, event("before"))
        during = event("during")
        async with watching(proxy) as watcher:
            answer = await post(proxy, [during], agent_token())
            assert (answer.status, answer.json["error"]) == (503, "STORE_UNAVAILABLE")
            assert "DATABASE_URL" in answer.json["message"]
            await watcher.event("during")
            await proxy.post("/api/token", {"room": "r"})
            await watcher.event("issued")
        with place.running():
            for _ in range(200):
                if (await post(proxy, [during], agent_token())).status == 200:
                    break
                await asyncio.sleep(0.05)
            await posted(proxy, event("after"))
            found = await rows(url, "SELECT name FROM events WHERE stage != 'system' ORDER BY seq")
            assert found == [("before",), ("during",), ("issued",), ("after",)]


async def test_a_wrong_address_says_so_without_the_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    wrong = "postgresql://voice:planted-secret@127.0.0.1:1/calls"
    async with AsyncExitStack() as stack:
        proxy = await running_proxy(stack, database_url=wrong)
        answer = await post(proxy, [event()], agent_token())
        assert (answer.status, answer.json["error"]) == (503, "STORE_UNAVAILABLE")
        assert "postgresql://127.0.0.1:1/calls" in answer.json["message"]
        assert "planted-secret" not in answer.body.decode() + caplog.text
