"""Orders that are changed after they were confirmed: taken back to draft, amended, or replaced where they cannot be."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from pointbook.v1 import events_pb2
from tests.adapters.conformance.conftest import Following, of, order_of, those_where
from tests.adapters.conformance.shop import Shop, Sold
from tests.adapters.conftest import FakeIntake

COFFEE = Sold("COF-250", Decimal(3), Decimal("7.90"))
MUGS = Sold("MUG-01", Decimal(2), Decimal("9.99"))
DRAFT = events_pb2.ORDER_STATUS_DRAFT
CONFIRMED = events_pb2.ORDER_STATUS_CONFIRMED
CANCELLED = events_pb2.ORDER_STATUS_CANCELLED


@those_where(lambda able: able.unapproves)
def test_an_order_taken_back_to_draft_arrives_as_a_draft_and_later_as_what_it_became(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    number = shop.sell([COFFEE])
    following.look(shop.open())
    confirmed = order_of(intake, number)
    shop.unapprove(number)
    assert following.look(shop.open())
    draft = order_of(intake, number)
    assert draft.status == DRAFT
    shop.amend(number, {0: Decimal(2)})
    shop.confirm(number)
    assert following.look(shop.open())
    again = order_of(intake, number)
    assert (again.status, again.lines[0].quantity, again.lines[0].amount_minor) == (
        CONFIRMED,
        "2",
        1580,
    )
    assert confirmed.version < draft.version < again.version


@those_where(lambda able: able.unapproves)
def test_what_was_shipped_of_an_order_stays_shipped_when_it_goes_back_to_draft(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    number = shop.sell([COFFEE])
    shop.ship(number, {0: Decimal(1)})
    shop.unapprove(number)
    assert following.look(shop.open())
    assert order_of(intake, number).status == DRAFT
    shop.confirm(number)
    shop.ship(number)
    assert following.look(shop.open())
    done = [each for each in of(intake, "shipment") if each.lines]
    assert sorted(line.quantity for each in done for line in each.lines) == ["1", "2"]


@those_where(lambda able: not able.unapproves)
def test_where_no_order_goes_back_to_draft_it_is_cancelled_and_made_anew(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    number = shop.sell([COFFEE])
    following.look(shop.open())
    shop.cancel(number)
    another = shop.sell([COFFEE], confirm=False)
    assert following.look(shop.open())
    assert order_of(intake, number).status == CANCELLED
    assert order_of(intake, another).status == DRAFT
    shop.confirm(another)
    assert following.look(shop.open())
    assert order_of(intake, another).status == CONFIRMED


@those_where(lambda able: able.amends_confirmed)
def test_a_confirmed_order_that_is_amended_arrives_again_with_its_new_quantity_and_amount(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    number = shop.sell([COFFEE, MUGS])
    following.look(shop.open())
    before = order_of(intake, number)
    assert shop.amend(number, {0: Decimal(5)}) == number
    assert following.look(shop.open())
    after = order_of(intake, number)
    assert after.version > before.version
    assert after.status == CONFIRMED
    assert [line.line_id for line in after.lines] == [line.line_id for line in before.lines]
    assert [line.quantity for line in after.lines] == ["5", "2"]
    assert [line.amount_minor for line in after.lines] == [3950, 1998]


@those_where(lambda able: able.amends_confirmed)
def test_a_confirmed_order_amended_between_two_shipments_ships_what_it_now_says(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    number = shop.sell([COFFEE])
    shop.ship(number, {0: Decimal(1)})
    following.look(shop.open())
    shop.amend(number, {0: Decimal(5)})
    shop.ship(number)
    assert following.look(shop.open())
    shipped: Counter[str] = Counter()
    for shipment in of(intake, "shipment"):
        for line in shipment.lines:
            shipped[line.line_id] += int(line.quantity)
    (line,) = order_of(intake, number).lines
    assert (line.quantity, shipped[line.line_id]) == ("5", 5)


@those_where(lambda able: not able.amends_confirmed)
def test_where_a_confirmed_order_stays_as_it_is_another_one_takes_its_place(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    number = shop.sell([COFFEE, MUGS])
    following.look(shop.open())
    another = shop.amend(number, {0: Decimal(5)})
    assert another != number
    assert following.look(shop.open())
    assert order_of(intake, number).status == CANCELLED
    now = order_of(intake, another)
    assert now.status == CONFIRMED
    assert [line.quantity for line in now.lines] == ["5", "2"]
    assert [line.amount_minor for line in now.lines] == [3950, 1998]
    assert len(of(intake, "order")) == 2
