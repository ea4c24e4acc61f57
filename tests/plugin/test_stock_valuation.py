"""Reward stock: what every document does to pieces and value, and that the order in which documents arrive does not matter."""

from __future__ import annotations

import doctest
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.facts import FactKind
from plugin.stock import valuation
from plugin.stock.valuation import (
    EMPTY,
    FACT_KINDS,
    NOT_BOOKED,
    Booked,
    Pile,
    Place,
    ShippedOf,
    StockKind,
    StockLine,
    replay,
    shipped_of,
)

RECEIVED, RETURNED, SHIPPED, COUNTED = (
    StockKind.RECEIVED,
    StockKind.RETURNED,
    StockKind.SHIPPED,
    StockKind.COUNTED,
)
REDEMPTION = 100_001


def received(at: int, pieces: int, value: int | None, name: str = "IN", **more: Any) -> StockLine:
    return StockLine(Place(at, RECEIVED, "erp", f"{name}-{at}"), pieces, value, **more)


def shipped(at: int, pieces: int, redemption: int = REDEMPTION, **more: Any) -> StockLine:
    return StockLine(
        Place(at, SHIPPED, "erp", f"OUT-{at}"), pieces, redemption_id=redemption, **more
    )


def returned(at: int, pieces: int, redemption: int = REDEMPTION, **more: Any) -> StockLine:
    return StockLine(
        Place(at, RETURNED, "erp", f"BACK-{at}"), pieces, redemption_id=redemption, **more
    )


def counted(at: int, pieces: int, **more: Any) -> StockLine:
    return StockLine(Place(at, COUNTED, "erp", f"COUNT-{at}"), pieces, **more)


def costs(minor: int) -> Callable[[int], int]:
    return lambda at: minor


def value(*lines: StockLine, cost: int = 0) -> list[Booked]:
    """Values lines on an empty shelf; returns what each is booked at."""
    replay(EMPTY, lines, costs(cost), {})
    return [line.booked for line in lines]


def after(*lines: StockLine, cost: int = 0) -> tuple[int, int]:
    """Values lines on an empty shelf; returns pieces on hand and their value."""
    value(*lines, cost=cost)
    return lines[-1].after.on_hand, lines[-1].after.value_minor


def test_the_worked_numbers_in_docstrings_are_right() -> None:
    found = doctest.testmod(valuation)
    assert found.attempted > 0
    assert found.failed == 0


# Receipts and shipments.


def test_a_shipment_leaves_at_the_moving_average() -> None:
    # 10 at 4.00 and 10 at 5.00 are 20 worth 90.00, 4.50 each. 4 leave for 18.00.
    lines = [received(1, 10, 4000), received(2, 10, 5000), shipped(3, 4)]
    assert value(*lines) == [Booked(10, 4000), Booked(10, 5000), Booked(-4, -1800)]
    assert (lines[-1].after.on_hand, lines[-1].after.value_minor) == (16, 7200)


def test_the_average_moves_with_the_next_receipt_and_not_before() -> None:
    # 2 at 4.00; 1 leaves for 4.00; 3 more for 18.00: 4 worth 22.00, 5.50 each.
    lines = [received(1, 2, 800), shipped(2, 1), received(3, 3, 1800), shipped(4, 2)]
    assert [booked.value_minor for booked in value(*lines)] == [800, -400, 1800, -1100]
    assert lines[-1].after == Pile(2, 4, 2200)


def test_the_last_piece_takes_the_remainder() -> None:
    # 3 worth 10.00: what is left is worth 10.00, 6.67, 3.33 and nothing.
    lines = [received(1, 3, 1000), shipped(2, 1), shipped(3, 1), shipped(4, 1)]
    assert [booked.value_minor for booked in value(*lines)] == [1000, -333, -334, -333]
    assert (lines[-1].after.on_hand, lines[-1].after.value_minor) == (0, 0)


