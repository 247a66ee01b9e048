"""Calls are stored exactly once, whatever happens to the database meanwhile."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from proxy.timeline.store.database import DatabaseUrl, open_store
from proxy.timeline.store.engine import SCRIPTS
from proxy.timeline.store.errors import StoreError
from proxy.timeline.store.store import Store
from proxy.timeline.store.tables import REVISIONS, metadata
from proxy.timeline.write_queue import WriteQueue
from tests.fast.proxy.conftest import Proxy, StartProxy
from tests.fast.proxy.timeline.conftest import (
    Watcher,
    agent_token,
    event,
    keys,
    locked,
    page_token,
    post,
    posted,
    rows,
    until,
    watching,
)


async def problem(watcher: Watcher, problem_code: str) -> None:
    """Wait until the calls database has this problem, as the timeline tells."""
    while True:
        data = (await watcher.event("probe"))["data"]
        if data["name"] == "calls database" and data["problem"] == problem_code:
            return


async def test_the_migrations_make_the_tables_of_the_code(database: Path) -> None:
    store = await open_store(DatabaseUrl(path=database))
    await store.aclose()
    engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    scripts = ScriptDirectory.from_config(config)
    assert [script.revision for script in scripts.walk_revisions()] == [*reversed(REVISIONS)]
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert rows(database, "PRAGMA journal_mode") == [("wal",)]


async def test_several_open_a_new_database_at_once(database: Path) -> None:
    stores = await asyncio.gather(*(open_store(DatabaseUrl(path=database)) for _ in range(4)))
    for store in stores:
        await store.beat()
        await store.aclose()
    assert rows(database, "SELECT version_num FROM alembic_version") == [(REVISIONS[-1],)]


async def test_a_newer_database_is_refused_and_left_alone(database: Path) -> None:
    store = await open_store(DatabaseUrl(path=database))
    await store.aclose()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(StoreError, match=r"written by a newer version .*9999.*CALLS_DATABASE"):
        await open_store(DatabaseUrl(path=database))
    assert rows(database, "SELECT version_num FROM alembic_version") == [("9999",)]


async def test_ten_thousand_events(proxy: Proxy, database: Path) -> None:
    started = time.monotonic()
    for _ in range(50):
        await posted(proxy, *(event("stats", "media") for _ in range(200)))
    took = time.monotonic() - started
    assert len(set(keys(database))) == 10_000
    (call,) = (await proxy.get("/api/calls")).json["calls"]
    assert call["events"] >= 10_000
    assert took < 30, f"{took:.1f} s for 10000 events"
    began = time.monotonic()
    for _ in range(5):
        assert (await proxy.get("/api/rooms/r/verdicts")).status == 200
    assert (time.monotonic() - began) / 5 < 0.5


async def test_what_was_sent_again_after_a_restart_is_stored_once(
    start_proxy: StartProxy, database: Path
) -> None:
    first, second = event(), event()
    proxy = await start_proxy(calls_database=database)
    await posted(proxy, first)
    await proxy.runner.cleanup()
    proxy = await start_proxy(calls_database=database)
    answer = await posted(proxy, first, second)
    assert (answer["accepted"], answer["known"]) == (1, 1)
    assert keys(database) == [first["key"], second["key"]]
    assert len((await proxy.get("/api/calls")).json["calls"]) == 1


async def test_while_it_is_locked_all_goes_on_and_then_is_stored_once(
    proxy: Proxy, database: Path
) -> None:
    await posted(proxy, event())
    later = event("later")
    async with watching(proxy) as watcher, locked(database):
        answer = await post(proxy, [later], agent_token())
        assert (answer.status, answer.json["error"]) == (503, "STORE_UNAVAILABLE")
        assert str(database) in answer.json["message"]
        assert "locked" in answer.json["message"]
        assert (await watcher.event("later"))["key"] == later["key"]
        await proxy.post("/api/token", {"room": "r"})
        await watcher.event("issued")
        await problem(watcher, "locked")
        again = await post(proxy, [later], agent_token())
        assert again.status == 503
    await until(lambda: later["key"] in keys(database))
    for _ in range(100):  # stored, but perhaps not yet known to be
        again = await post(proxy, [later], agent_token())
        if again.status == 200:
            break
    assert again.json["known"] == 1
    stored = rows(database, "SELECT name FROM events WHERE stage != 'system' ORDER BY seq")
    assert stored == [("connected",), ("later",), ("issued",)]


async def test_trouble_is_noticed_without_traffic_and_clears(database: Path) -> None:
    async def nothing(_: Store) -> None:
        """No call goes on."""

    url = DatabaseUrl(path=database)
    queue = WriteQueue(lambda: open_store(url), url.shown, nothing)
    queue.start()
    await until(lambda: queue.probe.at is not None)
    assert queue.probe.ok
    async with locked(database):
        await until(lambda: queue.probe.problem == "locked")
        assert str(database) in queue.probe.detail
    await until(lambda: queue.probe.ok)
    await queue.aclose()


async def test_closed_while_the_database_is_being_opened_it_ends_at_once(database: Path) -> None:
    async def nothing(_: Store) -> None:
        """No call goes on."""

    url = DatabaseUrl(path=database)
    for _ in range(3):
        queue = WriteQueue(lambda: open_store(url), url.shown, nothing)
        queue.start()
        await asyncio.sleep(0)  # the writer has begun to open
        began = time.monotonic()
        await queue.aclose()
        assert time.monotonic() - began < 0.4  # an aclose that missed its wake-up took 0.8 s


async def test_a_call_that_ends_while_it_is_locked_has_ended_afterwards(
    proxy: Proxy, database: Path
) -> None:
    await posted(proxy, event())
    async with watching(proxy) as watcher, locked(database):
        await post(proxy, [event()], agent_token())
        await problem(watcher, "locked")
        await proxy.post("/api/token", {"room": "r"})
        await post(proxy, [event("disconnected", "media", data={"intended": True})], page_token())
        await proxy.post("/api/token", {"room": "r"})
    await until(lambda: rows(database, "SELECT count(*) FROM calls WHERE ended > 0") == [(1,)])


async def test_a_deleted_file_is_made_anew_with_the_calls_that_go_on(
    proxy: Proxy, database: Path
) -> None:
    first = event()
    await posted(proxy, first)
    for file in database.parent.glob("calls.db*"):
        file.unlink()
    await until(lambda: database.exists() and database.stat().st_size > 0)
    second = event()
    await post(proxy, [second], agent_token())
    await until(lambda: {first["key"], second["key"]} <= {*keys(database)})


@pytest.mark.parametrize("what", ["a folder", "no database", "under a file"])
async def test_a_place_that_cannot_be_used_stops_nothing(
    start_proxy: StartProxy, tmp_path: Path, what: str
) -> None:
    place = tmp_path / "calls.db"
    if what == "a folder":
        place.mkdir()
    else:
        place.write_text("This is a letter, not a database, and it is to be kept as it is.\n" * 20)
    proxy = await start_proxy(calls_database=place / "x" if what == "under a file" else place)
    first = event()
    async with watching(proxy) as watcher:
        answer = await post(proxy, [first], agent_token())
        assert (answer.status, answer.json["error"]) == (503, "STORE_UNAVAILABLE")
        assert str(place) in answer.json["message"]
        assert (await watcher.event("connected"))["key"] == first["key"]
    calls = await proxy.get("/api/calls")
    assert (calls.status, calls.json["error"]) == (503, "STORE_UNAVAILABLE")
    assert what == "a folder" or place.read_text().startswith("This is a letter")


async def test_it_stops_at_once_while_the_database_is_locked(proxy: Proxy, database: Path) -> None:
    await posted(proxy, event())
    async with locked(database):
        await proxy.post("/api/token", {"room": "r"})
        began = time.monotonic()
        await proxy.runner.cleanup()
        assert time.monotonic() - began < 4


async def test_without_a_place_calls_are_kept_while_the_proxy_runs(
    start_proxy: StartProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    proxy = await start_proxy()
    await posted(proxy, event())
    assert len((await proxy.get("/api/calls")).json["calls"]) == 1
    assert list(tmp_path.glob("*/calls.db"))
    await proxy.runner.cleanup()
    assert list(tmp_path.iterdir()) == []
