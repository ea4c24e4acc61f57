"""What a redemption should have taken by now follows from the documents alone, whenever and in whatever order they came."""

from __future__ import annotations

import doctest
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from plugin.events import (
    MICRO,
    DocumentStatus,
    Order,
    OrderLine,
    OrderStatus,
    Return,
    ReturnLine,
)
from plugin.facts import FactKind
from plugin.redemption import spending
from plugin.redemption.spending import (
    NOTHING,
    Fulfilled,
    Spend,
    SpendStep,
    Taken,
    document_key,
    goods_steps,
    order_pays,
    order_prefix,
    order_steps,
    spends,
)
from plugin.stock.valuation import Place, StockKind, StockLine

START = 1_760_000_000_000_000
DAY = 86_400_000_000
MUGS = (3, 100)  # 3 pieces for 100 points


def shipment(name: str, pieces: int, day: int = 1, **more: Any) -> StockLine:
    return StockLine(Place(START + day * DAY, StockKind.SHIPPED, "erp", name), pieces, **more)


def came_back(name: str, pieces: int, day: int = 5, **more: Any) -> StockLine:
    return StockLine(Place(START + day * DAY, StockKind.RETURNED, "erp", name), pieces, **more)


def goods(*lines: StockLine, quantity: int = 3, points: int = 100) -> list[int]:
    return [step.taken.points for step in goods_steps(lines, quantity, points)[0]]


def paid_order(gross: int, points_paid: int = 0, **more: Any) -> Order:
    return Order(
        *("SO-7", 1, OrderStatus.CONFIRMED, START, "EUR"),
        lines=(OrderLine("1", MICRO, gross),),
        points_paid_minor=points_paid,
        **more,
    )


def refund(name: str, amount: int, day: int = 1, line_id: str = "1", **more: Any) -> Return:
    made = Return(
        name, 1, DocumentStatus.DONE, START + day * DAY, "SO-7", (ReturnLine(line_id, 0, amount),)
    )
    return replace(made, **more)


def taken(steps: list[SpendStep]) -> list[tuple[int, int]]:
    return [(step.taken.points, step.taken.face_minor) for step in steps]


def post(posted: dict[str, Taken], steps: list[SpendStep], at: int = 0) -> list[Spend]:
    """Posts what is missing; returns it."""
    found = spends(steps, posted, at)
    for one in found:
        before = posted.get(one.key, NOTHING)
        posted[one.key] = Taken(*(a + b for a, b in zip(before, one.taken, strict=True)))
    return found


def test_the_worked_numbers_in_docstrings_are_right() -> None:
    assert doctest.testmod(spending).failed == 0


# Goods.


def test_goods_that_have_not_left_take_nothing() -> None:
    assert goods_steps([], *MUGS) == ([], Fulfilled(0, 0))


def test_a_shipment_of_everything_takes_all_the_points() -> None:
    [step], done = goods_steps([shipment("D1", 3)], *MUGS)
    assert step == SpendStep(
        document_key("erp", "shipment:D1"), "shipment:D1", Taken(100), START + DAY
    )
    assert done == Fulfilled(3, 0)


def test_three_pieces_for_100_points_shipped_one_and_two_and_one_returned() -> None:
    # 1 of 3 is 33, 3 of 3 are 100, 2 of 3 are 66.
    steps, done = goods_steps([shipment("D1", 1), shipment("D2", 2, 2), came_back("R1", 1)], *MUGS)
    assert [(step.cause, step.taken.points) for step in steps] == [
        ("shipment:D1", 33),
        ("shipment:D2", 67),
        ("return:R1", -34),
    ]
    assert done == Fulfilled(3, 1)


def test_everything_that_comes_back_gives_everything_back() -> None:
    lines = [shipment("D1", 1), shipment("D2", 2, 2), came_back("R1", 1), came_back("R2", 2, 6)]
    assert goods(*lines) == [33, 67, -34, -66]


