"""How many pieces of rewards were redeemed and not given up: by member, and in all for rewards with a limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from plugin.redemption.life import GIVEN_UP
from plugin.store.raw import cursor, literals


def pieces_of_members(
    connection: Connection, book_id: int, wanted: Iterable[tuple[int, str]]
) -> dict[tuple[int, str], int]:
    """Returns how many pieces of a reward a member redeemed and did not give up, by (member, reward)."""
    rows = sorted(set(wanted))
    if not rows:
        return {}
    found = cursor(connection).execute(
        "SELECT r.member_id, r.reward, sum(r.quantity)::bigint FROM redemption r"
        " JOIN unnest(%s::bigint[], %s::text[]) AS w (member_id, reward)"
        " ON r.member_id = w.member_id AND r.reward = w.reward"
        " WHERE r.book_id = %s AND r.status <> ALL(%s::smallint[]) GROUP BY 1, 2",
        (*literals(rows, "it"), book_id, [int(status) for status in GIVEN_UP]),
    )
    return {(member_id, reward): pieces for member_id, reward, pieces in found}


def lock_totals(connection: Connection, book_id: int, rewards: Iterable[str]) -> dict[str, int]:
    """Locks and returns how many pieces of rewards with a limit were redeemed; counts them where nobody did yet."""
    wanted = sorted(set(rewards))
    if not wanted:
        return {}
    run = cursor(connection).execute
    run(
        "INSERT INTO reward_total (book_id, reward, pieces)"
        " SELECT %s, w.reward, coalesce((SELECT sum(quantity) FROM redemption r WHERE r.book_id = %s"
        " AND r.reward = w.reward AND r.status <> ALL(%s::smallint[])), 0)"
        " FROM unnest(%s::text[]) AS w (reward) ON CONFLICT DO NOTHING",
        (
            book_id,
            book_id,
            [int(status) for status in GIVEN_UP],
            *literals([(one,) for one in wanted], "t"),
        ),
    )
    rows = run(
        "SELECT reward, pieces FROM reward_total WHERE book_id = %s AND reward = ANY(%s::text[])"
        " ORDER BY reward FOR UPDATE",
        (book_id, *literals([(one,) for one in wanted], "t")),
    )
    return dict(rows.fetchall())


def read_totals(connection: Connection, book_id: int, rewards: Iterable[str]) -> dict[str, int]:
    """Returns how many pieces of rewards were redeemed and not given up, without locking."""
    rows = cursor(connection).execute(
        "SELECT reward, pieces FROM reward_total WHERE book_id = %s AND reward = ANY(%s::text[])",
        (book_id, *literals([(one,) for one in sorted(set(rewards))], "t")),
    )
    return dict(rows.fetchall())


def lock_known_totals(connection: Connection, book_id: int, rewards: Iterable[str]) -> None:
    """Locks the totals of rewards that have one, before stock is locked."""
    wanted = sorted(set(rewards))
    if wanted:
        cursor(connection).execute(
            "SELECT 1 FROM reward_total WHERE book_id = %s AND reward = ANY(%s::text[]) ORDER BY reward FOR UPDATE",
            (book_id, *literals([(one,) for one in wanted], "t")),
        )


def add_to_totals(connection: Connection, book_id: int, pieces: Mapping[str, int]) -> None:
    """Changes the totals of rewards that have one; sorted, like every lock on several rows."""
    rows = sorted((reward, count) for reward, count in pieces.items() if count)
    if rows:
        cursor(connection).execute(
            "WITH w AS (SELECT t.reward, w.pieces FROM reward_total t"
            " JOIN unnest(%s::text[], %s::bigint[]) AS w (reward, pieces) ON t.reward = w.reward"
            " WHERE t.book_id = %s ORDER BY t.reward FOR UPDATE OF t)"
            " UPDATE reward_total t SET pieces = t.pieces + w.pieces FROM w"
            " WHERE t.book_id = %s AND t.reward = w.reward",
            (*literals(rows, "ti"), book_id, book_id),
        )
