"""Run the V1 server as its makers left it, on a Postgres; in its own environment.

    .venv-letta-v1/bin/python tests/letta_v1/server.py PORT

LETTA_PG_URI and OPENAI_BASE_URL say where its memory and its models are.
"""

# mypy: ignore-errors
# Runs in Letta's own environment, whose packages the type checker does not see.

import asyncio
import sys
from types import SimpleNamespace

# Its wheel carries no migrations: the tables are made from its classes, which expect these two.
BEFORE = ("CREATE EXTENSION IF NOT EXISTS vector", "CREATE SEQUENCE messages_sequence_id_seq")
AFTER = (
    "ALTER TABLE messages ALTER COLUMN sequence_id SET DEFAULT nextval('messages_sequence_id_seq')",
    # As the earlier versions of this project have noted it.
    "CREATE TABLE voice_system (name text PRIMARY KEY, value text NOT NULL)",
    "INSERT INTO voice_system VALUES ('letta', '{version}')",
)


async def make_tables(version):
    from letta.orm.base import Base
    from letta.server import db
    from sqlalchemy import text

    async with db.engine.begin() as connection:
        found = await connection.execute(text("SELECT to_regclass('public.agents') IS NULL"))
        if not found.scalar():
            return
        for statement in BEFORE:
            await connection.execute(text(statement))
        await connection.run_sync(Base.metadata.create_all)
        for statement in AFTER:
            await connection.execute(text(statement.format(version=version)))


async def serve(port):
    # Its start would fetch language data from the network, for readers of documents.
    sys.modules["nltk"] = SimpleNamespace(download=lambda *_, **__: False)
    import letta
    import uvicorn
    from letta.server.rest_api.app import app

    await make_tables(letta.__version__)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="on")
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    wanted, sys.argv = int(sys.argv[1]), ["letta", "--no-generation"]  # else it writes its OpenAPI
    asyncio.run(serve(wanted))
