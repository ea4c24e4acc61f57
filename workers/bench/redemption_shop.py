"""A shop for measuring redemption: members with points, rewards with stock, and what has to be true of them afterwards."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence

from sqlalchemy import Engine, create_engine, text

from plugin.errors import Unavailable
from plugin.events import (
    KINDS,
    MICRO,
    Event,
    Order,
    OrderLine,
    OrderStatus,
    Stock,
    content_hash,
    encode,
    member_key,
)
from plugin.store.books import apply_program, find_book
from plugin.store.inbox import Incoming, record_events
from plugin.store.schema import engine_url
from pointbook.v1 import redemptions_pb2 as pb
from workers.handlers.batches import apply_lane
from workers.handlers.books import Books

BOOK = "bench"
SOURCE = "bench"
WAREHOUSE = "MAIN"
POINTS = 150
"""Price of a piece: lots of 1,000 points, so one redemption in seven takes points of two lots."""

POINTS_OF_ALL = 100
"""Price of the reward that takes all points of one member."""

HOLD_POINTS = 200
ORDERS = 3
POINTS_PER_ORDER = 1_000
SKUS = 100
PLENTY = 1_000_000
DAY_US = 86_400_000_000
EVENTS_AT_ONCE = 500

_PROGRAM = """\
[book]
code = "bench"
currency = "EUR"
time_zone = "Europe/Berlin"

[program]
code = "club"
effective_from = 2020-01-01

[accrual]
trigger = "confirmed"
unknown_member = "enrol"

[points]
unit_cost = "0.008"

[expiry]
kind = "months"
months = 24

[[tiers]]
code = "basic"

[[rules]]
id = "base"
effect = { kind = "per_amount", points = 1, per = "1.00" }

[redemption]
lapse_after_days = 30

[offset]
face_value = "0.01"

