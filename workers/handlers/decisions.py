"""What becomes of a redemption by a call: approved, rejected, cancelled, ordered in the ERP, captured at the checkout. One transaction each.

Every call may be repeated: where the redemption is already what the call wants, it answers the same and changes nothing.
"""

from __future__ import annotations

from sqlalchemy import Connection

from plugin.errors import Conflict, Rejected
from plugin.facts import FactKind
from plugin.redemption.coupons import CouponStatus, check_can
from plugin.redemption.life import (
    PAYS_ORDERS,
    Kind,
    Redemption,
    Status,
    StepKind,
    check_can_cancel,
    check_decider,
    is_same_person,
    not_found,
    parse_public_id,
)
from plugin.redemption.spending import SEPARATOR, Fulfilled, Spend, Taken, capture_key
from plugin.store import coupons as store_coupons
from plugin.store import redemptions as store
from plugin.store.redemptions import Task
from workers.handlers.books import BookContext
from workers.handlers.desk import FULFILLED, Desk, open_desk


def approve(
    connection: Connection,
    context: BookContext,
    public_id: str,
    actor: str,
    reason: str,
    now: int,
    coupon_key: bytes | None,
) -> Redemption:
    """Approves a redemption that waits for it; what follows starts.

    Raises:
        Rejected: It is not known, waits for nobody, or this person may not decide.
    """
    desk, one = _open(connection, context, public_id, now, coupon_key)
    if is_same_person(actor, [one.approved_by]):
        return one
    check_decider(one, desk.program_of(one).redemption, actor)
    one.approved_by = actor
    desk.step(one, StepKind.APPROVED, actor, reason)
    if one.kind is Kind.LOTTERY:
        desk.open_draws([one.reward])
    desk.begin(one, actor)
    desk.write()
    return one


def reject(
    connection: Connection, context: BookContext, public_id: str, actor: str, reason: str, now: int
) -> Redemption:
    """Rejects a redemption that waits for approval; points and stock are free again.

    Raises:
        Rejected: As for `approve`.
    """
    desk, one = _open(connection, context, public_id, now)
    if one.given_up is Status.REJECTED:
        return one
    check_decider(one, desk.program_of(one).redemption, actor)
    desk.give_up(one, Status.REJECTED, StepKind.REJECTED, actor, reason)
    desk.write()
    return one


def cancel(
    connection: Connection, context: BookContext, public_id: str, actor: str, reason: str, now: int
) -> Redemption:
    """Cancels a redemption that has not been fulfilled, or what has not shipped of it; unused coupons are taken back.

    Raises:
        Rejected: It is not known or cannot be cancelled any more.
    """
    desk, one = _open(connection, context, public_id, now)
    # A coupon redemption comes to "returned" by nothing but its cancellation.
    is_taken_back = one.kind is Kind.COUPON and one.status is Status.RETURNED
    if one.given_up is Status.CANCELLED or is_taken_back:
        return one
    if one.kind is Kind.COUPON and one.status is Status.SHIPPED:
        _take_coupons_back(desk, one, actor, reason)
    else:
        check_can_cancel(one)
        desk.give_up(one, Status.CANCELLED, StepKind.CANCELLED, actor, reason)
    desk.write()
    return one


def acknowledge(
    connection: Connection,
    context: BookContext,
    public_id: str,
    task: Task,
    source: str,
    erp_order_id: str,
    now: int,
) -> Redemption:
    """Records what an adapter did in the ERP: it made the redemption's order, or cancelled it.

    An order that was made for a redemption given up meanwhile is recorded, and the adapter is asked to cancel it.

    Raises:
        Rejected: The redemption is not known, has no goods, or no order that could have been cancelled.
        Conflict: Another order number is recorded.
    """
    desk, one = _open(connection, context, public_id, now)
    if one.kind is not Kind.GOODS:
        raise Rejected(
            "REDEMPTION_NOT_GOODS",
            f"redemption {public_id} has no goods and no order in the ERP",
            "redemption_id",
        )
    if task is Task.CANCEL:
        if not one.erp_order_id:
            raise Rejected(
                "REDEMPTION_NOT_ORDERED",
                f"redemption {public_id} has no order that could be cancelled",
                "redemption_id",
            )
        if erp_order_id:
            _same_order(one, source, erp_order_id)
        if store.finish_task(connection, one.id, Task.CANCEL):
            desk.step(one, StepKind.CANCEL_CONFIRMED, source, cause=f"order:{one.erp_order_id}")
            desk.write()
        return one
    if one.erp_order_id:
        _same_order(one, source, erp_order_id)
        return one
    if one.status is Status.REQUESTED:
        raise Rejected(
            "REDEMPTION_NOT_APPROVED",
            f"redemption {public_id} waits for approval and cannot have an order yet",
            "redemption_id",
        )
    one.erp_source, one.erp_order_id = source, erp_order_id
    store.finish_task(connection, one.id, Task.ORDER)
    desk.step(one, StepKind.ORDERED, source, cause=f"order:{erp_order_id}")
    if one.given_up is not None and one.shipped < one.quantity:
        desk.ask_to_cancel(one)
    desk.write()
    return one


