"""Rewards, redemption and offset in a program file: what they compile into, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.errors import Rejected
from plugin.money import NANO
from plugin.program.rewards import DAY_US, HOUR_US, OffsetRules, Price, RedemptionRules, Reward
from plugin.program.versions import Program, compile_program, parse_program

TIERS = '[[tiers]]\ncode = "silver"\n[[tiers]]\ncode = "gold"\n'
MUG = 'code = "mug"\nkind = "goods"\npoints = 1000\nsku = "MUG-1"\nwarehouse = "MAIN"\n'
COFFEE = 'code = "coffee"\nkind = "coupon"\npoints = 300\n'
CENT = NANO  # a point worth 0.01


@pytest.fixture
def compiled(program_file: Any) -> Any:
    """Returns a program of EUR and Berlin, tiers silver and gold, with more sections."""

    def make(sections: str, currency: str = "EUR") -> Program:
        text = program_file(tiers=TIERS, currency=currency, time_zone="Europe/Berlin")
        return compile_program(parse_program(f"{text}\n{sections}"), 1)

    return make


@pytest.fixture
def reward(compiled: Any) -> Any:
    """Returns the compiled reward of a ``[[rewards]]`` section."""

    def make(section: str, currency: str = "EUR") -> Reward:
        [made] = compiled(f"[[rewards]]\n{section}", currency).rewards.values()
        return made

    return make


def refused(compiled: Any, sections: str) -> Rejected:
    with pytest.raises(Rejected) as caught:
        compiled(sections)
    return caught.value


def at(*instant: int) -> int:
    return int(datetime(*instant, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc, arg-type]


def test_goods_have_a_price_and_a_place(reward: Any) -> None:
    mug = reward(MUG + 'name = "A mug"\namount = "4.50"\n')
    assert (mug.code, mug.kind, mug.name) == ("mug", "goods", "A mug")
    assert mug.price == Price(1000, 450)
    assert (mug.sku, mug.warehouse) == ("MUG-1", "MAIN")


def test_what_is_not_said_is_not_limited(reward: Any) -> None:
    assert reward(COFFEE) == Reward(
        code="coffee",
        kind="coupon",
        name="coffee",  # the code, when it has no name
        price=Price(300),
        tier_prices={},
        tiers=frozenset(),
        valid_from=None,
        valid_until=None,
        per_member_max=None,
        total_max=None,
        quantity_max=100,
        sku="",
        warehouse="",
        face_minor=0,
        valid_days=None,
        winners=0,
        payee="",
    )


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ('kind = "coupon"\nface = "5.00"', "face_minor", 500),
        ('kind = "coupon"\nvalid_days = 90', "valid_days", 90),
        ('kind = "offset"\nface = "10"', "face_minor", 1000),
        ('kind = "lottery"\nwinners = 3', "winners", 3),
        ('kind = "donation"\nface = "1.00"\npayee = "Red Cross"', "payee", "Red Cross"),
        ('kind = "donation"\nface = "1.00"', "face_minor", 100),
        ('kind = "privilege"\nvalid_days = 365', "valid_days", 365),
        ('kind = "privilege"', "valid_days", None),
    ],
)
def test_every_kind_has_what_it_needs(reward: Any, section: str, field: str, value: object) -> None:
    assert getattr(reward(f'code = "x"\npoints = 1\n{section}'), field) == value


def test_amounts_are_in_minor_units_of_the_books_currency(reward: Any) -> None:
    assert reward(MUG + 'amount = "5"', "JPY").price.amount_minor == 5
    assert reward(MUG + 'amount = "5"', "KWD").price.amount_minor == 5000
    assert reward(MUG + "amount = 4.5").price.amount_minor == 450
    assert reward(MUG + "amount = 0e-999999999").price.amount_minor == 0


def test_a_tier_with_a_price_of_its_own_pays_it_and_others_the_price(reward: Any) -> None:
    mug = reward(MUG + 'tier_prices = { gold = { points = 900, amount = "0.50" } }')
    assert [mug.price_for(tier) for tier in ("gold", "silver", "")] == [
        Price(900, 50),
        Price(1000),
        Price(1000),
    ]


def test_money_alone_is_a_price(reward: Any) -> None:
    assert reward(COFFEE.replace("points = 300", 'amount = "2.00"')).price == Price(0, 200)


def test_dates_and_times_without_zone_are_the_books_own(reward: Any) -> None:
    mug = reward(MUG + "valid_from = 2026-07-01\nvalid_until = 2026-12-31T18:00:00")
    assert mug.valid_from == at(2026, 6, 30, 22)  # midnight in Berlin, in summer
    assert mug.valid_until == at(2026, 12, 31, 17)


def test_times_with_a_zone_are_what_they_say(reward: Any) -> None:
    assert reward(MUG + "valid_from = 2026-07-01T00:00:00Z").valid_from == at(2026, 7, 1)


def test_rewards_keep_the_order_of_the_file_and_cannot_be_changed(compiled: Any) -> None:
    rewards = compiled(f"[[rewards]]\n{MUG}[[rewards]]\n{COFFEE}").rewards
    assert list(rewards) == ["mug", "coffee"]
    with pytest.raises(TypeError):
        rewards["mug"] = rewards["coffee"]


@pytest.mark.parametrize(
    ("section", "reason", "message"),
    [
        ('kind = "goods"\nsku = "M"', "REWARD_FIELDS", "goods needs warehouse"),
        ('kind = "goods"', "REWARD_FIELDS", "goods needs sku, warehouse"),
        (
            'kind = "goods"\nsku = "M"\nwarehouse = "W"\nface = "1"',
            "REWARD_FIELDS",
            "goods takes no face",
        ),
        ('kind = "coupon"\nwinners = 1', "REWARD_FIELDS", "coupon takes no winners"),
        ('kind = "coupon"\nsku = "M"', "REWARD_FIELDS", "coupon takes no sku"),
        ('kind = "offset"', "REWARD_FIELDS", "offset needs face"),
        ('kind = "offset"\nface = "0.00"', "REWARD_FIELDS", "offset needs a face above 0"),
        (
            'kind = "offset"\nface = "1"\nvalid_days = 9',
            "REWARD_FIELDS",
            "offset takes no valid_days",
        ),
        ('kind = "lottery"', "REWARD_FIELDS", "lottery needs winners"),
        (
            'kind = "lottery"\nwinners = 3\ntotal_max = 2',
            "REWARD_FIELDS",
            "3 cannot win with 2 tickets (total_max)",
        ),
        ('kind = "donation"\npayee = "RC"', "REWARD_FIELDS", "donation needs face"),
        ('kind = "donation"\nface = 0', "REWARD_FIELDS", "donation needs a face above 0"),
        ('kind = "privilege"\npayee = "RC"', "REWARD_FIELDS", "privilege takes no payee"),
        (
            'kind = "coupon"\ntiers = ["platinum", "gold"]',
            "TIER_UNKNOWN",
            "the program has no tier platinum; it has gold, silver",
        ),
        (
            'kind = "coupon"\ntier_prices = { bronze = { points = 1 } }',
            "TIER_UNKNOWN",
            "the program has no tier bronze; it has gold, silver",
        ),
        (
            'kind = "coupon"\ntiers = ["gold"]\ntier_prices = { silver = { points = 1 } }',
            "TIER_PRICE_UNUSED",
            "tier_prices names silver, which tiers does not let have it",
        ),
        (
            'kind = "coupon"\nvalid_from = 2026-07-01\nvalid_until = 2026-07-01',
            "REWARD_DATES",
            "valid_from must be before valid_until",
        ),
        (
            'kind = "coupon"\nvalid_from = 0001-01-01',
            "INSTANT_OUT_OF_RANGE",
            "valid_from: 0001-01-01 00:00:00 is out of range",
        ),
        (
            'kind = "coupon"\nface = "0.001"',
            "AMOUNT_TOO_PRECISE",
            "face: amount 0.001 has more digits than EUR allows",
        ),
        (
            'kind = "coupon"\namount = 0.0000001',
            "AMOUNT_TOO_PRECISE",
            "the price: amount 0.0000001 has more digits than EUR allows",
        ),
        (
            'kind = "coupon"\ntier_prices = { gold = { points = 0 } }',
            "REWARD_FREE",
            "tier_prices.gold is neither points nor amount",
        ),
    ],
)
def test_a_reward_that_breaks_a_rule_is_refused_and_named(
    compiled: Any, section: str, reason: str, message: str
) -> None:
    error = refused(
        compiled, f'[[rewards]]\n{MUG}[[rewards]]\ncode = "prize"\npoints = 5\n{section}'
    )
    assert (error.reason, error.field) == (reason, "rewards[1]")
    assert error.message == f"rewards[1] (prize): {message}"


def test_a_reward_for_nothing_is_refused(compiled: Any) -> None:
    error = refused(compiled, f"[[rewards]]\n{COFFEE.replace('300', '0')}")
    assert error.reason == "REWARD_FREE"
    assert error.message == "rewards[0] (coffee): the price is neither points nor amount"


def test_a_code_is_used_once(compiled: Any) -> None:
    error = refused(compiled, f"[[rewards]]\n{MUG}" * 2)
    assert (error.reason, error.field) == ("REWARD_TWICE", "rewards[1]")
    assert error.message == "rewards[1]: a reward 'mug' exists already"


@pytest.mark.parametrize(
    ("sections", "path"),
    [
        (f"[[rewards]]\n{MUG}colour = 1", "rewards[0].colour"),
        (f"[[rewards]]\n{MUG}quantity_max = 0", "rewards[0].quantity_max"),
        (f"[[rewards]]\n{MUG}quantity_max = 1001", "rewards[0].quantity_max"),
        (f"[[rewards]]\n{MUG}per_member_max = 0", "rewards[0].per_member_max"),
        (f"[[rewards]]\n{MUG}total_max = 0", "rewards[0].total_max"),
        (f'[[rewards]]\n{MUG}amount = "-1.00"', "rewards[0].amount"),
        (f"[[rewards]]\n{MUG}amount = 1e999999999", "rewards[0].amount"),
        (f"[[rewards]]\n{MUG}amount = 1e-999999999", "rewards[0].amount"),
        (f"[[rewards]]\n{MUG}amount = nan", "rewards[0].amount"),
        (f"[[rewards]]\n{MUG}valid_from = 20260701", "rewards[0].valid_from"),
        (f'[[rewards]]\n{MUG}valid_from = "2026-07-01"', "rewards[0].valid_from"),
        (f'[[rewards]]\n{MUG}name = "a\\u0000b"', "rewards[0].name"),
        (f"[[rewards]]\n{MUG}tier_prices = {{ gold = 1 }}", "rewards[0].tier_prices.gold"),
        ('[[rewards]]\ncode = "x"\nkind = "cash"\npoints = 1', "rewards[0].kind"),
        ('[[rewards]]\ncode = "x"\nkind = "lottery"\nwinners = 0', "rewards[0].winners"),
        ('[[rewards]]\ncode = "a b"\nkind = "coupon"\npoints = 1', "rewards[0].code"),
        ('[redemption]\npresentation = "cash"', "redemption.presentation"),
        ("[redemption]\napproval_points_above = -1", "redemption.approval_points_above"),
        ("[redemption]\nescalate_after_hours = 0", "redemption.escalate_after_hours"),
        ("[redemption]\ngrace_days = -1", "redemption.grace_days"),
        ('[redemption]\napprovers = [""]', "redemption.approvers[0]"),
        ("[offset]\npoints_min = 1", "offset.face_value"),
        ("[offset]\nface_value = 0", "offset.face_value"),
        ('[offset]\nface_value = "0.01"\nshare_max = 0', "offset.share_max"),
        ('[offset]\nface_value = "0.01"\nshare_max = 1.01', "offset.share_max"),
        ('[offset]\nface_value = "0.01"\nmultiple = 0', "offset.multiple"),
        ('[offset]\nface_value = "0.01"\nhold_minutes = 0', "offset.hold_minutes"),
    ],
)
def test_what_a_section_does_not_know_is_refused(compiled: Any, sections: str, path: str) -> None:
    error = refused(compiled, sections)
    assert (error.reason, error.field) == ("PROGRAM_INVALID", path)


def test_rules_of_redemption_are_compiled(compiled: Any) -> None:
    assert compiled(
        """[redemption]
        presentation = "net"
        approval_points_above = 5000
        approval_cost_above = "500.00"
        approvers = ["ann", "bob"]
        escalate_after_hours = 48
        escalate_to = ["carol"]
        lapse_after_days = 14
        grace_days = 0"""
    ).redemption == RedemptionRules(
        presentation="net",
        approval_points_above=5000,
        approval_cost_above_minor=50_000,
        approvers=frozenset({"ann", "bob"}),
        escalate_after_us=48 * HOUR_US,
        escalate_to=frozenset({"carol"}),
        lapse_after_us=14 * DAY_US,
        grace_days=0,
    )


def test_a_threshold_of_nothing_asks_for_every_redemption(compiled: Any) -> None:
    rules = compiled("[redemption]\napproval_points_above = 0\napproval_cost_above = 0").redemption
    assert (rules.approval_points_above, rules.approval_cost_above_minor) == (0, 0)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("escalate_after_hours = 48", "escalate_after_hours and escalate_to need each other"),
        ('escalate_to = ["carol"]', "escalate_after_hours and escalate_to need each other"),
        (
            'approvers = ["ann"]',
            "without approval_points_above or approval_cost_above nobody is asked to approve",
        ),
        (
            'escalate_after_hours = 48\nescalate_to = ["carol"]',
            "without approval_points_above or approval_cost_above nobody is asked to approve",
        ),
    ],
)
def test_keys_of_redemption_that_mean_nothing_alone_are_refused(
    compiled: Any, keys: str, message: str
) -> None:
    error = refused(compiled, f"[redemption]\n{keys}")
    assert (error.reason, error.field) == ("REDEMPTION_FIELDS", "redemption")
    assert error.message == f"redemption: {message}"


def test_a_cost_finer_than_the_currency_is_refused(compiled: Any) -> None:
    error = refused(compiled, '[redemption]\napproval_cost_above = "0.001"')
    assert (error.reason, error.field) == ("AMOUNT_TOO_PRECISE", "redemption.approval_cost_above")


def test_offset_rules_are_compiled(compiled: Any) -> None:
    assert compiled(
        """[offset]
        face_value = "0.01"
        points_min = 500
        multiple = 100
        share_max = "0.5"
        hold_minutes = 15"""
    ).offset == OffsetRules(CENT, 500, 100, Fraction(1, 2), 15 * 60_000_000)


def test_offset_rules_have_a_usual_case(compiled: Any) -> None:
    offset = compiled('[offset]\nface_value = "0.00000000001"').offset
    assert offset == OffsetRules(1, 1, 1, Fraction(1), 30 * 60_000_000)


def test_a_face_value_finer_than_a_billionth_of_a_cent_is_refused(compiled: Any) -> None:
    error = refused(compiled, '[offset]\nface_value = "0.000000000001"')
    assert (error.reason, error.field) == ("FACE_VALUE_TOO_PRECISE", "offset.face_value")
    assert error.message == "offset.face_value 1E-12 has more than 11 decimals"


def offset(
    face_nano: int, points_min: int = 1, multiple: int = 1, share_max: Fraction = Fraction(1)
) -> OffsetRules:
    return OffsetRules(face_nano, points_min, multiple, share_max, 30 * 60_000_000)


HALF, THIRD = Fraction(1, 2), Fraction(1, 3)


@pytest.mark.parametrize(
    ("rules", "total_minor", "available", "points", "amount_minor"),
    [
        (offset(100 * CENT), 10_625, 200, 106, 10_600),  # 0.25 stays payable in money
        (offset(100 * CENT), 10_625, 50, 50, 5_000),  # no more than there are
        (offset(100 * CENT), 99, 200, 0, 0),  # one point pays more than the order
        (offset(CENT), 10_625, 20_000, 10_625, 10_625),  # the whole order
        (offset(CENT), 10_625, 0, 0, 0),
        (offset(CENT), 10_625, -50, 0, 0),  # a debt pays nothing
        (offset(CENT), 0, 200, 0, 0),
        (offset(CENT), -500, 200, 0, 0),
        # The share is rounded down: half of 106.25 is 53.12.
        (offset(CENT, share_max=HALF), 10_625, 20_000, 5_312, 5_312),
        (offset(CENT, share_max=THIRD), 2, 20_000, 0, 0),
        # Multiples are rounded down.
        (offset(CENT, multiple=100), 10_625, 20_000, 10_600, 10_600),
        (offset(CENT, multiple=100), 10_625, 99, 0, 0),
        # The fewest points that can pay.
        (offset(CENT, points_min=500), 10_625, 500, 500, 500),
        (offset(CENT, points_min=500), 10_625, 499, 0, 0),
        (offset(CENT, points_min=500), 499, 20_000, 0, 0),
        (offset(CENT, points_min=150, multiple=100), 10_625, 199, 0, 0),
        (offset(CENT, points_min=150, multiple=100), 10_625, 200, 200, 200),
        # Ten points are worth one minor unit: what is over would pay nothing.
        (offset(CENT // 10), 10_625, 9, 0, 0),
        (offset(CENT // 10), 10_625, 19, 10, 1),
        (offset(CENT // 10), 1, 1_000, 10, 1),
        (offset(CENT // 10, multiple=4), 10_625, 19, 12, 1),  # 16 pay no more, 8 pay nothing
        (offset(CENT // 10, points_min=15), 10_625, 19, 15, 1),  # the rule wants 15
        # At 0.3 minor units four points are 1.2 and pay 1; three are 0.9 and pay nothing.
        (offset(3 * CENT // 10), 1, 1_000, 4, 1),
        # At 1.5 minor units one point pays 1, two pay 3.
        (offset(3 * CENT // 2), 2, 1_000, 1, 1),
        (offset(3 * CENT // 2), 3, 1_000, 2, 3),
    ],
)
def test_points_pay_as_much_of_an_order_as_they_may(
    rules: OffsetRules, total_minor: int, available: int, points: int, amount_minor: int
) -> None:
    assert rules.points_max(total_minor, available) == points
    assert rules.amount_minor(points) == amount_minor


@pytest.mark.parametrize(
    ("rules", "amount_minor", "points"),
    [
        (offset(CENT), 0, 0),
        (offset(CENT), 500, 500),
        (offset(100 * CENT), 101, 2),
        (offset(CENT // 10), 1, 10),
        (offset(3 * CENT // 10), 1, 4),
    ],
)
def test_points_for_an_amount_are_rounded_up(
    rules: OffsetRules, amount_minor: int, points: int
) -> None:
    assert rules.points_for(amount_minor) == points


ANY_RULES = st.builds(
    offset,
    face_nano=st.one_of(st.integers(1, 10 * CENT), st.integers(1, 10**17)),
    points_min=st.integers(1, 60),
    multiple=st.integers(1, 20),
    share_max=st.fractions(Fraction(1, 1000), 1),
)


@given(ANY_RULES, st.integers(-1000, 10**15), st.integers(-1000, 10**12))
def test_points_never_pay_more_than_the_share_and_the_member_has(
    rules: OffsetRules, total_minor: int, available: int
) -> None:
    points = rules.points_max(total_minor, available)
    amount_minor = rules.amount_minor(points)
    assert 0 <= points <= max(0, available)
    assert amount_minor <= max(0, total_minor) * rules.share_max
    assert points % rules.multiple == 0
    assert points == 0 or (points >= rules.points_min and amount_minor > 0)


@given(ANY_RULES, st.integers(0, 500), st.integers(0, 150))
def test_no_other_number_of_points_pays_more_or_as_much_with_fewer(
    rules: OffsetRules, total_minor: int, available: int
) -> None:
    allowed = [
        (rules.amount_minor(points), -points)
        for points in range(0, available + 1, rules.multiple)
        if points >= rules.points_min
        and 0 < rules.amount_minor(points) <= total_minor * rules.share_max
    ]
    assert rules.points_max(total_minor, available) == -max(allowed, default=(0, 0))[1]


@given(ANY_RULES, st.integers(1, 10**15))
def test_one_point_fewer_does_not_pay_the_amount(rules: OffsetRules, amount_minor: int) -> None:
    points = rules.points_for(amount_minor)
    assert rules.amount_minor(points) >= amount_minor > rules.amount_minor(points - 1)