[[rewards]]
code = "coffee"
kind = "coupon"
points = 300
valid_days = 90
"""
_GOODS = """
[[rewards]]
code = "{sku}"
kind = "goods"
points = {points}
sku = "{sku}"
warehouse = "MAIN"
"""

ONE_SKU, RACED, OF_ALL = "one", "raced", "of-all"
"""Rewards: of the rush on one SKU, of the race for the last pieces, and the one that takes all points of a member."""

MANY_SKUS = tuple(f"sku-{number:02d}" for number in range(SKUS))
RICH, WHOLE = "C{}", "exact"
"""Members: those with several lots, and the one with exactly the points of one reward."""


def program() -> str:
    """Returns the program file: a hundred and three rewards of goods, a coupon, and points that pay orders."""
    prices = dict.fromkeys((ONE_SKU, RACED, *MANY_SKUS), POINTS) | {OF_ALL: POINTS_OF_ALL}
    goods = [_GOODS.format(sku=sku, points=points) for sku, points in prices.items()]
    return _PROGRAM + "".join(goods)


def fill(database_url: str, members: int, pieces: int) -> None:
    """Applies the program, and order and stock events as a worker does; nothing is measured yet.

    Args:
        database_url: A migrated, empty database.
        members: How many members have ``ORDERS`` lots of 1,000 points.
        pieces: Stock of the reward that is raced for.
    """
    engine = create_engine(engine_url(database_url))
    with engine.begin() as connection:
        apply_program(connection, program(), "bench")
    events = [*_stock(pieces), *_orders(members)]
    books = Books()
    for first in range(0, len(events), EVENTS_AT_ONCE):
        _apply(engine, books, first, events[first : first + EVENTS_AT_ONCE])
    engine.dispose()


def received(pieces: int) -> list[tuple[str, int]]:
    """Returns the stock of each SKU: plenty, but for the one that is raced for."""
    return [*((sku, PLENTY) for sku in (ONE_SKU, OF_ALL, *MANY_SKUS)), (RACED, pieces)]


def requests(
    name: str, members: Sequence[str], rewards: Sequence[str], count: int, seed: int = 7
) -> list[bytes]:
    """Returns serialised requests of one piece each: members in turn, in random order each time, and rewards at random.

    Args:
        name: Prefix of the idempotency keys, different for each part of a run.
        members: Their external ids.
        rewards: Reward codes.
        count: How many.
        seed: Of the random choice.
    """
    rng = random.Random(seed)  # noqa: S311  (load, not secrets)
    return [
        request(f"{name}-{number}", member, rng.choice(rewards))
        for number, member in enumerate(in_turn(members, count, rng))
    ]


def in_turn(members: Sequence[str], count: int, rng: random.Random) -> Iterator[str]:
    """Yields members, each as often as the others, in random order: what is needed of their points is known beforehand."""
    while count > 0:
        turn = rng.sample(members, min(count, len(members)))
        count -= len(turn)
        yield from turn


def request(key: str, member: str, reward: str) -> bytes:
    """Returns a serialised request of one piece."""
    message = pb.RequestRedemptionRequest(
        reward=reward, quantity=1, idempotency_key=key, actor=member, store="S01"
    )
    message.selector.source = SOURCE
    message.selector.member.external_id = member
    return message.SerializeToString()


def hold_requests(members: Sequence[str], count: int, seed: int = 13) -> list[bytes]:
    """Returns serialised requests for holds at the checkout."""
    rng = random.Random(seed)  # noqa: S311  (load, not secrets)
    found = []
    for number, member in enumerate(in_turn(members, count, rng)):
        message = pb.HoldPointsRequest(
            points=HOLD_POINTS, idempotency_key=f"hold-{number}", actor="till-7", store="S01"
        )
        message.selector.source = SOURCE
        message.selector.member.external_id = member
        found.append(message.SerializeToString())
    return found


def breaks(engine: Engine) -> list[str]:
    """Returns what does not agree, in words; nothing when all is well."""
    found = []
    with engine.connect() as connection:
        for what, statement in _CHECKS.items():
            found += [f"{what}: {tuple(row)}" for row in connection.execute(text(statement))]
    return found


def reserved(engine: Engine, sku: str) -> tuple[int, int]:
    """Returns how many pieces of a SKU there are, and how many of them are set aside."""
    statement = text("SELECT on_hand, reserved FROM stock WHERE sku = :sku")
    with engine.connect() as connection:
        on_hand, taken = connection.execute(statement, {"sku": sku}).one()
    return int(on_hand), int(taken)


def deadlocks(engine: Engine) -> int:
    """Returns how many deadlocks PostgreSQL has met in this database; a connection tells its own when it ends."""
    statement = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    with engine.connect() as connection:
        return int(connection.execute(statement).scalar_one())


# Each returns a row for everything that differs.
_CHECKS = {
    "stock.reserved differs from what open redemptions need": """
        SELECT sku, warehouse, s.reserved, r.pieces
        FROM stock s FULL JOIN (
            SELECT sku, warehouse, sum(greatest(0, quantity - shipped)) AS pieces FROM redemption
            WHERE kind = 1 AND given_up IS NULL GROUP BY 1, 2) r USING (sku, warehouse)
        WHERE coalesce(s.reserved, 0) <> coalesce(r.pieces, 0)""",
    "lot.held differs from the slices of redemptions": """
        SELECT id, l.held, r.points
        FROM (SELECT id, held FROM lot WHERE held <> 0) l FULL JOIN (
            SELECT key::bigint AS id, sum(value::bigint) AS points
            FROM redemption CROSS JOIN LATERAL jsonb_each_text(held) GROUP BY 1) r USING (id)
        WHERE coalesce(l.held, 0) <> coalesce(r.points, 0)""",
    "an open redemption does not hold its points": """
        SELECT id, points, held FROM redemption
        WHERE is_open AND points <> (SELECT sum(value::bigint) FROM jsonb_each_text(held))""",
    "member.points differs from what lots have": """
        SELECT m.id, m.points, coalesce(l.points, 0)
        FROM member m LEFT JOIN (
            SELECT member_id, sum(remaining) AS points FROM lot GROUP BY 1) l ON l.member_id = m.id
        WHERE m.points <> coalesce(l.points, 0)""",
    "a number is below zero": """
        SELECT 'stock', sku, on_hand, reserved, value_minor FROM stock
        WHERE least(on_hand, reserved, on_hand - reserved, value_minor) < 0
        UNION ALL SELECT 'lot', id::text, remaining, held, cost_minor FROM lot
        WHERE least(remaining, held, remaining - held, cost_minor) < 0
        UNION ALL SELECT 'member', id::text, points, debt, 0 FROM member WHERE least(points, debt) < 0""",
}


def _orders(members: int) -> Iterator[Event]:
    """Yields the orders that gave the members their points, a month apart, so that their lots end at different times."""
    now = time.time_ns() // 1_000
    for number in range(members):
        for order in range(ORDERS):
            yield _order(f"SO{number}-{order}", RICH.format(number), POINTS_PER_ORDER, now, order)
    yield _order("SO-exact", WHOLE, POINTS_OF_ALL, now, 0)


def _order(name: str, member: str, points: int, now: int, months_ago: int) -> Order:
    return Order(
        id=name,
        version=1,
        status=OrderStatus.CONFIRMED,
        ordered_at=now - (1 + 30 * months_ago) * DAY_US,
        currency_code="EUR",
        member=member_key("external_id", member, SOURCE),
        store="S01",
        lines=(OrderLine("1", MICRO, amount_minor=points * 100, sku="GROCERIES"),),
    )


def _stock(pieces: int) -> Iterator[Event]:
    """Yields the receipts of the rewards' goods, each piece worth 4.20."""
    at = time.time_ns() // 1_000 - DAY_US
    for sku, count in received(pieces):
        yield Stock(f"IN-{sku}", 1, 2, at, sku, WAREHOUSE, count * MICRO, value_minor=count * 420)


def _apply(engine: Engine, books: Books, first: int, events: Sequence[Event]) -> None:
    with engine.begin() as connection:
        book_id = find_book(connection, BOOK).id
        incoming = []
        for number, event in enumerate(events, first):
            content = encode(event)
            incoming.append(
                Incoming(
                    *(book_id, 0, KINDS[type(event)].value, SOURCE, f"e-{number}"),
                    *(content, content_hash(content)),
                )
            )
        _, batches = record_events(connection, incoming)
    apply_lane(engine, books, 0, max(batch.id for batch in batches), 2 * EVENTS_AT_ONCE)
    with engine.connect() as connection:
        parked = connection.execute(text("SELECT reason, message FROM parked LIMIT 1")).first()
    if parked is not None:
        raise Unavailable("LOAD_FAILED", f"the members could not be loaded: {parked}")
