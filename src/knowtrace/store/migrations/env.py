"""Run by Alembic for each migration; the connection and its transaction are the caller's."""

from alembic import context

from knowtrace.store.migrating import CONNECTION
from knowtrace.store.tables import metadata

context.configure(
    connection=context.config.attributes[CONNECTION], target_metadata=metadata, transactional_ddl=True
)
context.run_migrations()
