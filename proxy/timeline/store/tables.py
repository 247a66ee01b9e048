"""The tables of the calls database, as the newest migration leaves them.

To change them, change them here, say how in a new file of `migrations/versions`, and add its
number to REVISIONS. Tests compare the two, on SQLite and on Postgres.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
)

REVISIONS = ("0001",)
"""The schemas this code can work with after migrating, the oldest first."""

metadata = MetaData()

calls = Table(
    "calls",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("room", String(128), nullable=False),
    Column("started", Double, nullable=False),
    Column("ended", Double),
    Column("agent_id", String(128)),
    Column("turns", Integer, nullable=False),
    Column("events", Integer, nullable=False),
    Column("failing", String(16)),
    Column("cause", String(64)),
    Column("worst", JSON(none_as_null=True)),
    Column("verdicts", JSON(none_as_null=True)),
    Index("calls_by_room", "room", "started"),
    Index("calls_by_start", "started"),
)

events = Table(
    "events",
    metadata,
    # The reporter's key decides what is the same event: who reports again gets nothing twice.
    Column("room", String(128), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("call_id", ForeignKey("calls.id", ondelete="CASCADE"), nullable=False),
    Column("at", Double, nullable=False),
    Column("source", String(16), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("name", String(64), nullable=False),
    Column("data", JSON, nullable=False),
    Index("events_by_call", "call_id", "seq"),
    Index("events_by_room", "room", "seq"),
    Index("events_by_seq", "seq"),
)

heartbeat = Table(
    "heartbeat",
    metadata,
    # One row, written now and then to learn whether the database can be written.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
)