def test_a_return_of_what_was_shipped_in_part_keeps_the_rest() -> None:
    # 2 of 3 shipped are 66, 1 kept is 33; the last one makes 2 of 3 again.
    assert goods(shipment("D1", 2), came_back("R1", 1, 2), shipment("D2", 1, 3)) == [66, -33, 33]


def test_pieces_beyond_the_redemption_cost_nothing_more() -> None:
    lines = [shipment("D1", 2), shipment("D2", 3, 2)]
    assert goods(*lines) == [66, 34]
    assert goods_steps(lines, *MUGS)[1] == Fulfilled(5, 0)
    assert goods(shipment("D1", 5)) == [100]


def test_no_more_comes_back_than_was_taken() -> None:
    assert goods(shipment("D1", 1), came_back("R1", 5)) == [33, -33]


def test_a_damaged_return_gives_points_back_all_the_same() -> None:
    assert goods(shipment("D1", 3), came_back("R1", 3, is_damaged=True)) == [100, -100]


def test_documents_that_no_longer_count_are_no_steps() -> None:
    lines = [shipment("D1", 0, is_void=True), shipment("D2", 3), came_back("R1", 0, is_void=True)]
    steps, done = goods_steps(lines, *MUGS)
    assert [(step.cause, step.taken.points) for step in steps] == [("shipment:D2", 100)]
    assert done == Fulfilled(3, 0)


def test_a_return_dated_before_its_shipment_counts_once_that_has_happened() -> None:
    assert goods(came_back("R1", 1, 0), shipment("D1", 3, 1)) == [0, 66]


def test_a_reward_for_money_alone_takes_no_points() -> None:
    assert goods(shipment("D1", 1), shipment("D2", 2, 2), points=0) == [0, 0]


def test_steps_are_along_the_time_line_in_whatever_order_lines_come() -> None:
    lines = [shipment("D1", 1), shipment("D2", 2, 2), came_back("R1", 1)]
    for mixed in permutations(lines):
        assert goods(*mixed) == [33, 67, -34]


def test_the_same_number_of_a_shipment_and_a_return_are_two_documents() -> None:
    steps, _ = goods_steps([shipment("X", 3), came_back("X", 3)], *MUGS)
    assert [step.key for step in steps] == [
        document_key("erp", "shipment:X"),
        document_key("erp", "return:X"),
    ]


@st.composite
def movements(draw: st.DrawFn) -> list[StockLine]:
    lines = []
    for number in range(draw(st.integers(0, 7))):
        kind = draw(st.sampled_from((StockKind.SHIPPED, StockKind.RETURNED)))
        place = Place(draw(st.integers(0, 9)), kind, "erp", f"{number}")
        is_void = draw(st.integers(0, 4)) == 0
        lines.append(StockLine(place, 0 if is_void else draw(st.integers(0, 9)), is_void=is_void))
    return lines


@given(movements(), st.integers(1, 12), st.integers(0, 1000))
def test_goods_never_take_more_than_the_redemption_costs_nor_less_than_nothing(
    lines: list[StockLine], quantity: int, points: int
) -> None:
    steps, done = goods_steps(lines, quantity, points)
    so_far = 0
    for step in steps:
        so_far += step.taken.points
        assert 0 <= so_far <= points
    if not done.returned:
        assert so_far == points * min(done.shipped, quantity) // quantity
    if done.returned >= done.shipped:
        assert so_far == 0


# What of an order is paid with points.


def test_an_order_that_does_not_say_was_paid_with_all_that_is_held() -> None:
    assert order_pays(paid_order(20_000), Taken(100, 10_000), "EUR") == Taken(100, 10_000)


@pytest.mark.parametrize(
    ("said", "points"),
    [(1000, 10), (901, 10), (900, 9), (850, 9), (801, 9), (800, 8), (1, 1)],
)
def test_an_order_that_says_takes_the_fewest_points_that_pay_it(said: int, points: int) -> None:
    # 10 points stand for 10.00.
    assert order_pays(paid_order(20_000, said), Taken(10, 1000), "EUR") == Taken(points, said)


