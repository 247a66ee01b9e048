"""Bringing the database to the schema of this code; several proxies may do so at once."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from proxy.timeline.location import Location
from proxy.timeline.store.aside import aside
from proxy.timeline.store.engine import engine_for
from proxy.timeline.store.tables import REVISIONS
from proxy.timeline.trouble import StoreTrouble

SCRIPTS = Path(__file__).parents[1] / "migrations"
ADVISORY_LOCK = 0x766F696365  # "voice"
ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps what it works on in global variables."""


async def migrate(location: Location, engine: AsyncEngine) -> None:
    """Bring the database at `location` up to date; `StoreTrouble` when it is newer than we are."""
    async with engine.connect() as connection:
        found = await connection.run_sync(_revision)
    if _is_current(found, location):
        return
    # Alembic is slow to import and works through its files: not in the loop that serves calls.
    await aside(lambda: asyncio.run(_upgrade(location)))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _is_current(found: str | None, location: Location) -> bool:
    if found is not None and found not in REVISIONS:
        raise StoreTrouble(
            "other",
            f"the calls database {location.shown} was written by a newer version of this program "
            f"(its schema is {found}, this version knows up to {REVISIONS[-1]}). Use the newer "
            f"version, or set {location.setting} to another place; until then calls are only kept "
            "in memory",
        )
    return found == REVISIONS[-1]


async def _upgrade(location: Location) -> None:
    engine = engine_for(location, migrating=True)
    try:
        async with engine.begin() as connection:
            if location.path is None:
                await connection.execute(
                    text("SELECT pg_advisory_xact_lock(:number)"), {"number": ADVISORY_LOCK}
                )
            # Whoever held it before us may have done the work.
            if not _is_current(await connection.run_sync(_revision), location):
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
