"""Calls are stored exactly once, whatever happens to the database meanwhile."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from proxy.timeline.store.database import DatabaseUrl, open_store

READ_BY_ANOTHER_PROGRAM = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("SELECT count(*) FROM calls").fetchall()
database.close()
"""


async def test_another_program_that_reads_it_takes_nothing_away(database: Path) -> None:
    """The last to close a database deletes its WAL: nobody may take itself for that meanwhile."""
    store = await open_store(DatabaseUrl(path=database))  # which has just been made, and migrated
    await store.beat()
    wal = database.with_name(f"{database.name}-wal")
    ours = wal.stat().st_ino
    program = (sys.executable, "-c", READ_BY_ANOTHER_PROGRAM, str(database))
    assert await (await asyncio.create_subprocess_exec(*program)).wait() == 0
    assert wal.exists() and wal.stat().st_ino == ours
    await store.aclose()
