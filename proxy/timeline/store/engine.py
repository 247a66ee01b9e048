"""The way to the database: SQLite in WAL mode or Postgres with a small pool, of this schema.

Several proxies may bring one database to the schema of this code at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from common.retry import OPEN_CALLS_DATABASE
from proxy.timeline.background import in_daemon_thread
from proxy.timeline.event_data import to_json
from proxy.timeline.store.database import DatabaseUrl
from proxy.timeline.store.errors import StoreError
from proxy.timeline.store.tables import REVISIONS

BUSY_S = 1.0
"""How long a write waits for another program that holds the database."""
MIGRATION_BUSY_S = 10.0
CONNECT_S = 3.0
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")
SCRIPTS = Path(__file__).parents[1] / "migrations"
ADVISORY_LOCK = 0x766F696365  # "voice"
ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps what it works on in global variables."""


def engine_for(url: DatabaseUrl, *, migrating: bool = False) -> AsyncEngine:
    """An engine; one for migrating holds the whole database from its first statement on."""
    options: dict[str, Any] = {"json_serializer": to_json, "json_deserializer": json.loads}
    if migrating:
        options["poolclass"] = NullPool
    busy = MIGRATION_BUSY_S if migrating else BUSY_S
    if url.path is None:
        if not migrating:
            options |= {"pool_size": 5, "max_overflow": 5, "pool_pre_ping": True}
        return create_async_engine(
            "postgresql+asyncpg://", async_creator=_postgres(url.postgres, busy), **options
        )
    _make_private(url)
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{url.path}", connect_args={"timeout": busy}, **options
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    if migrating:
        event.listen(engine.sync_engine, "connect", _no_implicit_begin)
        event.listen(engine.sync_engine, "begin", _hold)
    return engine


def _postgres(address: str, timeout: float) -> Callable[[], Any]:
    async def connect() -> Any:
        # asyncpg reads the address itself: it knows what libpq knows (sslmode, host=/folder, …).
        return await asyncpg.connect(address, timeout=CONNECT_S, command_timeout=timeout)

    return connect


def _make_private(url: DatabaseUrl) -> None:
    """What people said in their calls is theirs: nobody else may read the file.

    One that is there is not opened: closing it again would take from SQLite the locks that this
    process has on it, and the next program to read the file would then delete the WAL we write.
    """
    assert url.path is not None
    url.path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(url.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _prepare(connection: Any, _: object) -> None:
    connection.run_async(_set_pragmas)


async def _set_pragmas(connection: Any) -> None:
    """SQLite waits for nobody when a file is to be kept as WAL that others open just now."""
    async for attempt in OPEN_CALLS_DATABASE.retrying(lambda error: "locked" in str(error)):
        with attempt:
            for pragma in PRAGMAS:
                await (await connection.execute(f"PRAGMA {pragma}")).close()


def _no_implicit_begin(connection: Any, _: object) -> None:
    connection.isolation_level = None


def _hold(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


async def migrate(url: DatabaseUrl, engine: AsyncEngine) -> None:
    """Bring the database at `url` up to date; `StoreError` when it is newer than we are."""
    async with engine.connect() as connection:
        revision = await connection.run_sync(_revision)
    if _is_current(revision, url):
        return
    # Alembic is slow to import and works through its files: not in the loop that serves calls.
    await in_daemon_thread(lambda: asyncio.run(_upgrade(url)))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _is_current(revision: str | None, url: DatabaseUrl) -> bool:
    if revision is not None and revision not in REVISIONS:
        raise StoreError(
            "other",
            f"the calls database {url.shown} was written by a newer version of this program "
            f"(its schema is {revision}, this version knows up to {REVISIONS[-1]}). Use the newer "
            f"version, or set {url.setting} to another place; until then calls are only kept "
            "in memory",
        )
    return revision == REVISIONS[-1]


async def _upgrade(url: DatabaseUrl) -> None:
    engine = engine_for(url, migrating=True)
    try:
        async with engine.begin() as connection:
            if url.path is None:
                await connection.execute(
                    text("SELECT pg_advisory_xact_lock(:number)"), {"number": ADVISORY_LOCK}
                )
            # Whoever held it before us may have done the work.
            if not _is_current(await connection.run_sync(_revision), url):
                await connection.run_sync(_run_alembic)
    finally:
        await engine.dispose()


def _run_alembic(connection: Connection) -> None:
    # It lists its own parts at INFO.
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    with ONE_AT_A_TIME:
        command.upgrade(config, "head")
