"""Redemptions: as they stand, their recorded steps, and what the ERP still has to be told.

A redemption is protected by its member's lock: whoever reads one to change it has locked the member first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection

from plugin.points.holds import Hold
from plugin.redemption.life import Kind, Redemption, Status, Step
from plugin.redemption.request import Key
from plugin.redemption.spending import NOTHING, Taken
from plugin.store.documents import Collision
from plugin.store.raw import copy_rows, cursor, instant_on_wire, literals


class Task(IntEnum):
    """What an adapter has to do in the ERP, as it is stored; never renumber."""

    ORDER = 1
    CANCEL = 2


class Known(NamedTuple):
    """A redemption that a key has made."""

    redemption_id: int
    request_hash: bytes


_COLUMNS = (
    "id, member_id, kind, reward, quantity, points, amount_minor, face_minor, sku, warehouse, program_version, tier, store,"
    " (extract(epoch FROM requested_at) * 1000000)::bigint, requested_by,"
    " (extract(epoch FROM expires_at) * 1000000)::bigint, needs_approval, approved_by,"
    " (extract(epoch FROM escalated_at) * 1000000)::bigint, given_up, erp_source, erp_order_id, shipped, returned,"
    " held, used, debt, posted"
)

_FACT_INTO = "redemption_fact (id, book_id, redemption_id, kind, business_at, actor, reason, cause, pieces, points, face_minor)"
_FACT_TYPES = (
    *("int8", "int2", "int8", "int2", "int8"),
    *("text", "text", "text", "int4", "int8", "int8"),
)

# Column, its type in an array literal, and its kind for `literals`.
_FIELDS: tuple[tuple[str, str, str], ...] = (
    ("id", "bigint", "i"),
    ("member_id", "bigint", "i"),
    ("kind", "smallint", "i"),
    ("reward", "text", "t"),
    ("quantity", "int", "i"),
    ("points", "bigint", "i"),
    ("amount_minor", "bigint", "i"),
    ("face_minor", "bigint", "i"),
    ("sku", "text", "t"),
    ("warehouse", "text", "t"),
    ("program_version", "int", "i"),
    ("tier", "text", "t"),
    ("store", "text", "t"),
    ("requested_at", "bigint", "i"),
    ("requested_by", "text", "t"),
    ("expires_at", "bigint", "i"),
    ("needs_approval", "boolean", "i"),
    ("approved_by", "text", "t"),
    ("escalated_at", "bigint", "i"),
    ("given_up", "smallint", "i"),
    ("erp_source", "text", "t"),
    ("erp_order_id", "text", "t"),
    ("shipped", "int", "i"),
    ("returned", "int", "i"),
    ("held", "text", "t"),
    ("used", "text", "t"),
    ("debt", "bigint", "i"),
    ("posted", "text", "t"),
    ("status", "smallint", "i"),
    ("is_open", "boolean", "i"),
)
_INSTANTS = frozenset({"requested_at", "expires_at", "escalated_at"})
_DOCUMENTS = frozenset({"held", "used", "posted"})
_CHANGING = (
    *("member_id", "expires_at", "approved_by", "escalated_at", "given_up", "erp_source"),
    *("erp_order_id", "shipped", "returned", "held", "used", "debt", "posted", "status", "is_open"),
)


def new_ids(connection: Connection, count: int) -> list[int]:
    """Takes numbers for new redemptions."""
    rows = cursor(connection).execute(
        "SELECT nextval(pg_get_serial_sequence('redemption', 'id')) FROM generate_series(1, %s)",
        (count,),
    )
    return [row[0] for row in rows]


def find_by_keys(connection: Connection, book_id: int, keys: Sequence[str]) -> dict[str, Known]:
    """Returns the redemptions that idempotency keys have made."""
    rows = cursor(connection).execute(
        "SELECT idempotency_key, id, request_hash FROM redemption"
        " WHERE book_id = %s AND idempotency_key = ANY(%s::text[])",
        (book_id, *literals([(key,) for key in sorted(set(keys))], "t")),
    )
    return {key: Known(number, bytes(digest)) for key, number, digest in rows}


def read_redemptions(
    connection: Connection, book_id: int, ids: Iterable[int]
) -> dict[int, Redemption]:
    """Returns redemptions by number. To change one, its member has to be locked before it is read."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    rows = cursor(connection).execute(
        f"SELECT {_COLUMNS} FROM redemption WHERE book_id = %s AND id = ANY(%s::bigint[])",  # noqa: S608  (a constant of ours)
        (book_id, *literals([(one,) for one in wanted], "i")),
    )
    return {row[0]: _redemption(row) for row in rows}


