"""The demo's day of rewards, as its users do it: a till, an ERP and marketing, all over gRPC.

One member buys, redeems goods that somebody has to approve, pays a part of an order with points, takes a coupon and uses it, and brings
something back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import grpc

from plugin.errors import Unavailable
from pointbook.v1 import (
    events_pb2,
    intake_pb2,
    intake_pb2_grpc,
    members_pb2,
    members_pb2_grpc,
    redemptions_pb2_grpc,
)
from pointbook.v1 import redemptions_pb2 as pb

SOURCE = "demo-erp"
MEMBER = "Demo-1"
CALL_SECONDS_MAX = 30.0

Step = dict[str, Any]


class _Day:
    """One client that plays everybody; notes down each step and what the member has after it."""

    def __init__(self, channel: grpc.Channel, wait: Callable[[], None]) -> None:
        self._intake = intake_pb2_grpc.IntakeServiceStub(channel)  # type: ignore[no-untyped-call]
        self._members = members_pb2_grpc.MemberServiceStub(channel)  # type: ignore[no-untyped-call]
        self.redemptions = redemptions_pb2_grpc.RedemptionServiceStub(channel)  # type: ignore[no-untyped-call]
        self._wait = wait
        # Every run of the demo is another day: names of its documents never meet those of the last one.
        self.today = f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
        self.member = members_pb2.MemberSelector(
            source=SOURCE, member=events_pb2.MemberRef(external_id=MEMBER)
        )
        self.steps: list[Step] = []

    def name(self, letters: str) -> str:
        """Returns a document number of today."""
        return f"{letters}-{self.today}"

    def say(self, *events: events_pb2.Event) -> None:
        """Sends events and waits until they are applied."""
        for event in events:
            payload = getattr(event, event.WhichOneof("payload") or "")
            event.event_id = f"{event.WhichOneof('payload')}:{payload.id}"
        request = intake_pb2.RecordEventsRequest(source=SOURCE, events=events)
        for result in self._intake.RecordEvents(request, timeout=CALL_SECONDS_MAX).results:
            if result.outcome != intake_pb2.EVENT_OUTCOME_ACCEPTED:
                raise Unavailable("DEMO_REFUSED", f"event {result.event_id}: {result.message}")
        self._wait()

    def note(self, who: str, what: str, outcome: str) -> None:
        """Notes a step down with the member's points after it."""
        request = members_pb2.GetBalanceRequest(selector=self.member)
        balance = self._members.GetBalance(request, timeout=CALL_SECONDS_MAX)
        self.steps.append(
            {
                "who": who,
                "what": what,
                "outcome": outcome,
                "available": balance.available,
                "held": balance.held,
            }
        )

    def request(self, reward: str, quantity: int) -> pb.RedemptionResponse:
        """Requests a reward at the till."""
        answer: pb.RedemptionResponse = self.redemptions.RequestRedemption(
            pb.RequestRedemptionRequest(
                selector=self.member,
                reward=reward,
                quantity=quantity,
                idempotency_key=f"{reward}-{self.today}",
                actor="till 3",
            ),
            timeout=CALL_SECONDS_MAX,
        )
        return answer

    def order_in_erp(self, redemption: pb.Redemption, number: str) -> None:
        """Plays the adapter: makes the redemption's order in the ERP and says so."""
        self.redemptions.AcknowledgeRedemption(
            pb.AcknowledgeRedemptionRequest(
                redemption_id=redemption.redemption_id, source=SOURCE, erp_order_id=number
            ),
            timeout=CALL_SECONDS_MAX,
        )

    def stock(self) -> list[dict[str, Any]]:
        """Returns the reward stock."""
        levels = self.redemptions.GetStock(pb.GetStockRequest(), timeout=CALL_SECONDS_MAX).levels
        return [
            {
                "sku": level.sku,
                "warehouse": level.warehouse,
                "on_hand": level.on_hand,
                "reserved": level.reserved,
                "available": level.available,
                "value_minor": level.value_minor,
            }
            for level in levels
        ]


def a_day_of_rewards(target: str, wait: Callable[[], None]) -> dict[str, Any]:
    """Plays the day and returns its steps, and the reward stock before and after.

    Args:
        target: host:port of the server.
        wait: Returns when every event that was sent is applied.
    """
    with grpc.insecure_channel(target) as channel:
        day = _Day(channel, wait)
        _open(day)
        before = day.stock()
        _knife_set(day)
        _mugs(day)
        _pay_with_points(day)
        _coupon(day)
        return {"steps": day.steps, "stock_before": before, "stock_after": day.stock()}


def _open(day: _Day) -> None:
    """Goods come in, and the member buys for 8,000.00."""
    mugs = _received(day.name("IN-MUG"), "MUG", 40, 124_00)
    knives = _received(day.name("IN-KNIVES"), "KNIVES", 5, 210_00)
    day.say(mugs, knives, _order(day.name("SO-A"), 8_000_00))
    day.note("member", "buys for 8,000.00", "1 point per 1.00")


