"""A power cut at every write of a redemption: afterwards the step before holds, or the step after, and a repetition completes it once.

As in ``test_power_cuts``: a lock on the table that is written next makes a process stand still exactly there; it is killed, the lock is released.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from pointbook.v1 import events_pb2, members_pb2, redemptions_pb2_grpc
from pointbook.v1 import redemptions_pb2 as pb
from workers.bench.cluster import wait_for

PROGRAM = """\
[book]
code = "shop"
currency = "EUR"
time_zone = "Europe/Berlin"
[program]
code = "club"
effective_from = 2020-01-01
[accrual]
trigger = "confirmed"
unknown_member = "enrol"
[points]
unit_cost = "0.01"
[redemption]
approval_points_above = 500
[offset]
face_value = "0.01"
[[rewards]]
code = "mug"
kind = "goods"
points = 100
sku = "MUG"
warehouse = "W1"
[[rewards]]
code = "set"
kind = "goods"
points = 600
sku = "MUG"
warehouse = "W1"
[[rewards]]
code = "off"
kind = "coupon"
points = 50
face = "1.00"
[[rules]]
id = "base"
effect = { kind = "per_amount", points = 1, per = "1.00" }
"""
NOON = 1_790_000_000
MEMBER = members_pb2.MemberSelector(source="erp", member=events_pb2.MemberRef(external_id="C1"))


class Saga:
    """A shop with one member who has 10,000 points and 50 mugs; cuts the power and tells what is there."""

    def __init__(self, installation: Any, locked_table: Callable[[str], Any]) -> None:
        self.installation = installation
        self.locked_table = locked_table
        order = self.event("order", id="SO-1", status=events_pb2.ORDER_STATUS_CONFIRMED)
        order.order.ordered_at.FromSeconds(NOON)
        order.order.currency_code = "EUR"
        order.order.member.external_id = "C1"
        order.order.lines.add(line_id="1", quantity="1", amount_minor=1_000_000)
        stock = self.event("stock", id="IN-1", kind=events_pb2.STOCK_KIND_RECEIVED, sku="MUG")
        stock.stock.counted_at.FromSeconds(NOON)
        stock.stock.warehouse, stock.stock.quantity, stock.stock.value_minor = "W1", "50", 21_000
        assert installation.send("erp", [order, stock]) == 2
        installation.wait_until_applied()

    @staticmethod
    def event(kind: str, /, **fields: Any) -> events_pb2.Event:
        """Returns an event of version 1."""
        event = events_pb2.Event(event_id=f"{kind}:{fields['id']}")
        payload = getattr(event, kind)
        for name, value in {"version": 1, **fields}.items():
            setattr(payload, name, value)
        return event

    def state(self) -> dict[str, Any]:
        """Everything that a step changes, as counts and sums."""
        one = self.installation.one
        return {
            "redemptions": one("SELECT count(*) FROM redemption"),
            "steps": one("SELECT count(*) FROM redemption_fact"),
            "tasks": one("SELECT count(*) FROM outbox WHERE done_at IS NULL"),
            "held": one("SELECT coalesce(sum(held), 0)::int FROM lot"),
            "points": one("SELECT sum(points)::int FROM member"),
            "reserved": one("SELECT sum(reserved)::int FROM stock"),
            "on_hand": one("SELECT sum(on_hand)::int FROM stock"),
            "moves": one("SELECT count(*) FROM stock_move"),
            "facts": one("SELECT count(*) FROM point_fact"),
            "entries": one("SELECT count(*) FROM entry"),
            "coupons": one("SELECT count(*) FROM coupon"),
        }

    def call(self, method: str, request: Any) -> Any:
        """Makes a call and returns its answer."""
        with grpc.insecure_channel(self.installation.cluster.target) as channel:
            stub = redemptions_pb2_grpc.RedemptionServiceStub(channel)
            return getattr(stub, method)(request, timeout=30, wait_for_ready=True)

    def cut_server(self, table: str, method: str, request: Any) -> Any:
        """Kills the server where it writes a table; nothing is left of the call, and repeating it does it."""
        before = self.state()
        with (
            self.locked_table(table) as lock,
            grpc.insecure_channel(self.installation.cluster.target) as channel,
        ):
            stub = redemptions_pb2_grpc.RedemptionServiceStub(channel)
            call = getattr(stub, method).future(request, timeout=60, wait_for_ready=True)
            assert wait_for(self.stands_at(table), 30), (table, method)
            self.installation.cluster.kill9("serve")
            lock.rollback()
            assert call.exception().code() == grpc.StatusCode.UNAVAILABLE
        assert wait_for(lambda: not self.stands_at(table)(), 10)
        assert self.state() == before, (table, method)
        self.installation.cluster.start_one("serve")
        self.installation.cluster.wait_until_ready()
        answer = self.call(method, request)
        after = self.state()
        assert after["steps"] > before["steps"], (table, method)
        self.call(method, request)
        assert self.state() == after, (table, method)
        return answer

    def cut_workers(self, table: str, event: events_pb2.Event) -> None:
        """Kills both workers where they write a table for an event; another pair does it once."""
        before = self.state()
        with self.locked_table(table) as lock:
            assert self.installation.send("erp", [event]) == 1
            assert wait_for(self.stands_at(table), 30), (table, event.event_id)
            self.installation.cluster.kill9("work-0")
            self.installation.cluster.kill9("work-1")
            lock.rollback()
        assert wait_for(lambda: not self.stands_at(table)(), 10)
        assert self.state() == before, (table, event.event_id)
        self.installation.cluster.start_one("work-0")
        self.installation.cluster.start_one("work-1")
        self.installation.wait_until_applied()
        assert self.state() != before, (table, event.event_id)

    def stands_at(self, table: str) -> Callable[[], bool]:
        """Returns whether somebody waits for a lock on a table, or on one of its partitions."""
        waiting = (
            f"SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{table}'::regclass"
        )
        return lambda: bool(self.installation.one(waiting))

    def request(self, reward: str, key: str) -> pb.RequestRedemptionRequest:
        """Returns a request for a piece of a reward."""
        return pb.RequestRedemptionRequest(
            selector=MEMBER, reward=reward, quantity=1, idempotency_key=key, actor="till"
        )

    def shipment(self, redemption_id: str, name: str) -> events_pb2.Event:
        """Returns the shipment of a redemption."""
        status = events_pb2.DOCUMENT_STATUS_DONE
        event = self.event("redemption_shipment", id=name, status=status)
        event.redemption_shipment.redemption_id = redemption_id
        event.redemption_shipment.shipped_at.FromSeconds(NOON + 100)
        return event

    def came_back(self, redemption_id: str, name: str) -> events_pb2.Event:
        """Returns the return of a redemption's piece."""
        status = events_pb2.DOCUMENT_STATUS_DONE
        event = self.event("redemption_return", id=name, status=status)
        event.redemption_return.redemption_id = redemption_id
        event.redemption_return.returned_at.FromSeconds(NOON + 200)
        event.redemption_return.lines.add(line_id="1", quantity="1")
        return event


