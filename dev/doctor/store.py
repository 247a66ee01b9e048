"""The calls database: can it be written? Asked without writing anything, and without making it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import asyncpg

from proxy.settings import ProxySettings
from proxy.timeline.location import Location, location_of
from proxy.verdicts.health import ProbeResult

NAME = "calls database"
LIMIT_S = 3.0
LOCK_WAIT_S = 1.0


async def probe(settings: ProxySettings) -> ProbeResult:
    """Whether the database of these settings takes what happens in calls."""
    began, at = time.monotonic(), time.time()
    where = location_of(settings)
    try:
        if where.path is not None:
            problem, detail = await asyncio.to_thread(_file, where.path)
        else:
            problem, detail = await _postgres(where)
    finally:
        where.close()
    ms = round((time.monotonic() - began) * 1000, 1)
    return ProbeResult(NAME, problem, detail, where.shown, None, ms, at)


def _file(path: Path) -> tuple[str, str]:
    if not path.exists():
        folder = next(each for each in path.parents if each.exists())
        if os.access(folder, os.W_OK | os.X_OK):
            return "", f"{path} is not there yet; it can be made"
        return "not-writable", f"{path} cannot be made: {folder} is not writable"
    try:
        with closing(
            sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=LOCK_WAIT_S)
        ) as database:
            database.isolation_level = None
            database.execute("BEGIN IMMEDIATE")
            try:
                count = database.execute("SELECT count(*) FROM calls").fetchone()[0]
            finally:
                database.execute("ROLLBACK")
    except sqlite3.Error as error:
        return _problem(str(error)), f"{path} cannot be written: {error}"
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        return "not-writable", f"{path} cannot be written: its permissions forbid it"
    return "", f"{path} can be written; calls in it: {count}"


def _problem(message: str) -> str:
    if "locked" in message:
        return "locked"
    if "no such table" in message:
        return ""  # made, but not filled yet
    readonly = "readonly" in message or "unable to open" in message
    return "not-writable" if readonly else "other"


async def _postgres(where: Location) -> tuple[str, str]:
    try:
        async with asyncio.timeout(LIMIT_S):
            connection = await asyncpg.connect(where.postgres)
            try:
                read_only = await connection.fetchval("SHOW transaction_read_only")
            finally:
                await connection.close()
    except TimeoutError:
        return "timeout", f"{where.shown} does not answer within {LIMIT_S:g} s"
    except ConnectionRefusedError:
        return "refused", f"{where.shown} refuses the connection: nothing listens there"
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return "other", f"{where.shown} cannot be used: {error}"
    if read_only == "on":
        return "not-writable", f"{where.shown} can only be read"
    return "", f"{where.shown} can be written"
