"""Carrying out: points leave the wallet when goods leave the warehouse or an order is paid, and come back when those do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import count, permutations, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from plugin.decide import Posting
from plugin.events import MICRO, DocumentStatus, Order, OrderLine, OrderStatus, Return, ReturnLine
from plugin.facts import Against, FactKind, PointFact, Settles
from plugin.money import carrying_minor
from plugin.points.holds import Hold, set_aside
from plugin.points.lots import Lot, Wallet
from plugin.program.versions import Program, compile_program, parse_program
from plugin.redemption.fulfil import (
    Circumstances,
    Fulfilment,
    carry_out,
    coupon_carried,
    hold_what_is_open,
    settle,
)
from plugin.redemption.life import PAYS_ORDERS, Kind, Redemption, Status, Step, StepKind
from plugin.redemption.spending import (
    Fulfilled,
    Spend,
    Taken,
    goods_steps,
    order_pays,
    order_prefix,
    order_steps,
    spends,
)
from plugin.stock.valuation import Place, StockKind, StockLine

U = 800_000_000  # 0.008 CNY a point
START = 1_760_000_000_000_000  # 2025-10-09 16:53 in Shanghai
DAY = 86_400_000_000
TODAY = date(2025, 10, 9)
OCTOBER, NEXT_YEAR = date(2025, 10, 31), date(2026, 12, 31)


@pytest.fixture(scope="session")
def shop(program_file: Any) -> Any:
    """Returns version 7 of a program in CNY, 0.008 a point, with more sections."""

    def make(sections: str = "", expiry: str = 'kind = "year_end"') -> Program:
        return compile_program(parse_program(f"{program_file(expiry=expiry)}\n{sections}"), 7)

    return make


def lot(number: int, points: int, expires_on: date | None = NEXT_YEAR) -> Lot:
    return Lot(number, 42, points, points, 0, U, 0, expires_on, 1, "S1")


def wallet(*lots: Lot) -> Wallet:
    made = Wallet(42, 0, 0)
    for one in lots:
        made.give(one)
    return made


def redemption(kind: Kind = Kind.GOODS, points: int = 100, **more: Any) -> Redemption:
    """Returns 3 mugs for 100 points, or one piece of another kind."""
    is_goods = kind is Kind.GOODS
    fields: dict[str, Any] = {
        "id": 100_001,
        "member_id": 42,
        "kind": kind,
        "reward": "" if kind is Kind.CHECKOUT else "mug" if is_goods else kind.name.lower(),
        "quantity": 3 if is_goods else 1,
        "points": points,
        "amount_minor": 0,
        "face_minor": 0,
        "sku": "MUG-1" if is_goods else "",
        "warehouse": "MAIN" if is_goods else "",
        "program_version": 7,
        "tier": "gold",
        "store": "S1",
        "requested_at": START,
        "requested_by": "ann",
        "expires_at": None,
    }
    return Redemption(**fields | more)


def shipment(name: str, pieces: int, day: int = 1, **more: Any) -> StockLine:
    return StockLine(Place(START + day * DAY, StockKind.SHIPPED, "erp", name), pieces, **more)


def came_back(name: str, pieces: int, day: int = 5, **more: Any) -> StockLine:
    return StockLine(Place(START + day * DAY, StockKind.RETURNED, "erp", name), pieces, **more)


def order(gross: int = 20_000, points_paid: int = 0, **more: Any) -> Order:
    made = Order(
        *("SO-7", 1, OrderStatus.CONFIRMED, START, "CNY"),
        lines=(OrderLine("1", MICRO, gross),),
        points_paid_minor=points_paid,
    )
    return replace(made, **more)


def refund(name: str, amount: int, day: int = 1) -> Return:
    lines = (ReturnLine("1", 0, amount),)
    return Return(name, 1, DocumentStatus.DONE, START + day * DAY, "SO-7", lines)


@dataclass
class Counter:
    """Where one redemption of a member is fulfilled: every method is what a document, a person or the clock says."""

    program: Program
    mine: Wallet
    one: Redemption
    postings: list[Posting] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    elsewhere: int = 0
    elsewhere_minor: int = 0

    def __post_init__(self) -> None:
        numbers = count(1000)
        self.how = Circumstances(self.program, lambda: next(numbers), "ben", "as asked")
        set_aside(self.mine, self.one.hold, self.one.points, START, TODAY)

    def meanwhile(self, points: int) -> None:
        """The member earns points elsewhere, or elsewhere loses some."""
        number = self.how.next_id()
        if points > 0:
            change = self.mine.give(lot(number, points))
        else:
            change = self.mine.take(number, -points, (), TODAY)
        self.elsewhere += points
        self.elsewhere_minor += change.amount_minor

    def documents(self, *lines: StockLine) -> list[PointFact]:
        """Shipments and returns of goods, all that are known."""
        steps, fulfilled = goods_steps(lines, self.one.quantity, self.one.points)
        latest = max((line.place.at for line in lines), default=START)
        wanted = spends(steps, self.one.posted, latest)
        facts = self.carry_out(wanted, fulfilled)
        return facts if wanted else self.hold_what_is_open(START)

    def paid(self, by: Order, *returns: Return) -> list[PointFact]:
        """The order that the hold pays, and its returns, as they are now."""
        pays = order_pays(by, Taken(self.one.points, self.one.face_minor), "CNY")
        at = by.ordered_at if by.changed_at is None else by.changed_at
        return self.carry_out(
            spends(order_steps("erp", by, returns, pays), self.one.posted, at), None
        )

    def at_once(self, face: int = 0) -> list[PointFact]:
        """What is fulfilled as soon as it is requested."""
        cause = f"{self.one.kind.name.lower()}:{self.one.reward}"
        spend = Spend("fulfilled", cause, FactKind.REDEEMED, Taken(self.one.points, face), START)
        return self.carry_out([spend], Fulfilled(self.one.quantity, 0))

    def give_up(self, day: int = 2) -> list[PointFact]:
        self.one.given_up = Status.CANCELLED
        return self.hold_what_is_open(START + day * DAY)

    def hold_what_is_open(self, at: int) -> list[PointFact]:
        done = Fulfilment()
        hold_what_is_open(self.one, self.mine, at, self.how, done)
        return self.keep(done)

    def carry_out(self, wanted: Sequence[Spend], fulfilled: Fulfilled | None) -> list[PointFact]:
        return self.keep(carry_out(self.one, self.mine, wanted, self.how, fulfilled))

    def keep(self, done: Fulfilment) -> list[PointFact]:
        self.postings += done.postings
        self.steps += done.steps
        return [posting.fact for posting in done.postings]

    @property
    def settles(self) -> list[Settles]:
        return [posting.settles for posting in self.postings]


def moved(facts: Sequence[PointFact]) -> list[tuple[str, int, int]]:
    """Returns kind, points and carrying amount of facts."""
    return [(fact.kind.name, fact.points, fact.amount_minor) for fact in facts]


def remaining(of: Wallet) -> dict[int, int]:
    return {number: one.remaining for number, one in of.lots.items()}


# Goods.


def test_goods_shipped_in_parts_and_returned_in_part(shop: Any) -> None:
    # 3 mugs for 100 points at 0.008: 33 are 0.26, 100 are 0.80, and 34 that come back 0.27.
    desk = Counter(shop(), wallet(lot(1, 150)), redemption())
    first, second, back = shipment("D1", 1), shipment("D2", 2, 2), came_back("R1", 1)
    assert moved(desk.documents(first)) == [("REDEEMED", -33, -26)]
    assert (desk.one.hold.slices, desk.one.status) == ({1: 67}, Status.ORDERED)
    assert moved(desk.documents(first, second)) == [("REDEEMED", -67, -54)]
    assert (desk.one.hold, desk.one.status) == (Hold({}, {1: 100}), Status.SHIPPED)
    assert moved(desk.documents(first, second, back)) == [("REDEMPTION_RETURNED", 34, 27)]
    assert (remaining(desk.mine), desk.one.hold.used) == ({1: 84}, {1: 66})
    assert (desk.one.shipped, desk.one.returned) == (3, 1)
    assert [step.kind for step in desk.steps] == [
        *(StepKind.SHIPPED, StepKind.SHIPPED, StepKind.RETURNED)
    ]


def test_documents_that_come_together_give_back_before_they_take(shop: Any) -> None:
    # The shipment was of one piece and another of two: 33 come back, then 67 are taken.
    desk = Counter(shop(), wallet(lot(1, 50), lot(2, 50), lot(3, 50)), redemption())
    desk.documents(shipment("D1", 2))
    facts = desk.documents(shipment("D1", 1), shipment("D2", 2, 2))
    assert [(fact.kind.name, fact.cause, fact.points) for fact in facts] == [
        ("REDEMPTION_REVERSED", "shipment:D1", 33),
        ("REDEEMED", "shipment:D2", -67),
    ]
    assert (desk.mine.points, desk.mine.debt, desk.one.hold.slices) == (50, 0, {})


def test_points_that_just_came_back_are_taken_before_anything_is_owed(shop: Any) -> None:
    # There is one lot: 33 of it are free again and 34 are held when 67 are taken.
    desk = Counter(shop(), wallet(lot(1, 100)), redemption())
    desk.documents(shipment("D1", 2))
    desk.documents(shipment("D1", 1), shipment("D2", 2, 2))
    assert (desk.mine.points, desk.mine.debt, desk.one.hold) == (0, 0, Hold({}, {1: 100}))


def test_all_that_was_taken_comes_back_before_another_shipment_takes_it(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption())
    desk.documents(shipment("D1", 3))
    facts = desk.documents(shipment("D1", 0, is_void=True), shipment("D2", 3, 2))
    assert moved(facts) == [("REDEMPTION_REVERSED", 100, 80), ("REDEEMED", -100, -80)]
    assert (desk.mine.points, desk.mine.debt, desk.one.hold) == (0, 0, Hold({}, {1: 100}))


def test_what_is_owed_counts_as_taken_when_it_comes_back(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption())
    desk.give_up()
    desk.mine.take(1, 100, (), TODAY)
    desk.documents(shipment("D1", 2, 3))  # 66 are owed
    facts = desk.documents(shipment("D1", 1, 3), shipment("D2", 2, 4))
    assert [(fact.kind.name, fact.debt_points) for fact in facts] == [
        ("REDEMPTION_REVERSED", -33),
        ("REDEEMED", 67),
    ]
    assert (desk.mine.debt, desk.one.hold.debt) == (100, 100)


def test_a_return_that_comes_with_its_shipment_finds_points_to_give_back(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption())
    facts = desk.documents(shipment("D1", 3), came_back("R1", 3))
    assert moved(facts) == [("REDEEMED", -100, -80), ("REDEMPTION_RETURNED", 100, 80)]
    assert (desk.mine.points, desk.one.hold) == (100, Hold())


def test_a_fact_says_which_redemption_document_and_reward_it_is_about(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption())
    [fact] = desk.documents(shipment("D1", 3))
    assert fact == PointFact(
        *(1000, FactKind.REDEEMED, 42, -100, -100, 0, -80, START + DAY),
        *("erp", "R100001", "shipment:D1", "S1", 7, "gold", (("mug", -100),)),
    )
    [posting] = desk.postings
    assert [(use.fact_id, use.lot_id, use.points) for use in posting.uses] == [(1000, 1, 100)]
    [step] = desk.steps
    assert (step.id, step.redemption_id, step.kind) == (1000, 100_001, StepKind.SHIPPED)
    assert (step.business_at, step.actor, step.reason) == (START + DAY, "ben", "as asked")
    assert (step.cause, step.points) == ("shipment:D1", -100)
    assert desk.one.is_changed


def test_pieces_beyond_the_redemption_take_no_points(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 150)), redemption())
    desk.documents(shipment("D1", 3))
    assert desk.documents(shipment("D1", 3), shipment("D2", 2, 2)) == []
    assert (desk.mine.points, desk.one.shipped, desk.one.status) == (50, 5, Status.SHIPPED)


def test_the_same_documents_again_move_nothing(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption())
    lines = [shipment("D1", 2), came_back("R1", 1)]
    assert len(desk.documents(*lines)) == 2
    assert desk.documents(*lines) == []


def test_a_shipment_that_was_undone_is_held_again(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 60, OCTOBER), lot(2, 90)), redemption())
    desk.documents(shipment("D1", 3))
    assert remaining(desk.mine) == {1: 0, 2: 50}
    # Undone on 12 November, when the first lot is over: its points stay held for what is still to be shipped.
    facts = desk.documents(shipment("D1", 0, 34, is_void=True))
    assert moved(facts) == [("REDEMPTION_REVERSED", 100, 80)]
    assert desk.one.hold == Hold({1: 60, 2: 40}, {})
    assert (desk.one.status, desk.one.to_hold) == (Status.HELD, 100)
    assert desk.steps[-1].kind is StepKind.REVERSED
    assert moved(desk.documents(shipment("D2", 3, 35))) == [("REDEEMED", -100, -80)]
    assert desk.mine.debt == 0


def test_a_shipment_that_was_undone_holds_as_much_as_one_that_never_was(shop: Any) -> None:
    shipped = Counter(shop(), wallet(lot(1, 100)), redemption())
    shipped.documents(shipment("D1", 3))
    shipped.mine.debt = 20  # another document meanwhile
    facts = shipped.documents(shipment("D1", 0, 34, is_void=True))
    assert moved(facts) == [("REDEMPTION_REVERSED", 100, 80)]
    assert (shipped.one.hold.points, shipped.mine.debt) == (100, 20)


def test_a_part_that_was_undone_is_held_again(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption())
    desk.documents(shipment("D1", 1), shipment("D2", 2, 2))
    desk.documents(shipment("D1", 0, is_void=True), shipment("D2", 2, 2))
    # 2 of 3 pieces are 66 points.
    assert desk.one.hold == Hold({1: 34}, {1: 66})
    assert desk.one.status is Status.ORDERED


def test_what_was_given_up_and_left_all_the_same_is_taken_from_wherever_points_are(
    shop: Any,
) -> None:
    desk = Counter(shop(), wallet(lot(1, 60), lot(2, 60)), redemption())
    assert desk.give_up() == []
    assert (desk.one.hold, desk.mine.points) == (Hold(), 120)
    other = Hold()
    set_aside(desk.mine, other, 50, START, TODAY)  # of the first lot
    facts = desk.documents(shipment("D1", 3, 3))
    assert [(fact.lot_points, fact.debt_points) for fact in facts] == [(-70, 30)]
    assert (desk.one.hold.used, desk.one.hold.debt) == ({1: 10, 2: 60}, 30)
    assert (desk.one.status, other.slices) == (Status.SHIPPED, {1: 50})
    # It comes back: the debt first, then the lots.
    facts = desk.documents(shipment("D1", 3, 3), came_back("R1", 3))
    assert [(fact.lot_points, fact.debt_points) for fact in facts] == [(70, -30)]
    assert (desk.mine.points, desk.mine.debt, desk.one.hold) == (120, 0, Hold())


def test_a_shipment_undone_after_the_redemption_was_given_up_holds_nothing(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption())
    desk.give_up()
    desk.documents(shipment("D1", 3, 3))
    desk.documents(shipment("D1", 0, 3, is_void=True))
    assert (desk.one.hold, desk.mine.points) == (Hold(), 100)
    assert desk.one.status is Status.CANCELLED


def test_a_shipment_undone_too_late_for_its_lot_gives_days_of_grace(shop: Any) -> None:
    # Nothing is held for a redemption that was given up, so its points come back as those of a return do.
    desk = Counter(shop(), wallet(lot(1, 100, OCTOBER)), redemption())
    desk.give_up()
    desk.documents(shipment("D1", 3, 3))
    [fact] = desk.documents(shipment("D1", 0, 34, is_void=True))
    assert desk.mine.lots[fact.id].expires_on == date(2025, 12, 12)  # 12 November and 30 days


def test_goods_that_came_back_while_others_are_still_to_leave_free_nothing_of_those(
    shop: Any,
) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption())
    lines = [shipment("D1", 1), came_back("R1", 1, 2)]
    desk.documents(*lines)
    assert (desk.one.status, desk.one.reserved) == (Status.ORDERED, 2)
    assert (desk.one.hold, desk.mine.lots[1].free) == (Hold({1: 67}, {}), 33)
    assert moved(desk.documents(*lines, shipment("D2", 2, 6))) == [("REDEEMED", -66, -53)]
    assert (desk.mine.points, desk.mine.debt, desk.one.hold.slices) == (34, 0, {})


def test_goods_that_come_back_before_they_left_leave_what_is_open_held(shop: Any) -> None:
    # 3 mugs for 111 points. A return is dated before its shipment, so that neither takes anything; a piece less is to be held.
    desk = Counter(shop(), wallet(lot(1, 111)), redemption(points=111))
    desk.documents(shipment("D1", 1, 5), came_back("R1", 1, 2))
    assert (desk.one.hold.points, desk.one.taken.points) == (74, 0)
    # The shipment turns out to be the day before: 37 left and came back. Two pieces are still to leave.
    facts = desk.documents(shipment("D1", 1, 1), came_back("R1", 1, 2))
    assert [fact.points for fact in facts] == [-37, 37]
    assert (desk.one.hold, desk.mine.lots[1].free, desk.mine.debt) == (Hold({1: 74}), 37, 0)


def test_a_shipment_whose_points_were_freed_takes_free_ones_and_then_owes(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 111)), redemption(points=111))
    desk.documents(shipment("D1", 1, 5), came_back("R1", 1, 2))
    desk.meanwhile(-30)
    desk.documents(shipment("D1", 1, 5), came_back("R1", 0, 2, is_void=True))
    # 7 of the 37 that were freed are left; the two pieces still to leave keep theirs, as if the return had never been.
    assert desk.one.hold == Hold({1: 74}, {1: 7}, 30)
    assert (desk.mine.points, desk.mine.debt) == (74, 30)


def test_pieces_that_have_not_left_after_all_are_held_for_again_as_far_as_there_are_points(
    shop: Any,
) -> None:
    desk = Counter(shop(), wallet(lot(1, 111)), redemption(points=111))
    back = came_back("R1", 1, 2)
    desk.documents(shipment("D1", 1, 5), back)
    desk.meanwhile(-30)
    assert desk.documents(shipment("D1", 0, 5, is_void=True), back) == []
    assert (desk.one.hold, desk.mine.debt) == (Hold({1: 81}), 0)


OUT, BACK = StockKind.SHIPPED, StockKind.RETURNED


@pytest.mark.parametrize(
    "story",
    [
        # Document, version, kind, day, pieces: 0 pieces are a document that was cancelled.
        "S 1 out 2 1 | R 1 back 1 1 | S 2 out 1 1",
        "S 1 out 2 1 | R 1 back 1 1 | S 2 out 2 0",
        "S 1 out 2 1 | R 1 back 1 1 | R 2 back 1 0",
        "S 1 out 1 1 | R 1 back 2 1 | S 2 out 1 0",
        "S 1 out 1 3 | R 1 back 2 2 | S 2 out 3 1",
        "S 1 out 2 3 | R 1 back 1 1 | S 2 out 1 2 | R 2 back 3 1",
        "S 1 out 2 1 | T 1 out 3 1 | R 1 back 1 1 | S 2 out 4 1",
        "S 1 out 1 2 | T 1 out 4 2 | R 1 back 2 1 | T 2 out 4 1",
    ],
)
@pytest.mark.parametrize("points", [111, 100, 101])
def test_however_documents_are_ordered_and_split_the_same_is_held_taken_and_free(
    shop: Any, story: str, points: int
) -> None:
    told = [one.split() for one in story.split(" | ")]
    ends = set()
    for order_ in permutations(told):
        for cuts in product([False, True], repeat=len(told)):
            desk = Counter(shop(), wallet(lot(1, 150)), redemption(points=points))
            known: dict[str, list[str]] = {}
            for document, is_cut in zip(order_, (*cuts[:-1], True), strict=True):
                if document[1] > known.get(document[0], ["", "0"])[1]:
                    known[document[0]] = document
                if is_cut:
                    desk.documents(*(_line(*one) for one in known.values()))
                    check(desk, 150)
            one = desk.one
            ends.add((one.status, one.hold.points, one.taken, desk.mine.points, desk.mine.debt))
            assert one.hold.points == one.to_hold
    assert len(ends) == 1


def _line(name: str, version: str, kind: str, day: str, pieces: str) -> StockLine:
    place = Place(START + int(day) * DAY, OUT if kind == "out" else BACK, "erp", name)
    return StockLine(place, int(pieces), is_void=pieces == "0")


def test_what_is_given_up_after_a_part_has_left_frees_the_rest(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption())
    desk.documents(shipment("D1", 1))
    assert desk.give_up() == []
    assert (desk.one.hold, desk.mine.lots[1].free) == (Hold({}, {1: 33}), 67)


def test_a_return_that_was_cancelled_takes_its_points_again(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption())
    out = shipment("D1", 3)
    desk.documents(out, came_back("R1", 1))
    facts = desk.documents(out, came_back("R1", 0, is_void=True))
    assert moved(facts) == [("REDEMPTION_RETURN_REVERSED", -34, -27)]
    assert desk.steps[-1].kind is StepKind.REVERSED
    assert desk.mine.points == 0


def test_points_of_a_lot_that_expired_meanwhile_come_back_with_days_of_grace(shop: Any) -> None:
    desk = Counter(
        shop("[redemption]\ngrace_days = 10"), wallet(lot(1, 60, OCTOBER), lot(2, 90)), redemption()
    )
    out = shipment("D1", 3)
    desk.documents(out)
    # 9 October and 34 days are 12 November: 10 more are 22 November.
    facts = desk.documents(out, came_back("R1", 3, 34))
    assert [(fact.points, fact.amount_minor) for fact in facts] == [(40, 32), (60, 48)]
    assert len({fact.id for fact in facts}) == 2
    assert remaining(desk.mine) == {1: 0, 2: 90, facts[1].id: 60}
    assert desk.mine.lots[facts[1].id].expires_on == date(2025, 11, 22)


@pytest.mark.parametrize(
    ("hour", "expires_on"), [(6, None), (8, date(2025, 11, 11))]
)  # 31 October 23:53 and 1 November 00:53, with 10 days of grace
def test_the_day_of_a_return_is_that_of_the_books_time_zone(
    shop: Any, hour: int, expires_on: date | None
) -> None:
    desk = Counter(
        shop("[redemption]\ngrace_days = 10"), wallet(lot(1, 100, OCTOBER)), redemption()
    )
    out = shipment("D1", 3)
    desk.documents(out)
    back = Place(START + 22 * DAY + hour * DAY // 24 + DAY // 24, StockKind.RETURNED, "erp", "R1")
    [fact] = desk.documents(out, StockLine(back, 3))
    if expires_on is None:
        assert remaining(desk.mine) == {1: 100}
    else:
        assert desk.mine.lots[fact.id].expires_on == expires_on


def test_points_that_were_owed_and_paid_come_back_on_the_programs_terms(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption())
    desk.give_up()
    desk.mine.take(1, 100, (), TODAY)  # all gone
    out = shipment("D1", 3, 3)
    desk.documents(out)
    desk.mine.give(lot(2, 150))  # an accrual pays the 100
    [fact] = desk.documents(out, came_back("R1", 3))
    fresh = desk.mine.lots[fact.id]
    assert (fresh.points, fresh.expires_on, fresh.unit_cost_nano) == (100, date(2025, 12, 31), U)
    assert (fresh.available_at, fresh.program_version, fresh.store) == (START + 5 * DAY, 7, "S1")


# Debts.


def test_points_that_are_freed_pay_a_debt_first(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption())
    desk.mine.take(1, 30, (), TODAY)  # everything is held: owed
    [fact] = desk.give_up()
    assert fact == PointFact(
        *(1000, FactKind.DEBT_SETTLED, 42, 0, -30, -30, -24, START + 2 * DAY),
        *("", "R100001", "release:R100001", "S1", 7, "", ()),
    )
    assert (desk.mine.points, desk.mine.debt) == (70, 0)
    assert desk.settles == [Settles()]
    assert [(use.lot_id, use.points) for use in desk.postings[0].uses] == [(1, 30)]


def test_a_debt_is_settled_when_the_last_document_of_the_batch_happened(shop: Any) -> None:
    # 60 of 100 pay; a tenth comes back three days later and cures 6 of 30; of the 40 that are freed, 24 settle the rest.
    desk = Counter(shop(), wallet(lot(1, 100)), redemption(**CHECKOUT))
    desk.mine.take(1, 30, (), TODAY)
    facts = desk.paid(order(points_paid=6000), refund("R1", 2000, 3))
    settled = [fact for fact in facts if fact.kind is FactKind.DEBT_SETTLED]
    assert [(fact.debt_points, fact.business_at) for fact in settled] == [(-24, START + 3 * DAY)]
    assert (desk.mine.points, desk.mine.debt) == (16, 0)


def test_points_that_expired_while_they_were_held_pay_no_debt(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100, OCTOBER)), redemption())
    desk.mine.take(1, 30, (), TODAY)
    assert desk.give_up(day=34) == []
    assert (desk.mine.points, desk.mine.debt) == (100, 30)


def test_a_debt_of_two_members_who_became_one_is_settled_without_a_redemption(shop: Any) -> None:
    mine = wallet(lot(1, 100))
    mine.debt = 30
    done = Fulfilment()
    settle(42, mine, START, Circumstances(shop(), lambda: 1000), done)
    [(fact, _, _)] = done.postings
    assert (fact.kind, fact.cause, fact.order_id) == (FactKind.DEBT_SETTLED, "merge", "")
    assert (fact.points, fact.lot_points, fact.debt_points) == (0, -30, -30)


def test_who_owes_nothing_settles_nothing(shop: Any) -> None:
    done = Fulfilment()
    settle(42, wallet(lot(1, 100)), START, Circumstances(shop(), lambda: 1000), done)
    assert done == Fulfilment()


# Rewards that are fulfilled at once.


@pytest.mark.parametrize(
    ("kind", "face", "settles"),
    [
        (Kind.LOTTERY, 0, Settles(Against.NOTHING, 0)),
        (Kind.PRIVILEGE, 0, Settles(Against.NOTHING, 0)),
        (Kind.DONATION, 100, Settles(Against.DONATION, 100)),
        (Kind.COUPON, 0, Settles(Against.COUPON, 80)),  # what the points were carried at
    ],
)
def test_what_points_were_spent_on_is_told_to_the_books(
    shop: Any, kind: Kind, face: int, settles: Settles
) -> None:
    desk = Counter(shop(), wallet(lot(1, 150)), redemption(kind))
    [fact] = desk.at_once(face)
    assert (fact.kind, fact.points, fact.amount_minor) == (FactKind.REDEEMED, -100, -80)
    assert (fact.source, fact.cause) == ("", f"{kind.name.lower()}:{kind.name.lower()}")
    assert desk.settles == [settles]
    assert [step.kind for step in desk.steps] == [StepKind.CAPTURED]
    assert (desk.one.status, desk.mine.points) == (Status.SHIPPED, 50)


@pytest.mark.parametrize(("presentation", "is_net"), [("gross", False), ("net", True)])
def test_the_books_are_told_how_the_program_presents_rewards(
    shop: Any, presentation: str, is_net: bool
) -> None:
    program = shop(f'[redemption]\npresentation = "{presentation}"')
    desk = Counter(program, wallet(lot(1, 100)), redemption())
    desk.documents(shipment("D1", 3), came_back("R1", 1))
    assert desk.settles == [Settles(is_net=is_net), Settles(is_net=is_net)]


def test_a_coupon_is_carried_at_what_its_points_were(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 33), lot(2, 67)), redemption(Kind.COUPON))
    desk.at_once()
    assert coupon_carried(desk.postings) == 26 + 54
    assert coupon_carried([]) == 0


# Money off an order.

CHECKOUT: dict[str, Any] = {"kind": Kind.CHECKOUT, "points": 100, "face_minor": 10_000}


def test_an_order_takes_what_is_held_for_it(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 150)), redemption(**CHECKOUT))
    [fact] = desk.paid(order())
    assert (fact.kind, fact.points, fact.cause) == (FactKind.REDEEMED, -100, "order:SO-7")
    assert (fact.source, fact.order_id, fact.rules) == ("erp", "R100001", (("hold", -100),))
    assert desk.settles == [Settles(Against.OFFSET, 10_000)]
    assert desk.steps[0].kind is StepKind.CAPTURED
    assert (desk.steps[0].points, desk.steps[0].face_minor) == (-100, 10_000)
    assert (desk.one.status, desk.mine.points) == (Status.SHIPPED, 50)
    assert desk.one.posted == {order_prefix("erp", "SO-7") + "order:SO-7": Taken(100, 10_000)}


def test_of_ten_held_and_nine_taken_one_returns(shop: Any) -> None:
    one = redemption(Kind.OFFSET, 10, face_minor=1000)
    desk = Counter(shop(), wallet(lot(1, 10)), one)
    [fact] = desk.paid(order(points_paid=900))
    assert (fact.points, desk.settles[0].face_minor) == (-9, 900)
    assert (desk.one.hold, desk.mine.lots[1].free) == (Hold({}, {1: 9}), 1)


def test_a_return_that_comes_with_its_order_gives_its_share_back(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption(**CHECKOUT))
    facts = desk.paid(order(), refund("R1", 15_000))
    assert moved(facts) == [("REDEEMED", -100, -80), ("REDEMPTION_RETURNED", 75, 60)]
    assert [settles.face_minor for settles in desk.settles] == [10_000, -7500]
    assert (desk.mine.points, desk.one.taken) == (75, Taken(25, 2500))


def test_an_order_that_is_returned_gives_everything_back(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption(**CHECKOUT))
    desk.paid(order())
    assert desk.one.status is Status.SHIPPED
    facts = desk.paid(order(), refund("R1", 15_000))
    assert moved(facts) == [("REDEMPTION_RETURNED", 75, 60)]
    assert (desk.settles[-1].face_minor, desk.steps[-1].kind) == (-7500, StepKind.RETURNED)
    assert desk.one.status is Status.SHIPPED
    facts = desk.paid(order(), refund("R1", 15_000), refund("R2", 5000, 2))
    assert moved(facts) == [("REDEMPTION_RETURNED", 25, 20)]
    assert (desk.one.status, desk.mine.points, desk.one.hold) == (Status.RETURNED, 100, Hold())


def test_an_order_of_which_one_point_is_kept_has_not_come_back(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption(**CHECKOUT))
    desk.paid(order(), refund("R1", 19_800))
    assert (desk.one.taken.points, desk.one.status) == (1, Status.SHIPPED)


def test_a_cancelled_order_gives_everything_back_and_it_is_held_again(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption(**CHECKOUT))
    desk.paid(order())
    facts = desk.paid(order(status=OrderStatus.CANCELLED))
    assert moved(facts) == [("REDEMPTION_REVERSED", 100, 80)]
    assert desk.settles[-1] == Settles(Against.OFFSET, -10_000)
    assert (desk.one.status, desk.one.hold) == (Status.HELD, Hold({1: 100}, {}))
    assert desk.one.posted == {}
    assert moved(desk.paid(order())) == [("REDEEMED", -100, -80)]
    assert (desk.mine.points, desk.mine.debt) == (0, 0)


def test_a_cancelled_order_that_was_returned_in_part_ends_at_nothing(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption(**CHECKOUT))
    desk.paid(order())
    desk.paid(order(), refund("R1", 15_000))
    desk.paid(order(status=OrderStatus.CANCELLED), refund("R1", 15_000))
    assert sum(posting.fact.points for posting in desk.postings) == 0
    assert sum(posting.fact.amount_minor for posting in desk.postings) == 0
    assert sum(settles.face_minor for settles in desk.settles) == 0
    assert (desk.mine.points, desk.mine.debt) == (100, 0)


def test_an_order_that_is_paid_with_more_than_before_takes_the_rest(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 100)), redemption(**CHECKOUT))
    desk.paid(order(points_paid=6000))
    assert (desk.one.hold.points, desk.mine.points) == (0, 40)  # 40 were set free
    assert moved(desk.paid(order(points_paid=9000))) == [("REDEEMED", -30, -24)]
    assert moved(desk.paid(order(points_paid=5000))) == [("REDEMPTION_REVERSED", 40, 32)]
    assert (desk.mine.points, desk.one.hold) == (50, Hold({}, {1: 50}))


def test_a_face_that_changes_alone_is_posted_without_points(shop: Any) -> None:
    desk = Counter(shop(), wallet(lot(1, 10)), redemption(Kind.OFFSET, 10, face_minor=1000))
    desk.paid(order(points_paid=850))
    [fact] = desk.paid(order(points_paid=880))
    assert (fact.points, fact.lot_points, fact.amount_minor) == (0, 0, 0)
    assert desk.settles == [Settles(Against.OFFSET, 850), Settles(Against.OFFSET, 30)]


def test_the_face_comes_back_once_when_points_come_back_in_parts(shop: Any) -> None:
    # The order is returned after one of its two lots has expired: one fact for each, the face with the first.
    desk = Counter(shop(), wallet(lot(1, 60, OCTOBER), lot(2, 40)), redemption(**CHECKOUT))
    desk.paid(order())
    facts = desk.paid(order(), refund("R1", 20_000, 34))
    assert [fact.points for fact in facts] == [40, 60]
    assert [settles.face_minor for settles in desk.settles] == [10_000, -10_000, 0]
    assert [step.points for step in desk.steps] == [-100, 40, 60]
    assert sum(step.face_minor for step in desk.steps) == 0


# Cents.


HALF = 500_000_000  # half a cent a point: 0, 1, 2 and 3 points carry 0.00, 0.01, 0.01 and 0.02


def wallet_of_halves(used_before: int) -> Wallet:
    mine = wallet(Lot(1, 42, 3, 3, 0, HALF, 0, NEXT_YEAR, 1, "S1"))
    if used_before:
        mine.take(1, used_before, (), TODAY)
    return mine


@pytest.mark.parametrize(
    ("used_before", "leaves_at", "reclassified"),
    [(0, 1, []), (1, 0, [1]), (2, 1, [])],  # what the lot carries less, and the rest
)
def test_what_an_order_costs_does_not_depend_on_what_its_lot_was_used_for_before(
    shop: Any, used_before: int, leaves_at: int, reclassified: list[int]
) -> None:
    # One point is half a cent, 0.01 rounded on its own.
    desk = Counter(
        shop(), wallet_of_halves(used_before), redemption(Kind.CHECKOUT, 1, face_minor=1)
    )
    spent, *others = desk.paid(order())
    assert (spent.kind, spent.amount_minor) == (FactKind.REDEEMED, -1)
    assert [fact.amount_minor for fact in others] == reclassified
    assert spent.amount_minor + sum(reclassified) == -leaves_at
    back, *others = desk.paid(order(), refund("R1", 20_000))
    assert (back.kind, back.amount_minor) == (FactKind.REDEMPTION_RETURNED, 1)
    assert [fact.amount_minor for fact in others] == [-minor for minor in reclassified]


def test_a_reclassification_moves_no_points_and_settles_nothing(shop: Any) -> None:
    desk = Counter(shop(), wallet_of_halves(1), redemption(Kind.CHECKOUT, 1, face_minor=1))
    _, fact = desk.paid(order())
    assert fact == PointFact(
        *(1001, FactKind.RECLASSIFIED, 42, 0, 0, 0, 1, START),
        *("erp", "R100001", "order:SO-7", "S1", 7, "gold", ()),
    )
    assert (desk.settles[1], desk.postings[1].uses) == (Settles(), ())
    assert [step.id for step in desk.steps] == [1000]


def test_points_that_cure_a_debt_cost_less_all_the_same(shop: Any) -> None:
    # 100 points paid an order; it is returned when the member owes 100 for another: nothing goes back to a lot.
    desk = Counter(shop(), wallet(lot(1, 100)), redemption(**CHECKOUT))
    desk.paid(order())
    desk.mine.take(1, 100, (), TODAY)
    facts = desk.paid(order(), refund("R1", 20_000))
    assert moved(facts) == [("REDEMPTION_RETURNED", 100, 80), ("RECLASSIFIED", 0, -80)]
    assert (facts[0].lot_points, facts[0].debt_points) == (0, -100)


@pytest.mark.parametrize(("presentation", "kinds"), [("gross", 1), ("net", 2)])
def test_goods_are_reclassified_only_where_points_are_not_set_against_their_own_expense(
    shop: Any, presentation: str, kinds: int
) -> None:
    program = shop(f'[redemption]\npresentation = "{presentation}"')
    desk = Counter(program, wallet_of_halves(1), redemption(points=1, quantity=1))
    assert len(desk.documents(shipment("D1", 1))) == kinds


def test_a_coupon_is_not_reclassified(shop: Any) -> None:
    desk = Counter(shop(), wallet_of_halves(1), redemption(Kind.COUPON, 1))
    assert moved(desk.at_once()) == [("REDEEMED", -1, 0)]
    assert coupon_carried(desk.postings) == 0


# Always.


def check(desk: Counter, points: int) -> None:
    """What holds after everything: no point is lost, and facts add up to what is there."""
    mine, one = desk.mine, desk.one
    facts = [posting.fact for posting in desk.postings]
    assert len({fact.id for fact in facts}) == len(facts)
    assert all(fact.points == fact.lot_points - fact.debt_points for fact in facts)
    for lot_ in mine.lots.values():
        assert lot_.held == one.hold.slices.get(lot_.id, 0)
        assert 0 <= lot_.held <= lot_.remaining <= lot_.points
    assert mine.points == sum(lot_.remaining for lot_ in mine.lots.values())
    given_points = points + desk.elsewhere
    assert mine.points - mine.debt == given_points + sum(fact.points for fact in facts)
    amount = sum(lot_.cost_minor for lot_ in mine.lots.values())
    given_minor = points * 8 // 10 + desk.elsewhere_minor
    assert amount == given_minor + sum(fact.amount_minor for fact in facts)
    free = sum(lot_.free for lot_ in mine.lots.values() if lot_.expires_on == NEXT_YEAR)
    assert mine.debt == 0 or free == 0
    if one.kind in PAYS_ORDERS:
        own = [
            fact
            for fact in facts
            if fact.kind not in (FactKind.RECLASSIFIED, FactKind.DEBT_SETTLED)
        ]
        carried = [
            carrying_minor(used, mine.lots[n].unit_cost_nano) for n, used in one.hold.used.items()
        ]
        assert -sum(fact.amount_minor for fact in own) == sum(carried)
    taken = -sum(fact.points for fact in facts)
    assert one.taken.points == taken == sum(one.hold.used.values()) + one.hold.debt
    assert one.taken.face_minor == sum(settles.face_minor for settles in desk.settles)
    assert one.hold.points <= one.to_hold
    assert [posting.fact.id for posting in desk.postings if posting.fact.points] == [
        step.id for step in desk.steps if step.points
    ]


def make_line(number: int, kind: StockKind, day: int, pieces: int) -> StockLine:
    return StockLine(Place(START + day * DAY, kind, "erp", f"{number}"), pieces, is_void=not pieces)


elsewhere = st.just(0) | st.integers(-200, 200)
lines_of_goods = st.lists(
    st.builds(
        make_line,
        st.integers(0, 9),
        st.sampled_from((StockKind.SHIPPED, StockKind.RETURNED)),
        st.integers(0, 40),
        st.integers(0, 4),
    ),
    max_size=5,
    unique_by=lambda line: (line.place.kind, line.place.document_id),
)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(lines_of_goods, elsewhere), min_size=1, max_size=5), st.integers(0, 5))
def test_whatever_documents_say_points_taken_are_those_of_the_goods_kept(
    shop: Any, versions: list[tuple[list[StockLine], int]], given_up_after: int
) -> None:
    desk = Counter(shop(), wallet(lot(1, 60, OCTOBER), lot(2, 100)), redemption())
    for index, (lines, points) in enumerate(versions):
        if index == given_up_after:
            desk.give_up()
        if points:
            desk.meanwhile(points)
        desk.documents(*lines)
        steps, _ = goods_steps(lines, 3, 100)
        assert desk.one.taken.points == sum(step.taken.points for step in steps)
        check(desk, 160)


@settings(deadline=None, max_examples=200)
@given(st.lists(lines_of_goods, min_size=1, max_size=5))
def test_whatever_documents_said_before_what_is_still_to_leave_is_held(
    shop: Any, versions: list[list[StockLine]]
) -> None:
    # Not a point more than is needed, and nothing else takes any: then nothing is ever owed, and all that is needed is held.
    desk = Counter(shop(), wallet(lot(1, 60), lot(2, 40)), redemption())
    for lines in versions:
        desk.documents(*lines)
        assert (desk.one.hold.points, desk.mine.debt) == (desk.one.to_hold, 0)
        check(desk, 100)


orders = st.builds(
    order,
    st.sampled_from([20_000, 3000]),
    st.integers(0, 100).map(lambda points: points * 100),
    status=st.sampled_from(OrderStatus),
)
refunds = st.lists(
    st.builds(refund, st.sampled_from("ABC"), st.integers(0, 20_000), st.integers(0, 40)),
    max_size=3,
    unique_by=lambda one: one.id,
)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(orders, refunds, elsewhere), min_size=1, max_size=6))
def test_whatever_becomes_of_an_order_points_taken_are_those_that_paid_it(
    shop: Any, versions: list[tuple[Order, list[Return], int]]
) -> None:
    desk = Counter(shop(), wallet(lot(1, 60, OCTOBER), lot(2, 100)), redemption(**CHECKOUT))
    assert desk.one.kind in PAYS_ORDERS
    for by, returns, points in versions:
        if points:
            desk.meanwhile(points)
        desk.paid(by, *returns)
        pays = order_pays(by, Taken(100, 10_000), "CNY")
        steps = order_steps("erp", by, returns, pays)
        assert desk.one.taken == Taken(
            sum(step.taken.points for step in steps),
            sum(step.taken.face_minor for step in steps),
        )
        check(desk, 160)
