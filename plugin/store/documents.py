"""Documents and order states: the latest snapshot of each, locked before anything is decided.

Lock order everywhere: documents, order states, members. What does not exist yet cannot be locked; it is inserted at the end,
and an insert that finds somebody was faster raises `Collision`: the batch is rolled back and tried again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from plugin.decide import OrderState
from plugin.errors import Unavailable
from plugin.store.raw import cursor, literals

DocumentKey = tuple[str, int, str]
"""Source, kind, id."""

OrderKey = tuple[str, str]
"""Source, order id."""


_encode = msgspec.json.Encoder().encode


class Collision(Unavailable):
    """Another lane stored the same document first; the batch is tried again at once."""

    def __init__(self, what: str) -> None:
        super().__init__("COLLISION", f"another lane stored the same {what} first")


class DocumentRow(NamedTuple):
    """The latest snapshot of a document other than an order."""

    source: str
    kind: int
    document_id: str
    order_id: str
    version: int
    seq: int


class Snapshot(NamedTuple):
    """A stored document of an order with its content."""

    kind: int
    document_id: str
    version: int
    seq: int
    payload: str


def lock_documents(
    connection: Connection, keys: Iterable[DocumentKey]
) -> dict[DocumentKey, DocumentRow]:
    """Locks and returns the documents that exist, in order of their keys."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = cursor(connection).execute(
        "SELECT d.source, d.kind, d.document_id, d.order_id, d.version, d.seq FROM document d"
        " JOIN unnest(%s::text[], %s::smallint[], %s::text[]) AS wanted (source, kind, document_id)"
        " ON (d.source, d.kind, d.document_id) = (wanted.source, wanted.kind, wanted.document_id)"
        " ORDER BY d.source, d.kind, d.document_id FOR NO KEY UPDATE OF d",
        literals(wanted, "tit"),
    )
    return {row[:3]: DocumentRow._make(row) for row in rows}


def write_documents(
    connection: Connection, rows: Iterable[DocumentRow], known: Iterable[DocumentKey]
) -> None:
    """Inserts documents that were not locked and updates those that were.

    Raises:
        Collision: One that was not there when locks were taken is there now.
    """
    existing = set(known)
    fresh = sorted(row for row in rows if row[:3] not in existing)
    if fresh:
        done = cursor(connection).execute(
            "INSERT INTO document (source, kind, document_id, order_id, version, seq)"
            " SELECT * FROM unnest(%s::text[], %s::smallint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[])"
            " ON CONFLICT DO NOTHING",
            literals(fresh, "tittii"),
        )
        if done.rowcount != len(fresh):
            raise Collision("document")
    changed = sorted(row for row in rows if row[:3] in existing)
    if changed:
        cursor(connection).execute(
            "UPDATE document d SET order_id = w.order_id, version = w.version, seq = w.seq"
            " FROM unnest(%s::text[], %s::smallint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[])"
            " AS w (source, kind, document_id, order_id, version, seq)"
            " WHERE (d.source, d.kind, d.document_id) = (w.source, w.kind, w.document_id)",
            literals(changed, "tittii"),
        )