@pytest.fixture
def saga(install: Callable[..., Any], locked_table: Callable[[str], Any]) -> Saga:
    """An installation that stands before its first redemption."""
    return Saga(install(PROGRAM), locked_table)


def test_a_server_killed_at_any_write_of_a_call_did_nothing_and_the_call_is_repeated(
    saga: Saga,
) -> None:
    for table in ("redemption", "lot", "redemption_fact", "outbox", "stock"):
        saga.cut_server(table, "RequestRedemption", saga.request("mug", f"mug-{table}"))
    for table in ("coupon", "point_fact", "entry"):
        answer = saga.cut_server(table, "RequestRedemption", saga.request("off", f"off-{table}"))
        assert len(answer.coupon_codes) == 1
    asked = saga.call("RequestRedemption", saga.request("set", "set")).redemption
    decision = pb.DecideRedemptionRequest(redemption_id=asked.redemption_id, actor="boss")
    saga.cut_server("outbox", "ApproveRedemption", decision)
    done = pb.AcknowledgeRedemptionRequest(
        redemption_id=asked.redemption_id, source="erp", erp_order_id="S1"
    )
    saga.cut_server("redemption_fact", "AcknowledgeRedemption", done)
    saga.cut_server("stock", "CancelRedemption", decision)
    hold = pb.HoldPointsRequest(selector=MEMBER, points=70, idempotency_key="hold")
    held = saga.cut_server("lot", "HoldPoints", hold)
    capture = pb.CaptureHoldRequest(hold_id=held.hold_id, points=60, order_id="SO-9")
    saga.cut_server("entry", "CaptureHold", capture)
    other = pb.HoldPointsRequest(selector=MEMBER, points=70, idempotency_key="void")
    void = pb.VoidHoldRequest(hold_id=saga.call("HoldPoints", other).hold_id)
    saga.cut_server("redemption", "VoidHold", void)
    assert saga.state() | {"steps": 0, "facts": 0, "entries": 0, "moves": 0} == {
        "redemptions": 11,
        "steps": 0,
        "tasks": 6,  # five mugs to order, one order to cancel
        "held": 500,
        "points": 10_000 - 150 - 60,
        "reserved": 5,
        "on_hand": 50,
        "moves": 0,
        "facts": 0,
        "entries": 0,
        "coupons": 3,
    }
    saga.installation.assert_books_are_right()


def test_workers_killed_at_any_write_of_a_document_did_nothing_and_others_do_it_once(
    saga: Saga,
) -> None:
    tables = ("stock_line", "stock", "stock_move", "redemption", "redemption_fact", "entry")
    made = []
    for table in tables:
        one = saga.call("RequestRedemption", saga.request("mug", table)).redemption.redemption_id
        saga.cut_workers(table, saga.shipment(one, f"OUT-{table}"))
        made.append(one)
    saga.cut_workers("point_fact", saga.came_back(made[0], "BACK-0"))
    saga.cut_workers("lot", saga.came_back(made[1], "BACK-1"))
    hold = pb.HoldPointsRequest(selector=MEMBER, points=70, idempotency_key="hold")
    order = saga.event("order", id="SO-2", status=events_pb2.ORDER_STATUS_CONFIRMED)
    order.order.ordered_at.FromSeconds(NOON + 300)
    order.order.currency_code, order.order.points_paid_minor = "EUR", 70
    order.order.hold_id = saga.call("HoldPoints", hold).hold_id
    order.order.lines.add(line_id="1", quantity="1", amount_minor=70)
    saga.cut_workers("redemption_fact", order)
    state = saga.state()
    assert (state["held"], state["reserved"], state["on_hand"]) == (0, 0, 50 - 6 + 2)
    assert state["points"] == 10_000 - 400 - 70
    assert state["tasks"] == 0  # whoever ships an order has it
    saga.installation.assert_books_are_right()