def test_an_order_that_says_more_than_is_held_would_take_more() -> None:
    # 12.00 of 10.00: who asks sees that the hold is too small.
    assert order_pays(paid_order(20_000, 1200), Taken(10, 1000), "EUR") == Taken(12, 1200)


def test_an_order_in_another_currency_is_paid_in_the_books_currency() -> None:
    # 10.00 USD at 0.92 are 9.20 EUR: of 1.00 each, 10 points.
    order = paid_order(20_000, 1000, rate_to_book="0.92")
    order = replace(order, currency_code="USD")
    assert order_pays(order, Taken(20, 2000), "EUR") == Taken(10, 920)


def test_an_order_in_yen_is_paid_in_cents() -> None:
    # 1,635 JPY at 0.0061 are 9.97 EUR (9.9735).
    order = replace(paid_order(5000, 1635, rate_to_book="0.0061"), currency_code="JPY")
    assert order_pays(order, Taken(20, 2000), "EUR") == Taken(10, 997)


def test_a_rate_is_not_asked_for_in_the_books_own_currency() -> None:
    order = paid_order(20_000, 1000, rate_to_book="0.92")
    assert order_pays(order, Taken(20, 2000), "EUR") == Taken(10, 1000)


def test_a_hold_that_stands_for_nothing_is_taken_whole() -> None:
    assert order_pays(paid_order(100, 1), Taken(3, 0), "EUR") == Taken(3, 1)


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.data())
def test_points_that_pay_are_enough_and_one_fewer_is_not(
    points: int, face: int, data: st.DataObject
) -> None:
    said = data.draw(st.integers(1, face))
    pays, paid = order_pays(paid_order(20_000, said), Taken(points, face), "EUR")
    assert paid == said
    assert (pays - 1) * face < said * points <= pays * face
    assert pays <= points


# Orders and their returns.


def test_an_order_takes_what_it_was_paid_with() -> None:
    [step] = order_steps("erp", paid_order(20_000), [], Taken(100, 10_000))
    assert step == SpendStep(
        order_prefix("erp", "SO-7") + "order:SO-7", "order:SO-7", Taken(100, 10_000), START
    )


def test_of_200_paid_with_100_points_a_return_of_150_gives_75_back() -> None:
    steps = order_steps("erp", paid_order(20_000), [refund("R1", 15_000)], Taken(100, 10_000))
    assert taken(steps) == [(100, 10_000), (-75, -7500)]
    assert steps[1][:2] == (order_prefix("erp", "SO-7") + "return:R1", "return:R1")
    assert steps[1].business_at == START + DAY


def test_returns_of_more_than_the_order_give_back_no_more_than_it_took() -> None:
    returns = [refund("R1", 15_000), refund("R2", 10_000, 2), refund("R3", 1, 3)]
    steps = order_steps("erp", paid_order(20_000), returns, Taken(100, 10_000))
    assert taken(steps)[1:] == [(-75, -7500), (-25, -2500), (0, 0)]


def test_three_returns_of_a_third_give_everything_back() -> None:
    # 33.33, 66.67 and 100 of 100 points: rounded down, and 3.33, 6.67 and 10.00 of 10.00.
    returns = [refund(f"R{n}", 1000, n) for n in (1, 2, 3)]
    steps = order_steps("erp", paid_order(3000), returns, Taken(100, 1000))
    assert taken(steps)[1:] == [(-33, -333), (-33, -334), (-34, -333)]


def test_returns_count_along_the_time_line_in_whatever_order_they_come() -> None:
    returns = [refund("R1", 15_000, 3), refund("R2", 10_000, 2), refund("R0", 5_000, 3)]
    for mixed in permutations(returns):
        steps = order_steps("erp", paid_order(20_000), mixed, Taken(100, 10_000))
        assert [step.cause for step in steps] == [
            *("order:SO-7", "return:R2", "return:R0", "return:R1")
        ]
        assert taken(steps)[1:] == [(-50, -5000), (-25, -2500), (-25, -2500)]


