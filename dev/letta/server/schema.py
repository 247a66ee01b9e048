"""The tables of Letta, made on the first start, and the version of Letta that made them.

Letta's wheel carries no migrations, so its tables are made from its classes, and only data of the
very same version is opened. What we keep beside them is in the table voice_system.
"""

# mypy: ignore-errors
# Runs in Letta's own environment, whose packages the type checker does not see.

from letta.orm.base import Base
from letta.server import db
from sqlalchemy import text

OURS = "CREATE TABLE IF NOT EXISTS voice_system (name text PRIMARY KEY, value text NOT NULL)"
SEQUENCE = "messages_sequence_id_seq"
TABLES_OF_LETTA = "SELECT to_regclass('public.agents') IS NOT NULL"
REMEMBER = (
    "INSERT INTO voice_system VALUES (:name, :value) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


class WrongVersion(Exception):
    """The data belongs to another version of Letta."""


async def ensure(version):
    """Make the tables unless they are there; all or nothing."""
    async with db.engine.begin() as connection:
        await connection.execute(text(OURS))
        made_by = await _get(connection, "letta")
        if made_by == version:
            return
        if made_by or (await connection.execute(text(TABLES_OF_LETTA))).scalar():
            raise WrongVersion(made_by or "an unknown version")
        await connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
        await connection.execute(text(f"CREATE SEQUENCE {SEQUENCE}"))
        await connection.run_sync(Base.metadata.create_all)
        # What Letta's migrations would have done; its classes only expect it.
        await connection.execute(
            text(f"ALTER TABLE messages ALTER COLUMN sequence_id SET DEFAULT nextval('{SEQUENCE}')")
        )
        await connection.execute(text(REMEMBER), {"name": "letta", "value": version})


async def recall(name):
    """A value we have kept, or None."""
    async with db.engine.connect() as connection:
        return await _get(connection, name)


async def remember(name, value):
    async with db.engine.begin() as connection:
        await connection.execute(text(REMEMBER), {"name": name, "value": value})


async def _get(connection, name):
    found = await connection.execute(
        text("SELECT value FROM voice_system WHERE name = :name"), {"name": name}
    )
    return found.scalar()
