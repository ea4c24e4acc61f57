"""Redemptions on a real database: hold, approve, ship, return; points, stock and books move together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import permutations, product
from typing import Any

import pytest

from plugin.errors import Conflict, Rejected
from plugin.events import DocumentStatus, OrderStatus
from plugin.redemption.life import Status
from plugin.store.redemptions import Task
from workers.handlers.decisions import acknowledge, approve, cancel, capture_hold, reject, void_hold

REWARDS = """
[redemption]
approval_points_above = 5000
approvers = ["bea", "carl"]
lapse_after_days = 30
[offset]
face_value = "1.00"
[[rewards]]
code = "mug"
kind = "goods"
points = 100
sku = "MUG"
warehouse = "W1"
[[rewards]]
code = "set"
kind = "goods"
points = 6000
sku = "MUG"
warehouse = "W1"
[[rewards]]
code = "give"
kind = "donation"
points = 100
face = "1.00"
[[rewards]]
code = "five"
kind = "coupon"
points = 500
face = "5.00"
valid_days = 30
"""

OFF = """
[[rewards]]
code = "off"
kind = "offset"
points = 500
face = "5.00"
"""


@pytest.fixture
def shop(open_shop: Callable[..., Any]) -> Any:
    """A shop where Ann has 10,000 points carried at 80.00, and ten mugs that cost 42.00 each lie in W1."""
    made = open_shop(rewards=REWARDS)
    made.say(made.member())
    made.say(made.order(amount=1_000_000), made.received())
    assert made.points() == (10_000, 0)
    return made


def refused(call: Callable[..., Any], *given: Any, **fields: Any) -> str:
    """Returns the reason that a call is refused with."""
    with pytest.raises(Rejected) as caught:
        call(*given, **fields)
    return caught.value.reason


def test_a_redemption_is_held_ordered_shipped_and_returned_and_the_books_follow(shop: Any) -> None:
    one = shop.redeem("mug", 2)
    assert one.status is Status.HELD
    assert shop.stock() == (10, 2, 42_000)
    assert shop.points() == (10_000, 0)  # held points are still the member's
    shop.decide(acknowledge, one.public_id, Task.ORDER, "erp", "S00042")
    assert shop.redemption(one.public_id).status is Status.ORDERED
    shop.say(shop.shipped(one.public_id, pieces=1))
    assert shop.redemption(one.public_id).status is Status.ORDERED
    assert shop.stock() == (9, 1, 37_800)
    assert shop.points() == (9_900, 0)
    shop.say(shop.shipped(one.public_id, "RS-2", pieces=1))
    assert shop.redemption(one.public_id).status is Status.SHIPPED
    assert shop.stock() == (8, 0, 33_600)
    assert shop.balances() == {
        "POINTS": -7_840,
        "UNITS": -9_800,
        "ISSUED": 9_800,
        "MARKETING_POINTS": 7_840,
        "MARKETING_REDEMPTION": 8_400,
        "INVENTORY": 33_600,
        "STOCK_RECEIVED": -42_000,
    }
    shop.say(shop.came_back(one.public_id, pieces=2))
    assert shop.redemption(one.public_id).status is Status.RETURNED
    assert shop.stock() == (10, 0, 42_000)
    assert shop.points() == (10_000, 0)
    assert shop.balances() == {
        "POINTS": -8_000,
        "UNITS": -10_000,
        "ISSUED": 10_000,
        "MARKETING_POINTS": 8_000,
        "INVENTORY": 42_000,
        "STOCK_RECEIVED": -42_000,
    }
    assert shop.steps(one.public_id) == ["requested", "ordered", "shipped", "shipped", "returned"]


def test_the_worked_example_of_the_books(open_shop: Callable[..., Any]) -> None:
    """10,000 points earned; 5,000 for goods that cost 42.00; a return claws back 1,000; 4,000 expire: 42.00 is what it cost."""
    made = open_shop(rewards=DEFERRAL, expiry='kind = "months"\nmonths = 2', code="worked")
    made.say(made.member(), made.order(amount=1_000_000), made.received())
    one = made.redeem("mug")
    made.say(made.shipped(one.public_id))
    assert made.balances() | {"UNITS": 0, "ISSUED": 0, "STOCK_RECEIVED": 0} == {
        "POINTS": -4_000,
        "MARKETING_POINTS": 4_000,
        "MARKETING_REDEMPTION": 4_200,
        "INVENTORY": 42_000 - 4_200,
        "UNITS": 0,
        "ISSUED": 0,
        "STOCK_RECEIVED": 0,
    }
    made.say(made.back(amount=100_000))
    assert (made.points(), made.balances()["POINTS"]) == ((4_000, 0), -3_200)
    made.expire(date(2026, 6, 1))
    assert made.balances() == {
        "MARKETING_REDEMPTION": 4_200,
        "INVENTORY": 42_000 - 4_200,
        "STOCK_RECEIVED": -42_000,
    }


def test_a_cancelled_redemption_frees_points_and_stock(shop: Any) -> None:
    one = shop.redeem("mug", 1)
    shop.decide(cancel, one.public_id, "ann", "changed her mind")
    assert shop.stock() == (10, 0, 42_000)
    assert shop.redemption(one.public_id).status is Status.CANCELLED
    assert shop.redemption(one.public_id).hold.points == 0


def test_approval_is_by_somebody_else_and_frees_everything_when_it_is_refused(shop: Any) -> None:
    one = shop.redeem("set", actor="bea")
    assert one.status is Status.REQUESTED
    assert shop.stock() == (10, 1, 42_000)
    assert refused(shop.decide, approve, one.public_id, "Bea ", "") == "APPROVER_IS_REQUESTER"
    assert refused(shop.decide, approve, one.public_id, "dora", "") == "APPROVER_NOT_ALLOWED"
    shop.decide(reject, one.public_id, "carl", "too many")
    assert shop.redemption(one.public_id).status is Status.REJECTED
    assert shop.stock() == (10, 0, 42_000)
    two = shop.redeem("set", actor="bea")
    shop.decide(approve, two.public_id, "carl", "")
    assert shop.redemption(two.public_id).status is Status.HELD


def test_twenty_requests_for_the_same_hundred_points_give_one(shop: Any) -> None:
    shop.say(shop.member("bob"), shop.order("SO-2", 10_000, member="bob"))
    answers = shop.request(*(shop.ask("mug", member="bob") for _ in range(20)))
    reasons = [one.reason for one in answers if isinstance(one, Rejected)]
    assert reasons == ["POINTS_INSUFFICIENT"] * 19
    assert shop.stock() == (10, 1, 42_000)


def test_the_same_key_again_answers_the_same_and_other_content_is_a_conflict(shop: Any) -> None:
    one = shop.redeem("mug", key="k")
    again = shop.redeem("mug", key="k")
    assert (again.id, shop.stock()[1]) == (one.id, 1)
    with pytest.raises(Conflict):
        shop.redeem("mug", 2, key="k")


def test_a_shipment_before_its_acknowledgement_counts_once_however_often_it_comes(
    shop: Any,
) -> None:
    one = shop.redeem("mug")
    for version in (1, 1, 2):
        shop.say(shop.shipped(one.public_id, version=version))
    shop.decide(acknowledge, one.public_id, Task.ORDER, "erp", "S1")
    assert shop.redemption(one.public_id).status is Status.SHIPPED
    assert shop.points() == (9_900, 0)
    assert shop.stock() == (9, 0, 37_800)


@pytest.mark.parametrize("wrong", ["R999999", "a donation"])
@pytest.mark.parametrize("is_one_batch", [True, False])
def test_an_amendment_that_is_parked_does_not_hide_the_shipment_it_amends(
    shop: Any, wrong: str, is_one_batch: bool
) -> None:
    mug = shop.redeem("mug").public_id
    wrong = shop.redeem("give").public_id if wrong == "a donation" else wrong
    story = [shop.shipped(mug), shop.shipped(wrong, version=2)]
    for batch in [story] if is_one_batch else [story[:1], story[1:]]:
        shop.say(*batch)
    assert shop.redemption(mug).status is Status.SHIPPED
    assert shop.stock() == (9, 0, 37_800)
    assert len(shop.parked()) == 1


@pytest.mark.parametrize("split", ["0 1", "1 0", "01", "10"])
def test_a_shipment_that_is_amended_to_another_redemption_is_that_one_s_alone(
    shop: Any, split: str
) -> None:
    ann, too = shop.redeem("mug").public_id, shop.redeem("mug").public_id
    story = [shop.shipped(ann), shop.shipped(too, version=2)]
    for batch in split.split():
        shop.say(*[story[int(place)] for place in batch])
    assert [shop.redemption(one).status for one in (ann, too)] == [Status.HELD, Status.SHIPPED]
    assert shop.stock() == (9, 1, 37_800)  # One mug at 42.00 left, one is set aside.


def test_goods_that_left_after_the_redemption_was_cancelled_are_paid_all_the_same(
    shop: Any,
) -> None:
    one = shop.redeem("mug")
    shop.decide(cancel, one.public_id, "ann", "")
    shop.say(shop.shipped(one.public_id))
    assert shop.redemption(one.public_id).status is Status.SHIPPED
    assert shop.points() == (9_900, 0)
    assert shop.stock() == (9, 0, 37_800)


def test_a_shipment_that_was_undone_holds_points_and_pieces_again(shop: Any) -> None:
    one = shop.redeem("mug", 2)
    shop.say(shop.shipped(one.public_id))
    shop.say(shop.shipped(one.public_id, version=2, status=DocumentStatus.CANCELLED))
    again = shop.redemption(one.public_id)
    assert (again.status, again.hold.points, shop.stock()) == (Status.HELD, 200, (10, 2, 42_000))
    assert shop.sql("SELECT count(*) FROM outbox WHERE done_at IS NULL") == [(1,)]
    assert shop.points() == (10_000, 0)


@pytest.mark.parametrize(
    ("later", "state"),
    [  # Held, taken, points and debt.
        ("S a day before", ("ORDERED", 200, 0, 300, 0)),
        ("S undone", ("HELD", 300, 0, 300, 0)),
        ("R undone", ("ORDERED", 200, 100, 200, 0)),
    ],
)
def test_a_return_dated_before_its_shipment_leaves_the_same_held_however_documents_come(
    open_shop: Callable[..., Any], later: str, state: tuple[object, ...]
) -> None:
    """3 mugs for 300 points, all that a member has: what is held again has to be what was freed. Every order and split has a member."""
    made = open_shop(rewards=REWARDS)
    made.say(made.received(pieces=100, value=420_000))
    ends = set()
    for case, (order, cuts) in enumerate(product(permutations(range(3)), product("01", repeat=2))):
        name = f"ann-{case}"
        made.say(made.member(name), made.order(f"SO-{case}", 30_000, member=name))
        one = made.redeem("mug", 3, member=name).public_id
        stock, accounts = made.stock(), made.accounts()
        out, back = f"RS-{case}", f"RR-{case}"
        first, second = date(2026, 4, 1), date(2026, 4, 2)
        undone = {"version": 2, "status": DocumentStatus.CANCELLED}
        story = [
            made.shipped(one, out, 1, on=second),
            made.came_back(one, back, on=first),
            {
                "S a day before": made.shipped(one, out, 1, version=2, on=first),
                "S undone": made.shipped(one, out, **undone),
                "R undone": made.came_back(one, back, on=first, **undone),
            }[later],
        ]
        batch = []
        for place, is_cut in zip(order, (*cuts, "1"), strict=True):
            batch.append(story[place])
            if is_cut == "1":
                made.say(*batch)
                batch = []
        found = made.redemption(one)
        ends.add(
            (
                (found.status.name, found.hold.points, found.taken.points, *made.points(name)),
                tuple(now - then for now, then in zip(made.stock(), stock, strict=True)),
                tuple(n - accounts.get(key, 0) for key, n in sorted(made.accounts().items())),
            )
        )
    assert {end[0] for end in ends} == {state}
    assert len(ends) == 1


def test_what_was_freed_and_is_needed_again_is_found_in_lots_that_nothing_holds(shop: Any) -> None:
    shop.say(shop.member("bob"))
    for number in "23":
        shop.say(shop.order(f"SO-{number}", 10_000, member="bob"))
    both = [shop.redeem("mug", member="bob").public_id for _ in range(2)]
    for one in both:
        first, second = date(2026, 4, 1), date(2026, 4, 2)
        shop.say(
            shop.shipped(one, f"S-{one}", on=second), shop.came_back(one, f"R-{one}", on=first)
        )
        assert shop.redemption(one).hold.points == 0
    undone = {"version": 2, "status": DocumentStatus.CANCELLED}
    shop.say(*[shop.shipped(one, f"S-{one}", **undone) for one in both])
    assert [shop.redemption(one).hold.points for one in both] == [100, 100]
    assert shop.points("bob") == (200, 0)


def test_a_piece_whose_points_were_freed_takes_those_of_another_lot_and_not_what_is_held(
    shop: Any,
) -> None:
    shop.say(shop.member("bob"), shop.order("SO-2", 30_000, member="bob"))
    one = shop.redeem("mug", 3, member="bob").public_id
    on = date(2026, 4, 1)
    shop.say(shop.shipped(one, pieces=1), shop.came_back(one, on=on))
    shop.redeem("mug", member="bob")  # holds the 100 that were freed
    shop.say(shop.order("SO-3", 10_000, member="bob"))
    shop.say(shop.came_back(one, version=2, on=on, status=DocumentStatus.CANCELLED))
    assert (shop.redemption(one).hold.points, shop.redemption(one).taken.points) == (200, 100)
    assert shop.points("bob") == (300, 0)


def test_an_offset_is_captured_by_the_order_that_carries_the_hold(shop: Any) -> None:
    hold = shop.hold(106, total=10_625)
    shop.say(
        shop.order(
            "SO-9", 10_625, points_paid_minor=10_600, hold_id=hold.public_id, on=date(2026, 4, 1)
        )
    )
    assert shop.redemption(hold.public_id).status is Status.SHIPPED
    assert shop.points() == (10_000 - 106, 0)  # 0.25 paid in money earn nothing
    assert shop.balances()["OFFSET"] == -10_600
    shop.say(shop.back("R-9", 10_625 // 2, order="SO-9", on=date(2026, 4, 5)))
    assert shop.points() == (10_000 - 106 + 52, 0)
    shop.say(shop.order("SO-9", 10_625, version=2, status=OrderStatus.CANCELLED, points_paid_minor=10_600,
                        hold_id=hold.public_id, on=date(2026, 4, 1)))  # fmt: skip
    assert shop.points() == (10_000, 0)
    assert "OFFSET" not in shop.balances()


def test_a_hold_captures_in_part_and_refuses_more(shop: Any) -> None:
    hold = shop.hold(10)
    assert (
        refused(shop.decide, capture_hold, hold.public_id, 20, "SO-9", "till")
        == "CAPTURE_TOO_LARGE"
    )
    shop.decide(capture_hold, hold.public_id, 9, "SO-9", "till")
    one = shop.redemption(hold.public_id)
    assert (one.hold.points, one.taken.points) == (0, 9)
    assert shop.points() == (9_991, 0)
    assert refused(shop.decide, void_hold, hold.public_id, "till") == "HOLD_CLOSED"
    # The order comes later and says the same: nothing is taken twice.
    shop.say(shop.order("SO-9", 10_000, points_paid_minor=900, hold_id=hold.public_id))
    assert shop.redemption(hold.public_id).taken.points == 9


def test_a_donation_is_owed_to_its_payee(shop: Any) -> None:
    shop.redeem("give", 3)
    assert shop.balances()["DONATIONS"] == -300
    assert shop.points() == (9_700, 0)
    assert shop.balances()["MARKETING_REDEMPTION"] == 300 - 240


def test_a_coupon_is_carried_until_it_is_used(shop: Any) -> None:
    one = shop.redeem("five", 2)
    assert one.status is Status.SHIPPED
    assert shop.balances()["COUPONS"] == -800
    assert shop.balances()["POINTS"] == -7_200
    for _ in range(2):  # The same call again answers the same.
        again = shop.decide(cancel, one.public_id, "ann", "")
        assert again.status is Status.RETURNED
    assert "COUPONS" not in shop.balances()
    assert shop.points() == (10_000, 0)


IFRS_POINTS = 'unit_cost = "0.008"\nvalue = "1.00"\nexpected_redemption = "0.95"'


def test_two_orders_cannot_be_paid_with_the_same_hold(shop: Any) -> None:
    hold = shop.hold(100)
    first = shop.order("SO-8", 20_000, points_paid_minor=10_000, hold_id=hold.public_id)
    second = shop.order("SO-9", 20_000, points_paid_minor=10_000, hold_id=hold.public_id)
    shop.say(first, second)
    assert shop.parked() == ["HOLD_TOO_SMALL"]
    assert shop.redemption(hold.public_id).taken.points == 100
    shop.say(shop.order("SO-10", 20_000, points_paid_minor=100, hold_id=hold.public_id))
    assert shop.parked() == ["HOLD_TOO_SMALL"] * 2


def test_of_orders_in_one_batch_the_first_to_come_gets_the_hold(shop: Any) -> None:
    hold = shop.hold(100).public_id
    names = [f"SO-{number}" for number in (7, 3, 9, 5, 8)]
    shop.say(*[shop.order(n, 20_000, points_paid_minor=10_000, hold_id=hold) for n in names])
    assert shop.parked() == ["HOLD_TOO_SMALL"] * 4
    assert [cause for cause, points in shop.facts() if points == -100] == ["order:SO-7"]


def test_a_hold_that_a_call_captured_for_one_order_pays_no_other(shop: Any) -> None:
    hold = shop.hold(100)
    for _ in range(2):  # The same call again changes nothing.
        shop.decide(capture_hold, hold.public_id, 100, "SO-8", "till")
    assert refused(shop.decide, capture_hold, hold.public_id, 100, "SO-9", "till") == "HOLD_CLOSED"
    fields = {"points_paid_minor": 10_000, "hold_id": hold.public_id}
    shop.say(shop.order("SO-9", 20_000, **fields))
    assert shop.parked() == ["HOLD_TOO_SMALL"]
    shop.say(shop.order("SO-8", 20_000, **fields))
    assert shop.redemption(hold.public_id).taken.points == 100
    shop.decide(capture_hold, hold.public_id, 100, "SO-8", "till")
    assert shop.points() == (10_000 - 100 + 100, 0)


def test_an_order_takes_no_more_than_a_call_captured_for_it(shop: Any) -> None:
    hold = shop.hold(60)
    shop.decide(capture_hold, hold.public_id, 20, "SO-9", "till")
    shop.say(shop.order("SO-9", 10_000, hold_id=hold.public_id))
    assert shop.redemption(hold.public_id).taken.points == 20


def test_what_waits_for_approval_pays_no_order(open_shop: Callable[..., Any]) -> None:
    rewards = REWARDS.replace("approval_points_above = 5000", "approval_points_above = 400")
    made = open_shop(rewards=rewards + OFF)
    made.say(made.member(), made.order(amount=100_000))
    one = made.redeem("off")
    assert one.status is Status.REQUESTED
    reason = refused(made.decide, capture_hold, one.public_id, 500, "SO-9", "till")
    assert reason == "REDEMPTION_NOT_APPROVED"
    made.decide(approve, one.public_id, "bea", "")
    made.decide(capture_hold, one.public_id, 500, "SO-9", "till")
    assert made.points() == (500, 0)


def test_an_order_with_slashes_in_its_number_is_cancelled_whole(shop: Any) -> None:
    hold = shop.hold(100)
    fields = {"points_paid_minor": 4_000, "hold_id": hold.public_id}
    shop.say(shop.order("SO/1", 20_000, **fields))
    shop.say(shop.order("SO/1/A", 20_000, **fields))
    shop.say(shop.order("SO/1", 20_000, version=2, status=OrderStatus.CANCELLED, **fields))
    assert shop.redemption(hold.public_id).taken.points == 40
    assert shop.points() == (10_000 - 40 + 160, 0)


def test_points_of_an_order_cancelled_after_their_lot_expired_can_be_used_for_a_while(
    open_shop: Callable[..., Any],
) -> None:
    made = open_shop(rewards=REWARDS, expiry='kind = "months"\nmonths = 1', code="short")
    made.say(made.member(), made.order(amount=10_000))  # until 10 April
    hold = made.hold(100)
    fields = {"points_paid_minor": 10_000, "hold_id": hold.public_id, "on": date(2026, 4, 2)}
    made.say(made.order("SO-9", 10_000, **fields))
    cancelled = {"version": 2, "status": OrderStatus.CANCELLED, "changed_on": date(2026, 4, 20)}
    made.say(made.order("SO-9", 10_000, **fields, **cancelled))
    ((remaining, ends),) = made.sql("SELECT remaining, expires_on FROM lot WHERE is_open")
    assert (remaining, ends) == (100, date(2026, 5, 20))  # 30 days of grace


DEFERRAL = """
[[rewards]]
code = "mug"
kind = "goods"
points = 5000
sku = "MUG"
warehouse = "W1"
[offset]
face_value = "1.00"
"""


def test_points_of_a_sale_are_deferred_revenue_until_they_are_redeemed(
    open_shop: Callable[..., Any],
) -> None:
    """IFRS 15.IE267: 100,000.00 for goods and 10,000 points worth 1.00 each, 95 % expected: 8,675.80 belong to the points."""
    shop = open_shop(rewards=DEFERRAL, policy="deferral", points=IFRS_POINTS, per="10.00")
    shop.say(shop.member(), shop.received(), shop.order(amount=10_000_000))
    assert shop.balances() == {
        "SALES_DEFERRED": 867_580,
        "POINTS": -867_580,
        "UNITS": -10_000,
        "ISSUED": 10_000,
        "INVENTORY": 42_000,
        "STOCK_RECEIVED": -42_000,
    }
    one = shop.redeem("mug")
    shop.say(shop.shipped(one.public_id))
    assert shop.balances()["INCOME_REDEEMED"] == -433_790
    assert shop.balances()["MARKETING_REDEMPTION"] == 4_200
    hold = shop.hold(1_000)
    shop.say(shop.order("SO-2", 500_000, points_paid_minor=100_000, hold_id=hold.public_id))
    assert shop.balances()["INCOME_REDEEMED"] == -433_790 - 86_758
    assert shop.balances()["OFFSET"] == -100_000
    shop.say(shop.back("R-1", 10_000_000))
    shop.say(shop.came_back(one.public_id))
    assert shop.balances()["INVENTORY"] == 42_000


def test_an_order_that_ships_in_parts_defers_what_it_would_have_deferred_whole(
    open_shop: Callable[..., Any],
) -> None:
    parts = open_shop(
        policy="deferral", points=IFRS_POINTS, per="10.00", trigger="shipped", code="parts"
    )
    parts.say(parts.member(), parts.order(amount=10_000_000))
    parts.say(parts.shipment(pieces=1))
    parts.say(parts.shipment("D-2", pieces=1))
    assert parts.balances()["POINTS"] == -867_580