def lock_orders(connection: Connection, keys: Iterable[OrderKey]) -> dict[OrderKey, OrderState]:
    """Locks and returns the states of orders that exist, in order of their keys."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = cursor(connection).execute(
        "SELECT o.source, o.order_id, o.order_version, o.order_seq, o.member_id, o.program_version,"
        " o.posted, o.lot_ids, o.hold_id FROM order_state o"
        " JOIN unnest(%s::text[], %s::text[]) AS wanted (source, order_id)"
        " ON (o.source, o.order_id) = (wanted.source, wanted.order_id)"
        " ORDER BY o.source, o.order_id FOR NO KEY UPDATE OF o",
        literals(wanted, "tt"),
    )
    return {
        (source, order_id): OrderState(
            source,
            order_id,
            version,
            seq,
            member_id,
            program_version,
            json.loads(posted),
            list(lot_ids),
            hold_id,
            is_new=False,
        )
        for source, order_id, version, seq, member_id, program_version, posted, lot_ids, hold_id in rows
    }


def read_snapshots(
    connection: Connection, orders: Iterable[OrderKey]
) -> dict[OrderKey, list[Snapshot]]:
    """Returns the stored shipments and returns of orders, with their content."""
    wanted = sorted(set(orders))
    if not wanted:
        return {}
    rows = cursor(connection).execute(
        "SELECT d.source, d.order_id, d.kind, d.document_id, d.version, d.seq, i.payload FROM document d"
        " JOIN unnest(%s::text[], %s::text[]) AS wanted (source, order_id)"
        " ON d.source = wanted.source AND d.order_id = wanted.order_id AND d.order_id <> ''"
        " JOIN inbox i ON i.seq = d.seq",
        literals(wanted, "tt"),
    )
    found: dict[OrderKey, list[Snapshot]] = {}
    for source, order_id, *rest in rows:
        found.setdefault((source, order_id), []).append(Snapshot._make(rest))
    return found


def read_payloads(connection: Connection, seqs: Sequence[int]) -> dict[int, str]:
    """Returns the content of events by sequence."""
    if not seqs:
        return {}
    rows = cursor(connection).execute(
        "SELECT seq, payload FROM inbox WHERE seq = ANY(%s::bigint[])", (list(seqs),)
    )
    return dict(rows.fetchall())


def orders_of_members(connection: Connection, member_ids: Sequence[int]) -> set[OrderKey]:
    """Returns the orders that members earned on."""
    if not member_ids:
        return set()
    rows = cursor(connection).execute(
        "SELECT source, order_id FROM order_state WHERE member_id = ANY(%s::bigint[])",
        (list(member_ids),),
    )
    return {(source, order_id) for source, order_id in rows}


def write_orders(connection: Connection, book_id: int, states: Sequence[OrderState]) -> None:
    """Inserts new order states and updates the others.

    Raises:
        Collision: An order that was not there when locks were taken is there now.
    """
    fresh = sorted((s for s in states if s.is_new), key=lambda s: (s.source, s.order_id))
    if fresh:
        done = cursor(connection).execute(
            "INSERT INTO order_state (source, order_id, order_version, order_seq, member_id,"
            " program_version, posted, lot_ids, hold_id, book_id)"
            " SELECT w.source, w.order_id, w.version, w.seq, w.member_id, w.program_version, w.posted,"
            " w.lot_ids::bigint[], w.hold_id, %s::smallint"
            " FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[],"
            " %s::text[], %s::text[], %s::bigint[])"
            " AS w (source, order_id, version, seq, member_id, program_version, posted, lot_ids, hold_id)"
            " ON CONFLICT DO NOTHING",
            (book_id, *literals(map(_order_row, fresh), "ttiiiitti")),
        )
        if done.rowcount != len(fresh):
            raise Collision("order")
    changed = [state for state in states if not state.is_new]
    if changed:
        cursor(connection).execute(
            "UPDATE order_state o SET order_version = w.version, order_seq = w.seq, member_id = w.member_id,"
            " program_version = w.program_version, posted = w.posted, lot_ids = w.lot_ids::bigint[], hold_id = w.hold_id"
            " FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[],"
            " %s::text[], %s::text[], %s::bigint[])"
            " AS w (source, order_id, version, seq, member_id, program_version, posted, lot_ids, hold_id)"
            " WHERE (o.source, o.order_id) = (w.source, w.order_id)",
            literals(map(_order_row, changed), "ttiiiitti"),
        )


def _order_row(state: OrderState) -> tuple[object, ...]:
    lots = state.lot_ids
    return (
        state.source,
        state.order_id,
        state.version,
        state.seq,
        state.member_id,
        state.program_version,
        _encode(state.posted).decode(),
        f"{{{','.join(map(str, lots))}}}" if lots else "{}",
        state.hold_id,
    )
