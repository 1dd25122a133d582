"""Alembic, driven from code: the migrations travel inside the package and need no configuration file."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

CONNECTION = "connection"


def migrate(connection: Connection, revision: str) -> None:
    """Bring the database to `revision` within the caller's transaction, forward or back."""
    config = _config(connection)
    scripts = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    target = scripts.get_current_head() if revision == "head" else revision
    if current == target:
        return
    behind = (
        {script.revision for script in scripts.iterate_revisions(current, "base")} if current else set[str]()
    )
    if revision == "base" or revision in behind:
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "knowtrace.store:migrations")
    config.attributes[CONNECTION] = connection
    return config