@pytest.mark.parametrize(
    ("parts", "costs_of_parts"),
    [
        ((7,), (100,)),
        ((1, 6), (14, 86)),  # 86 is left of 6 pieces: 85.71
        ((3, 4), (43, 57)),  # 57.14
        ((3, 3, 1), (43, 43, 14)),
        ((1,) * 7, (14, 15, 14, 14, 14, 15, 14)),  # left: 86, 71, 57, 43, 29, 14, 0
    ],
)
def test_it_does_not_matter_in_how_many_shipments_pieces_leave(
    parts: tuple[int, ...], costs_of_parts: tuple[int, ...]
) -> None:
    out = [shipped(at, pieces) for at, pieces in enumerate(parts, 2)]
    value(received(1, 7, 100), *out)
    assert tuple(-line.booked.value_minor for line in out) == costs_of_parts
    assert sum(costs_of_parts) == 100


def test_a_half_of_a_minor_unit_stays_with_what_is_left() -> None:
    # 2 pieces worth 0.01: one is worth half of it, rounded up, so the first leaves for nothing.
    assert [booked.value_minor for booked in value(received(1, 2, 1), shipped(2, 1))] == [1, 0]


def test_goods_received_for_nothing_lower_the_average() -> None:
    # 2 worth 10.00 and 2 free ones are 4 worth 10.00.
    lines = [received(1, 2, 1000), received(2, 2, 0), shipped(3, 1)]
    assert value(*lines)[-1] == Booked(-1, -250)


def test_a_receipt_without_value_is_worth_what_the_product_costs() -> None:
    line = received(1, 3, None)
    assert value(line, cost=420) == [Booked(3, 1260)]
    assert line.is_unpriced


def test_a_receipt_without_value_of_a_product_without_cost_is_worth_the_average() -> None:
    lines = [received(1, 3, 1000), received(2, 1, None)]
    assert value(*lines) == [Booked(3, 1000), Booked(1, 333)]
    assert lines[1].is_unpriced  # the day the cost is known it counts


def test_a_receipt_that_nothing_is_known_of_is_worth_nothing_for_now() -> None:
    assert value(received(1, 3, None)) == [Booked(3, 0)]
    assert after(received(1, 3, None), shipped(2, 1)) == (2, 0)


def test_a_value_of_nothing_is_a_value_and_not_an_unknown_one() -> None:
    line = received(1, 3, 0)
    assert value(line, cost=420) == [Booked(3, 0)]
    assert not line.is_unpriced


def test_the_cost_of_the_product_is_that_of_the_day_of_the_receipt() -> None:
    lines = [received(1, 1, None), received(5, 1, None)]
    replay(EMPTY, lines, lambda at: 400 if at < 5 else 500, {})
    assert [line.booked.value_minor for line in lines] == [400, 500]


def test_a_receipt_of_no_pieces_brings_no_value() -> None:
    assert value(received(1, 0, 100)) == [NOT_BOOKED]
    assert after(received(1, 3, 900), received(2, 0, 100)) == (3, 900)


# Counts.


def test_a_count_that_finds_what_is_known_changes_nothing() -> None:
    assert value(received(1, 3, 1000), shipped(2, 1), counted(3, 2))[-1] == Booked(0, 0)


def test_a_count_that_finds_fewer_takes_the_difference_out_at_the_average() -> None:
    # 3 worth 10.00 are really 2, worth 6.67.
    lines = [received(1, 3, 1000), counted(2, 2)]
    assert value(*lines)[-1] == Booked(-1, -333)
    assert lines[-1].after == Pile(2, 2, 667)


def test_a_count_that_finds_nothing_takes_all_the_value() -> None:
    lines = [received(1, 3, 1000), shipped(2, 1), counted(3, 0)]
    assert value(*lines)[-1] == Booked(-2, -667)
    assert (lines[-1].after.on_hand, lines[-1].after.value_minor) == (0, 0)


def test_a_count_that_finds_more_puts_the_difference_in_at_the_average() -> None:
    # 4 worth 10.00 are really 6, worth 15.00.
    lines = [received(1, 4, 1000), counted(2, 6)]
    assert value(*lines)[-1] == Booked(2, 500)
    assert lines[-1].after == Pile(6, 6, 1500)


