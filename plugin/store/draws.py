"""Lottery draws and tickets: the commitment is kept from the start, the seed is told with the result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from plugin.store.documents import Collision
from plugin.store.raw import cursor, literals


class DrawRow(NamedTuple):
    """A draw; ``drawn_at`` is None while tickets are given out. The seed is for nobody's eyes until then."""

    id: int
    reward: str
    commitment: str
    seed: bytes
    opened_at: int
    opened_by: str
    drawn_at: datetime | None
    drawn_by: str
    beacon: str
    tickets_digest: str
    winners: list[str]


_COLUMNS = (
    "id, reward, commitment, seed, (extract(epoch FROM opened_at) * 1000000)::bigint, opened_by, drawn_at, drawn_by,"
    " beacon, tickets_digest, winners"
)


def open_draw(
    connection: Connection,
    book_id: int,
    reward: str,
    commitment: str,
    seed: bytes,
    opened_at: datetime,
    opened_by: str,
) -> int:
    """Opens a draw and returns its number.

    Raises:
        Collision: One is open already.
    """
    rows = cursor(connection).execute(
        "INSERT INTO draw (book_id, reward, commitment, seed, opened_at, opened_by)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id",
        (book_id, reward, commitment, seed, opened_at, opened_by),
    )
    row = rows.fetchone()
    if row is None:
        raise Collision("draw")
    return int(row[0])


def open_draws(
    connection: Connection, book_id: int, rewards: Iterable[str], *, shares: bool = False
) -> dict[str, DrawRow]:
    """Returns the open draws of rewards; with ``shares`` none of them is drawn before this transaction ends."""
    rows = cursor(connection).execute(
        f"SELECT {_COLUMNS} FROM draw WHERE book_id = %s AND reward = ANY(%s::text[]) AND drawn_at IS NULL"  # noqa: S608  (constants of ours)
        " ORDER BY id" + (" FOR SHARE" if shares else ""),
        (book_id, *literals([(one,) for one in sorted(set(rewards))], "t")),
    )
    return {row[1]: DrawRow._make(row) for row in rows}


def list_draws(connection: Connection, book_id: int, reward: str = "") -> list[DrawRow]:
    """Returns draws, newest first."""
    rows = cursor(connection).execute(
        f"SELECT {_COLUMNS} FROM draw WHERE book_id = %s AND (%s = '' OR reward = %s) ORDER BY id DESC",  # noqa: S608  (a constant of ours)
        (book_id, reward, reward),
    )
    return [DrawRow._make(row) for row in rows]


def lock_open(connection: Connection, book_id: int, reward: str) -> DrawRow | None:
    """Locks and returns the open draw of a reward."""
    rows = cursor(connection).execute(
        f"SELECT {_COLUMNS} FROM draw WHERE book_id = %s AND reward = %s AND drawn_at IS NULL FOR UPDATE",  # noqa: S608  (a constant of ours)
        (book_id, reward),
    )
    return next((DrawRow._make(row) for row in rows), None)


def add_tickets(connection: Connection, tickets: Sequence[tuple[int, str, int]]) -> None:
    """Gives out tickets: (draw, number, redemption)."""
    if tickets:
        cursor(connection).execute(
            "INSERT INTO ticket (draw_id, number, redemption_id)"
            " SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bigint[])",
            literals(sorted(tickets), "iti"),
        )


def tickets_of_draw(connection: Connection, draw_id: int) -> list[str]:
    """Returns the numbers of a draw's tickets, sorted."""
    rows = cursor(connection).execute("SELECT number FROM ticket WHERE draw_id = %s", (draw_id,))
    return sorted(row[0] for row in rows)


def tickets_of_redemptions(
    connection: Connection, redemption_ids: Iterable[int]
) -> dict[int, list[str]]:
    """Returns the ticket numbers of redemptions."""
    rows = cursor(connection).execute(
        "SELECT redemption_id, number FROM ticket WHERE redemption_id = ANY(%s::bigint[]) ORDER BY number",
        (sorted(set(redemption_ids)),),
    )
    found: dict[int, list[str]] = {}
    for redemption_id, number in rows:
        found.setdefault(redemption_id, []).append(number)
    return found


def record_result(
    connection: Connection,
    draw_id: int,
    drawn_at: datetime,
    drawn_by: str,
    beacon: str,
    digest: str,
    winners: Sequence[str],
) -> None:
    """Writes the result of a draw that is locked."""
    cursor(connection).execute(
        "UPDATE draw SET drawn_at = %s, drawn_by = %s, beacon = %s, tickets_digest = %s, winners = %s::text[]"
        " WHERE id = %s",
        (drawn_at, drawn_by, beacon, digest, *literals([(one,) for one in winners], "t"), draw_id),
    )
