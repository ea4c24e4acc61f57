"""The hot path's way past SQLAlchemy: the psycopg cursor of the same connection and transaction.

Two ways to write sets, both several times as fast as handing psycopg Python lists, which it turns into arrays element by element:
binary COPY for plain inserts, and array literals for ``unnest`` where a statement must also read (``ON CONFLICT``, ``UPDATE … FROM``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import psycopg
from sqlalchemy import Connection

_EPOCH_2000_US = 946_684_800_000_000


def cursor(connection: Connection) -> psycopg.Cursor[tuple[Any, ...]]:
    """Returns a psycopg cursor that shares the connection's transaction."""
    driver = cast("psycopg.Connection[tuple[Any, ...]]", connection.connection.driver_connection)
    return driver.cursor()


def copy_rows(
    connection: Connection, into: str, types: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Inserts rows by binary COPY.

    Args:
        connection: Open transaction.
        into: Table and columns, such as ``inbox (seq, payload)``.
        types: PostgreSQL type of each column as it goes over the wire; instants go as ``int8``, see `instant_on_wire`.
        rows: The rows.
    """
    with (
        cursor(connection) as open_cursor,
        open_cursor.copy(f"COPY {into} FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types(types)
        write_row = copy.write_row
        for row in rows:
            write_row(row)


def instant_on_wire(at: int) -> int:
    """Returns an instant (microseconds since 1970) as binary ``timestamptz`` is on the wire: microseconds since 2000.

    >>> instant_on_wire(946_684_800_000_000)
    0
    """
    return at - _EPOCH_2000_US


def literals(rows: Iterable[Sequence[Any]], kinds: str) -> list[str]:
    """Turns rows into one array literal per column, for ``unnest(%s::bigint[], …)``.

    Args:
        rows: The rows.
        kinds: One letter per column: ``i`` integers or None, ``t`` text, ``b`` bytes.

    >>> literals([(1, "a"), (None, 'b"c')], "it")
    ['{1,NULL}', '{"a","b\\\\"c"}']
    """
    turned = list(zip(*rows, strict=True)) or [()] * len(kinds)
    return [_WRITERS[kind](column) for kind, column in zip(kinds, turned, strict=True)]


def _integers(column: Sequence[int | None]) -> str:
    text = ",".join(map(str, column))
    return "{" + (text.replace("None", "NULL") if None in column else text) + "}"


def _texts(column: Sequence[str]) -> str:
    if not column:
        return "{}"
    text = '","'.join(column)
    # Only separators contain quotes when there are exactly two of them between neighbours.
    if "\\" in text or text.count('"') != 2 * (len(column) - 1):
        text = '","'.join(s.replace("\\", "\\\\").replace('"', '\\"') for s in column)
    return '{"' + text + '"}'


def _bytes(column: Sequence[bytes]) -> str:
    return "{" + ",".join(['"\\\\x' + value.hex() + '"' for value in column]) + "}"


_WRITERS: dict[str, Callable[[Sequence[Any]], str]] = {"i": _integers, "t": _texts, "b": _bytes}
