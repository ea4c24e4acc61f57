"""The database engine of a process."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine

from plugin.errors import Rejected
from plugin.store.schema import engine_url
from workers.settings import Settings


def make_engine(settings: Settings, pool_size: int) -> Engine:
    """Returns an engine with as many connections as a process has threads that need one.

    Raises:
        Rejected: No database is set.
    """
    if settings.database_url is None:
        raise Rejected(
            "DATABASE_URL_MISSING",
            "set POINTBOOK_DATABASE_URL=postgresql://… (pointbook up and demo bring their own PostgreSQL)",
        )
    return create_engine(
        engine_url(settings.database_url.get_secret_value()),
        pool_size=pool_size,
        max_overflow=4,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={"connect_timeout": 10, "application_name": "pointbook"},
    )