@pytest.mark.parametrize("status", [DocumentStatus.DRAFT, DocumentStatus.CANCELLED])
def test_a_return_that_is_not_done_gives_nothing_back(status: DocumentStatus) -> None:
    returns = [refund("R1", 15_000, status=status)]
    assert taken(order_steps("erp", paid_order(20_000), returns, Taken(100, 10_000))) == [
        (100, 10_000)
    ]


@pytest.mark.parametrize("status", [OrderStatus.DRAFT, OrderStatus.CANCELLED])
def test_an_order_that_is_no_sale_takes_nothing(status: OrderStatus) -> None:
    order = replace(paid_order(20_000), status=status)
    assert order_steps("erp", order, [refund("R1", 15_000)], Taken(100, 10_000)) == []


def test_a_completed_order_takes_as_a_confirmed_one() -> None:
    order = replace(paid_order(20_000), status=OrderStatus.COMPLETED)
    assert taken(order_steps("erp", order, [], Taken(100, 10_000))) == [(100, 10_000)]


def test_shares_are_of_the_order_with_tax() -> None:
    # 100.00 and 19.00 of tax; 59.50 with tax come back: a half.
    order = replace(paid_order(0), lines=(OrderLine("1", MICRO, 10_000, 1900),))
    line = ReturnLine("1", 0, 5000, 950)
    steps = order_steps("erp", order, [refund("R1", 0, lines=(line,))], Taken(100, 10_000))
    assert taken(steps)[1] == (-50, -5000)


def test_a_return_without_tax_takes_its_lines_share_of_it() -> None:
    order = replace(paid_order(0), lines=(OrderLine("1", MICRO, 10_000, 1900),))
    steps = order_steps("erp", order, [refund("R1", 5000)], Taken(100, 10_000))
    assert taken(steps)[1] == (-50, -5000)


def test_pieces_without_an_amount_are_worth_their_share_of_the_line() -> None:
    # Two lines, 4 pieces for 80.00 and one for 20.00; 2 of the 4 come back: 40.00 of 100.00.
    lines = (OrderLine("1", 4 * MICRO, 8000), OrderLine("2", MICRO, 2000))
    order = replace(paid_order(0), lines=lines)
    back = refund("R1", 0, lines=(ReturnLine("1", 2 * MICRO),))
    assert taken(order_steps("erp", order, [back], Taken(10, 1000)))[1] == (-4, -400)


def test_an_amount_off_the_order_as_a_whole_counts() -> None:
    steps = order_steps("erp", paid_order(20_000), [refund("R1", 5000, 1, "")], Taken(100, 10_000))
    assert taken(steps)[1] == (-25, -2500)


def test_any_return_of_an_order_for_nothing_gives_everything_back() -> None:
    steps = order_steps("erp", paid_order(0), [refund("R1", 0)], Taken(100, 10_000))
    assert taken(steps)[1] == (-100, -10_000)


def test_a_return_of_nothing_gives_nothing_back() -> None:
    steps = order_steps("erp", paid_order(1), [refund("R1", 0)], Taken(100, 10_000))
    assert taken(steps)[1] == (0, 0)


def test_the_currency_of_the_order_does_not_change_shares() -> None:
    order = replace(paid_order(20_000, rate_to_book="0.0061"), currency_code="JPY")
    steps = order_steps("erp", order, [refund("R1", 15_000)], Taken(100, 10_000))
    assert taken(steps)[1] == (-75, -7500)


@given(
    st.integers(0, 10_000),
    st.lists(st.integers(0, 6000), max_size=6),
    st.integers(0, 1000),
    st.integers(0, 10_000),
)
def test_returns_never_give_back_more_than_the_order_took(
    gross: int, amounts: list[int], points: int, face: int
) -> None:
    returns = [refund(f"R{n}", amount, n) for n, amount in enumerate(amounts)]
    steps = order_steps("erp", paid_order(gross), returns, Taken(points, face))
    left_points, left_face = 0, 0
    for index, step in enumerate(steps):
        left_points += step.taken.points
        left_face += step.taken.face_minor
        assert 0 <= left_points <= points
        assert 0 <= left_face <= face
        assert index == 0 or max(step.taken) <= 0
    if amounts and sum(amounts) >= gross:
        assert (left_points, left_face) == (0, 0)


