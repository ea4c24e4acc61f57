"""What every adapter must do, whatever the ERP: nothing lost, nothing twice, the last state wins."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import grpc
import pytest

from adapters.contract import START
from adapters.numbering import Identity
from pointbook.v1 import events_pb2
from tests.adapters.conformance.conftest import Following, arrived, of, order_of, those_where
from tests.adapters.conformance.shop import Shop, Sold
from tests.adapters.conftest import FakeIntake

MUGS = Sold("MUG-01", Decimal(2), Decimal("9.99"))
COFFEE = Sold("COF-250", Decimal(3), Decimal("7.90"))
CONFIRMED = events_pb2.ORDER_STATUS_CONFIRMED
DONE = events_pb2.DOCUMENT_STATUS_DONE


def test_confirmed_shipped_in_parts_and_partly_returned(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    number = shop.sell([COFFEE, MUGS])
    shop.ship(number, {0: Decimal(2)})
    shop.ship(number)
    shop.take_back(number, {0: Decimal(1)})
    assert following.look(shop.open())
    order = order_of(intake, number)
    assert order.status == CONFIRMED
    assert [line.amount_minor for line in order.lines] == [2370, 1998]
    shipped: Counter[str] = Counter()
    for shipment in of(intake, "shipment"):
        assert (shipment.order_id, shipment.status) == (number, DONE)
        for line in shipment.lines:
            shipped[line.line_id] += int(line.quantity)
    assert [shipped[line.line_id] for line in order.lines] == [3, 2]
    (back,) = of(intake, "return")
    assert (back.order_id, back.status) == (number, DONE)
    assert [(line.line_id, line.quantity) for line in back.lines] == [(order.lines[0].line_id, "1")]


def test_a_second_look_sends_nothing(shop: Shop, following: Following, intake: FakeIntake) -> None:
    shop.ship(shop.sell([COFFEE]))
    assert following.look(shop.open())
    sent = len(intake.events)
    assert sent
    assert following.look(shop.open())
    assert len(intake.events) == sent


def test_what_no_document_carries_sends_nothing(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    number = shop.sell([COFFEE])
    following.look(shop.open())
    sent = len(intake.events)
    shop.touch(number)
    assert following.look(shop.open())
    assert len(intake.events) == sent


def test_a_cancelled_order_arrives_as_cancelled(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    number = shop.sell([COFFEE])
    following.look(shop.open())
    shop.cancel(number)
    assert following.look(shop.open())
    assert order_of(intake, number).status == events_pb2.ORDER_STATUS_CANCELLED


def test_an_amended_draft_arrives_with_its_new_quantity(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    number = shop.sell([COFFEE], confirm=False)
    following.look(shop.open())
    shop.amend(number, {0: Decimal(5)})
    following.look(shop.open())
    shop.confirm(number)
    assert following.look(shop.open())
    order = order_of(intake, number)
    assert (order.status, order.lines[0].quantity) == (CONFIRMED, "5")


def test_150_orders_of_one_long_transaction_arrive_in_their_final_state(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    slow = [shop.sell([MUGS], confirm=False) for _ in range(150)]
    commit = shop.confirm_together(slow)
    fast = shop.sell([MUGS])
    assert following.look(shop.open())
    assert order_of(intake, fast).status == CONFIRMED
    commit()
    assert following.look(shop.open())
    assert {order_of(intake, each).status for each in slow} == {CONFIRMED}


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_pages_of_any_size_lose_nothing(
    shop: Shop, following: Following, intake: FakeIntake, rows: int
) -> None:
    numbers = [shop.sell([MUGS]) for _ in range(2 * rows)]
    assert following.look(shop.open(rows_per_page=rows))
    assert sorted(each.id for each in of(intake, "order")) == sorted(numbers)


@pytest.mark.parametrize("kept", [1, 2, 3, 5, 8, 13])
def test_broken_off_anywhere_and_restarted_nothing_is_lost_or_doubled(
    shop: Shop, following: Following, intake: FakeIntake, kept: int
) -> None:
    numbers = [shop.sell([COFFEE]) for _ in range(3)]
    for number in numbers:
        shop.ship(number)
    with following.of(shop.open(rows_per_page=2)) as follower:
        changes = follower.erp.changes(START)
        for change, _ in zip(changes, range(kept), strict=False):
            follower.spool.append([change])
    assert following.look(shop.open(rows_per_page=2))
    assert sorted(each.id for each in of(intake, "order")) == sorted(numbers)
    assert len(of(intake, "shipment")) == len(numbers)
    assert len(intake.events) == len(arrived(intake))


def test_read_while_pointbook_is_away_and_sent_when_it_is_back(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    number = shop.sell([COFFEE])
    intake.mood = lambda _, context: context.abort(grpc.StatusCode.UNAVAILABLE, "away")
    assert not following.look(shop.open())
    assert "pointbook" in following.health.said()["problems"]
    intake.mood = lambda *_: None
    assert following.look(shop.open())
    assert order_of(intake, number).status == CONFIRMED
    assert following.health.said()["problems"] == {}


def test_a_lost_spool_sends_everything_again_above_what_was_sent(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    number = shop.sell([COFFEE])
    following.look(shop.open())
    first = order_of(intake, number)
    for file in following.path.parent.glob("shop.sqlite3*"):
        file.unlink()
    assert following.look(shop.open())
    again = order_of(intake, number)
    assert again.version > first.version
    again.version = first.version
    assert again == first


@those_where(lambda able: able.skews_clock)
@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_jumps_loses_nothing(
    shop: Shop, following: Following, intake: FakeIntake, hours: int
) -> None:
    shop.set_clock(timedelta(hours=hours))
    first = shop.sell([MUGS])
    following.look(shop.open())
    second = shop.sell([MUGS])
    assert following.look(shop.open())
    assert {first, second} <= {each.id for each in of(intake, "order")}


def test_the_documents_of_a_day_are_those_the_feed_sent(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    number = shop.sell([COFFEE])
    shop.ship(number)
    following.look(shop.open())
    today = datetime.now(UTC).date()
    erp = shop.open()
    found = list(erp.documents(today - timedelta(days=1), today + timedelta(days=2)))
    assert {each.WhichOneof("payload") for each in found} == {"order", "shipment"}
    sent = arrived(intake)
    for event in found:
        kind = event.WhichOneof("payload")
        document = getattr(event, kind)
        assert document.version == 0
        document.version = getattr(sent[Identity(kind, document.id)], kind).version
        assert document == getattr(sent[Identity(kind, document.id)], kind)
    assert list(erp.documents(date(2001, 1, 1), date(2001, 1, 2))) == []
