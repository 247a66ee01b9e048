"""The way to the database: SQLite in WAL mode, or Postgres with a small pool."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from proxy.timeline.cutting import packed
from proxy.timeline.location import Location

BUSY_S = 1.0
"""How long a write waits for another program that holds the database."""
MIGRATION_BUSY_S = 10.0
CONNECT_S = 3.0
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")


def engine_for(location: Location, *, migrating: bool = False) -> AsyncEngine:
    """An engine; one for migrating holds the whole database from its first statement on."""
    options: dict[str, Any] = {"json_serializer": packed, "json_deserializer": json.loads}
    if migrating:
        options["poolclass"] = NullPool
    busy = MIGRATION_BUSY_S if migrating else BUSY_S
    if location.path is None:
        if not migrating:
            options |= {"pool_size": 5, "max_overflow": 5, "pool_pre_ping": True}
        return create_async_engine(
            "postgresql+asyncpg://", async_creator=_postgres(location.postgres, busy), **options
        )
    _make_private(location)
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{location.path}", connect_args={"timeout": busy}, **options
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    if migrating:
        event.listen(engine.sync_engine, "connect", _no_implicit_begin)
        event.listen(engine.sync_engine, "begin", _hold)
    return engine


def _postgres(address: str, patience: float) -> Callable[[], Any]:
    async def connect() -> Any:
        # asyncpg reads the address itself: it knows what libpq knows (sslmode, host=/folder, …).
        return await asyncpg.connect(address, timeout=CONNECT_S, command_timeout=patience)

    return connect


def _make_private(location: Location) -> None:
    """What people said in their calls is theirs: nobody else may read the file.

    One that is there is not opened: closing it again would take from SQLite the locks that this
    process has on it, and the next program to read the file would then delete the WAL we write.
    """
    assert location.path is not None
    location.path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(location.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _prepare(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _no_implicit_begin(connection: Any, _: object) -> None:
    connection.isolation_level = None


def _hold(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
