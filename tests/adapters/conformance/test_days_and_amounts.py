"""Days and amounts are those that people see in the ERP: in its zone, and to the cent of its documents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from adapters.numbering import identity
from pointbook.v1 import events_pb2
from tests.adapters.conformance.conftest import Following, of, order_of, those_where
from tests.adapters.conformance.shop import Shop, Sold, Totals
from tests.adapters.conftest import FakeIntake

COFFEE = Sold("COF-250", Decimal(3), Decimal("7.90"))
DAY = timedelta(days=1)

# Berlin, 2026: on 29 March 02:00 becomes 03:00, on 25 October 03:00 becomes 02:00.
MIDNIGHTS = [
    "2026-03-28T23:30",
    "2026-03-29T00:30",
    "2026-03-29T23:30",
    "2026-07-01T00:30",  # 22:30 of the day before in UTC
    "2026-10-24T23:30",
    "2026-10-25T00:30",
    "2026-10-25T23:30",
    "2026-11-01T00:30",  # 23:30 of the day before in UTC
]


def day(at: Timestamp, shop: Shop) -> date:
    return at.ToDatetime(ZoneInfo(shop.abilities.zone)).date()


@those_where(lambda able: able.skews_clock)
@pytest.mark.parametrize("local", MIDNIGHTS)
def test_what_is_sold_and_shipped_around_midnight_is_of_the_day_it_is_there(
    shop: Shop, following: Following, intake: FakeIntake, local: str
) -> None:
    at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(shop.abilities.zone))
    shift = at - datetime.now(UTC)
    shop.set_clock(shift)
    number = shop.sell([COFFEE])
    shop.ship(number)
    until = datetime.now(UTC) + shift
    erp = shop.open()
    assert following.look(erp)
    assert day(order_of(intake, number).ordered_at, shop) == at.date()
    (shipment,) = of(intake, "shipment")
    assert day(shipment.shipped_at, shop) == at.date()
    shipped = shipment.shipped_at.ToDatetime(UTC)
    assert at.replace(microsecond=0) <= shipped <= until  # some ERPs cut to seconds
    of_day = {str(identity(event)) for event in erp.documents(at.date(), at.date() + DAY)}
    assert of_day == {f"order:{number}", f"shipment:{shipment.id}"}


def test_an_order_is_of_the_day_it_says_however_long_that_is(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    days = (date(2026, 3, 29), date(2026, 7, 1), date(2026, 10, 25))  # 23, 24 and 25 hours
    numbers = {on: shop.sell([COFFEE], on=on) for on in days}
    erp = shop.open()
    assert following.look(erp)
    for on, number in numbers.items():
        assert day(order_of(intake, number).ordered_at, shop) == on
        assert number in [event.order.id for event in erp.documents(on, on + DAY)]


# Quantity, price, percent off; tax comes on top.
AMOUNTS = {
    "thirds": [("3", "3.333", "0")],
    "thirds on three lines": [("1", "3.333", "0"), ("1", "3.333", "0"), ("1", "3.333", "0")],
    "halves of a cent": [("1", "0.335", "0"), ("3", "1.115", "0"), ("7", "0.045", "0")],
    "three decimals": [("8", "12.346", "0"), ("4", "0.125", "0"), ("1", "99.999", "0")],
    "taxes of half a cent": [("1", "1.50", "0"), ("1", "2.50", "0"), ("1", "0.50", "0")],
    "discounts": [("3", "9.99", "33.33"), ("7", "0.15", "5"), ("1", "24.50", "12.5")],
    "for nothing": [("1", "24.50", "0"), ("1", "9.99", "100")],
}


def test_lines_add_up_to_what_the_order_itself_says(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    """Each line is what the ERP shows for it; a cent by which they miss the order's own totals is put on them."""
    numbers = {name: shop.sell(goods(lines)) for name, lines in AMOUNTS.items()}
    assert following.look(shop.open())
    found = {name: added_up(order_of(intake, number)) for name, number in numbers.items()}
    assert found == {name: shop.totals(number) for name, number in numbers.items()}


def goods(lines: Sequence[tuple[str, str, str]]) -> list[Sold]:
    """Returns lines of quantity, price and percent off, each of another product."""
    skus = ("COF-250", "COF-1000", "MUG-01")
    return [Sold(sku, *map(Decimal, said)) for sku, said in zip(skus, lines, strict=False)]


def added_up(order: events_pb2.Order) -> Totals:
    net = sum(line.amount_minor for line in order.lines)
    tax = sum(line.tax_minor for line in order.lines)
    return Totals(Decimal(net) / 100, Decimal(tax) / 100)
