"""Alembic's way to the database: the connection that `store/engine.py` holds."""

from alembic import context

from proxy.timeline.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
