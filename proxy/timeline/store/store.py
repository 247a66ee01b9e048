"""Calls and events in the database: written together, read back by call or by room."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Select, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from common.events import Event
from proxy.timeline.store.database import DatabaseUrl
from proxy.timeline.store.engine import engine_for, migrate
from proxy.timeline.store.errors import StoreError, as_store_error
from proxy.timeline.store.tables import calls, events, heartbeat

OPEN_MAX = 200
DAY_S = 24 * 3600.0

CallRow = dict[str, Any]


class Store:
    """One database. Everything raises `StoreError` and nothing else."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._url = url
        self._engine = engine_for(url)
        self._file = _identity(url.path)
        postgres = url.path is None
        self._insert: Any = postgresql.insert if postgres else sqlite.insert

    async def prepare(self) -> None:
        with as_store_error(self._url):
            await migrate(self._url, self._engine)

    async def aclose(self) -> None:
        await self._engine.dispose()

    def check_file(self) -> None:
        """`StoreError` when the file was deleted or replaced: SQLite would write into nothing."""
        if self._file is not None and _identity(self._url.path) != self._file:
            raise StoreError(
                "not-writable",
                f"the file of the calls database, {self._url.shown}, was deleted or replaced "
                "while it was in use. It is made anew if that is possible",
            )

    async def beat(self) -> None:
        """Write something, to learn whether that is possible."""
        await self.write([], [])

    async def write(self, rows: Sequence[CallRow], new: Sequence[tuple[str, Event]]) -> None:
        """Store calls as they are now and events of them, all or nothing, each event once.

        `new` are pairs of a call's id and an event.
        """
        with as_store_error(self._url):
            async with self._engine.begin() as connection:
                await connection.execute(
                    update(heartbeat).where(heartbeat.c.id == 1).values(at=time.time())
                )
                if rows:
                    await self._write_rows(connection, rows)
                if new:
                    statement = self._insert(events).on_conflict_do_nothing()
                    await connection.execute(statement, [_values(*pair) for pair in new])

    async def _write_rows(self, connection: AsyncConnection, rows: Sequence[CallRow]) -> None:
        statement = self._insert(calls)
        changed = {
            column.name: statement.excluded[column.name]
            for column in calls.c
            if not column.primary_key
        }
        await connection.execute(
            statement.on_conflict_do_update(index_elements=["id"], set_=changed), list(rows)
        )

    async def last_seq(self) -> int:
        rows = await self._read(select(func.max(events.c.seq)))
        return int(rows[0][0] or 0)

    async def open_calls(self, heard_since: float) -> list[CallRow]:
        """Calls that have not ended, after ending those of which nothing was heard since then."""
        last = select(func.max(events.c.at)).where(events.c.call_id == calls.c.id).scalar_subquery()
        last_at = func.coalesce(last, calls.c.started)
        with as_store_error(self._url):
            async with self._engine.begin() as connection:
                await connection.execute(
                    update(calls)
                    .where(calls.c.ended.is_(None), last_at < heard_since)
                    .values(ended=last_at)
                )
        query = select(calls).where(calls.c.ended.is_(None)).order_by(calls.c.started.desc())
        return [_call(row) for row in await self._read(query.limit(OPEN_MAX))]

    async def call(self, call_id: str) -> CallRow | None:
        rows = await self._read(select(calls).where(calls.c.id == call_id))
        return _call(rows[0]) if rows else None

    async def call_at(self, room: str, at: float, lead: float, late: float) -> CallRow | None:
        """The call of `room` to which something belongs that happened at `at`."""
        query = (
            select(calls)
            .where(calls.c.room == room, calls.c.started <= at + lead)
            .where(func.coalesce(calls.c.ended, at) >= at - late)
            .order_by(calls.c.started.desc())
            .limit(1)
        )
        rows = await self._read(query)
        return _call(rows[0]) if rows else None

    async def calls(self, limit: int, before: float | None) -> list[CallRow]:
        """The newest first; `before` is the start of the last one that is known."""
        columns = [column for column in calls.c if column.name != "verdicts"]
        query = select(*columns).order_by(calls.c.started.desc()).limit(limit)
        if before is not None:
            query = query.where(calls.c.started < before)
        return [_call(row) for row in await self._read(query)]

    async def judged_calls(self, limit: int) -> list[CallRow]:
        """The newest calls that have ended, with their verdicts; the newest first."""
        query = select(calls).where(calls.c.ended.is_not(None)).order_by(calls.c.started.desc())
        return [_call(row) for row in await self._read(query.limit(limit))]

    async def events_of(self, call_id: str) -> list[Event]:
        query = select(events).where(events.c.call_id == call_id).order_by(events.c.seq)
        return [_event(row) for row in await self._read(query)]

    async def events_between(
        self, room: str, after: int, before: int, limit: int
    ) -> list[tuple[str, Event]]:
        """The latest events of `room` whose `seq` lies between the two, in order, each with the
        id of its call."""
        query = (
            select(events)
            .where(events.c.room == room, events.c.seq > after, events.c.seq < before)
            .order_by(events.c.seq.desc())
            .limit(limit)
        )
        return [(row.call_id, _event(row)) for row in reversed(await self._read(query))]

    async def delete(self, call_id: str) -> bool:
        """Delete a call and its events; whether there was one."""
        with as_store_error(self._url):
            async with self._engine.begin() as connection:
                deleted = await connection.execute(delete(calls).where(calls.c.id == call_id))
        return deleted.rowcount > 0

    async def prune(self, kept: int, days: float) -> int:
        """Delete calls that have ended: those beyond the newest `kept`, and the old; how many."""
        newest = select(calls.c.id).order_by(calls.c.started.desc()).limit(kept)
        old = calls.c.started < time.time() - days * DAY_S
        with as_store_error(self._url):
            async with self._engine.begin() as connection:
                deleted = await connection.execute(
                    delete(calls).where(calls.c.ended.is_not(None), old | calls.c.id.not_in(newest))
                )
        return int(deleted.rowcount)

    async def _read(self, query: Select[Any]) -> Sequence[Row[Any]]:
        with as_store_error(self._url):
            async with self._engine.connect() as connection:
                rows: Sequence[Row[Any]] = (await connection.execute(query)).all()
        return rows


def _identity(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return status.st_dev, status.st_ino


def _values(call_id: str, event: Event) -> dict[str, Any]:
    return {
        "room": event.room,
        "key": event.key,
        "seq": event.seq,
        "call_id": call_id,
        "at": event.at,
        "source": event.source,
        "stage": event.stage,
        "name": event.name,
        "data": event.data,
    }


def _call(row: Row[Any]) -> CallRow:
    return dict(row._mapping)


def _event(row: Row[Any]) -> Event:
    return Event(
        at=row.at,
        room=row.room,
        source=row.source,
        stage=row.stage,
        name=row.name,
        data=row.data,
        key=row.key,
        seq=row.seq,
    )
