"""Documents converge: late, twice, amended, taken back and given again, always one right result."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import permutations
from typing import Any

import pytest

from plugin.events import DocumentStatus, OrderStatus

APRIL, MAY = date(2026, 4, 1), date(2026, 5, 1)


def test_an_order_earns_and_its_books_say_so(shop: Any) -> None:
    shop.say(shop.order(amount=1999))
    assert shop.points() == (19, 0)
    # 19 × 0.008 = 0.152, half up 0.15: Dr marketing, Cr liability; Dr issued, Cr units.
    assert shop.accounts() == {7: 15, 1: -15, 4: 19, 3: -19}


def test_a_return_before_its_order_counts_once_the_order_arrives(shop: Any) -> None:
    shop.say(shop.back(amount=5_000))
    assert (shop.facts(), shop.points()) == ([], (0, 0))
    shop.say(shop.order(amount=10_000))
    assert shop.facts() == [("order:SO-1", 100), ("return:R-1", -50)]
    assert shop.points() == (50, 0)


def test_a_shipment_before_its_order_counts_once_the_order_arrives(
    open_shop: Callable[..., Any],
) -> None:
    shop = open_shop(trigger="shipped")
    shop.say(shop.member())
    shop.say(shop.shipment(pieces=1))
    shop.say(shop.order(amount=1999))
    shop.say(shop.shipment("D-2", pieces=1))
    assert shop.facts() == [("shipment:D-1", 9), ("shipment:D-2", 10)]


def test_confirmed_cancelled_confirmed_is_one_accrual(shop: Any) -> None:
    for version, status in enumerate(
        (OrderStatus.CONFIRMED, OrderStatus.CANCELLED, OrderStatus.CONFIRMED), 1
    ):
        shop.say(shop.order(version=version, status=status))
    assert [points for _, points in shop.facts()] == [100, -100, 100]
    assert shop.points() == (100, 0)
    assert shop.sql("SELECT count(*) FROM lot WHERE is_open") == [(1,)]


def test_the_same_content_under_other_event_ids_is_still_one_accrual(shop: Any) -> None:
    for _ in range(3):
        shop.say(*[shop.order()] * 10)
    assert shop.facts() == [("order:SO-1", 100)]


def test_the_highest_version_wins_whatever_came_first(shop: Any) -> None:
    shop.say(shop.order(amount=12_000, version=3))
    shop.say(shop.order(amount=10_000, version=2, status=OrderStatus.CANCELLED))
    shop.say(shop.order(amount=10_000, version=1))
    assert shop.facts() == [("order:SO-1", 120)]


def test_an_amended_order_posts_the_difference_on_the_day_of_the_change(shop: Any) -> None:
    shop.say(shop.order(amount=10_000))
    shop.say(shop.order(amount=8_000, version=2, changed_on=APRIL))
    assert shop.points() == (80, 0)
    assert shop.sql("SELECT business_on FROM entry ORDER BY id") == [(date(2026, 3, 10),), (APRIL,)]


def test_an_order_that_changes_hands_moves_its_points(shop: Any) -> None:
    shop.say(shop.member("bob"))
    shop.say(shop.order(), shop.back())
    shop.say(shop.order(version=2, member="bob"))
    assert (shop.points("ann"), shop.points("bob")) == ((0, 0), (50, 0))
    shop.say(shop.order(version=3, member=""))
    assert (shop.points("ann"), shop.points("bob")) == ((0, 0), (0, 0))


def test_cancelling_a_partly_returned_order_takes_nothing_from_other_orders(shop: Any) -> None:
    shop.say(shop.order(), shop.back(), shop.order("SO-2"))
    shop.say(shop.order(version=2, status=OrderStatus.CANCELLED))
    assert shop.points() == (100, 0)
    own = shop.sql(
        "SELECT o.order_id FROM lot l JOIN order_state o ON l.id = ANY(o.lot_ids) WHERE l.is_open"
    )
    assert own == [("SO-2",)]


def test_a_return_that_moves_to_another_order_is_taken_there(shop: Any) -> None:
    shop.say(shop.order("SO-1"), shop.order("SO-2"), shop.back(order="SO-1"))
    shop.say(shop.back(order="SO-2", version=2))
    assert shop.sql("SELECT order_id, sum(points)::int FROM point_fact GROUP BY 1 ORDER BY 1") == [
        ("SO-1", 100),
        ("SO-2", 50),
    ]


def test_a_cancelled_return_gives_its_points_back(shop: Any) -> None:
    shop.say(shop.order(), shop.back())
    shop.say(shop.back(version=2, status=DocumentStatus.CANCELLED))
    assert shop.facts()[-1] == ("return:R-1", 50)
    assert shop.points() == (100, 0)


def test_a_return_without_an_order_is_kept_and_takes_nothing(shop: Any) -> None:
    (seq,) = shop.say(shop.back(order=""))
    assert (shop.facts(), shop.parked()) == ([], [])
    assert shop.sql("SELECT document_id FROM document WHERE seq = :seq", seq=seq) == [("R-1",)]


def test_orders_of_two_sources_with_one_number_are_two_orders(shop: Any) -> None:
    shop.say(shop.order(), source="erp")
    shop.say(shop.order(), source="pos")
    assert shop.points() == (200, 0)


def test_every_order_of_arrival_in_every_split_gives_the_same(
    open_shop: Callable[..., Any],
) -> None:
    def story(shop: Any) -> list[Any]:
        return [
            shop.order(amount=10_000),
            shop.order(amount=12_000, version=2, changed_on=APRIL),
            shop.back("R-1", 5_000),
            shop.back("R-2", 2_500, on=MAY),
        ]

    for number, order in enumerate(permutations(range(4))):
        shop = open_shop(code=f"shop-{number}")
        source = f"erp-{number}"
        shop.say(shop.member("ann"), source=source)
        events = [story(shop)[i] for i in order]
        events = [
            event
            if i > 1
            else type(event)(
                **{
                    **{f: getattr(event, f) for f in event.__struct_fields__},
                    "member": f"external_id:{source}:ann",
                }
            )
            for i, event in zip(order, events, strict=True)
        ]
        split = number % 4
        shop.say(*events[: split + 1], source=source)
        shop.say(*events[split + 1 :], source=source) if split < 3 else None
        found = shop.sql(
            "SELECT sum(points)::int, sum(amount_minor)::int FROM point_fact WHERE source = :source",
            source=source,
        )
        assert found == [(45, 36)], order  # 45 points: 0.36


@pytest.mark.parametrize("gold_from", [date(2026, 1, 1), date(2026, 3, 10), date(2026, 3, 11)])
def test_a_tier_that_is_told_late_counts_for_orders_from_its_day_on(
    shop: Any, gold_from: date
) -> None:
    shop.say(shop.order(amount=10_000), shop.back())
    shop.say(shop.member(version=2, gold_from=gold_from))
    doubled = gold_from <= date(2026, 3, 10)
    assert shop.points() == (100 if doubled else 50, 0)


def test_a_tier_that_is_taken_away_again_no_longer_counts(shop: Any) -> None:
    shop.say(shop.member(version=2, gold_from=date(2026, 1, 1)))
    shop.say(shop.order())
    assert shop.points() == (200, 0)
    shop.say(shop.member(version=3))
    assert shop.points() == (100, 0)


def test_an_old_record_of_a_member_changes_nothing(shop: Any) -> None:
    shop.say(shop.member(version=3, gold_from=date(2026, 1, 1)))
    shop.say(shop.member(version=2), shop.order())
    assert shop.points() == (200, 0)