# What has to be posted.


def test_what_was_not_posted_is_posted_when_it_happened() -> None:
    steps, _ = goods_steps([shipment("D1", 3), came_back("R1", 1)], *MUGS)
    assert spends(steps, {}, START + 9 * DAY) == [
        Spend(
            *(document_key("erp", "return:R1"), "return:R1", FactKind.REDEMPTION_RETURNED),
            *(Taken(-34), START + 5 * DAY),
        ),
        Spend(
            document_key("erp", "shipment:D1"),
            "shipment:D1",
            FactKind.REDEEMED,
            Taken(100),
            START + DAY,
        ),
    ]


def test_what_was_posted_is_not_posted_again() -> None:
    steps, _ = goods_steps([shipment("D1", 3), came_back("R1", 1)], *MUGS)
    posted: dict[str, Taken] = {}
    assert len(post(posted, steps)) == 2
    assert post(posted, steps) == []


def test_a_step_that_takes_nothing_is_not_posted() -> None:
    steps, _ = goods_steps([came_back("R1", 1, 0), shipment("D1", 3)], *MUGS)
    assert [one.cause for one in spends(steps, {}, 0)] == ["shipment:D1"]


def test_what_changes_later_is_corrected_when_it_changed() -> None:
    # D1 was 1 piece and is 3 now; D2 that came in between takes nothing any more.
    posted = {
        document_key("erp", "shipment:D1"): Taken(33),
        document_key("erp", "shipment:D2"): Taken(67),
    }
    steps, _ = goods_steps([shipment("D1", 3), shipment("D2", 2, 2)], *MUGS)
    assert spends(steps, posted, START + 9 * DAY) == [
        Spend(
            *(document_key("erp", "shipment:D2"), "shipment:D2", FactKind.REDEMPTION_REVERSED),
            *(Taken(-67), START + 9 * DAY),
        ),
        Spend(
            *(document_key("erp", "shipment:D1"), "shipment:D1", FactKind.REDEEMED),
            *(Taken(67), START + 9 * DAY),
        ),
    ]


def test_a_correction_is_never_before_what_it_corrects() -> None:
    steps, _ = goods_steps([shipment("D1", 3, 4)], *MUGS)
    [one] = spends(steps, {document_key("erp", "shipment:D1"): Taken(33)}, START)
    assert one.business_at == START + 4 * DAY


def test_a_shipment_that_was_cancelled_gives_its_points_back() -> None:
    assert spends([], {document_key("erp", "shipment:D1"): Taken(100)}, 7) == [
        Spend(
            document_key("erp", "shipment:D1"),
            "shipment:D1",
            FactKind.REDEMPTION_REVERSED,
            Taken(-100),
            7,
        )
    ]


def test_a_return_that_was_cancelled_takes_its_points_again() -> None:
    steps, _ = goods_steps([shipment("D1", 3)], *MUGS)
    posted = {
        document_key("erp", "shipment:D1"): Taken(100),
        document_key("erp", "return:R1"): Taken(-34),
    }
    assert spends(steps, posted, 7) == [
        Spend(
            document_key("erp", "return:R1"),
            "return:R1",
            FactKind.REDEMPTION_RETURN_REVERSED,
            Taken(34),
            7,
        )
    ]


def test_what_was_cancelled_and_posted_before_is_over() -> None:
    assert spends([], {document_key("erp", "shipment:D1"): NOTHING}, 7) == []


