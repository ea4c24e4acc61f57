"""Requests: what a redemption costs and when it lapses, and every rule that refuses one, in words a person can use."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from plugin.errors import Rejected
from plugin.program.rewards import DAY_US
from plugin.program.versions import Program, compile_program, parse_program
from plugin.redemption.life import Kind, Redemption, Status
from plugin.redemption.request import Asked, Situation, draft, draft_hold, find_reward

NOW = 1_760_000_000_000_000  # 2025-10-09
MINUTE_US = 60_000_000
TIERS = '[[tiers]]\ncode = "silver"\n[[tiers]]\ncode = "gold"\n'
MUG = (
    '[[rewards]]\ncode = "mug"\nkind = "goods"\npoints = 1000\nsku = "MUG-1"\nwarehouse = "MAIN"\n'
)
COFFEE = '[[rewards]]\ncode = "coffee"\nkind = "coupon"\npoints = 300\nface = "2.50"\n'
SAVE_10 = '[[rewards]]\ncode = "save-10"\nkind = "offset"\npoints = 1000\nface = "10.00"\n'
OFFSET = '[offset]\nface_value = "0.01"\n'
PLENTY = Situation("gold", 0, 0, 100, 0)


@pytest.fixture
def compiled(program_file: Any) -> Any:
    """Returns version 7 of a program in EUR with tiers silver and gold and more sections."""

    def make(*sections: str) -> Program:
        text = program_file(tiers=TIERS, currency="EUR", time_zone="Europe/Berlin")
        return compile_program(parse_program("\n".join((text, *sections))), 7)

    return make


def asked(reward: str = "mug", quantity: int = 1) -> Asked:
    return Asked(reward, quantity, "ann@shop.example", "S1", NOW)


def us(*instant: int) -> int:
    return int(datetime(*instant, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc, arg-type]


def refusal(
    program: Program,
    found: Situation = PLENTY,
    quantity: int = 1,
    at: int = NOW,
    reward: str = "mug",
) -> Rejected:
    with pytest.raises(Rejected) as refused:
        draft(program, asked(reward, quantity)._replace(now=at), 1, found)
    return refused.value


# What a request makes.


def test_a_request_says_everything_about_itself(compiled: Any) -> None:
    program = compiled(MUG + 'amount = "4.50"')
    assert draft(program, asked(quantity=2), 42, PLENTY) == Redemption(
        id=0,
        member_id=42,
        kind=Kind.GOODS,
        reward="mug",
        quantity=2,
        points=2000,
        amount_minor=900,
        face_minor=0,
        sku="MUG-1",
        warehouse="MAIN",
        program_version=7,
        tier="gold",
        store="S1",
        requested_at=NOW,
        requested_by="ann@shop.example",
        expires_at=None,
    )


def test_points_amount_and_face_are_of_all_pieces(compiled: Any) -> None:
    one = draft(compiled(COFFEE), asked("coffee", 3), 1, PLENTY._replace(stock_available=None))
    assert (one.kind, one.points, one.face_minor) == (Kind.COUPON, 900, 750)


def test_a_tier_pays_its_own_price(compiled: Any) -> None:
    program = compiled(MUG + 'tier_prices = { gold = { points = 900, amount = "0.50" } }')
    gold = draft(program, asked(quantity=2), 1, PLENTY)
    silver = draft(program, asked(quantity=2), 1, PLENTY._replace(tier="silver"))
    assert (gold.points, gold.amount_minor) == (1800, 100)
    assert (silver.points, silver.amount_minor) == (2000, 0)


def test_a_reward_for_money_alone_takes_no_points(compiled: Any) -> None:
    program = compiled(MUG.replace("points = 1000", 'amount = "4.50"'))
    one = draft(program, asked(), 1, PLENTY)
    assert (one.points, one.amount_minor, one.to_hold) == (0, 450, 0)


def test_what_is_requested_is_held_at_once(compiled: Any) -> None:
    one = draft(compiled(MUG), asked(quantity=2), 1, PLENTY)
    assert (one.status, one.to_hold, one.reserved) == (Status.HELD, 2000, 2)


@pytest.mark.parametrize(
    ("section", "reward", "lapses_after"),
    [
        (MUG, "mug", None),
        (MUG + "[redemption]\nlapse_after_days = 14", "mug", 14 * DAY_US),
        # What pays orders lapses with the checkout, when the program says how long that may take.
        (SAVE_10 + OFFSET, "save-10", 30 * MINUTE_US),
        (SAVE_10 + OFFSET + "hold_minutes = 5", "save-10", 5 * MINUTE_US),
        (SAVE_10 + "[redemption]\nlapse_after_days = 14\n" + OFFSET, "save-10", 30 * MINUTE_US),
        (SAVE_10 + "[redemption]\nlapse_after_days = 14", "save-10", 14 * DAY_US),
        (MUG + OFFSET, "mug", None),
    ],
)
def test_a_redemption_lapses_when_the_program_says_so(
    compiled: Any, section: str, reward: str, lapses_after: int | None
) -> None:
    one = draft(compiled(section), asked(reward), 1, PLENTY)
    assert one.expires_at == (None if lapses_after is None else NOW + lapses_after)


# Approval.


@pytest.mark.parametrize(
    ("rules", "quantity", "cost", "needs_approval"),
    [
        ("", 100, 999_999, False),
        ("approval_points_above = 2000", 2, 0, False),
        ("approval_points_above = 2000", 3, 0, True),
        ('approval_cost_above = "10.00"', 2, 500, False),
        ('approval_cost_above = "10.00"', 2, 501, True),  # 5.01 a piece
        ('approval_points_above = 2000\napproval_cost_above = "10.00"', 2, 501, True),
        ("approval_points_above = 0", 1, 0, True),
    ],
)
def test_many_points_or_dear_goods_wait_for_a_second_person(
    compiled: Any, rules: str, quantity: int, cost: int, needs_approval: bool
) -> None:
    program = compiled(MUG + f"[redemption]\n{rules}")
    one = draft(program, asked(quantity=quantity), 1, PLENTY._replace(cost_minor=cost))
    assert one.needs_approval is needs_approval
    assert one.status is (Status.REQUESTED if needs_approval else Status.HELD)


# What is refused.


def test_a_reward_that_the_program_does_not_have_is_refused(compiled: Any) -> None:
    error = refusal(compiled(MUG), reward="cup")
    assert (error.reason, error.field) == ("REWARD_UNKNOWN", "reward")
    assert error.message == "the program has no reward 'cup'"


def test_a_reward_is_found_by_its_code_as_it_is_written(compiled: Any) -> None:
    assert find_reward(compiled(MUG), "mug").code == "mug"
    with pytest.raises(Rejected):
        find_reward(compiled(MUG), "MUG")


@pytest.mark.parametrize("quantity", [0, -1, 6])
def test_too_many_pieces_at_a_time_are_refused_and_so_are_none(
    compiled: Any, quantity: int
) -> None:
    program = compiled(MUG + "quantity_max = 5")
    error = refusal(program, quantity=quantity)
    assert (error.reason, error.field) == ("QUANTITY_INVALID", "quantity")
    assert error.message == f"reward mug: 1 to 5 pieces at a time, not {quantity}"
    assert draft(program, asked(quantity=5), 1, PLENTY).quantity == 5


def test_a_reward_is_there_from_its_first_instant_until_before_its_last(compiled: Any) -> None:
    program = compiled(
        MUG + "valid_from = 2026-01-01T00:00:00Z\nvalid_until = 2026-02-01T00:00:00Z"
    )
    starts, ends = us(2026, 1, 1), us(2026, 2, 1)
    for at in (starts - 1, ends):
        error = refusal(program, at=at)
        assert (error.reason, error.field) == ("REWARD_NOT_NOW", "reward")
        assert error.message == "reward mug cannot be had at this time"
    for at in (starts, ends - 1):
        assert draft(program, asked()._replace(now=at), 1, PLENTY).requested_at == at


@pytest.mark.parametrize(("tier", "named"), [("silver", "silver"), ("", "none")])
def test_a_reward_of_some_tiers_is_refused_to_others(compiled: Any, tier: str, named: str) -> None:
    program = compiled(MUG + 'tiers = ["gold"]')
    error = refusal(program, PLENTY._replace(tier=tier))
    assert (error.reason, error.field) == ("REWARD_NOT_FOR_TIER", "reward")
    assert error.message == f"reward mug is for tiers gold; the member's is {named}"
    assert draft(program, asked(), 1, PLENTY).tier == "gold"


@pytest.mark.parametrize(
    ("had", "quantity", "is_refused"), [(0, 3, False), (2, 1, False), (2, 2, True), (3, 1, True)]
)
def test_a_member_has_no_more_pieces_than_the_limit(
    compiled: Any, had: int, quantity: int, is_refused: bool
) -> None:
    program, found = compiled(MUG + "per_member_max = 3"), PLENTY._replace(member_pieces=had)
    if not is_refused:
        assert draft(program, asked(quantity=quantity), 1, found).quantity == quantity
        return
    error = refusal(program, found, quantity)
    assert (error.reason, error.field) == ("REWARD_MEMBER_LIMIT", "quantity")
    assert error.message == f"reward mug: at most 3 pieces for one member, {had} were redeemed"


@pytest.mark.parametrize(
    ("gone", "quantity", "left"),
    [(97, 3, None), (98, 3, 2), (100, 1, 0), (102, 1, 0)],  # a limit that was lowered
)
def test_all_members_have_no_more_pieces_than_the_limit(
    compiled: Any, gone: int, quantity: int, left: int | None
) -> None:
    program, found = compiled(MUG + "total_max = 100"), PLENTY._replace(total_pieces=gone)
    if left is None:
        assert draft(program, asked(quantity=quantity), 1, found).quantity == quantity
        return
    error = refusal(program, found, quantity)
    assert (error.reason, error.field) == ("REWARD_TOTAL_LIMIT", "quantity")
    assert error.message == f"reward mug: at most 100 pieces in all, {left} are left"


@pytest.mark.parametrize(
    ("available", "quantity", "said"),
    [(2, 2, None), (2, 3, 2), (0, 1, 0), (-4, 1, 0)],  # a count found fewer than are set aside
)
def test_goods_that_are_not_there_are_refused(
    compiled: Any, available: int, quantity: int, said: int | None
) -> None:
    program, found = compiled(MUG), PLENTY._replace(stock_available=available)
    if said is None:
        assert draft(program, asked(quantity=quantity), 1, found).reserved == quantity
        return
    error = refusal(program, found, quantity)
    assert (error.reason, error.field) == ("STOCK_INSUFFICIENT", "quantity")
    assert error.message == (
        f"reward mug: {quantity} pieces are wanted, {said} are available in warehouse MAIN"
    )


def test_a_reward_without_stock_is_never_out_of_it(compiled: Any) -> None:
    found = PLENTY._replace(stock_available=None)
    assert draft(compiled(COFFEE), asked("coffee", 100), 1, found).points == 30_000


# Holds at the checkout.


def hold(
    program: Program, points: int, expires_at: int | None = None, total_minor: int = 0
) -> Redemption:
    return draft_hold(program, points, 42, "gold", asked(""), expires_at, total_minor)


def hold_refusal(program: Program, *arguments: Any) -> Rejected:
    with pytest.raises(Rejected) as refused:
        hold(program, *arguments)
    return refused.value


def test_a_hold_says_everything_about_itself(compiled: Any) -> None:
    assert hold(compiled(OFFSET), 850) == Redemption(
        id=0,
        member_id=42,
        kind=Kind.CHECKOUT,
        reward="",
        quantity=1,
        points=850,
        amount_minor=0,
        face_minor=850,
        sku="",
        warehouse="",
        program_version=7,
        tier="gold",
        store="S1",
        requested_at=NOW,
        requested_by="ann@shop.example",
        expires_at=NOW + 30 * MINUTE_US,
    )


def test_what_held_points_pay_is_rounded_down(compiled: Any) -> None:
    # 0.003 a point: 10 points pay 0.03, 11 pay 0.033.
    program = compiled('[offset]\nface_value = "0.003"')
    assert (hold(program, 10).face_minor, hold(program, 11).face_minor) == (3, 3)


def test_a_program_that_does_not_say_so_lets_no_points_pay(compiled: Any) -> None:
    error = hold_refusal(compiled(), 100)
    assert error.reason == "OFFSET_NOT_OFFERED"
    assert error.message == "the program does not let points pay orders"


@pytest.mark.parametrize("points", [1999, 1, 0, -2000])
def test_too_few_points_cannot_pay(compiled: Any, points: int) -> None:
    error = hold_refusal(compiled(OFFSET + "points_min = 2000"), points)
    assert (error.reason, error.field) == ("POINTS_TOO_FEW", "points")
    assert error.message == f"at least 2,000 points can pay, not {points:,}"


@pytest.mark.parametrize("points", [0, -1])
def test_without_a_least_number_one_point_can_pay_and_none_cannot(
    compiled: Any, points: int
) -> None:
    assert hold(compiled(OFFSET), 1).points == 1
    assert hold_refusal(compiled(OFFSET), points).reason == "POINTS_TOO_FEW"


def test_points_pay_in_multiples(compiled: Any) -> None:
    program = compiled(OFFSET + "multiple = 1000\npoints_min = 1000")
    assert hold(program, 12_000).points == 12_000
    error = hold_refusal(program, 12_345)
    assert (error.reason, error.field) == ("POINTS_NOT_A_MULTIPLE", "points")
    assert error.message == "points pay in multiples of 1,000, not 12,345"


def test_points_pay_no_more_of_an_order_than_its_share(compiled: Any) -> None:
    # Half of 40.00 is 20.00, 2,000 points.
    program = compiled(OFFSET + "share_max = 0.5")
    assert hold(program, 2000, None, 4000).face_minor == 2000
    error = hold_refusal(program, 2001, None, 4000)
    assert (error.reason, error.field) == ("POINTS_TOO_MANY", "points")
    assert (
        error.message
        == "points can pay at most 2000 of the order's 4000 minor units; 2,001 points are worth 2001"
    )


def test_a_share_is_rounded_down(compiled: Any) -> None:
    # Half of 0.99 is 0.49.
    program = compiled(OFFSET + "share_max = 0.5")
    assert hold(program, 49, None, 99).face_minor == 49
    assert hold_refusal(program, 50, None, 99).message == (
        "points can pay at most 49 of the order's 99 minor units; 50 points are worth 50"
    )


def test_an_order_too_small_for_the_rules_is_paid_with_no_points(compiled: Any) -> None:
    program = compiled(OFFSET + "points_min = 500")
    assert hold_refusal(program, 500, None, 499).message == (
        "points can pay at most 499 of the order's 499 minor units; 500 points are worth 500"
    )


def test_the_share_of_an_order_whose_total_is_not_known_is_not_asked(compiled: Any) -> None:
    assert hold(compiled(OFFSET + "share_max = 0.5"), 1_000_000).face_minor == 1_000_000


def test_a_hold_lives_as_long_as_the_caller_says(compiled: Any) -> None:
    program = compiled(OFFSET)
    assert hold(program, 10, NOW + 1).expires_at == NOW + 1
    assert hold(program, 10).expires_at == NOW + 30 * MINUTE_US


@pytest.mark.parametrize("expires_at", [NOW, NOW - 1, 0])
def test_a_hold_that_would_lapse_at_once_is_refused(compiled: Any, expires_at: int) -> None:
    error = hold_refusal(compiled(OFFSET), 10, expires_at)
    assert (error.reason, error.field) == ("HOLD_IN_THE_PAST", "expires_at")
    assert error.message == "the hold would lapse in the past"


def test_a_hold_at_the_checkout_waits_for_nobody(compiled: Any) -> None:
    program = compiled("[redemption]\napproval_points_above = 10", OFFSET)
    assert hold(program, 1000).status is Status.HELD
