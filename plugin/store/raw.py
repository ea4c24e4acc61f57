"""The hot path's way past SQLAlchemy: the psycopg cursor of the same connection and transaction.

Set-wise statements take one array per column (``unnest``); psycopg prepares them after a few executions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import psycopg
from sqlalchemy import Connection


def cursor(connection: Connection) -> psycopg.Cursor[tuple[Any, ...]]:
    """Returns a psycopg cursor that shares the connection's transaction."""
    driver = cast("psycopg.Connection[tuple[Any, ...]]", connection.connection.driver_connection)
    return driver.cursor()


def columns(rows: Iterable[Sequence[Any]], width: int) -> list[list[Any]]:
    """Turns rows into columns, ``width`` empty lists when there are none.

    >>> columns([(1, "a"), (2, "b")], 2)
    [[1, 2], ['a', 'b']]
    """
    turned = [list(column) for column in zip(*rows, strict=True)]
    return turned or [[] for _ in range(width)]