def test_a_cancelled_order_gives_back_what_its_returns_did_not() -> None:
    # 100 taken, 75 given back: first 100 come back, then the 75 are taken.
    paid = Taken(100, 10_000)
    posted: dict[str, Taken] = {}
    post(posted, order_steps("erp", paid_order(20_000), [refund("R1", 15_000)], paid))
    found = post(posted, [])
    assert [(one.kind, one.taken) for one in found] == [
        (FactKind.REDEMPTION_REVERSED, Taken(-100, -10_000)),
        (FactKind.REDEMPTION_RETURN_REVERSED, Taken(75, 7500)),
    ]
    assert set(posted.values()) == {NOTHING}


def test_confirmed_cancelled_confirmed_ends_with_exactly_what_the_order_takes() -> None:
    order, paid = paid_order(20_000), Taken(100, 10_000)
    cancelled = replace(order, status=OrderStatus.CANCELLED)
    posted: dict[str, Taken] = {}
    for one in (order, cancelled, order):
        post(posted, order_steps("erp", one, [], paid), START + DAY)
    assert posted == {order_prefix("erp", "SO-7") + "order:SO-7": paid}


def test_money_alone_that_changes_is_posted_too() -> None:
    # The same points pay 8.80 where they paid 8.50, and 8.20 then.
    posted = {order_prefix("erp", "SO-7") + "order:SO-7": Taken(9, 850)}
    order = paid_order(20_000)
    [more] = spends(order_steps("erp", order, [], Taken(9, 880)), posted, START)
    assert (more.kind, more.taken) == (FactKind.REDEEMED, Taken(0, 30))
    [less] = spends(order_steps("erp", order, [], Taken(9, 820)), posted, START)
    assert (less.kind, less.taken) == (FactKind.REDEMPTION_REVERSED, Taken(0, -30))


def test_one_point_or_one_minor_unit_is_as_good_as_many() -> None:
    keys = (order_prefix("erp", "SO-7") + "order:SO-7", order_prefix("erp", "SO-7") + "return:R1")
    steps = [
        SpendStep(keys[0], "order:SO-7", Taken(1, 0), START),
        SpendStep(keys[1], "return:R1", Taken(0, 1), START),
    ]
    found = spends(steps, {}, START)
    assert [(one.key, one.kind) for one in found] == [
        (keys[1], FactKind.REDEMPTION_RETURN_REVERSED),
        (keys[0], FactKind.REDEEMED),
    ]


def test_what_is_given_back_comes_before_what_is_taken() -> None:
    posted = {
        document_key("erp", "shipment:D1"): Taken(33),
        document_key("erp", "shipment:D2"): Taken(67),
    }
    steps, _ = goods_steps([shipment("D3", 3)], *MUGS)
    assert [one.taken.points for one in spends(steps, posted, 7)] == [-33, -67, 100]


@given(st.lists(movements(), min_size=1, max_size=5), st.integers(1, 9), st.integers(0, 500))
def test_whatever_was_known_before_what_is_posted_is_what_the_documents_say(
    versions: list[list[StockLine]], quantity: int, points: int
) -> None:
    posted: dict[str, Taken] = {}
    for lines in versions:
        steps, _ = goods_steps(lines, quantity, points)
        found = post(posted, steps)
        assert all(one.taken != NOTHING for one in found)
        assert {k: v for k, v in posted.items() if v != NOTHING} == {
            step.key: step.taken for step in steps if step.taken != NOTHING
        }


def test_document_numbers_may_contain_slashes() -> None:
    """As Odoo's do: WH/OUT/7, WH/IN/3."""
    posted = {
        document_key("erp", "shipment:WH/OUT/7"): Taken(100),
        document_key("erp", "return:WH/IN/3"): Taken(-34),
    }
    steps, _ = goods_steps([shipment("WH/OUT/7", 3)], 3, 100)
    [one] = spends(steps, posted, 7)
    assert (one.cause, one.kind) == ("return:WH/IN/3", FactKind.REDEMPTION_RETURN_REVERSED)


def test_a_piece_too_many_that_comes_back_was_never_paid() -> None:
    steps, _ = goods_steps([shipment("D1", 4), came_back("R1", 1)], 3, 100)
    assert [step.taken.points for step in steps] == [100, 0]
