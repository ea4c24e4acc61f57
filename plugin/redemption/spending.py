"""What a redemption should have taken by now, as a pure function of the documents behind it.

Goods are taken by shipments and given back by returns; points at checkout by the order that carries the hold, and given back by the order's
returns. Steps telescope like those of an accrual: they sum to what is shipped or sold and not returned, rounded once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from plugin.events import DocumentStatus, Order, OrderStatus, Return
from plugin.facts import FactKind
from plugin.money import convert_minor, half_up
from plugin.orders.eligible import returned_so_far
from plugin.stock.valuation import StockKind, StockLine


class Taken(NamedTuple):
    """Points taken and the money they stand for; negative when given back."""

    points: int
    face_minor: int = 0


NOTHING = Taken(0, 0)

SEPARATOR = "\x1f"
"""Between the parts of a key: ids are printable, so that none of them contains it."""


def order_prefix(source: str, order_id: str) -> str:
    """Returns what the keys of all documents of an order begin with."""
    return f"{source}{SEPARATOR}{order_id}{SEPARATOR}"


def capture_key(order_id: str) -> str:
    """Returns the key under which a call captured a hold, until the order that it paid for comes; the order may be unknown."""
    return f"capture{SEPARATOR}{order_id}"


def captures_for(order_id: str) -> tuple[str, str]:
    """Returns the keys of calls that captured a hold for an order, or for one they did not name."""
    return capture_key(order_id), capture_key("")


def document_key(source: str, cause: str) -> str:
    """Returns the key of a shipment or return of goods."""
    return f"{source}{SEPARATOR}{cause}"


class SpendStep(NamedTuple):
    """What one document takes. ``key`` is the document within the redemption and ends in ``cause``, which is how a fact names it."""

    key: str
    cause: str
    taken: Taken
    business_at: int


class Spend(NamedTuple):
    """A difference to post: points taken from the member (negative: given back) and the face of it."""

    key: str
    cause: str
    kind: FactKind
    taken: Taken
    business_at: int


class Fulfilled(NamedTuple):
    """How far goods of a redemption went: pieces shipped and returned."""

    shipped: int = 0
    returned: int = 0


def goods_steps(
    lines: Iterable[StockLine], quantity: int, points: int
) -> tuple[list[SpendStep], Fulfilled]:
    """Returns what each shipment and return of a goods redemption takes, along the time line.

    Pieces beyond the redemption's quantity left the stock but cost the member nothing more.

    Worked: 3 pieces for 100 points, shipped 1 and 2, one returned: 33, 67, −34.
    """
    steps = []
    shipped = returned = taken = 0
    for line in sorted(lines, key=lambda one: one.place):
        if line.is_void:
            continue
        if line.place.kind is StockKind.SHIPPED:
            shipped += line.pieces
            name = "shipment"
        else:
            returned += line.pieces
            name = "return"
        kept = max(0, min(quantity, shipped - returned))
        target = points * kept // quantity
        cause = f"{name}:{line.place.document_id}"
        key = document_key(line.place.source, cause)
        steps.append(SpendStep(key, cause, Taken(target - taken), line.place.at))
        taken = target
    return steps, Fulfilled(shipped, returned)


def order_pays(order: Order, held: Taken, book_currency: str) -> Taken:
    """Returns the points that pay a part of an order and the money they stand for, in the book's currency.

    An order that does not say how much was paid with points was paid with all that is held; otherwise with its share of them, rounded up.

    Worked: 10 points held, worth 10.00; the order says 8.50 was paid with points: 9 points stand for 8.50.
    """
    face = order.points_paid_minor
    if not face:
        return held
    if order.currency_code != book_currency:
        rate = Decimal(order.rate_to_book)
        face = convert_minor(face, order.currency_code, book_currency, rate)
    if not held.face_minor:
        return Taken(held.points, face)
    return Taken(-(-held.points * face // held.face_minor), face)


def order_steps(
    source: str, order: Order, returns: Sequence[Return], paid: Taken
) -> list[SpendStep]:
    """Returns what an order paid with held points takes, and what its returns give back pro rata.

    Args:
        source: Of the order.
        order: Its latest version.
        returns: Their latest versions.
        paid: What of it was paid with points, see `order_pays`.

    Worked, a point pays 1.00: an order of 200.00, 100.00 of it paid with 100 points; 150.00 come back: 100, −75.
    """
    if order.status not in (OrderStatus.CONFIRMED, OrderStatus.COMPLETED):
        return []
    prefix, cause = order_prefix(source, order.id), f"order:{order.id}"
    steps = [SpendStep(prefix + cause, cause, paid, order.ordered_at)]
    gross = sum(line.amount_minor + line.tax_minor for line in order.lines)
    back = NOTHING
    came_back: list[Return] = []
    for one in _done_by_time(returns):
        came_back.append(one)
        share = _share_returned(order, came_back, gross)
        target = Taken(int(paid.points * share), half_up(paid.face_minor * share))
        cause = f"return:{one.id}"
        given = Taken(back.points - target.points, back.face_minor - target.face_minor)
        steps.append(SpendStep(prefix + cause, cause, given, one.returned_at))
        back = target
    return steps


def spends(
    target: Sequence[SpendStep], posted: Mapping[str, Taken], corrected_at: int
) -> list[Spend]:
    """Returns what must be posted so that posted becomes target; what is given back comes first.

    Args:
        target: What each document should have taken.
        posted: What was posted by key, of the same documents.
        corrected_at: Business time of a change to something posted before.
    """
    found = []
    for step in target:
        before = posted.get(step.key, NOTHING)
        if step.taken != before:
            at = max(corrected_at, step.business_at) if step.key in posted else step.business_at
            found.append(_spend(step.key, step.cause, _less(step.taken, before), at))
    wanted = {step.key for step in target}
    for key, before in posted.items():
        if before != NOTHING and key not in wanted:
            found.append(
                _spend(key, key.rpartition(SEPARATOR)[2], _less(NOTHING, before), corrected_at)
            )
    return sorted(found, key=lambda one: one.taken.points > 0)


def _done_by_time(returns: Iterable[Return]) -> list[Return]:
    done = [one for one in returns if one.status == DocumentStatus.DONE]
    return sorted(done, key=lambda one: (one.returned_at, one.id))


def _share_returned(order: Order, returns: Sequence[Return], gross: int) -> Fraction:
    if gross <= 0:
        return Fraction(1)
    so_far = returned_so_far(returns, order, with_tax=True)
    back = sum(so_far.amount_minor.values(), Fraction(0)) + so_far.off_order_minor
    return min(Fraction(1), Fraction(back) / gross)


def _less(left: Taken, right: Taken) -> Taken:
    return Taken(left.points - right.points, left.face_minor - right.face_minor)


def _spend(key: str, cause: str, taken: Taken, at: int) -> Spend:
    takes = taken.points > 0 or (taken.points == 0 and taken.face_minor > 0)
    if cause.startswith("return:"):
        kind = FactKind.REDEMPTION_RETURN_REVERSED if takes else FactKind.REDEMPTION_RETURNED
    else:
        kind = FactKind.REDEEMED if takes else FactKind.REDEMPTION_REVERSED
    return Spend(key, cause, kind, taken, at)
