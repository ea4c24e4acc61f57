"""Members: who a reference names, their tiers, and their cached totals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from plugin.events import TierGrant
from plugin.store.documents import Collision
from plugin.store.raw import cursor, literals


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member, locked for a decision."""

    id: int
    is_active: bool
    points: int
    debt: int
    tiers: tuple[TierGrant, ...]
    merged_into: int | None = None


def resolve(connection: Connection, book_id: int, keys: Iterable[str]) -> dict[str, int]:
    """Returns the member of each reference key that is known."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    found: dict[str, int] = {}
    direct = [key for key in wanted if key.startswith("id:")]
    rows = cursor(connection).execute(
        "SELECT key, member_id FROM identity WHERE book_id = %s AND key = ANY(%s::text[])",
        (book_id, *literals([(key,) for key in wanted], "t")),
    )
    found.update(rows.fetchall())
    if direct:
        rows = cursor(connection).execute(
            "SELECT 'id:' || id, coalesce(merged_into, id) FROM member WHERE book_id = %s AND id = ANY(%s::bigint[])",
            (book_id, [int(key.removeprefix("id:")) for key in direct]),
        )
        found.update(rows.fetchall())
    return found


def create_members(connection: Connection, book_id: int, count: int) -> list[int]:
    """Creates members without any key or record yet and returns their numbers."""
    if not count:
        return []
    rows = cursor(connection).execute(
        "INSERT INTO member (book_id) SELECT %s FROM generate_series(1, %s) RETURNING id",
        (book_id, count),
    )
    return [row[0] for row in rows]


def add_identities(connection: Connection, book_id: int, pairs: Sequence[tuple[str, int]]) -> None:
    """Gives members keys, all of a transaction's at once and sorted, so that two lanes never wait for each other.

    Raises:
        Collision: One of the keys was given away meanwhile.
    """
    if not pairs:
        return
    rows = [(book_id, key, member_id) for key, member_id in sorted(pairs)]
    done = cursor(connection).execute(
        "INSERT INTO identity (book_id, key, member_id)"
        " SELECT * FROM unnest(%s::smallint[], %s::text[], %s::bigint[]) ON CONFLICT DO NOTHING",
        literals(rows, "iti"),
    )
    if done.rowcount != len(rows):
        raise Collision("member")


def read_tiers(
    connection: Connection, member_ids: Iterable[int]
) -> dict[int, tuple[TierGrant, ...]]:
    """Returns tier histories without locking; only to find out what has to be locked."""
    rows = cursor(connection).execute(
        "SELECT id, tiers FROM member WHERE id = ANY(%s::bigint[])", (sorted(set(member_ids)),)
    )
    return {row[0]: _tiers(row[1]) for row in rows}


def lock_members(connection: Connection, member_ids: Iterable[int]) -> dict[int, MemberRow]:
    """Locks members in order of id and returns them as they are after the lock."""
    wanted = sorted(set(member_ids))
    if not wanted:
        return {}
    rows = cursor(connection).execute(
        "SELECT id, is_active, points, debt, tiers, merged_into FROM member WHERE id = ANY(%s::bigint[])"
        " ORDER BY id FOR NO KEY UPDATE",
        literals([(one,) for one in wanted], "i"),
    )
    return {
        row[0]: MemberRow(row[0], row[1], row[2], row[3], _tiers(row[4]), row[5]) for row in rows
    }


def merged_keys(connection: Connection, book_id: int, keys: Iterable[str]) -> set[str]:
    """Returns those of some keys that came to their member by a merge."""
    rows = cursor(connection).execute(
        "SELECT key FROM identity WHERE book_id = %s AND key = ANY(%s::text[]) AND is_merged",
        (book_id, *literals([(key,) for key in sorted(set(keys))], "t")),
    )
    return {row[0] for row in rows}


def merge_members(connection: Connection, merged: int, survivor: int) -> None:
    """Closes a member and gives their keys and lots to another; both are locked.

    Members that were merged into the closed one before now lead to the survivor, too: one step always finds them.
    """
    run = cursor(connection).execute
    run(
        "UPDATE member SET merged_into = %s, is_active = false WHERE id = %s OR merged_into = %s",
        (survivor, merged, merged),
    )
    run(
        "UPDATE identity SET member_id = %s, is_merged = true WHERE member_id = %s",
        (survivor, merged),
    )
    run("UPDATE lot SET member_id = %s WHERE member_id = %s", (survivor, merged))


def read_keys(connection: Connection, member_id: int) -> list[str]:
    """Returns the keys a member is known by, own ones before those of merged members."""
    rows = cursor(connection).execute(
        "SELECT key FROM identity WHERE member_id = %s ORDER BY is_merged, key", (member_id,)
    )
    return [row[0] for row in rows]


def with_merged(connection: Connection, member_id: int) -> list[int]:
    """Returns a member and those who were merged into them: whose history is theirs."""
    rows = cursor(connection).execute(
        "SELECT id FROM member WHERE merged_into = %s ORDER BY id", (member_id,)
    )
    return [member_id, *(row[0] for row in rows)]


def write_totals(connection: Connection, totals: Sequence[tuple[int, int, int]]) -> None:
    """Writes (member, points, debt) of members that are locked."""
    if totals:
        cursor(connection).execute(
            "UPDATE member m SET points = w.points, debt = w.debt"
            " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS w (id, points, debt)"
            " WHERE m.id = w.id",
            literals(totals, "iii"),
        )


def write_record(
    connection: Connection,
    member_id: int,
    *,
    is_active: bool,
    joined_at_us: int,
    tiers: Iterable[TierGrant],
    display_name: str,
    birthday: str,
) -> None:
    """Writes what the ERP's record of a member says; personal data goes to its own table."""
    run = cursor(connection).execute
    run(
        "UPDATE member SET is_active = %s, joined_at = to_timestamp(%s / 1e6::float8), tiers = %s"
        " WHERE id = %s",
        (is_active, joined_at_us, _tiers_text(tiers), member_id),
    )
    run(
        "INSERT INTO member_profile (member_id, display_name, birthday) VALUES (%s, %s, %s)"
        " ON CONFLICT (member_id) DO UPDATE SET display_name = excluded.display_name,"
        " birthday = excluded.birthday",
        (member_id, display_name, birthday),
    )


def _tiers(content: str) -> tuple[TierGrant, ...]:
    if content == "[]":
        return ()
    return tuple(TierGrant(tier, from_at) for tier, from_at in json.loads(content))


def _tiers_text(tiers: Iterable[TierGrant]) -> str:
    return json.dumps([[grant.tier, grant.from_at] for grant in tiers])