def test_one_piece_more_is_worth_the_same_as_any_number_of_one() -> None:
    # 3 worth 10.00, 2 left: one piece found on top of the last one is worth 3.33.
    assert value(received(1, 3, 1000), shipped(2, 2), counted(3, 2))[-1] == Booked(1, 333)


def test_a_count_after_everything_left_finds_pieces_at_the_last_price() -> None:
    assert value(received(1, 2, 500), shipped(2, 2), counted(3, 2))[-1] == Booked(2, 500)


def test_the_first_count_is_worth_what_the_product_costs() -> None:
    line = counted(1, 40)
    assert value(line, cost=420) == [Booked(40, 16_800)]
    assert line.is_unpriced


def test_a_count_of_nothing_where_nothing_was_does_not_ask_what_the_product_costs() -> None:
    line = counted(1, 0)
    assert value(line, cost=420) == [NOT_BOOKED]
    assert not line.is_unpriced


def test_a_count_at_a_known_price_does_not_ask_what_the_product_costs() -> None:
    line = counted(2, 6)
    assert value(received(1, 4, 1000), line, cost=999)[-1] == Booked(2, 500)
    assert not line.is_unpriced


def test_at_one_instant_goods_arrive_leave_come_back_and_are_counted_in_that_order() -> None:
    lines = [counted(1, 5), shipped(1, 1), returned(1, 1, redemption=7), received(1, 6, 600)]
    lines.sort(key=lambda line: line.place)
    assert [line.place.kind.name for line in lines] == [
        "RECEIVED",
        "SHIPPED",
        "RETURNED",  # an ERP that gives dates alone says that goods left and came back at once
        "COUNTED",
    ]
    value(*lines)
    assert lines[-1].booked == Booked(-1, -100)  # 6 - 1 + 1 = 6, counted 5


# More leaves than was known to be there.


def test_what_leaves_beyond_what_was_there_is_found_at_the_last_price() -> None:
    # 2 worth 10.00, 5 leave: the 3 that were missing are found for 15.00, and 25.00 leave.
    lines = [received(1, 2, 1000), shipped(2, 5)]
    assert value(*lines)[-1] == Booked(-5, -2500, found_pieces=3, found_minor=1500)
    assert lines[-1].after == Pile(-3, 2, 1000)
    assert (lines[-1].after.on_hand, lines[-1].after.value_minor) == (0, 0)


def test_what_is_found_again_is_found_at_the_same_price_to_the_last_cent() -> None:
    # 3 worth 10.00 are 3.33 each: found one by one they cost 3.33, 3.34 and 3.33.
    lines = [received(1, 3, 1000), shipped(2, 3), shipped(3, 1), shipped(4, 1), shipped(5, 1)]
    assert [booked[2:] for booked in value(*lines)[2:]] == [(1, 333), (1, 334), (1, 333)]


def test_what_is_found_with_no_price_is_worth_what_the_product_costs() -> None:
    line = shipped(1, 2)
    assert value(line, cost=420) == [Booked(-2, -840, 2, 840)]
    assert line.is_unpriced


def test_what_is_found_with_no_price_and_no_cost_is_worth_nothing() -> None:
    assert value(shipped(1, 2)) == [Booked(-2, 0, 2, 0)]


def test_a_shipment_at_a_known_price_does_not_ask_what_the_product_costs() -> None:
    line = shipped(2, 5)
    value(received(1, 2, 1000), line, cost=999)
    assert not line.is_unpriced


def test_a_later_receipt_does_not_refill_what_was_found_before_it() -> None:
    assert after(received(1, 2, 1000), shipped(2, 5), received(3, 4, 2400)) == (4, 2400)


def test_a_count_after_a_finding_counts_from_nothing() -> None:
    lines = [received(1, 2, 1000), shipped(2, 5), counted(3, 2)]
    assert value(*lines)[-1] == Booked(2, 1000)
    assert lines[-1].after == Pile(2, 2, 1000)


