"""Brings a database to the current schema and keeps months of partitions ahead."""

from __future__ import annotations

from importlib.resources import as_file, files

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text

MONTHS_AHEAD = 13


def engine_url(url: str) -> str:
    """Returns a PostgreSQL URL as SQLAlchemy wants it for psycopg 3."""
    for prefix in ("postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def migrate(url: str) -> None:
    """Migrates the database at ``url`` to the newest schema; does nothing when it is there already."""
    engine = create_engine(engine_url(url))
    try:
        with engine.begin() as connection:
            migrate_connection(connection)
    finally:
        engine.dispose()


def migrate_connection(connection: Connection) -> None:
    """The same on an open connection; the caller commits. Two at once wait for one another."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('pointbook.migrate'))"))
    with as_file(files("plugin") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    ensure_partitions(connection)


def ensure_partitions(connection: Connection, months_ahead: int = MONTHS_AHEAD) -> None:
    """Creates the month partitions of the big tables from this month on, where they are missing."""
    connection.execute(text("SELECT pointbook_ensure_partitions(:n)"), {"n": months_ahead})