def _knife_set(day: _Day) -> None:
    asked = day.request("knife-set", 1).redemption
    day.note("till 3", "a knife set: 5,000", f"{asked.redemption_id} {asked.status}")
    approved = day.redemptions.ApproveRedemption(
        pb.DecideRedemptionRequest(redemption_id=asked.redemption_id, actor="marketing"),
        timeout=CALL_SECONDS_MAX,
    ).redemption
    day.note("marketing", "approves it", approved.status)
    day.order_in_erp(asked, "S00042")
    day.say(_shipped(day.name("OUT-K"), asked, 1))
    day.note("warehouse", "ships order S00042", _state(day, asked))


def _mugs(day: _Day) -> None:
    asked = day.request("mug", 2).redemption
    day.note("till 3", "2 mugs: 1,000 points", f"{asked.redemption_id} {asked.status}")
    day.order_in_erp(asked, "S00043")
    day.say(_shipped(day.name("OUT-M"), asked, 2))
    day.note("warehouse", "ships order S00043", _state(day, asked))
    back = events_pb2.RedemptionReturn(
        id=day.name("BACK-M"),
        version=1,
        status=events_pb2.DOCUMENT_STATUS_DONE,
        redemption_id=asked.redemption_id,
        lines=[events_pb2.ShipmentLine(line_id="1", quantity="1")],
    )
    back.returned_at.GetCurrentTime()
    day.say(events_pb2.Event(redemption_return=back))
    day.note("warehouse", "takes 1 mug back", "500 points back")


def _pay_with_points(day: _Day) -> None:
    quote = day.redemptions.QuoteOffset(
        pb.QuoteOffsetRequest(selector=day.member, total_minor=26_25), timeout=CALL_SECONDS_MAX
    )
    hold = day.redemptions.HoldPoints(
        pb.HoldPointsRequest(
            selector=day.member,
            points=quote.points_max,
            idempotency_key=day.name("hold"),
            actor="till 3",
            total_minor=26_25,
        ),
        timeout=CALL_SECONDS_MAX,
    )
    paid = quote.amount_minor
    day.note("till 3", "pays half of 26.25", f"{hold.hold_id} holds {hold.held:,}")
    day.say(_order(day.name("SO-B"), 26_25, hold.hold_id, paid))
    day.note("ERP", "sends the order", f"{paid // 100}.{paid % 100:02d} paid")


def _coupon(day: _Day) -> None:
    answer = day.request("five-off", 1)
    (code,) = answer.coupon_codes
    day.note("till 3", "coupon: 500 points", f"{answer.redemption.redemption_id}, a code")
    coupon = day.redemptions.RedeemCoupon(
        pb.RedeemCouponRequest(code=code, order_id=day.name("SO-C"), actor="till 3"),
        timeout=CALL_SECONDS_MAX,
    )
    day.note("till 3", "takes the code", coupon.status)


def _state(day: _Day, one: pb.Redemption) -> str:
    request = pb.GetRedemptionRequest(redemption_id=one.redemption_id)
    found = day.redemptions.GetRedemption(request, timeout=CALL_SECONDS_MAX)
    return str(found.redemption.status)


def _order(number: str, amount: int, hold_id: str = "", paid: int = 0) -> events_pb2.Event:
    order = events_pb2.Order(
        id=number,
        version=1,
        status=events_pb2.ORDER_STATUS_COMPLETED,
        currency_code="USD",
        store="demo",
        member=events_pb2.MemberRef(external_id=MEMBER),
        lines=[events_pb2.OrderLine(line_id="1", quantity="1", amount_minor=amount)],
        hold_id=hold_id,
        points_paid_minor=paid,
    )
    order.ordered_at.GetCurrentTime()
    return events_pb2.Event(order=order)


def _received(number: str, sku: str, pieces: int, value: int) -> events_pb2.Event:
    stock = events_pb2.Stock(
        id=number,
        version=1,
        kind=events_pb2.STOCK_KIND_RECEIVED,
        sku=sku,
        warehouse="MAIN",
        quantity=str(pieces),
        value_minor=value,
    )
    stock.counted_at.GetCurrentTime()
    return events_pb2.Event(stock=stock)


def _shipped(number: str, one: pb.Redemption, pieces: int) -> events_pb2.Event:
    shipment = events_pb2.RedemptionShipment(
        id=number,
        version=1,
        status=events_pb2.DOCUMENT_STATUS_DONE,
        redemption_id=one.redemption_id,
        lines=[events_pb2.ShipmentLine(line_id="1", quantity=str(pieces))],
    )
    shipment.shipped_at.GetCurrentTime()
    return events_pb2.Event(redemption_shipment=shipment)
