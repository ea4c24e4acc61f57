"""What an order is worth: the latest documents decide, whole points come out of exact amounts, once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from plugin.events import (
    MICRO,
    DocumentStatus,
    OrderLine,
    OrderStatus,
    Return,
    ReturnLine,
    Shipment,
    ShipmentLine,
)
from plugin.orders.entitlement import Documents, Step, differences, entitlement

DAY = 86_400_000_000
START = 1_760_000_000_000_000
FIVE = '[[rules]]\nid = "base"\neffect = { kind = "per_amount", points = 5, per = "1.00" }\n'
CONFIRMED = 'trigger = "confirmed"'


def ship(
    number: int, *lines: tuple[str, str], status: DocumentStatus = DocumentStatus.DONE
) -> Shipment:
    parts = tuple(ShipmentLine(line, int(float(pieces) * MICRO)) for line, pieces in lines)
    return Shipment(f"D{number}", 1, status, START + number * DAY, "SO-1", parts)


def back(number: int, *lines: ReturnLine, status: DocumentStatus = DocumentStatus.DONE) -> Return:
    return Return(f"R{number}", 1, status, START + number * DAY, "SO-1", lines)


def steps(program: Any, documents: Documents, tier: str = "") -> list[tuple[str, int]]:
    return [(step.cause, step.points) for step in entitlement(documents, program, tier)]


def total(program: Any, documents: Documents, tier: str = "") -> int:
    return sum(step.points for step in entitlement(documents, program, tier))


# -- triggers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "status", "expected"),
    [
        ("confirmed", OrderStatus.DRAFT, 0),
        ("confirmed", OrderStatus.CONFIRMED, 19),
        ("confirmed", OrderStatus.COMPLETED, 19),
        ("confirmed", OrderStatus.CANCELLED, 0),
        ("completed", OrderStatus.CONFIRMED, 0),
        ("completed", OrderStatus.COMPLETED, 19),
        ("completed", OrderStatus.CANCELLED, 0),
        ("shipped", OrderStatus.CONFIRMED, 0),  # nothing shipped yet
    ],
)
def test_an_order_earns_when_the_trigger_says(
    program: Any, order: Any, trigger: str, status: OrderStatus, expected: int
) -> None:
    compiled = program(accrual=f'trigger = "{trigger}"')
    assert total(compiled, Documents(order(status=status))) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (OrderStatus.DRAFT, 0),
        (OrderStatus.CONFIRMED, 19),
        (OrderStatus.COMPLETED, 19),
        (OrderStatus.CANCELLED, 0),
    ],
)
def test_what_shipped_counts_only_while_the_order_stands(
    program: Any, order: Any, status: OrderStatus, expected: int
) -> None:
    assert total(program(), Documents(order(status=status), [ship(1)])) == expected


def test_a_guest_and_a_redemption_order_earn_nothing(program: Any, order: Any) -> None:
    compiled = program(accrual=CONFIRMED)
    assert entitlement(Documents(order(member="")), compiled, "") == []
    assert entitlement(Documents(order(is_redemption=True)), compiled, "") == []


# -- shipments ------------------------------------------------------------------------------------


def test_partial_shipments_telescope_to_the_whole_order(program: Any, order: Any) -> None:
    # 3 pieces for 19.99: 6.66, 13.32 and 19.99 are 6, 13 and 19 points.
    documents = Documents(
        order(OrderLine("1", 3 * MICRO, 1999)),
        [ship(1, ("1", "1")), ship(2, ("1", "1")), ship(3, ("1", "1"))],
    )
    assert steps(program(), documents) == [
        ("shipment:D1", 6),
        ("shipment:D2", 7),
        ("shipment:D3", 6),
    ]


@given(st.integers(1, 10**7), st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_any_split_into_shipments_sums_to_the_full_order(
    program: Any, order: Any, amount: int, parts: list[int]
) -> None:
    whole = order(OrderLine("1", sum(parts) * MICRO, amount))
    shipments = [ship(i, ("1", str(pieces))) for i, pieces in enumerate(parts)]
    assert total(program(), Documents(whole, shipments)) == amount // 100


def test_a_shipment_without_lines_ships_the_whole_order(program: Any, order: Any) -> None:
    assert steps(program(), Documents(order(), [ship(1)])) == [("shipment:D1", 19)]


def test_a_line_shipped_in_two_parts_of_one_shipment_counts_both(program: Any, order: Any) -> None:
    whole = order(OrderLine("1", 3 * MICRO, 1999))
    assert total(program(), Documents(whole, [ship(1, ("1", "2"), ("1", "1"))])) == 19


def test_more_shipped_than_ordered_earns_no_more(program: Any, order: Any) -> None:
    documents = Documents(order(), [ship(1), ship(2), ship(3, ("1", "5"))])
    assert total(program(), documents) == 19


def test_only_done_shipments_count_and_unknown_lines_count_nothing(
    program: Any, order: Any
) -> None:
    drafts = [ship(1, status=DocumentStatus.DRAFT), ship(2, status=DocumentStatus.CANCELLED)]
    assert total(program(), Documents(order(), drafts)) == 0
    assert total(program(), Documents(order(), [ship(1, ("other", "1"))])) == 0


def test_documents_count_by_business_time_not_in_the_order_given(program: Any, order: Any) -> None:
    whole = order(OrderLine("1", 2 * MICRO, 1999))
    early, late = ship(1, ("1", "1")), ship(2, ("1", "1"))
    expected = [("shipment:D1", 9), ("shipment:D2", 10)]
    assert steps(program(), Documents(whole, [early, late])) == expected
    assert steps(program(), Documents(whole, [late, early])) == expected


# -- returns --------------------------------------------------------------------------------------


def test_returns_take_back_the_difference_and_never_more_than_was_earned(
    program: Any, order: Any
) -> None:
    documents = Documents(
        order(amount=20_000),
        (),
        [back(1, ReturnLine("1", 0, 15_000)), back(2, ReturnLine("1", 0, 10_000))],
    )
    assert steps(program(FIVE, accrual=CONFIRMED), documents) == [
        ("order", 1000),
        ("return:R1", -750),
        ("return:R2", -250),
    ]


def test_one_of_two_pieces_back_keeps_half(program: Any, order: Any) -> None:
    documents = Documents(
        order(OrderLine("1", 2 * MICRO, 10_000)), [ship(1)], [back(2, ReturnLine("1", MICRO))]
    )
    assert steps(program(), documents) == [("shipment:D1", 100), ("return:R2", -50)]


def test_an_amount_off_the_order_as_a_whole_comes_off_every_line_alike(
    program: Any, order: Any
) -> None:
    # 60.00 earn and 40.00 do not; 50.00 off the whole leaves half of each.
    lines = (OrderLine("1", MICRO, 6000), OrderLine("2", MICRO, 4000, is_gift=True))
    documents = Documents(order(*lines), (), [back(1, ReturnLine("", 0, 5000))])
    assert total(program(accrual=CONFIRMED), documents) == 30


def test_more_off_the_order_than_it_was_worth_takes_all_and_no_more(
    program: Any, order: Any
) -> None:
    documents = Documents(
        order(), (), [back(1, ReturnLine("", 0, 9999)), back(2, ReturnLine("1", MICRO))]
    )
    assert steps(program(accrual=CONFIRMED), documents) == [
        ("order", 19),
        ("return:R1", -19),
        ("return:R2", 0),
    ]


def test_a_cancelled_return_takes_nothing(program: Any, order: Any) -> None:
    documents = Documents(
        order(), (), [back(1, ReturnLine("1", MICRO), status=DocumentStatus.CANCELLED)]
    )
    assert total(program(accrual=CONFIRMED), documents) == 19


def test_a_return_is_computed_with_the_rules_of_the_order(program: Any, order: Any) -> None:
    # 10 + 100 fixed + × 2: what is left after the return is worth what it would have earned alone.
    rules = (
        FIVE
        + '[[rules]]\nid = "plus"\neffect = { kind = "fixed", points = 100 }\nwhen = { "order.total" = { gte = "100.00" } }\n'
    )
    documents = Documents(order(amount=10_000), (), [back(1, ReturnLine("1", 0, 5000))])
    # 500 + 100 for 100.00; 50.00 are worth 250 and no longer reach the threshold.
    assert steps(program(rules, accrual=CONFIRMED), documents) == [
        ("order", 600),
        ("return:R1", -350),
    ]


@given(st.integers(0, 10**7), st.lists(st.integers(0, 10**7), max_size=6))
def test_whatever_comes_back_the_order_never_owes(
    program: Any, order: Any, amount: int, returned: list[int]
) -> None:
    returns = [back(i, ReturnLine("1", 0, part)) for i, part in enumerate(returned)]
    left = max(0, amount - sum(returned))
    compiled = program(accrual=CONFIRMED)
    assert total(compiled, Documents(order(amount=amount), (), returns)) == left // 100


# -- what earns -----------------------------------------------------------------------------------


def test_tax_counts_only_when_the_switch_says_so(program: Any, order: Any) -> None:
    taxed = order(OrderLine("1", MICRO, 10_000, 1_900))
    assert total(program(accrual=CONFIRMED), Documents(taxed)) == 100
    with_tax = program(accrual=CONFIRMED + "\nwith_tax = true")
    assert total(with_tax, Documents(taxed)) == 119
    # 50.00 back without a word on tax takes the line's share of it: 59.50.
    assert total(with_tax, Documents(taxed, (), [back(1, ReturnLine("1", 0, 5000))])) == 59
    assert total(with_tax, Documents(taxed, (), [back(1, ReturnLine("1", 0, 5000, 0))])) == 69


@pytest.mark.parametrize(
    "line",
    [
        OrderLine("2", MICRO, 5000, is_gift=True),
        OrderLine("2", MICRO, 5000, sku="BAG"),
        OrderLine("2", MICRO, 5000, category="GIFTCARD"),
    ],
)
def test_gifts_and_excluded_products_do_not_earn(program: Any, order: Any, line: OrderLine) -> None:
    compiled = program(
        accrual=CONFIRMED + '\nexclude_skus = ["BAG"]\nexclude_categories = ["GIFTCARD"]'
    )
    assert total(compiled, Documents(order(OrderLine("1", MICRO, 1999), line))) == 19
    assert total(compiled, Documents(order(line))) == 0


def test_the_part_paid_with_points_does_not_earn(program: Any, order: Any) -> None:
    # 100.00 and 19.00 tax, 59.50 of it paid with points: half of the 100.00 is left.
    paid = order(OrderLine("1", MICRO, 10_000, 1_900), points_paid_minor=5_950)
    compiled = program(accrual=CONFIRMED)
    assert total(compiled, Documents(paid)) == 50
    assert total(compiled, Documents(replace(paid, points_paid_minor=11_900))) == 0


def test_an_order_in_another_currency_earns_on_the_converted_amount(
    program: Any, order: Any
) -> None:
    compiled = program(accrual=CONFIRMED)
    euros = order(amount=1000, currency_code="EUR", rate_to_book="7.805")  # 78.05 CNY
    yen = order(amount=1000, currency_code="JPY", rate_to_book="0.0488")  # 48.80 CNY
    assert total(compiled, Documents(euros)) == 78
    assert total(compiled, Documents(yen)) == 48


def test_the_tier_multiplies_by_what_it_was_at_the_order(program: Any, order: Any) -> None:
    rules = '[[rules]]\nid = "base"\neffect = { kind = "per_amount", points = 1, per = "1.00" }\n'
    rules += '[[rules]]\nid = "gold"\neffect = { kind = "multiplier", factor = "1.5" }\nwhen = { "member.tier" = "gold" }\n'
    compiled = program(rules, accrual=CONFIRMED)
    assert total(compiled, Documents(order()), "gold") == 28
    assert total(compiled, Documents(order()), "silver") == 19


def test_the_calendar_is_the_books_own(program: Any, order: Any) -> None:
    # 2026-07-03 17:00 UTC is Saturday 01:00 in Shanghai.
    rules = '[[rules]]\nid = "weekend"\neffect = { kind = "fixed", points = 7 }\nwhen = { "calendar.weekday" = "sat" }\n'
    friday_in_utc = order(ordered_at=1_783_098_000_000_000)
    assert total(program(rules, accrual=CONFIRMED), Documents(friday_in_utc)) == 7
    in_utc = program(rules, accrual=CONFIRMED, time_zone="UTC")
    assert total(in_utc, Documents(friday_in_utc)) == 0


# -- differences ----------------------------------------------------------------------------------


def moves(target: Any, posted: dict[str, int]) -> list[tuple[str, str, int]]:
    return [(m.cause, m.kind.name, m.points) for m in differences(target, posted, START)]


def test_nothing_is_posted_twice(program: Any, order: Any) -> None:
    target = entitlement(Documents(order(), [ship(1)]), program(), "")
    assert moves(target, {}) == [("shipment:D1", "ACCRUED", 19)]
    assert moves(target, {"shipment:D1": 19}) == []


def test_what_is_no_longer_due_is_taken_back_and_what_is_due_again_given(
    program: Any, order: Any
) -> None:
    documents = Documents(order(amount=10_000), (), [back(1, ReturnLine("1", 0, 5000))])
    posted = {"order": 100, "return:R1": -50}
    target = entitlement(documents, program(accrual=CONFIRMED), "")
    assert moves(target, posted) == []
    assert sorted(moves((), posted)) == [
        ("order", "ACCRUAL_REVERSED", -100),
        ("return:R1", "CLAWBACK_REVERSED", 50),
    ]


def test_a_correction_counts_on_the_day_it_was_made(program: Any, order: Any) -> None:
    target = entitlement(Documents(order(amount=3000)), program(accrual=CONFIRMED), "")
    (first,) = differences(target, {}, START + 9 * DAY)
    (later,) = differences(target, {"order": 19}, START + 9 * DAY)
    assert (first.points, first.business_at) == (30, START)
    assert (later.points, later.business_at) == (11, START + 9 * DAY)
    assert later.rules == (("correction", 11),)


def test_what_is_given_again_counts_from_the_order_and_not_from_the_correction() -> None:
    """Confirmed on day 0, cancelled, confirmed again on day 9: pending and expiry count from day 0."""
    step = Step("order", 100, business_at=0, rules=(("base", 100),))
    (again,) = differences([step], {"order": 0}, corrected_at=9)
    assert (again.points, again.business_at, again.earned_at) == (100, 9, 0)
