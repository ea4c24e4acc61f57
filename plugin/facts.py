"""What Pointbook decided: facts about a member's points, and the numbering of everything.

One 63-bit id space serves inbox, facts, entries and lots:

    month (10 bits, since 2020-01) | batch (35) | event in batch (10) | fact of event (8)

so the primary key is the idempotency guard, reading a batch is one range scan, and range partitions by month
need no further column. An event's ``seq`` is the id whose last 8 bits are zero.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

EVENTS_PER_BATCH_MAX = 1024
FACTS_PER_EVENT_MAX = 255
_EVENT_BITS = 10
_FACT_BITS = 8


def event_seq(batch_id: int, index: int) -> int:
    """Returns the sequence of the event at ``index`` (0 to 1023) of a batch."""
    return (batch_id << _EVENT_BITS | index) << _FACT_BITS


def seq_of_fact(fact_id: int) -> int:
    """Returns the sequence of the event (or job step) that a fact belongs to."""
    return fact_id >> _FACT_BITS << _FACT_BITS


def batch_range(batch_id: int) -> tuple[int, int]:
    """Returns the first and last id that belong to a batch, both included."""
    first = batch_id << _EVENT_BITS + _FACT_BITS
    return first, first + (1 << _EVENT_BITS + _FACT_BITS) - 1


class FactKind(IntEnum):
    """Kind of a fact and of its entry as they are stored; never renumber. Up to 19 point facts, then stock, then coupons."""

    ACCRUED = 1
    ACCRUAL_REVERSED = 2
    CLAWED_BACK = 3
    CLAWBACK_REVERSED = 4
    EXPIRED = 5
    REDEEMED = 6
    REDEMPTION_REVERSED = 7
    REDEMPTION_RETURNED = 8
    REDEMPTION_RETURN_REVERSED = 9
    DEBT_SETTLED = 10
    TRANSFERRED = 11
    RECLASSIFIED = 12

    STOCK_RECEIVED = 20
    STOCK_COUNTED = 21
    STOCK_FOUND = 22
    GOODS_SHIPPED = 23
    GOODS_RETURNED = 24

    COUPON_REDEEMED = 30
    COUPON_REVERSED = 31
    COUPON_EXPIRED = 32


class Against(IntEnum):
    """What points were spent on, for the books."""

    NOTHING = 0
    OFFSET = 1
    COUPON = 2
    DONATION = 3
    TRANSFER = 4


class Settles(NamedTuple):
    """What a point fact settles beside the points: ``face_minor`` is owed to somebody when positive, taken back when negative.

    ``is_net`` is the presentation of rewards that the pinned program asks for.
    """

    against: Against = Against.NOTHING
    face_minor: int = 0
    is_net: bool = False


class StockMove(NamedTuple):
    """One change of reward stock: a fact of its own, with an entry of the same id.

    ``pieces`` and ``value_minor`` are what the stock gains, negative when it loses; a correction of an earlier move is a move of the
    same kind with the difference. ``redemption_id`` is 0 when no redemption is behind it.
    """

    id: int
    kind: FactKind
    sku: str
    warehouse: str
    pieces: int
    value_minor: int
    business_at: int
    source: str
    document_id: str
    redemption_id: int


class CouponFact(NamedTuple):
    """One step of an issued coupon's life that the books see.

    ``carried_minor`` is the change of what issued coupons are carried at, ``face_minor`` the money off an order, negative when the order
    gives it back.
    """

    id: int
    kind: FactKind
    coupon_id: int
    member_id: int
    carried_minor: int
    face_minor: int
    business_at: int
    actor: str
    reason: str
    order_id: str
    store: str
    program_version: int


class PointFact(NamedTuple):
    """One change of a member's points. ``points == lot_points - debt_points``.

    ``amount_minor`` is the change of the points' carrying amount in the book's currency: positive when lots opened,
    negative when they were taken. ``rules`` holds the points each rule gave, as ``((rule, points), …)``.
    A named tuple and not a dataclass: building one is four times as fast, and the hot path builds one per event.
    """

    id: int
    kind: FactKind
    member_id: int
    points: int
    lot_points: int
    debt_points: int
    amount_minor: int
    business_at: int
    source: str
    order_id: str
    cause: str
    store: str
    program_version: int
    tier: str
    rules: tuple[tuple[str, int], ...]
