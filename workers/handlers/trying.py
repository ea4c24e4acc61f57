"""One transaction of a call or a job, tried again when another was faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from plugin.store.documents import Collision

T = TypeVar("T")

TRIES_MAX = 10


def attempt(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Runs ``work`` in a transaction; a collision or a deadlock rolls back and tries again at once, up to ten times.

    Raises:
        Collision: Others were faster every time.
    """
    for tried in range(1, TRIES_MAX + 1):
        try:
            with engine.begin() as connection:
                return work(connection)
        except Collision:
            if tried == TRIES_MAX:
                raise
        except psycopg.errors.DeadlockDetected:
            if tried == TRIES_MAX:
                raise
        except DBAPIError as error:
            if tried == TRIES_MAX or not isinstance(error.orig, psycopg.errors.DeadlockDetected):
                raise
    raise AssertionError("unreachable")
