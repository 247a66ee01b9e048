"""Calls, their events, and the row by which the proxy learns whether it can write."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("room", sa.String(128), nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("ended", sa.Double),
        sa.Column("agent_id", sa.String(128)),
        sa.Column("turns", sa.Integer, nullable=False),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("failing", sa.String(16)),
        sa.Column("cause", sa.String(64)),
        sa.Column("worst", sa.JSON),
        sa.Column("verdicts", sa.JSON),
    )
    op.create_index("calls_by_room", "calls", ["room", "started"])
    op.create_index("calls_by_start", "calls", ["started"])
    op.create_table(
        "events",
        sa.Column("room", sa.String(128), primary_key=True),
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column(
            "call_id",
            sa.String(64),
            sa.ForeignKey("calls.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
    )
    op.create_index("events_by_call", "events", ["call_id", "seq"])
    op.create_index("events_by_room", "events", ["room", "seq"])
    op.create_index("events_by_seq", "events", ["seq"])
    op.create_table(
        "heartbeat",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.execute("INSERT INTO heartbeat (id, at) VALUES (1, 0)")


def downgrade() -> None:
    op.drop_table("heartbeat")
    op.drop_table("events")
    op.drop_table("calls")
