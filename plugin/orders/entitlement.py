"""What an order is entitled to, as a pure function of its latest documents, and the difference to what was posted.

Documents converge: whatever order they arrive in, the entitlement is computed from the latest order, shipments and returns
on the time line of the business, step by step. Each step belongs to the document that caused it, so that a return that is
processed before its order still shows as points taken back on the day of the return.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from plugin.events import DocumentStatus, Order, OrderStatus, Return, Shipment
from plugin.facts import FactKind
from plugin.money import half_up
from plugin.orders.eligible import (
    NOTHING_RETURNED,
    WHOLE_ORDER,
    eligible_lines,
    returned_so_far,
    shipped_pieces,
)
from plugin.program.conditions import OrderContext
from plugin.program.rules import Earned, EligibleLine, Exact, earn
from plugin.program.versions import Deferral, Program

ORDER = "order"
_QUARTER_HOUR_US = 900_000_000


class Documents(NamedTuple):
    """The latest snapshots that make up one order."""

    order: Order
    shipments: Sequence[Shipment] = ()
    returns: Sequence[Return] = ()


class Step(NamedTuple):
    """Points that one document is worth: positive for an order or shipment, negative for a return.

    ``cause`` is ``order``, ``shipment:<id>`` or ``return:<id>``; ``rules`` the points each rule gave. ``sale_minor`` is the change of
    the sale that the points come from, in the book's currency; it is asked for by the deferral policy alone.
    """

    cause: str
    points: int
    business_at: int
    rules: tuple[tuple[str, int], ...]
    sale_minor: Exact = 0


class Movement(NamedTuple):
    """A difference to post: ``points`` is what the member gains or loses.

    ``business_at`` is when the difference came about, ``earned_at`` when the document it belongs to happened: pending and expiry count
    from there, so that an order cancelled and confirmed again expires as if it had never been cancelled.
    """

    cause: str
    kind: FactKind
    points: int
    business_at: int
    earned_at: int
    rules: tuple[tuple[str, int], ...]
    cost_minor: int | None = None


Posted = Mapping[str, int]
"""Points posted so far, by cause."""


def entitlement(documents: Documents, program: Program, tier: str) -> list[Step]:
    """Returns what each document of an order is worth; empty when the order earns nothing.

    The steps telescope: they sum to the points of what is shipped and not returned, rounded once. Worked, 1 point per 1.00:
    an order of 19.99 shipped in two parts of 9.99 and 10.00 gives 9 and 10, not 9 and 10 rounded on their own; earn 1000 on
    200.00 (5 per 1.00), return 150.00 then 100.00: 1000, -750, -250.
    """
    order = documents.order
    if not _counts(order, program):
        return []
    returns = [r for r in documents.returns if r.status == DocumentStatus.DONE]
    if program.trigger != "shipped" and not returns:
        lines = eligible_lines(order, program, None, NOTHING_RETURNED)
        earned = _earned(order, program, tier, lines)
        return [Step(ORDER, earned.points, order.ordered_at, earned.by_rule, _sale(lines))]
    return _along_the_time_line(order, documents.shipments, returns, program, tier)


def differences(target: Sequence[Step], posted: Posted, corrected_at: int) -> list[Movement]:
    """Returns what must be posted so that posted becomes target: what is given first, then what is taken.

    In that order the order's own points always cover what is taken from it, and no other order's points are touched on the
    way: cancelling an order of 100 of which 50 came back gives the 50 again and takes 100.

    Args:
        target: What each document is worth now.
        posted: What was posted for each so far.
        corrected_at: Business time of a change to something posted before.
    """
    movements = []
    for step in target:
        before = posted.get(step.cause, 0)
        if step.points != before:
            at = (
                step.business_at
                if step.cause not in posted
                else max(corrected_at, step.business_at)
            )
            rules = step.rules if before == 0 else (("correction", step.points - before),)
            movements.append(
                _movement(step.cause, step.points - before, at, step.business_at, rules)
            )
    kept = {step.cause for step in target}
    for cause, before in posted.items():
        if before and cause not in kept:
            rules = (("correction", -before),)
            movements.append(_movement(cause, -before, corrected_at, corrected_at, rules))
    movements.sort(key=_takes)
    return movements


def with_costs(
    movements: list[Movement], target: Sequence[Step], deferral: Deferral
) -> list[Movement]:
    """Gives points that are given the part of the sale that belongs to them.

    A document that is new gets what it adds to the order's allocation; a correction, its share of the allocation of the order as it is now.
    """
    points, sale = 0, Fraction(0)
    added: dict[str, tuple[int, int]] = {}
    for step in target:
        before = deferral.allocated_minor(points, sale)
        points, sale = points + step.points, sale + step.sale_minor
        added[step.cause] = (step.points, deferral.allocated_minor(points, sale) - before)
    whole = deferral.allocated_minor(points, sale)

    def cost(movement: Movement) -> int:
        step_points, step_cost = added.get(movement.cause, (0, 0))
        if movement.points == step_points and step_cost >= 0:
            return step_cost
        return half_up(Fraction(whole * movement.points, points)) if points > 0 else 0

    return [one._replace(cost_minor=cost(one)) if one.points > 0 else one for one in movements]


def business_date(at: int, time_zone: tzinfo) -> date:
    """Returns the calendar date of an instant in a time zone."""
    return _date_of_quarter(at // _QUARTER_HOUR_US, time_zone)


@lru_cache(maxsize=65_536)
def _date_of_quarter(quarter: int, time_zone: tzinfo) -> date:
    # No zone's offset changes within a quarter of an hour, and none of them starts a day inside one.
    seconds = quarter * (_QUARTER_HOUR_US // 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).astimezone(time_zone).date()


def _counts(order: Order, program: Program) -> bool:
    if not order.member or order.is_redemption:
        return False
    if order.status == OrderStatus.COMPLETED:
        return True
    return order.status == OrderStatus.CONFIRMED and program.trigger != "completed"


def _along_the_time_line(
    order: Order,
    shipments: Sequence[Shipment],
    returns: Sequence[Return],
    program: Program,
    tier: str,
) -> list[Step]:
    """Walks shipments and returns by business time and gives each the change it makes to the total."""
    steps = []
    shipped: list[Shipment] = []
    returned: list[Return] = []
    points = 0
    sale: Exact = 0
    if program.trigger != "shipped":
        lines = eligible_lines(order, program, None, NOTHING_RETURNED)
        earned = _earned(order, program, tier, lines)
        sale = _sale(lines)
        steps.append(Step(ORDER, earned.points, order.ordered_at, earned.by_rule, sale))
        points = earned.points
        shipments = ()
    for at, cause, document in _time_line(shipments, returns):
        if isinstance(document, Shipment):
            shipped.append(document)
        else:
            returned.append(document)
        lines = eligible_lines(
            order,
            program,
            shipped_pieces(shipped, order) if program.trigger == "shipped" else WHOLE_ORDER,
            returned_so_far(returned, order, program.with_tax),
        )
        earned = _earned(order, program, tier, lines)
        rules = earned.by_rule if not points else (("change", earned.points - points),)
        sold = _sale(lines)
        steps.append(Step(cause, earned.points - points, at, rules, sold - sale))
        points, sale = earned.points, sold
    return steps


def _time_line(
    shipments: Sequence[Shipment], returns: Sequence[Return]
) -> list[tuple[int, str, Shipment | Return]]:
    """Sorts by business time, shipments before returns of the same instant, then by id."""
    points: list[tuple[int, int, str, Shipment | Return]] = [
        (s.shipped_at, 0, f"shipment:{s.id}", s)
        for s in shipments
        if s.status == DocumentStatus.DONE
    ]
    points += [(r.returned_at, 1, f"return:{r.id}", r) for r in returns]
    points.sort(key=lambda point: point[:3])
    return [(at, cause, document) for at, _, cause, document in points]


def _sale(lines: Sequence[EligibleLine]) -> Exact:
    return sum(line.amount_minor for line in lines)


def _earned(order: Order, program: Program, tier: str, lines: list[EligibleLine]) -> Earned:
    context = OrderContext(
        store=order.store,
        channel=order.channel,
        currency_code=order.currency_code,
        total_minor=int(sum(line.amount_minor for line in lines)),
        tier=tier,
        ordered_on=business_date(order.ordered_at, program.time_zone),
    )
    return earn(program.rules, context, lines, program.rounding, program.cap_per_order)


def _takes(movement: Movement) -> bool:
    return movement.points < 0


def _movement(
    cause: str, points: int, at: int, earned_at: int, rules: tuple[tuple[str, int], ...]
) -> Movement:
    gains = points > 0
    if cause.startswith("return:"):
        kind = FactKind.CLAWBACK_REVERSED if gains else FactKind.CLAWED_BACK
    else:
        kind = FactKind.ACCRUED if gains else FactKind.ACCRUAL_REVERSED
    return Movement(cause, kind, points, at, earned_at, rules)