def test_an_earlier_receipt_that_arrives_later_takes_the_finding_back() -> None:
    line = shipped(2, 5)
    value(received(1, 2, 1000), line)
    early = received(0, 4, 1400)  # 6 worth 24.00, 4.00 each
    changed = replay(EMPTY, [early, received(1, 2, 1000), line], costs(0), {})
    assert line.booked == Booked(-5, -2000)
    assert changed[-1] == (line, Booked(0, 500, -3, -1500))
    assert line.after.on_hand == 1
    assert line.after.value_minor == 400


# Returns.


def test_what_comes_back_is_worth_what_the_redemptions_shipments_cost() -> None:
    # Shipped at 4.00; meanwhile the average is 5.00. It comes back at 4.00.
    lines = [received(1, 2, 800), shipped(2, 1), received(3, 1, 600), returned(4, 1)]
    assert value(*lines)[-1] == Booked(1, 400)
    assert lines[-1].after == Pile(3, 3, 1400)


def test_the_last_piece_that_comes_back_takes_the_remainder() -> None:
    lines = [received(1, 3, 1000), shipped(2, 3), returned(3, 1), returned(4, 1), returned(5, 1)]
    assert [booked.value_minor for booked in value(*lines)[2:]] == [333, 334, 333]
    assert lines[-1].after == Pile(3, 3, 1000)


def test_pieces_of_two_shipments_come_back_at_their_average() -> None:
    # One left for 4.00, one for 6.00: each comes back for 5.00.
    lines = [
        *(received(1, 1, 400), shipped(2, 1), received(3, 1, 600), shipped(4, 1)),
        *(returned(5, 1), returned(6, 1)),
    ]
    assert value(*lines)[-2:] == [Booked(1, 500), Booked(1, 500)]


def test_a_return_asks_for_the_shipments_of_its_own_redemption() -> None:
    lines = [
        *(received(1, 1, 400), shipped(2, 1, redemption=7)),
        *(received(3, 1, 600), shipped(4, 1, redemption=8)),
        *(returned(5, 1, redemption=8), returned(6, 1, redemption=7)),
    ]
    assert value(*lines)[-2:] == [Booked(1, 600), Booked(1, 400)]


def test_a_return_before_any_shipment_is_worth_the_average() -> None:
    assert value(received(1, 3, 1000), returned(2, 1))[-1] == Booked(1, 333)


def test_a_return_on_an_empty_shelf_before_any_shipment_is_worth_what_the_product_costs() -> None:
    line = returned(1, 2)
    assert value(line, cost=420) == [Booked(2, 840)]
    assert line.is_unpriced


def test_a_damaged_return_does_not_go_into_stock() -> None:
    lines = [received(1, 3, 1000), shipped(2, 2), returned(3, 1, is_damaged=True)]
    assert value(*lines)[-1] == NOT_BOOKED
    assert lines[-1].after == lines[-2].after


def test_a_damaged_return_keeps_its_share_of_the_cost() -> None:
    # 3 cost 10.00; the first comes back broken, the others for 3.34 and 3.33.
    lines = [
        *(received(1, 3, 1000), shipped(2, 3), returned(3, 1, is_damaged=True)),
        *(returned(4, 1), returned(5, 1)),
    ]
    assert [booked.value_minor for booked in value(*lines)[2:]] == [0, 334, 333]


def test_what_was_found_comes_back_at_what_it_was_found_for() -> None:
    lines = [shipped(1, 3), returned(2, 3)]
    assert value(*lines, cost=420)[-1] == Booked(3, 1260)
    assert after(shipped(1, 3), returned(2, 3), cost=420) == (3, 1260)


