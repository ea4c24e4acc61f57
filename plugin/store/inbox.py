"""Durable intake: one commit for any number of calls, idempotent by source and event id plus content hash."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from sqlalchemy import Connection

from plugin.facts import EVENTS_PER_BATCH_MAX, batch_range, event_seq
from plugin.store.raw import copy_rows, cursor, literals

JOB_LANE = -1
"""Lane of batches that no ERP sent: scheduled jobs and retries."""


class Incoming(NamedTuple):
    """A checked event on its way into the inbox."""

    book_id: int
    lane: int
    kind: int
    source: str
    event_id: str
    content: bytes
    content_hash: bytes


class Outcome(Enum):
    """What became of an event at intake."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


class Recorded(NamedTuple):
    """Outcome of one event; ``seq`` is the first one's for duplicates and conflicts."""

    outcome: Outcome
    seq: int


class NewBatch(NamedTuple):
    """A batch that now waits to be applied."""

    id: int
    lane: int


class InboxRow(NamedTuple):
    """An event as it waits in the inbox."""

    seq: int
    book_id: int
    source: str
    event_id: str
    payload: str


_Key = tuple[str, str]


def record_events(
    connection: Connection, events: Sequence[Incoming]
) -> tuple[list[Recorded], list[NewBatch]]:
    """Stores new events in batches by lane and tells what became of each; the caller commits.

    Keys are inserted in sorted order, so two servers that are sent the same events wait for one another instead of deadlocking.
    """
    first: dict[_Key, Incoming] = {}
    for event in events:
        first.setdefault((event.source, event.event_id), event)
    fresh = [first[key] for key in sorted(first)]
    numbered = _number(connection, fresh)
    known = _claim_keys(connection, numbered)
    accepted = [
        (seq, event) for seq, event in numbered if (event.source, event.event_id) not in known
    ]
    batches = _insert(connection, accepted)
    claimed = known | {(e.source, e.event_id): (seq, e.content_hash) for seq, e in accepted}
    recorded = _outcomes(events, first, known, claimed)
    _keep_conflicts(connection, events, recorded)
    return recorded, batches


def waiting_batches(connection: Connection, lane: int, events_max: int) -> list[int]:
    """Returns the oldest unapplied batches of a lane, at least one if any, up to ``events_max`` events together."""
    rows = cursor(connection).execute(
        "SELECT id, events FROM batch WHERE lane = %s AND NOT is_applied ORDER BY id LIMIT 64",
        (lane,),
    )
    chosen: list[int] = []
    total = 0
    for batch_id, events in rows:
        if chosen and total + events > events_max:
            break
        chosen.append(batch_id)
        total += events
    return chosen


def is_waiting(connection: Connection, batch_id: int) -> bool:
    """Tells whether a batch is not applied yet."""
    row = (
        cursor(connection)
        .execute("SELECT is_applied FROM batch WHERE id = %s", (batch_id,))
        .fetchone()
    )
    return row is not None and not row[0]


def read_batches(connection: Connection, batch_ids: Sequence[int]) -> list[InboxRow]:
    """Returns the events of batches in order of sequence: one range scan each."""
    found = cursor(connection).execute(
        # OFFSET 0 keeps the planner from turning this round and reading the whole inbox for the ranges.
        "SELECT i.seq, i.book_id, i.source, i.event_id, i.payload"
        " FROM unnest(%s::bigint[], %s::bigint[]) AS wanted (first, last)"
        " CROSS JOIN LATERAL (SELECT seq, book_id, source, event_id, payload FROM inbox"
        " WHERE seq BETWEEN wanted.first AND wanted.last OFFSET 0) AS i ORDER BY i.seq",
        literals([batch_range(batch_id) for batch_id in batch_ids], "ii"),
    )
    return list(map(InboxRow._make, found))


def read_events(connection: Connection, seqs: Sequence[int]) -> list[InboxRow]:
    """Returns single events by sequence, in order."""
    found = cursor(connection).execute(
        "SELECT seq, book_id, source, event_id, payload FROM inbox"
        " WHERE seq = ANY(%s::bigint[]) ORDER BY seq",
        (list(seqs),),
    )
    return [InboxRow._make(row) for row in found]


def mark_applied(connection: Connection, batch_ids: Sequence[int]) -> None:
    """Marks batches applied; part of the transaction that applies them."""
    cursor(connection).execute(
        "UPDATE batch SET is_applied = true, applied_at = clock_timestamp() WHERE id = ANY(%s::bigint[])",
        (list(batch_ids),),
    )


def stragglers(connection: Connection, older_than: datetime, limit: int) -> list[NewBatch]:
    """Returns batches that still wait although they came before ``older_than``: lost messages, dead workers."""
    rows = cursor(connection).execute(
        "SELECT id, lane FROM batch WHERE NOT is_applied AND received_at < %s ORDER BY id LIMIT %s",
        (older_than, limit),
    )
    return [NewBatch._make(row) for row in rows]


