"""Redemptions, holds, coupons, draws and stock as messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from plugin.facts import FactKind
from plugin.redemption.coupons import CouponStatus
from plugin.redemption.life import Redemption, Status, Step, StepKind
from plugin.redemption.lottery import committed_text
from plugin.store.coupons import Coupon
from plugin.store.draws import DrawRow
from plugin.store.redemptions import Task
from plugin.store.stock import MoveRow, StockRow
from pointbook.v1 import redemptions_pb2 as pb

HOLD_STATES = {
    Status.SHIPPED: "captured",
    Status.RETURNED: "captured and given back",
    Status.CANCELLED: "void",
    Status.LAPSED: "expired",
}


def redemption_message(
    one: Redemption,
    tasks: Iterable[Task] = (),
    tickets: Sequence[str] = (),
    steps: Sequence[Step] = (),
) -> pb.Redemption:
    """Returns a redemption as a message."""
    message = pb.Redemption(
        redemption_id=one.public_id,
        member_id=one.member_id,
        reward=one.reward,
        quantity=one.quantity,
        points=one.points,
        status=one.status.name.lower(),
        requested_at=_instant(one.requested_at),
        erp_order_id=one.erp_order_id,
        kind=one.kind.name.lower(),
        amount_minor=one.amount_minor,
        face_minor=one.face_minor,
        sku=one.sku,
        warehouse=one.warehouse,
        store=one.store,
        requested_by=one.requested_by,
        approved_by=one.approved_by,
        is_escalated=one.escalated_at is not None,
        erp_source=one.erp_source,
        shipped=one.shipped,
        returned=one.returned,
        held=one.hold.points,
        spent=one.taken.points,
        erp_task=next((task.name.lower() for task in tasks), ""),
        program_version=one.program_version,
        tickets=tickets,
        steps=[step_message(step) for step in steps],
    )
    if one.expires_at is not None:
        message.expires_at.CopyFrom(_instant(one.expires_at))
    return message


def step_message(step: Step) -> pb.RedemptionStep:
    """Returns a recorded step as a message."""
    return pb.RedemptionStep(
        id=step.id,
        kind=StepKind(step.kind).name.lower(),
        business_at=_instant(step.business_at),
        actor=step.actor,
        reason=step.reason,
        cause=step.cause,
        pieces=step.pieces,
        points=step.points,
        face_minor=step.face_minor,
    )


def hold_message(one: Redemption) -> pb.HoldResponse:
    """Returns a hold as a message."""
    taken = one.taken
    message = pb.HoldResponse(
        hold_id=one.public_id,
        held=one.hold.points,
        captured=taken.points,
        status=HOLD_STATES.get(one.status, "held"),
        amount_minor=taken.face_minor if one.posted else one.face_minor,
    )
    if one.expires_at is not None:
        message.expires_at.CopyFrom(_instant(one.expires_at))
    return message


def coupon_message(coupon: Coupon) -> pb.CouponResponse:
    """Returns a coupon as a message; never its code."""
    message = pb.CouponResponse(
        serial=coupon.id,
        reward=coupon.reward,
        status=CouponStatus(coupon.status).name.lower(),
        face_minor=coupon.face_minor,
        redemption_id=f"R{coupon.redemption_id}" if coupon.redemption_id is not None else "",
        order_id=coupon.order_id,
    )
    if coupon.expires_at is not None:
        message.expires_at.CopyFrom(_instant(coupon.expires_at))
    return message


def draw_message(row: DrawRow, tickets: Sequence[str], winner_count: int) -> pb.Draw:
    """Returns a draw as a message; its seed and tickets only once it is drawn."""
    message = pb.Draw(
        draw_id=row.id,
        reward=row.reward,
        commitment=row.commitment,
        opened_at=_instant(row.opened_at),
        winner_count=winner_count,
        committed=committed_text(row.reward, winner_count),
    )
    if row.drawn_at is not None:
        message.drawn_at.FromDatetime(row.drawn_at)
        message.seed = bytes(row.seed).hex()
        message.beacon = row.beacon
        message.tickets_digest = row.tickets_digest
        message.tickets.extend(tickets)
        message.winners.extend(row.winners)
    return message


def stock_message(row: StockRow) -> pb.StockLevel:
    """Returns stock as a message."""
    return pb.StockLevel(
        sku=row.sku,
        warehouse=row.warehouse,
        on_hand=row.on_hand,
        reserved=row.reserved,
        value_minor=row.value_minor,
        available=max(0, row.available),
        short=max(0, -row.available),
    )


def move_message(row: MoveRow) -> pb.StockMove:
    """Returns a stock move as a message."""
    message = pb.StockMove(
        id=row.id,
        kind=FactKind(row.kind).name.lower(),
        sku=row.sku,
        warehouse=row.warehouse,
        pieces=row.pieces,
        value_minor=row.value_minor,
        source=row.source,
        document_id=row.document_id,
        redemption_id=f"R{row.redemption_id}" if row.redemption_id else "",
    )
    message.business_at.FromDatetime(row.business_at)
    return message


def _instant(at_us: int) -> Timestamp:
    made = Timestamp()
    made.FromMicroseconds(at_us)
    return made