@given(st.integers(0, 100_000), st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_what_comes_back_in_parts_is_worth_what_the_shipments_cost(
    cost: int, parts: list[int]
) -> None:
    mine, back = ShippedOf(sum(parts), cost), 0
    for part in parts:
        share = mine.returning(part)
        assert share >= 0
        back += share
        mine = mine.less(part)
    assert back == cost


def test_a_return_between_shipments_of_other_cost_takes_no_share_of_the_later_one() -> None:
    lines = [received(1, 1, 1000), shipped(2, 1), returned(3, 1), counted(4, 0)]
    lines += [received(5, 1, 0), shipped(6, 1), returned(7, 1)]
    assert [booked.value_minor for booked in value(*lines)] == [1000, -1000, 1000, -1000, 0, 0, 0]


def test_more_than_had_left_comes_back_at_the_price_of_the_rest() -> None:
    assert value(received(1, 3, 900), shipped(2, 1), returned(3, 2))[-1] == Booked(2, 600)


def test_a_line_whose_value_begins_to_depend_on_the_products_cost_says_so() -> None:
    into, out, count = received(1, 1, None), shipped(2, 1), counted(3, 2)
    value(into, out, count, cost=10)
    count.is_changed = count.is_unpriced = False
    into.is_void = out.is_void = True
    replay(EMPTY, [into, out, count], costs(10), {})
    assert (count.is_unpriced, count.is_changed) == (True, True)


# Documents that no longer count, and what is posted when others change.


@pytest.mark.parametrize("kind", StockKind)
def test_a_document_that_no_longer_counts_does_nothing(kind: StockKind) -> None:
    line = StockLine(Place(2, kind, "erp", "X"), 0, 999, REDEMPTION, is_void=True)
    value(received(1, 3, 1000), line, cost=420)
    assert (line.booked, line.after) == (NOT_BOOKED, Pile(3, 3, 1000))


def test_a_cancelled_shipment_gives_back_exactly_what_it_took() -> None:
    # 3.33 and 6.67 left. Without the first, 6.67 leave all the same: 3.33 are left of 10.00.
    into, first, second = received(1, 3, 1000), shipped(2, 1), shipped(3, 2)
    value(into, first, second)
    cancelled = replace(first, pieces=0, is_void=True)
    assert replay(into.after, [cancelled, second], costs(0), {}) == [(cancelled, Booked(1, 333))]
    assert (second.after.on_hand, second.after.value_minor) == (1, 333)


def test_a_shipment_that_no_longer_counts_is_no_cost_of_its_redemption() -> None:
    lines = [received(1, 4, 1000), shipped(2, 2, is_void=True), shipped(3, 2), returned(4, 2)]
    assert value(*lines)[-1] == Booked(2, 500)


def test_nothing_is_posted_when_nothing_changes() -> None:
    lines = [received(1, 3, 1000), shipped(2, 1), counted(3, 1), returned(4, 1)]
    assert len(replay(EMPTY, lines, costs(0), {})) == 4
    for line in lines:
        line.is_changed = False
    assert replay(EMPTY, lines, costs(0), {}) == []
    assert not any(line.is_changed for line in lines)


def test_only_lines_whose_booking_changes_are_posted() -> None:
    # A dearer receipt of the past: what was received and counted afterwards stays, what left is dearer.
    first, late, second, out = (
        received(1, 1, 400),
        received(2, 1, 600),
        received(3, 1, 500),
        shipped(4, 1),
    )
    value(first, second, out)
    assert out.booked.value_minor == -450
    changed = replay(first.after, [late, second, out], costs(0), {})
    assert changed == [(late, Booked(1, 600)), (out, Booked(0, -50))]
    assert second.is_changed  # the pile after it is another one


def test_a_product_whose_cost_becomes_known_is_valued_again() -> None:
    lines = [counted(1, 10), shipped(2, 4)]
    value(*lines)
    changed = replay(EMPTY, lines, costs(420), {})
    assert [difference for _, difference in changed] == [Booked(0, 4200), Booked(0, -1680)]


def test_stored_numbers_stay_what_they_are() -> None:
    assert (RECEIVED, SHIPPED, RETURNED, COUNTED) == (1, 2, 3, 4)


def test_every_kind_of_document_has_a_kind_of_fact() -> None:
    assert {kind: FACT_KINDS[kind] for kind in StockKind} == {
        RECEIVED: FactKind.STOCK_RECEIVED,
        RETURNED: FactKind.GOODS_RETURNED,
        SHIPPED: FactKind.GOODS_SHIPPED,
        COUNTED: FactKind.STOCK_COUNTED,
    }


# Any order of arrival.

LineKey = tuple[int, str]


class Shelf:
    """A time line to which documents come one by one or in batches, valued from the first place they touch.

    What is known beside the lines is what the database knows: ``booked`` and ``after`` as last written. ``posted`` are the sums of
    all differences.
    """

    def __init__(self, unit_cost: Callable[[int], int]) -> None:
        self.unit_cost = unit_cost
        self.lines: list[StockLine] = []
        self.posted: dict[LineKey, Booked] = {}

    def put(self, *documents: StockLine) -> None:
        fresh = {key_of(line): line for line in documents}
        starts = [line.place for line in fresh.values()]
        for old in self.lines:
            newer = fresh.get(key_of(old))
            if newer is not None:
                starts.append(old.place)
                newer.booked, newer.after = old.booked, old.after
        self.value_from(
            min(starts), [*(old for old in self.lines if key_of(old) not in fresh), *fresh.values()]
        )

    def reprice(self, unit_cost: Callable[[int], int]) -> None:
        self.unit_cost = unit_cost
        starts = [line.place for line in self.lines if line.is_unpriced and not line.is_void]
        if starts:
            self.value_from(min(starts), self.lines)

    def value_from(self, start: Place, lines: Iterable[StockLine]) -> None:
        earlier = [line for line in self.lines if line.place < start]
        before = earlier[-1].after if earlier else EMPTY
        later = sorted((line for line in lines if line.place >= start), key=lambda line: line.place)
        changed = replay(before, later, self.unit_cost, shipped_in(earlier))
        self.lines = earlier + later
        for line, difference in changed:
            known = self.posted.get(key_of(line), NOT_BOOKED)
            self.posted[key_of(line)] = add(known, difference)

    @property
    def pile(self) -> Pile:
        return self.lines[-1].after if self.lines else EMPTY


def key_of(line: StockLine) -> LineKey:
    return (line.place.kind, line.place.document_id)


def add(left: Booked, right: Booked) -> Booked:
    return Booked(*(one + other for one, other in zip(left, right, strict=True)))


def shipped_in(lines: Iterable[StockLine]) -> dict[int, ShippedOf]:
    """Returns what redemptions' lines did, from what was booked for them, as the store reads it."""
    return shipped_of(line for line in lines if line.redemption_id and not line.is_void)


def afresh(line: StockLine) -> StockLine:
    return replace(line, booked=NOT_BOOKED, after=EMPTY, is_changed=False, is_unpriced=False)


@st.composite
def documents(draw: st.DrawFn) -> StockLine:
    """A document of few instants, numbers and redemptions: so that they meet, and come again in a newer version."""
    kind = draw(st.sampled_from(StockKind))
    is_void = draw(st.integers(0, 5)) == 0
    is_of_redemption = kind in (SHIPPED, RETURNED)
    pieces = draw(st.integers(0, 7))
    return StockLine(
        Place(draw(st.integers(0, 6)), kind, "erp", draw(st.sampled_from("ABC"))),
        0 if is_void else pieces,
        draw(st.none() | st.integers(0, 1000)) if kind is RECEIVED else None,
        draw(st.integers(1, 2)) if is_of_redemption else 0,
        is_void,
        is_damaged=kind is RETURNED and draw(st.booleans()),
    )


@st.composite
def unit_costs(draw: st.DrawFn) -> Callable[[int], int]:
    """Costs that change once."""
    first, second, since = draw(
        st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(0, 6))
    )
    return lambda at: first if at < since else second