def new_job_batch(connection: Connection, book_id: int, events: int) -> int:
    """Creates an applied batch for a job of this transaction and returns its id; the job numbers its facts in it."""
    row = (
        cursor(connection)
        .execute(
            "INSERT INTO batch (id, book_id, lane, events, is_applied, applied_at)"
            " VALUES (pointbook_next_batch_id(), %s, %s, %s, true, clock_timestamp()) RETURNING id",
            (book_id, JOB_LANE, events),
        )
        .fetchone()
    )
    assert row is not None
    return int(row[0])


def _number(connection: Connection, events: list[Incoming]) -> list[tuple[int, Incoming]]:
    """Gives every event a place in a batch of its book and lane; keeps the order of ``events``."""
    sizes: dict[tuple[int, int], int] = {}
    for event in events:
        lane = (event.book_id, event.lane)
        sizes[lane] = sizes.get(lane, 0) + 1
    wanted = sum(-(-size // EVENTS_PER_BATCH_MAX) for size in sizes.values())
    found = cursor(connection).execute(
        "SELECT pointbook_next_batch_id() FROM generate_series(1, %s)", (wanted,)
    )
    ids = iter(row[0] for row in found.fetchall())
    current: dict[tuple[int, int], tuple[int, int]] = {}
    numbered = []
    for event in events:
        lane = (event.book_id, event.lane)
        batch_id, index = current.get(lane, (0, EVENTS_PER_BATCH_MAX))
        if index == EVENTS_PER_BATCH_MAX:
            batch_id, index = next(ids), 0
        current[lane] = (batch_id, index + 1)
        numbered.append((event_seq(batch_id, index), event))
    return numbered


def _claim_keys(
    connection: Connection, numbered: list[tuple[int, Incoming]]
) -> dict[_Key, tuple[int, bytes]]:
    """Inserts the keys that are new and returns sequence and hash of those that were known."""
    rows = [(e.source, e.event_id, seq, e.content_hash) for seq, e in numbered]
    found = cursor(connection).execute(
        "INSERT INTO event_key (source, event_id, seq, content_hash)"
        " SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bytea[])"
        " ON CONFLICT DO NOTHING RETURNING seq",
        literals(rows, "ttib"),
    )
    new = {row[0] for row in found}
    old = [(e.source, e.event_id) for seq, e in numbered if seq not in new]
    if not old:
        return {}
    known = cursor(connection).execute(
        "SELECT k.source, k.event_id, k.seq, k.content_hash FROM event_key k"
        " JOIN unnest(%s::text[], %s::text[]) AS wanted (source, event_id)"
        " ON k.source = wanted.source AND k.event_id = wanted.event_id",
        literals(old, "tt"),
    )
    return {(source, event_id): (seq, bytes(digest)) for source, event_id, seq, digest in known}


def _insert(connection: Connection, accepted: list[tuple[int, Incoming]]) -> list[NewBatch]:
    if not accepted:
        return []
    batches: dict[int, tuple[int, int, int]] = {}
    for seq, event in accepted:
        batch_id = seq >> 18
        size = batches.get(batch_id, (0, 0, 0))[2]
        batches[batch_id] = (event.book_id, event.lane, size + 1)
    copy_rows(
        connection,
        "inbox (seq, book_id, kind, source, event_id, payload)",
        ("int8", "int2", "int2", "text", "text", "text"),
        [(s, e.book_id, e.kind, e.source, e.event_id, e.content.decode()) for s, e in accepted],
    )
    cursor(connection).execute(
        "INSERT INTO batch (id, book_id, lane, events)"
        " SELECT * FROM unnest(%s::bigint[], %s::smallint[], %s::smallint[], %s::smallint[])",
        literals([(batch_id, *rest) for batch_id, rest in batches.items()], "iiii"),
    )
    return [NewBatch(batch_id, lane) for batch_id, (_, lane, _) in batches.items()]


def _outcomes(
    events: Sequence[Incoming],
    first: dict[_Key, Incoming],
    known: dict[_Key, tuple[int, bytes]],
    claimed: dict[_Key, tuple[int, bytes]],
) -> list[Recorded]:
    recorded = []
    for event in events:
        key = (event.source, event.event_id)
        seq, digest = claimed[key]
        if event is first[key] and key not in known:
            recorded.append(Recorded(Outcome.ACCEPTED, seq))
        elif event.content_hash == digest:
            recorded.append(Recorded(Outcome.DUPLICATE, seq))
        else:
            recorded.append(Recorded(Outcome.CONFLICT, seq))
    return recorded


def _keep_conflicts(
    connection: Connection, events: Sequence[Incoming], recorded: Sequence[Recorded]
) -> None:
    rows = [
        (event.source, event.event_id, outcome.seq, event.content_hash, event.content.decode())
        for event, outcome in zip(events, recorded, strict=True)
        if outcome.outcome is Outcome.CONFLICT
    ]
    if rows:
        cursor(connection).execute(
            "INSERT INTO conflict (source, event_id, first_seq, content_hash, payload)"
            " SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bytea[], %s::text[])"
            " ON CONFLICT DO NOTHING",
            literals(rows, "ttibt"),
        )