def list_redemptions(
    connection: Connection,
    book_id: int,
    after_id: int,
    limit: int,
    *,
    statuses: Sequence[Status] = (),
    kinds: Sequence[Kind] = (),
    member_id: int = 0,
    warehouse: str = "",
    task: Task | None = None,
) -> list[Redemption]:
    """Returns redemptions by number after one; with ``task`` those whose task the ERP has not confirmed yet."""
    where = ["book_id = %s", "id > %s"]
    values: list[Any] = [book_id, after_id]
    for column, chosen in (("status", statuses), ("kind", kinds)):
        if chosen:
            where.append(f"{column} = ANY(%s::smallint[])")
            values.append([int(one) for one in chosen])
    if member_id:
        where.append("member_id = %s")
        values.append(member_id)
    if warehouse:
        where.append("warehouse = %s")
        values.append(warehouse)
    if task is not None:
        where.append(
            "id IN (SELECT redemption_id FROM outbox WHERE book_id = %s AND task = %s AND done_at IS NULL)"
        )
        values += [book_id, int(task)]
    rows = cursor(connection).execute(
        f"SELECT {_COLUMNS} FROM redemption WHERE {' AND '.join(where)} ORDER BY id LIMIT %s",  # noqa: S608  (constants of ours)
        (*values, limit),
    )
    return [_redemption(row) for row in rows]


def open_tasks(connection: Connection, ids: Iterable[int]) -> dict[int, set[Task]]:
    """Returns what the ERP still has to be told, by redemption."""
    rows = cursor(connection).execute(
        # By the key of the table, also while it is young: an index of all that is open would be read whole.
        "SELECT redemption_id, task FROM outbox"
        " WHERE redemption_id = ANY(%s::bigint[]) AND task = ANY(%s::smallint[]) AND done_at IS NULL",
        (sorted(set(ids)), [int(task) for task in Task]),
    )
    found: dict[int, set[Task]] = {}
    for redemption_id, task in rows:
        found.setdefault(redemption_id, set()).add(Task(task))
    return found


def insert_redemptions(
    connection: Connection, book_id: int, made: Sequence[tuple[Redemption, Key]]
) -> None:
    """Inserts new redemptions with the keys that made them.

    Raises:
        Collision: Another call with the same key was faster.
    """
    if not made:
        return
    rows = [(*_row(one), *key) for one, key in made]
    rows.sort(key=lambda row: row[-2])
    names = [name for name, _, _ in _FIELDS]
    done = cursor(connection).execute(
        f"INSERT INTO redemption ({', '.join(names)}, idempotency_key, request_hash, book_id)"  # noqa: S608  (constants of ours)
        f" SELECT {', '.join(_value(name) for name in names)}, w.idempotency_key, w.request_hash, %s::smallint"
        f" FROM unnest({', '.join(f'%s::{kind}[]' for _, kind, _ in _FIELDS)}, %s::text[], %s::bytea[])"
        f" AS w ({', '.join(names)}, idempotency_key, request_hash)"
        " ON CONFLICT (book_id, idempotency_key) DO NOTHING",
        (book_id, *literals(rows, "".join(letter for _, _, letter in _FIELDS) + "tb")),
    )
    if done.rowcount != len(rows):
        raise Collision("redemption")


def write_redemptions(connection: Connection, redemptions: Iterable[Redemption]) -> None:
    """Updates what changes about redemptions whose members are locked."""
    rows = sorted((_row(one) for one in redemptions), key=lambda row: row[0])
    if not rows:
        return
    names = [name for name, _, _ in _FIELDS]
    sets = ", ".join(f"{name} = {_value(name)}" for name in _CHANGING)
    cursor(connection).execute(
        f"UPDATE redemption r SET {sets}"  # noqa: S608  (constants of ours)
        f" FROM unnest({', '.join(f'%s::{kind}[]' for _, kind, _ in _FIELDS)}) AS w ({', '.join(names)})"
        " WHERE r.id = w.id",
        literals(rows, "".join(letter for _, _, letter in _FIELDS)),
    )


def write_steps(connection: Connection, book_id: int, steps: Sequence[Step]) -> None:
    """Records steps."""
    if steps:
        copy_rows(
            connection,
            _FACT_INTO,
            _FACT_TYPES,
            [
                (
                    step.id,
                    book_id,
                    step.redemption_id,
                    step.kind,
                    instant_on_wire(step.business_at),
                    *step[4:],
                )
                for step in steps
            ],
        )


def read_steps(connection: Connection, redemption_id: int) -> list[Step]:
    """Returns the recorded steps of a redemption, oldest first."""
    rows = cursor(connection).execute(
        "SELECT id, redemption_id, kind, (extract(epoch FROM business_at) * 1000000)::bigint, actor, reason, cause,"
        " pieces, points, face_minor FROM redemption_fact WHERE redemption_id = %s ORDER BY recorded_at, id",
        (redemption_id,),
    )
    return [Step._make(row) for row in rows]