batches = st.lists(st.lists(documents(), min_size=1, max_size=3), min_size=1, max_size=8)


def check(shelf: Shelf) -> None:
    """What holds after every batch."""
    on_hand = worth = 0
    for line in shelf.lines:
        booked = line.booked
        assert booked == shelf.posted.get(key_of(line), NOT_BOOKED)
        on_hand += booked.pieces + booked.found_pieces
        worth += booked.value_minor + booked.found_minor
        assert on_hand == line.after.on_hand >= 0
        assert worth == line.after.value_minor >= 0
        assert on_hand > 0 or worth == 0


@settings(deadline=None)
@given(batches, unit_costs())
def test_what_is_booked_sums_to_what_is_there_and_never_less_than_nothing(
    arrivals: list[list[StockLine]], unit_cost: Callable[[int], int]
) -> None:
    shelf = Shelf(unit_cost)
    for batch in arrivals:
        shelf.put(*map(afresh, batch))
        check(shelf)


@settings(deadline=None, max_examples=300)
@given(batches, unit_costs(), st.data())
def test_stock_and_its_value_are_the_same_for_every_order_of_arrival(
    arrivals: list[list[StockLine]], unit_cost: Callable[[int], int], data: st.DataObject
) -> None:
    shelf = Shelf(unit_cost)
    for batch in arrivals:
        shelf.put(*map(afresh, batch))

    final = [afresh(line) for line in shelf.lines]
    replay(EMPTY, final, unit_cost, {})
    assert [(line.booked, line.after) for line in final] == [
        (line.booked, line.after) for line in shelf.lines
    ]

    other = Shelf(unit_cost)
    for line in data.draw(st.permutations(final)):
        other.put(afresh(line))
    assert {k: v for k, v in other.posted.items() if v != NOT_BOOKED} == {
        k: v for k, v in shelf.posted.items() if v != NOT_BOOKED
    }
    assert other.pile == shelf.pile


