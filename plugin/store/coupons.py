"""Coupons: kept by the hash of their code; the code itself is told once, and again only from its serial and the key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from plugin.facts import CouponFact, FactKind
from plugin.redemption.coupons import CouponStatus
from plugin.store.documents import Collision
from plugin.store.raw import copy_rows, cursor, instant_on_wire, literals


@dataclass(slots=True)
class Coupon:
    """A coupon as it stands. ``carried_minor`` is what its points were carried at; instants are microseconds UTC."""

    id: int
    reward: str
    status: CouponStatus
    redemption_id: int | None
    member_id: int | None
    program_version: int
    store: str
    face_minor: int
    carried_minor: int
    issued_at: int | None
    expires_at: int | None
    order_id: str


_COLUMNS = (
    "id, reward, status, redemption_id, member_id, program_version, store, face_minor, carried_minor,"
    " (extract(epoch FROM issued_at) * 1000000)::bigint, (extract(epoch FROM expires_at) * 1000000)::bigint, order_id"
)
_FACT_INTO = (
    "coupon_fact (id, book_id, coupon_id, kind, member_id, carried_minor, face_minor, business_at, actor, reason,"
    " order_id, store, program_version)"
)
_FACT_TYPES = (
    *("int8", "int2", "int8", "int2", "int8", "int8", "int8", "int8"),
    *("text", "text", "text", "text", "int4"),
)


def new_serials(connection: Connection, count: int) -> int:
    """Takes ``count`` serials in a row and returns the first."""
    row = (
        cursor(connection)
        .execute(
            # One call moves the sequence on by all of them; the lock keeps two of us from taking the same.
            "SELECT setval(s, nextval(s) + %s) - %s FROM (SELECT pg_get_serial_sequence('coupon', 'id') AS s,"
            " pg_advisory_xact_lock(hashtext('pointbook.coupon.serials'))) AS locked",
            (count - 1, count - 1),
        )
        .fetchone()
    )
    assert row is not None
    return int(row[0])


def add_codes(
    connection: Connection,
    book_id: int,
    reward: str,
    face_minor: int,
    codes: Iterable[tuple[int, bytes]],
) -> None:
    """Stores generated codes, (serial, hash), that nobody has yet.

    Raises:
        psycopg.errors.UniqueViolation: Two serials give one code; new serials give others.
    """
    copy_rows(
        connection,
        "coupon (id, book_id, reward, code_hash, status, face_minor)",
        ("int8", "int2", "text", "bytea", "int2", "int8"),
        ((s, book_id, reward, digest, CouponStatus.GENERATED, face_minor) for s, digest in codes),
    )


def take_free(connection: Connection, book_id: int, reward: str, count: int) -> list[int]:
    """Locks up to ``count`` generated coupons of a reward for issuing; others take others at the same time."""
    rows = cursor(connection).execute(
        "SELECT id FROM coupon WHERE book_id = %s AND reward = %s AND status = 1"
        " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
        (book_id, reward, count),
    )
    return [row[0] for row in rows]


def lock_by_hash(connection: Connection, book_id: int, digest: bytes) -> Coupon | None:
    """Locks and returns the coupon with a code's hash."""
    rows = cursor(connection).execute(
        f"SELECT {_COLUMNS} FROM coupon WHERE book_id = %s AND code_hash = %s FOR UPDATE",  # noqa: S608  (a constant of ours)
        (book_id, digest),
    )
    return next((_coupon(row) for row in rows), None)


def read_by_hash(connection: Connection, book_id: int, digest: bytes) -> Coupon | None:
    """Returns the coupon with a code's hash, without locking."""
    rows = cursor(connection).execute(
        f"SELECT {_COLUMNS} FROM coupon WHERE book_id = %s AND code_hash = %s",  # noqa: S608  (a constant of ours)
        (book_id, digest),
    )
    return next((_coupon(row) for row in rows), None)


def reversed_for(connection: Connection, coupon_id: int) -> str | None:
    """Returns the order whose redemption of a coupon was reversed last; None when its last step was another, or there was none."""
    rows = cursor(connection).execute(
        "SELECT kind, order_id FROM coupon_fact WHERE coupon_id = %s ORDER BY recorded_at DESC, id DESC LIMIT 1",
        (coupon_id,),
    )
    row = rows.fetchone()
    return row[1] if row is not None and row[0] == FactKind.COUPON_REVERSED else None


