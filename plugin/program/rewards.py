"""Rewards, and the rules of spending points: the sections of a program file and what they compile into."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from plugin.errors import Rejected
from plugin.money import NANO, parse_amount
from plugin.program.sections import (
    DAY_US,
    HOUR_US,
    Amount,
    Code,
    Days,
    ErpCode,
    Moment,
    Pieces,
    Points,
    Strict,
    Text,
    exact_nano,
    instant_us,
)

RewardKind = Literal["goods", "coupon", "offset", "lottery", "donation", "privilege"]
Presentation = Literal["gross", "net"]


class PriceSection(Strict):
    """A price in ``tier_prices`` of a reward."""

    points: Points = 0
    amount: Amount = Decimal(0)


class RewardSection(Strict):
    """``[[rewards]]``: what members can have for points."""

    code: Code
    kind: RewardKind
    name: Text | None = None
    points: Points = 0
    amount: Amount = Decimal(0)
    tier_prices: Annotated[dict[Code, PriceSection], Field(max_length=100)] = Field(
        default_factory=dict
    )
    tiers: Annotated[tuple[Code, ...], Field(max_length=100)] = ()
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    per_member_max: Pieces | None = None
    total_max: Pieces | None = None
    quantity_max: int = Field(default=100, ge=1, le=1000)
    sku: ErpCode = ""
    warehouse: ErpCode = ""
    face: Amount = Decimal(0)
    valid_days: Days | None = None
    winners: int = Field(default=0, ge=1, le=10**6)
    payee: Text = ""


# What a kind needs, and what it may have, beside what every reward has.
_KIND_FIELDS: Mapping[RewardKind, tuple[frozenset[str], frozenset[str]]] = {
    "goods": (frozenset({"sku", "warehouse"}), frozenset()),
    "coupon": (frozenset(), frozenset({"face", "valid_days"})),
    "offset": (frozenset({"face"}), frozenset()),
    "lottery": (frozenset({"winners"}), frozenset()),
    "donation": (frozenset({"face"}), frozenset({"payee"})),
    "privilege": (frozenset(), frozenset({"valid_days"})),
}
_FIELDS_OF_SOME = frozenset[str]().union(*(a | b for a, b in _KIND_FIELDS.values()))


class RedemptionSection(Strict):
    """``[redemption]``: who decides on a redemption, and what becomes of it."""

    presentation: Presentation = "gross"
    approval_points_above: int | None = Field(default=None, ge=0, le=10**12)
    approval_cost_above: Amount | None = None
    approvers: Annotated[tuple[Text, ...], Field(max_length=1000)] = ()
    escalate_after_hours: int | None = Field(default=None, ge=1, le=8760)
    escalate_to: Annotated[tuple[Text, ...], Field(max_length=1000)] = ()
    lapse_after_days: Days | None = None
    grace_days: int = Field(default=30, ge=0, le=3650)


class OffsetSection(Strict):
    """``[offset]``: points as money off an order; without this section they cannot pay."""

    face_value: Decimal = Field(gt=0, le=1_000_000, decimal_places=18)
    points_min: int = Field(default=1, ge=1, le=10**9)
    multiple: int = Field(default=1, ge=1, le=10**9)
    share_max: Decimal = Field(default=Decimal(1), gt=0, le=1, decimal_places=18)
    hold_minutes: int = Field(default=30, ge=1, le=10_080)


@dataclass(frozen=True, slots=True)
class Price:
    """What one piece of a reward costs a member; points and amount are not both 0.

    ``amount_minor`` is money beside the points, in minor units of the book's currency, and is paid in the ERP.
    """

    points: int
    amount_minor: int = 0


@dataclass(frozen=True, slots=True)
class Reward:
    """Something members can have for points.

    Args:
        tier_prices: Prices by tier code; members of other tiers pay ``price``.
        tiers: Who may have it; empty: everybody.
        valid_from: First instant, microseconds UTC; None: always.
        valid_until: First instant at which it is gone, microseconds UTC; None: never.
        per_member_max: Pieces of one member over all redemptions that were not given up.
        total_max: Pieces in all.
        quantity_max: Pieces in one redemption.
        sku: Goods only.
        warehouse: Goods only: where they lie.
        face_minor: Offset and coupon: money off an order (a coupon of 0 is good for something else). Donation: what
            the payee gets for each piece.
        valid_days: Coupon: days its code can be used. Privilege: days it lasts. None: for ever.
        winners: Lottery: how many win.
        payee: Donation: name of who gets it; may be empty.
    """

    code: str
    kind: RewardKind
    name: str
    price: Price
    tier_prices: Mapping[str, Price]
    tiers: frozenset[str]
    valid_from: int | None
    valid_until: int | None
    per_member_max: int | None
    total_max: int | None
    quantity_max: int
    sku: str
    warehouse: str
    face_minor: int
    valid_days: int | None
    winners: int
    payee: str

    def price_for(self, tier: str) -> Price:
        """Returns what one piece costs a member of a tier."""
        return self.tier_prices.get(tier, self.price)


@dataclass(frozen=True, slots=True)
class RedemptionRules:
    """How a redemption is decided, from request to shipment.

    Args:
        presentation: In the books, goods are an expense at cost and points are released beside it (gross), or only the
            difference is an expense (net).
        approval_points_above: More points than this need a second person; None: never.
        approval_cost_above_minor: Goods that cost more than this need one; None: never.
        approvers: Who may approve; empty: anybody but the requester.
        escalate_after_us: After waiting so long for approval the next level may decide too; None: never.
        escalate_to: The next level.
        lapse_after_us: A redemption that has not shipped after so long lapses; None: never.
        grace_days: Points that come back to a lot that has expired can be used for so long.
    """

    presentation: Presentation = "gross"
    approval_points_above: int | None = None
    approval_cost_above_minor: int | None = None
    approvers: frozenset[str] = frozenset()
    escalate_after_us: int | None = None
    escalate_to: frozenset[str] = frozenset()
    lapse_after_us: int | None = None
    grace_days: int = 30


@dataclass(frozen=True, slots=True)
class OffsetRules:
    """How points pay part of an order.

    Args:
        face_nano: Money for one point in billionths of a minor unit: 0.01 EUR is 1,000,000,000.
        points_min: Fewest points that can pay.
        multiple: Points come in multiples of this.
        share_max: Largest part of the order's total, above 0 and at most 1.
        hold_us: How long a hold at the checkout lives, in microseconds.
    """

    face_nano: int
    points_min: int
    multiple: int
    share_max: Fraction
    hold_us: int

    def amount_minor(self, points: int) -> int:
        """Returns what points pay, rounded down; ``points`` is 0 or more.

        >>> OffsetRules(300_000_000, 1, 1, Fraction(1), 0).amount_minor(10)  # 0.3 minor units each
        3
        """
        return points * self.face_nano // NANO

    def points_for(self, amount_minor: int) -> int:
        """Returns the fewest points that pay an amount of 0 or more, rounded up.

        >>> OffsetRules(300_000_000, 1, 1, Fraction(1), 0).points_for(1)  # three would pay 0.9, nothing
        4
        """
        return -(-amount_minor * NANO // self.face_nano)

    def points_max(self, total_minor: int, available: int) -> int:
        """Returns the fewest points that pay as much of an order as these rules allow; 0 when they can pay nothing.

        They pay at most the order's total times ``share_max``, rounded down, are at most ``available``, a multiple of
        ``multiple``, and ``points_min`` or more. Where one point is worth less than a minor unit, several numbers of
        points pay the same amount: the smallest is taken, so that no point is spent on nothing.

        Worked: a total of 106.25 at a face value of 1.00 with 200 points: 106 points pay 106.00, and 0.25 stays
        payable in money.

        >>> OffsetRules(100 * NANO, 1, 1, Fraction(1), 0).points_max(10_625, 200)
        106

        In multiples of 4 at 0.1 minor units, 19 points pay no more than 12 do (1 minor unit; 8 pay nothing):

        >>> OffsetRules(NANO // 10, 1, 4, Fraction(1), 0).points_max(10_625, 19)
        12
        """
        allowed_minor = int(total_minor * self.share_max // 1)
        if allowed_minor <= 0 or available <= 0:
            return 0
        # One point more than this pays more than is allowed.
        points = min(available, ((allowed_minor + 1) * NANO - 1) // self.face_nano)
        most = points // self.multiple * self.multiple
        amount = self.amount_minor(most)
        fewest = _up_to_multiple(max(self.points_for(amount), self.points_min), self.multiple)
        return fewest if amount > 0 and fewest <= most else 0


def _up_to_multiple(points: int, multiple: int) -> int:
    return -(-points // multiple) * multiple


def compile_rewards(
    sections: Sequence[RewardSection],
    currency_code: str,
    time_zone: tzinfo,
    tiers: Collection[str],
) -> Mapping[str, Reward]:
    """Compiles rewards, by code in the order of the file.

    Args:
        sections: As read.
        currency_code: The book's, for amounts.
        time_zone: The book's, for dates and for times without a zone.
        tiers: Codes of the tiers that the program has.

    Raises:
        Rejected: A reward breaks a rule; the message names it, and ``field`` is its path.
    """
    rewards: dict[str, Reward] = {}
    for index, section in enumerate(sections):
        path = f"rewards[{index}]"
        if section.code in rewards:
            raise Rejected(
                "REWARD_TWICE", f"{path}: a reward {section.code!r} exists already", path
            )
        try:
            _check_fields(section)
            _check_tiers(section, tiers)
            rewards[section.code] = _compile_reward(section, currency_code, time_zone)
        except Rejected as error:
            raise Rejected(
                error.reason, f"{path} ({section.code}): {error.message}", field=path
            ) from error
    return MappingProxyType(rewards)


def compile_redemption(section: RedemptionSection, currency_code: str) -> RedemptionRules:
    """Compiles ``[redemption]``.

    Raises:
        Rejected: Keys that belong together are not together, or the cost has more digits than the currency.
    """
    hours, days = section.escalate_after_hours, section.lapse_after_days
    cost = section.approval_cost_above
    never_asked = section.approval_points_above is None and cost is None
    if (hours is None) != (not section.escalate_to):
        raise Rejected(
            "REDEMPTION_FIELDS",
            "redemption: escalate_after_hours and escalate_to need each other",
            field="redemption",
        )
    if never_asked and (section.approvers or section.escalate_to):
        raise Rejected(
            "REDEMPTION_FIELDS",
            "redemption: without approval_points_above or approval_cost_above nobody is asked to approve",
            field="redemption",
        )
    path = "redemption.approval_cost_above"
    return RedemptionRules(
        presentation=section.presentation,
        approval_points_above=section.approval_points_above,
        approval_cost_above_minor=None if cost is None else _minor(cost, currency_code, path),
        approvers=frozenset(section.approvers),
        escalate_after_us=None if hours is None else hours * HOUR_US,
        escalate_to=frozenset(section.escalate_to),
        lapse_after_us=None if days is None else days * DAY_US,
        grace_days=section.grace_days,
    )


def compile_offset(section: OffsetSection, currency_code: str) -> OffsetRules:
    """Compiles ``[offset]``.

    Raises:
        Rejected: The face value is finer than a billionth of a minor unit.
    """
    return OffsetRules(
        face_nano=exact_nano(
            section.face_value, currency_code, "FACE_VALUE_TOO_PRECISE", "offset.face_value"
        ),
        points_min=section.points_min,
        multiple=section.multiple,
        share_max=Fraction(section.share_max),
        hold_us=section.hold_minutes * 60_000_000,
    )


def _check_fields(section: RewardSection) -> None:
    needed, allowed = _KIND_FIELDS[section.kind]
    given = section.model_fields_set & _FIELDS_OF_SOME
    if needed - given:
        raise Rejected("REWARD_FIELDS", f"{section.kind} needs {_listed(needed - given)}")
    if given - needed - allowed:
        raise Rejected(
            "REWARD_FIELDS", f"{section.kind} takes no {_listed(given - needed - allowed)}"
        )
    if "face" in needed and not section.face:
        raise Rejected("REWARD_FIELDS", f"{section.kind} needs a face above 0")
    if section.total_max is not None and section.winners > section.total_max:
        raise Rejected(
            "REWARD_FIELDS",
            f"{section.winners} cannot win with {section.total_max} tickets (total_max)",
        )


def _check_tiers(section: RewardSection, tiers: Collection[str]) -> None:
    priced, entitled = section.tier_prices.keys(), frozenset(section.tiers)
    unknown = (priced | entitled).difference(tiers)
    if unknown:
        raise Rejected(
            "TIER_UNKNOWN",
            f"the program has no tier {_listed(unknown)}; it has {_listed(tiers) or 'none'}",
        )
    if entitled and priced - entitled:
        raise Rejected(
            "TIER_PRICE_UNUSED",
            f"tier_prices names {_listed(priced - entitled)}, which tiers does not let have it",
        )


def _compile_reward(section: RewardSection, currency_code: str, time_zone: tzinfo) -> Reward:
    starts = _instant(section.valid_from, time_zone, "valid_from")
    ends = _instant(section.valid_until, time_zone, "valid_until")
    if starts is not None and ends is not None and starts >= ends:
        raise Rejected("REWARD_DATES", "valid_from must be before valid_until")
    return Reward(
        code=section.code,
        kind=section.kind,
        name=section.name or section.code,
        price=_price(section, currency_code, "the price"),
        tier_prices=MappingProxyType(
            {
                tier: _price(price, currency_code, f"tier_prices.{tier}")
                for tier, price in section.tier_prices.items()
            }
        ),
        tiers=frozenset(section.tiers),
        valid_from=starts,
        valid_until=ends,
        per_member_max=section.per_member_max,
        total_max=section.total_max,
        quantity_max=section.quantity_max,
        sku=section.sku,
        warehouse=section.warehouse,
        face_minor=_minor(section.face, currency_code, "face"),
        valid_days=section.valid_days,
        winners=section.winners,
        payee=section.payee,
    )


def _instant(moment: datetime | None, time_zone: tzinfo, name: str) -> int | None:
    return None if moment is None else instant_us(moment, time_zone, name)


def _price(section: PriceSection | RewardSection, currency_code: str, name: str) -> Price:
    price = Price(section.points, _minor(section.amount, currency_code, name))
    if price == Price(0):
        raise Rejected("REWARD_FREE", f"{name} is neither points nor amount")
    return price


def _minor(amount: Decimal, currency_code: str, name: str) -> int:
    try:
        # Written out, because `str` makes 1E-7 of 0.0000001; normalized, because a TOML zero may have a billion decimals.
        return parse_amount(f"{amount.normalize():f}", currency_code)
    except Rejected as error:
        raise Rejected(error.reason, f"{name}: {error.message}", field=name) from error


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