@settings(deadline=None)
@given(batches, unit_costs())
def test_documents_that_no_longer_count_leave_nothing_behind(
    arrivals: list[list[StockLine]], unit_cost: Callable[[int], int]
) -> None:
    shelf = Shelf(unit_cost)
    for batch in arrivals:
        shelf.put(*map(afresh, batch))
    for line in list(shelf.lines):
        shelf.put(replace(afresh(line), pieces=0, is_void=True))
        check(shelf)
    assert all(posted == NOT_BOOKED for posted in shelf.posted.values())
    assert shelf.pile == EMPTY


@settings(deadline=None)
@given(batches)
def test_the_same_documents_again_post_nothing(arrivals: list[list[StockLine]]) -> None:
    shelf = Shelf(costs(70))
    for batch in arrivals:
        shelf.put(*map(afresh, batch))
    posted, pile = dict(shelf.posted), shelf.pile
    for line in list(shelf.lines):
        shelf.put(afresh(line))
    assert (shelf.posted, shelf.pile) == (posted, pile)


@settings(deadline=None)
@given(batches, unit_costs(), unit_costs())
def test_a_cost_that_changes_is_as_good_as_one_that_was_always_known(
    arrivals: list[list[StockLine]], before: Callable[[int], int], since: Callable[[int], int]
) -> None:
    shelf = Shelf(before)
    for batch in arrivals:
        shelf.put(*map(afresh, batch))
    shelf.reprice(since)
    check(shelf)
    final = [afresh(line) for line in shelf.lines]
    replay(EMPTY, final, since, {})
    assert [(line.booked, line.after) for line in final] == [
        (line.booked, line.after) for line in shelf.lines
    ]


@given(st.integers(1, 50), st.integers(0, 100_000), st.data())
def test_what_leaves_in_parts_costs_what_leaves_at_once(
    pieces: int, worth: int, data: st.DataObject
) -> None:
    parts = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=9))
    out = [shipped(at, part) for at, part in enumerate(parts, 2)]
    value(received(1, pieces, worth), *out)
    whole = shipped(2, sum(parts))
    value(received(1, pieces, worth), whole)
    assert out[-1].after == whole.after
    total = NOT_BOOKED
    for line in out:
        total = add(total, line.booked)
    assert total == whole.booked