def of_redemptions(
    connection: Connection, redemption_ids: Iterable[int], *, locks: bool = False
) -> dict[int, list[Coupon]]:
    """Returns the coupons that redemptions were given, by redemption."""
    rows = cursor(connection).execute(
        f"SELECT {_COLUMNS} FROM coupon WHERE redemption_id = ANY(%s::bigint[]) ORDER BY id"  # noqa: S608  (constants of ours)
        + (" FOR UPDATE" if locks else ""),
        (sorted(set(redemption_ids)),),
    )
    found: dict[int, list[Coupon]] = {}
    for row in rows:
        coupon = _coupon(row)
        assert coupon.redemption_id is not None
        found.setdefault(coupon.redemption_id, []).append(coupon)
    return found


def lock_expired(connection: Connection, book_id: int, now: datetime, limit: int) -> list[Coupon]:
    """Locks and returns issued coupons whose time is over."""
    rows = cursor(connection).execute(
        f"SELECT {_COLUMNS} FROM coupon WHERE book_id = %s AND status = 2 AND expires_at < %s"  # noqa: S608  (a constant of ours)
        " ORDER BY id LIMIT %s FOR UPDATE",
        (book_id, now, limit),
    )
    return [_coupon(row) for row in rows]


def write_coupons(connection: Connection, coupons: Iterable[Coupon]) -> None:
    """Writes coupons that are locked."""
    rows = sorted(_row(one) for one in coupons)
    if rows:
        cursor(connection).execute(
            "UPDATE coupon c SET status = w.status, redemption_id = w.redemption_id, member_id = w.member_id,"
            " program_version = w.program_version, store = w.store, face_minor = w.face_minor,"
            " carried_minor = w.carried_minor, issued_at = to_timestamp(w.issued_at / 1000000.0::numeric),"
            " expires_at = to_timestamp(w.expires_at / 1000000.0::numeric), order_id = w.order_id"
            " FROM unnest(%s::bigint[], %s::smallint[], %s::bigint[], %s::bigint[], %s::int[], %s::text[], %s::bigint[],"
            " %s::bigint[], %s::bigint[], %s::bigint[], %s::text[]) AS w (id, status, redemption_id, member_id,"
            " program_version, store, face_minor, carried_minor, issued_at, expires_at, order_id)"
            " WHERE c.id = w.id",
            literals(rows, "iiiiitiiiit"),
        )


def issue_new(
    connection: Connection, book_id: int, coupons: Sequence[tuple[Coupon, bytes]]
) -> None:
    """Inserts coupons that are issued as they are made, with the hashes of their codes.

    Raises:
        Collision: A code with one of the hashes exists; with new serials there are others.
    """
    rows = sorted((*_row(one), one.reward, digest) for one, digest in coupons)
    if not rows:
        return
    done = cursor(connection).execute(
        "INSERT INTO coupon (id, status, redemption_id, member_id, program_version, store, face_minor, carried_minor,"
        " issued_at, expires_at, order_id, reward, code_hash, book_id)"
        " SELECT w.id, w.status, w.redemption_id, w.member_id, w.program_version, w.store, w.face_minor, w.carried_minor,"
        " to_timestamp(w.issued_at / 1000000.0::numeric), to_timestamp(w.expires_at / 1000000.0::numeric), w.order_id,"
        " w.reward, w.code_hash, %s::smallint"
        " FROM unnest(%s::bigint[], %s::smallint[], %s::bigint[], %s::bigint[], %s::int[], %s::text[], %s::bigint[],"
        " %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bytea[]) AS w (id, status, redemption_id,"
        " member_id, program_version, store, face_minor, carried_minor, issued_at, expires_at, order_id, reward, code_hash)"
        " ON CONFLICT DO NOTHING",
        (book_id, *literals(rows, "iiiiitiiiittb")),
    )
    if done.rowcount != len(rows):
        raise Collision("coupon")


def write_coupon_facts(connection: Connection, book_id: int, facts: Sequence[CouponFact]) -> None:
    """Records what happened to issued coupons."""
    if facts:
        copy_rows(
            connection,
            _FACT_INTO,
            _FACT_TYPES,
            [
                (
                    fact.id,
                    book_id,
                    fact.coupon_id,
                    fact.kind,
                    fact.member_id,
                    fact.carried_minor,
                    fact.face_minor,
                    instant_on_wire(fact.business_at),
                    *fact[7:],
                )
                for fact in facts
            ],
        )


def _coupon(row: Sequence[Any]) -> Coupon:
    made = Coupon(*row)
    made.status = CouponStatus(made.status)
    return made


def _row(one: Coupon) -> tuple[Any, ...]:
    return (
        one.id,
        int(one.status),
        one.redemption_id,
        one.member_id,
        one.program_version,
        one.store,
        one.face_minor,
        one.carried_minor,
        one.issued_at,
        one.expires_at,
        one.order_id,
    )