def add_tasks(connection: Connection, book_id: int, tasks: Iterable[tuple[int, Task]]) -> None:
    """Puts what the ERP has to be told into the outbox; a task that is there already stays as it is."""
    rows = sorted(tasks)
    if rows:
        cursor(connection).execute(
            "INSERT INTO outbox (redemption_id, task, book_id)"
            " SELECT w.*, %s::smallint FROM unnest(%s::bigint[], %s::smallint[]) AS w ON CONFLICT DO NOTHING",
            (book_id, *literals(rows, "ii")),
        )


def finish_task(connection: Connection, redemption_id: int, task: Task) -> bool:
    """Marks a task done; tells whether it was open."""
    done = cursor(connection).execute(
        "UPDATE outbox SET done_at = clock_timestamp() WHERE redemption_id = %s AND task = %s AND done_at IS NULL",
        (redemption_id, int(task)),
    )
    return done.rowcount == 1


def finish_orders(connection: Connection, redemption_ids: Iterable[int]) -> None:
    """Marks the orders of redemptions that shipped as made: whoever shipped them has them, acknowledged or not."""
    wanted = sorted(set(redemption_ids))
    if wanted:
        cursor(connection).execute(
            "UPDATE outbox SET done_at = clock_timestamp()"
            " WHERE redemption_id = ANY(%s::bigint[]) AND task = 1 AND done_at IS NULL",
            literals([(one,) for one in wanted], "i"),
        )


def reopen_orders(connection: Connection, redemption_ids: Iterable[int]) -> None:
    """Has the orders of redemptions made after all whose shipment was undone before anybody acknowledged an order."""
    wanted = sorted(set(redemption_ids))
    if wanted:
        cursor(connection).execute(
            "UPDATE outbox SET done_at = NULL WHERE redemption_id = ANY(%s::bigint[]) AND task = 1",
            literals([(one,) for one in wanted], "i"),
        )


def due(connection: Connection, book_id: int, now: datetime, limit: int) -> list[tuple[int, int]]:
    """Returns (redemption, member) of open redemptions whose time is over, by member."""
    rows = cursor(connection).execute(
        "SELECT id, member_id FROM redemption WHERE book_id = %s AND is_open AND expires_at <= %s"
        " ORDER BY member_id, id LIMIT %s",
        (book_id, now, limit),
    )
    return [(row[0], row[1]) for row in rows]


def waiting_for_approval(connection: Connection, book_id: int, limit: int) -> list[Redemption]:
    """Returns redemptions that wait for approval and were not escalated yet."""
    rows = cursor(connection).execute(
        f"SELECT {_COLUMNS} FROM redemption WHERE book_id = %s AND status = 1 AND escalated_at IS NULL"  # noqa: S608  (a constant of ours)
        " ORDER BY id LIMIT %s",
        (book_id, limit),
    )
    return [_redemption(row) for row in rows]


def move_redemptions(connection: Connection, from_member: int, to_member: int) -> None:
    """Gives a merged member's redemptions, coupons and all that hangs on them to the survivor."""
    run = cursor(connection).execute
    run("UPDATE redemption SET member_id = %s WHERE member_id = %s", (to_member, from_member))
    run("UPDATE coupon SET member_id = %s WHERE member_id = %s", (to_member, from_member))


def _value(name: str) -> str:
    if name in _INSTANTS:
        return f"to_timestamp(w.{name} / 1000000.0::numeric)"
    return f"w.{name}::jsonb" if name in _DOCUMENTS else f"w.{name}"


def _redemption(row: Sequence[Any]) -> Redemption:
    head, (given_up, source, order_id, shipped, returned, held, used, debt, posted) = (
        row[:19],
        row[19:],
    )
    made = Redemption(*head)
    made.kind = Kind(made.kind)
    made.given_up = None if given_up is None else Status(given_up)
    made.erp_source, made.erp_order_id = source, order_id
    made.shipped, made.returned = shipped, returned
    made.hold = Hold(
        {int(lot): points for lot, points in held.items()},
        {int(lot): points for lot, points in used.items()},
        debt,
    )
    made.posted = {key: Taken(*one) for key, one in posted.items()}
    return made


def _row(one: Redemption) -> tuple[Any, ...]:
    posted = {key: taken for key, taken in one.posted.items() if taken != NOTHING}
    return (
        one.id,
        one.member_id,
        int(one.kind),
        one.reward,
        one.quantity,
        one.points,
        one.amount_minor,
        one.face_minor,
        one.sku,
        one.warehouse,
        one.program_version,
        one.tier,
        one.store,
        one.requested_at,
        one.requested_by,
        one.expires_at,
        one.needs_approval,
        one.approved_by,
        one.escalated_at,
        None if one.given_up is None else int(one.given_up),
        one.erp_source,
        one.erp_order_id,
        one.shipped,
        one.returned,
        json.dumps(one.hold.slices),
        json.dumps(one.hold.used),
        one.hold.debt,
        json.dumps(posted),
        int(one.status),
        one.is_open,
    )


def instant(at_us: int) -> datetime:
    """Returns microseconds since 1970 as a datetime in UTC."""
    seconds, micro = divmod(at_us, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micro)
