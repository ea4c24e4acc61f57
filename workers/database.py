"""The database engine of a process."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine

from plugin.errors import Rejected
from plugin.store.schema import engine_url
from workers.settings import Settings

# The hot path's statements are prepared once and look rows up by key. Left to itself PostgreSQL plans them anew for every
# batch, because it hopes for something better from the values, or reads a whole table while statistics are young.
_HOT_PATH = (
    "-c plan_cache_mode=force_generic_plan -c enable_hashjoin=off -c enable_mergejoin=off"
    " -c enable_seqscan=off"
)


def make_engine(settings: Settings, pool_size: int) -> Engine:
    """Returns an engine with as many connections as a process has threads that need one.

    Raises:
        Rejected: No database is set.
    """
    return _engine(settings, pool_size, {})


def make_hot_engine(settings: Settings, pool_size: int) -> Engine:
    """Returns an engine for recording and applying events: prepared statements with fixed plans.

    Raises:
        Rejected: No database is set.
    """
    return _engine(settings, pool_size, {"options": _HOT_PATH, "prepare_threshold": 1})


def _engine(settings: Settings, pool_size: int, connect_args: dict[str, object]) -> Engine:
    if settings.database_url is None:
        raise Rejected(
            "DATABASE_URL_MISSING",
            "set POINTBOOK_DATABASE_URL=postgresql://… (pointbook up and demo bring their own PostgreSQL)",
        )
    return create_engine(
        engine_url(settings.database_url.get_secret_value()),
        pool_size=pool_size,
        max_overflow=4,
        pool_pre_ping="options" not in connect_args,
        pool_recycle=1800,
        connect_args={"connect_timeout": 10, "application_name": "pointbook", **connect_args},
    )
