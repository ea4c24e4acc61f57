"""Documents as they were received: each once, at its highest version, whether or not that version is applied.

What is applied is found by `order_state` and `document`, which know the highest applied version. What waits, is parked or was discarded is
in the inbox alone and is put beside it. No index knows the date of a document, and none is made for this: it would cost every event at
intake. Listing goes by document id instead, which has an index, and which stays in place when a newer version arrives between two pages;
the date is read from the content, a few microseconds a document.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, text

from plugin.events import Kind

EXAMINED_MAX = 100_000
"""Documents that one page looks at, whatever their date: a page of a rare day ends early instead of taking minutes."""

HEAD_LENGTH_MAX = 400
"""Characters in which the head of a document's content ends: an id of 128 characters, each escaped, and three numbers."""


class Received(NamedTuple):
    """A document at its highest version. ``status`` is that of `plugin.store.lookup.EventStatus`, ``at`` in microseconds since 1970."""

    id: str
    version: int
    at: int
    status: int
    reason: str
    payload: str


class Wanted(NamedTuple):
    """Which documents are asked for: those of a source and kind from an instant until before another, None being open."""

    book_id: int
    source: str
    kind: Kind
    from_at: int | None = None
    until_at: int | None = None


class Page(NamedTuple):
    """Documents by id, and the id after which the next page begins, None when this was the last one."""

    documents: list[Received]
    next_after: str | None


# The canonical form (plugin.events) of every kind listed here begins with type, id, version, status and instant. They are cut out as text:
# that costs the same for an order of 5,000 lines, works for content that cannot be decoded, and takes a fifth of the time of one regular
# expression for all of them. A quotation mark within an id is escaped, so none of these marks is ever found inside of one.
_ID = """regexp_replace(split_part(split_part(head, '","version":', 1), '"id":"', 2), '\\\\(.)', '\\1', 'g')"""
_VERSION = """CAST(substring(split_part(head, '","version":', 2) FROM '^[0-9]{1,19}') AS bigint)"""
_AT = """CAST(substring(left(split_part(left(payload, :length), '_at":', 2), 20) FROM '^[0-9]{1,18}') AS bigint)"""

_APPLIED_ORDERS = """
    SELECT order_id AS id, order_version AS version, order_seq AS seq, 2 AS status, '' AS reason
    FROM order_state WHERE source = :source AND order_version > 0 AND order_id > :after
    ORDER BY order_id LIMIT :examined
"""

_APPLIED_OTHERS = """
    SELECT document_id AS id, version, seq, 2 AS status, '' AS reason
    FROM document WHERE source = :source AND kind = :kind AND document_id > :after
    ORDER BY document_id LIMIT :examined
"""

# OFFSET 0 as in plugin.store.inbox: the few waiting batches are to be read, not the whole inbox.
_PENDING = f"""
    SELECT {_ID} AS id, {_VERSION} AS version, seq, status, reason
    FROM (
        SELECT i.seq, i.head, 1 AS status, '' AS reason FROM batch b
        CROSS JOIN LATERAL (
            SELECT seq, left(payload, :length) AS head FROM inbox
            WHERE seq BETWEEN b.id << 18 AND ((b.id + 1) << 18) - 1
            AND source = :source AND kind = :kind OFFSET 0
        ) AS i WHERE NOT b.is_applied AND b.book_id = :book
        UNION ALL
        SELECT i.seq, i.head, CASE p.resolution WHEN 'open' THEN 3 ELSE 4 END, p.reason FROM parked p
        CROSS JOIN LATERAL (
            SELECT seq, left(payload, :length) AS head FROM inbox
            WHERE seq = p.seq AND source = :source AND kind = :kind OFFSET 0
        ) AS i WHERE p.resolution <> 'applied' AND p.book_id = :book
    ) AS found
"""  # noqa: S608  (constants of ours)

# Of equal versions the applied one counts; among those that are not applied, the first to come will. Content so damaged that it names no
# document is not listed: it is parked, and ListParked tells its event.
_LISTING = """
    WITH highest AS (
        SELECT DISTINCT ON (id) id, version, seq, status, reason
        FROM (({applied}) UNION ALL SELECT * FROM ({pending}) AS pending
            WHERE id > :after AND version IS NOT NULL) AS known
        ORDER BY id, version DESC, status <> 2, seq
    ),
    examined AS (
        SELECT *, row_number() OVER (ORDER BY id) AS place FROM highest ORDER BY id LIMIT :examined
    )
    SELECT e.id, e.version, dated.at, e.status, e.reason, dated.payload, e.place, dated.is_wanted
    FROM examined e CROSS JOIN LATERAL (
        SELECT at, payload, book_id = :book AND at >= :from_at AND at < :until_at AS is_wanted
        FROM inbox CROSS JOIN LATERAL (SELECT {at} AS at OFFSET 0) AS content  -- cut out once, not once for each use
        WHERE seq = e.seq OFFSET 0
    ) AS dated
    WHERE dated.is_wanted OR e.place = :examined ORDER BY e.id LIMIT :limit
"""

_STATEMENTS = {
    is_order: text(_LISTING.format(pending=_PENDING, applied=applied, at=_AT))
    for is_order, applied in ((True, _APPLIED_ORDERS), (False, _APPLIED_OTHERS))
}


def list_received(
    connection: Connection,
    wanted: Wanted,
    after: str,
    limit: int,
    examined_max: int = EXAMINED_MAX,
) -> Page:
    """Returns documents by id, after one, at most ``limit``.

    A page that has looked at ``examined_max`` documents ends, with however few it found; the next one goes on from there.
    """
    if wanted.from_at is None and wanted.until_at is None:
        examined_max = min(examined_max, limit + 1)  # Whatever is looked at is wanted.
    rows = connection.execute(
        _STATEMENTS[wanted.kind is Kind.ORDER],
        {
            "book": wanted.book_id,
            "source": wanted.source,
            "kind": wanted.kind.value,
            "from_at": -(2**63) if wanted.from_at is None else wanted.from_at,
            "until_at": 2**63 - 1 if wanted.until_at is None else wanted.until_at,
            "after": after,
            "limit": limit + 1,
            "examined": examined_max,
            "length": HEAD_LENGTH_MAX,
        },
    ).all()
    documents = [Received(*row[:6]) for row in rows[:limit] if row.is_wanted]
    if len(rows) > limit:
        return Page(documents, rows[limit - 1].id)
    if rows and rows[-1].place == examined_max:
        return Page(documents, rows[-1].id)
    return Page(documents, None)