def capture_hold(
    connection: Connection,
    context: BookContext,
    public_id: str,
    points: int,
    order_id: str,
    actor: str,
    now: int,
) -> Redemption:
    """Takes held points for an order at the checkout, all or part; the rest is free again.

    Raises:
        Rejected: There is no such hold, it is over, or holds fewer points.
    """
    desk, one = _open(connection, context, public_id, now, field="hold_id")
    _require_hold(one, public_id)
    known = next((k for k in one.posted if _is_capture_for(k, order_id)), None)
    if known is not None and one.posted[known].points == points:
        return one
    if one.status is Status.REQUESTED:
        raise Rejected(
            "REDEMPTION_NOT_APPROVED",
            f"redemption {public_id} waits for approval and cannot pay an order yet",
            "hold_id",
        )
    if not one.is_open:
        raise Rejected(
            "HOLD_CLOSED",
            f"hold {public_id} is {one.status.name.lower()}; {one.taken.points} of its {one.points} points were captured",
            "hold_id",
        )
    if one.expires_at is not None and now >= one.expires_at:
        raise Rejected("HOLD_EXPIRED", f"hold {public_id} has expired", "hold_id")
    if not 0 < points <= one.hold.points:
        raise Rejected(
            "CAPTURE_TOO_LARGE",
            f"hold {public_id} holds {one.hold.points:,} points; 1 to that many can be captured, not {points:,}",
            "points",
        )
    rules = desk.program_of(one).offset
    if one.kind is Kind.CHECKOUT and rules is not None:
        face = rules.amount_minor(points)
    else:
        face = one.face_minor * points // one.points
    cause = f"order:{order_id}" if order_id else "checkout"
    wanted = [Spend(capture_key(order_id), cause, FactKind.REDEEMED, Taken(points, face), now)]
    desk.spend(one, wanted, None, actor)
    desk.write()
    return one


def void_hold(
    connection: Connection, context: BookContext, public_id: str, actor: str, now: int
) -> Redemption:
    """Frees a hold at the checkout.

    Raises:
        Rejected: There is no such hold, or its points were captured.
    """
    desk, one = _open(connection, context, public_id, now, field="hold_id")
    _require_hold(one, public_id)
    if one.given_up is not None:
        return one
    if not one.is_open:
        raise Rejected(
            "HOLD_CLOSED",
            f"hold {public_id} is {one.status.name.lower()}; what was captured comes back with a return of the order",
            "hold_id",
        )
    desk.give_up(one, Status.CANCELLED, StepKind.CANCELLED, actor, "void")
    desk.write()
    return one


def _open(
    connection: Connection,
    context: BookContext,
    public_id: str,
    now: int,
    coupon_key: bytes | None = None,
    field: str = "redemption_id",
) -> tuple[Desk, Redemption]:
    number = parse_public_id(public_id)
    desk = open_desk(connection, context, now, coupon_key)
    found = desk.open_redemptions([number]) if number is not None else {}
    if number is None or number not in found:
        raise not_found(public_id, field)
    return desk, found[number]


def _same_order(one: Redemption, source: str, erp_order_id: str) -> None:
    if (one.erp_source, one.erp_order_id) != (source, erp_order_id):
        raise Conflict(
            "ORDER_DIFFERS",
            f"redemption {one.public_id} is order {one.erp_order_id} of {one.erp_source}, not {erp_order_id} of {source}",
            "erp_order_id",
        )


def _is_capture_for(key: str, order_id: str) -> bool:
    """Tells whether a hold was captured for an order: by a call, or by the order itself when it came first."""
    if key == capture_key(order_id):
        return True
    return bool(order_id) and key.endswith(f"{SEPARATOR}order:{order_id}")


def _require_hold(one: Redemption, public_id: str) -> None:
    if one.kind not in PAYS_ORDERS:
        raise Rejected(
            "NOT_A_HOLD",
            f"{public_id} is a redemption of {one.reward}, not a hold that pays orders",
            "hold_id",
        )


def _take_coupons_back(desk: Desk, one: Redemption, actor: str, reason: str) -> None:
    coupons = store_coupons.of_redemptions(desk.connection, [one.id], locks=True)[one.id]
    for coupon in coupons:
        check_can("revoke", coupon.status, coupon.expires_at, desk.now)
        coupon.status = CouponStatus.REVOKED
    carried = sum(coupon.carried_minor for coupon in coupons)
    taken = Taken(-one.posted[FULFILLED].points, -carried)
    cause = f"return:{one.public_id}"
    wanted = [Spend("returned", cause, FactKind.REDEMPTION_RETURNED, taken, desk.now)]
    desk.spend(one, wanted, Fulfilled(one.quantity, one.quantity), actor, reason)
    desk.step(one, StepKind.CANCELLED, actor, reason)
    for coupon in coupons:
        coupon.carried_minor = 0
    desk.coupons += coupons
