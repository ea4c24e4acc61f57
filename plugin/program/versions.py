"""Program files and their compiled, numbered versions.

A program file is TOML. It is read strictly (unknown keys are errors), kept as text in the database under a rising
number, and compiled into a `Program`. A version never changes once it is applied; a change is a new version.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError

from plugin.errors import Rejected
from plugin.money import NANO, Rounding, exponent, half_up, parse_amount
from plugin.points.expiry import Expiry
from plugin.program.conditions import compile_condition
from plugin.program.rewards import (
    OffsetRules,
    OffsetSection,
    RedemptionRules,
    RedemptionSection,
    Reward,
    RewardSection,
    compile_offset,
    compile_redemption,
    compile_rewards,
)
from plugin.program.rules import EffectKind, Exact, Rule
from plugin.program.sections import Code, Strict, exact_nano, instant_us

Trigger = Literal["confirmed", "shipped", "completed"]
UnknownMember = Literal["park", "enrol", "ignore"]


class BookSection(Strict):
    """``[book]``: the legal entity whose books these are."""

    code: Code
    currency: str
    time_zone: str
    policy: Literal["cost", "deferral"] = "cost"


class ProgramSection(Strict):
    """``[program]``: name and when this version begins to count for orders."""

    code: Code
    name: str = ""
    effective_from: datetime


class AccrualSection(Strict):
    """``[accrual]``: when an order earns, on what, and for whom."""

    trigger: Trigger = "shipped"
    with_tax: bool = False
    rounding: Rounding = "floor"
    pending_days: int = Field(default=0, ge=0, le=3650)
    unknown_member: UnknownMember = "park"
    cap_per_order: int | None = Field(default=None, ge=0, le=10**12)
    exclude_skus: tuple[str, ...] = ()
    exclude_categories: tuple[str, ...] = ()


class PointsSection(Strict):
    """``[points]``: what a point is carried at in the books, in the book's currency."""

    unit_cost: Decimal = Field(ge=0, le=1_000_000)
    value: Decimal | None = Field(default=None, gt=0, le=1_000_000)
    expected_redemption: Decimal | None = Field(default=None, gt=0, le=1, decimal_places=18)


class ExpirySection(Strict):
    """``[expiry]``: until when points can be used."""

    kind: Literal["never", "months", "month_end", "year_end"] = "never"
    months: int = Field(default=0, ge=0, le=1200)


class TierSection(Strict):
    """``[[tiers]]``: a tier a member can have; the first is the one members start with."""

    code: Code
    name: str = ""


class EffectSection(Strict):
    """``effect`` of a rule."""

    kind: EffectKind
    points: int = Field(default=0, ge=0, le=10**9)
    per: Decimal | None = Field(default=None, gt=0)
    factor: Decimal | None = Field(default=None, ge=0, le=1000)


class RuleSection(Strict):
    """``[[rules]]``: who earns how much."""

    id: Code
    effect: EffectSection
    when: dict[str, object] = Field(default_factory=dict)
    group: str = ""
    priority: int = 0


class ProgramFile(Strict):
    """A program file as written."""

    book: BookSection
    program: ProgramSection
    accrual: AccrualSection = AccrualSection()
    points: PointsSection
    expiry: ExpirySection = ExpirySection()
    tiers: tuple[TierSection, ...] = ()
    rules: tuple[RuleSection, ...] = Field(min_length=1, max_length=1000)
    rewards: tuple[RewardSection, ...] = Field(default=(), max_length=10_000)
    redemption: RedemptionSection = RedemptionSection()
    offset: OffsetSection | None = None


@dataclass(frozen=True, slots=True)
class Deferral:
    """Points of a sale as a performance obligation of its own (IFRS 15.B39 to B43, ASC 606-10-55-42, CAS 14 art. 35).

    ``value_nano`` is what a point sells for on its own, in billionths of a minor unit; ``expected`` the part that will be redeemed.
    """

    value_nano: int
    expected: Fraction

    def allocated_minor(self, points: int, sale_minor: Exact) -> int:
        """Returns the part of a sale that belongs to its points, by relative stand-alone selling prices, half up.

        Worked (IFRS 15.IE267): goods for 100,000.00 and 10,000 points worth 1.00 each, 95 % of which are expected to be redeemed:
        100,000.00 * 9,500.00 / 109,500.00 = 8,675.80.

        >>> Deferral(100 * NANO, Fraction(95, 100)).allocated_minor(10_000, 10_000_000)
        867580
        """
        worth = points * self.value_nano * self.expected / NANO
        if points <= 0 or sale_minor <= 0:
            return 0
        return half_up(sale_minor * worth / (sale_minor + worth))


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled program version; everything the pure core asks about rules."""

    version: int
    code: str
    effective_from: int
    currency_code: str
    time_zone: tzinfo
    trigger: Trigger
    with_tax: bool
    rounding: Rounding
    pending_us: int
    unknown_member: UnknownMember
    cap_per_order: int | None
    excluded_skus: frozenset[str]
    excluded_categories: frozenset[str]
    unit_cost_nano: int
    expiry: Expiry
    tiers: tuple[str, ...]
    rules: tuple[Rule, ...]
    rewards: Mapping[str, Reward] = field(default_factory=lambda: MappingProxyType({}))
    redemption: RedemptionRules = field(default_factory=RedemptionRules)
    offset: OffsetRules | None = None
    deferral: Deferral | None = None

    @property
    def first_tier(self) -> str:
        """The tier a member has without any grant; empty when the program has none."""
        return self.tiers[0] if self.tiers else ""


def parse_program(text: str) -> ProgramFile:
    """Reads a program file.

    Raises:
        Rejected: It is no TOML, has unknown keys, or breaks a rule; the message names line or key, and ``field`` the path.
    """
    try:
        table = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise Rejected("PROGRAM_NOT_TOML", f"the program file is not TOML: {error}") from error
    try:
        program = ProgramFile.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = _path(first["loc"])
        raise Rejected("PROGRAM_INVALID", f"{path}: {first['msg']}", field=path) from error
    compile_program(program, version=0)
    return program


def compile_program(program: ProgramFile, version: int) -> Program:
    """Compiles a program file into what the core works with.

    Raises:
        Rejected: A rule, a condition, the currency or the time zone is not valid; ``field`` is the path.
    """
    book, accrual = program.book, program.accrual
    currency = book.currency
    exponent(currency)
    try:
        zone = ZoneInfo(book.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Rejected(
            "TIME_ZONE_UNKNOWN", f"{book.time_zone!r} is no time zone", field="book.time_zone"
        ) from error
    tiers = tuple(tier.code for tier in program.tiers)
    return Program(
        version=version,
        code=program.program.code,
        effective_from=instant_us(program.program.effective_from, zone, "program.effective_from"),
        currency_code=currency,
        time_zone=zone,
        trigger=accrual.trigger,
        with_tax=accrual.with_tax,
        rounding=accrual.rounding,
        pending_us=accrual.pending_days * 86_400_000_000,
        unknown_member=accrual.unknown_member,
        cap_per_order=accrual.cap_per_order,
        excluded_skus=frozenset(accrual.exclude_skus),
        excluded_categories=frozenset(accrual.exclude_categories),
        unit_cost_nano=exact_nano(
            program.points.unit_cost, currency, "UNIT_COST_TOO_PRECISE", "points.unit_cost"
        ),
        expiry=Expiry(program.expiry.kind, program.expiry.months),
        tiers=tiers,
        rules=_compile_rules(program),
        deferral=_compile_deferral(program),
        rewards=compile_rewards(program.rewards, currency, zone, tiers),
        redemption=compile_redemption(program.redemption, currency),
        offset=compile_offset(program.offset, currency) if program.offset else None,
    )


def _compile_deferral(program: ProgramFile) -> Deferral | None:
    points, currency = program.points, program.book.currency
    given = points.value is not None, points.expected_redemption is not None
    if program.book.policy == "cost":
        if any(given):
            raise Rejected(
                "POINTS_FIELDS",
                "points.value and points.expected_redemption belong to book.policy deferral",
                field="points.value",
            )
        return None
    if points.value is None or points.expected_redemption is None:
        raise Rejected(
            "POINTS_FIELDS",
            "book.policy deferral needs points.value and points.expected_redemption",
            field="points.value",
        )
    value = exact_nano(points.value, currency, "POINT_VALUE_TOO_PRECISE", "points.value")
    return Deferral(value, Fraction(points.expected_redemption))


def effective_program(programs: Sequence[Program], at: int) -> Program | None:
    """Returns the version in force at an instant, or None before the first; ``programs`` rise by ``effective_from``.

    Of two versions that begin together the higher number counts.
    """
    chosen = None
    for program in programs:
        if program.effective_from <= at:
            chosen = program
    return chosen


def _compile_rules(program: ProgramFile) -> tuple[Rule, ...]:
    seen: set[str] = set()
    rules = []
    for index, section in enumerate(program.rules):
        path = f"rules[{index}]"
        if section.id in seen:
            raise Rejected("RULE_TWICE", f"{path}: a rule {section.id!r} exists already", path)
        seen.add(section.id)
        try:
            rules.append(_compile_rule(section, program.book.currency))
        except Rejected as error:
            raise Rejected(
                error.reason, f"{path} ({section.id}): {error.message}", field=path
            ) from error
    return tuple(rules)


def _compile_rule(section: RuleSection, currency_code: str) -> Rule:
    effect = section.effect
    condition = compile_condition(section.when, currency_code)
    wanted = {"per_amount": {"points", "per"}, "multiplier": {"factor"}}.get(
        effect.kind, {"points"}
    )
    given = effect.model_fields_set - {"kind"}
    if given != wanted:
        raise Rejected(
            "EFFECT_FIELDS",
            f"effect {effect.kind} takes exactly {', '.join(sorted(wanted))}, "
            f"not {', '.join(sorted(given)) or 'nothing'}",
        )
    if effect.kind == "multiplier" and condition.asks_lines:
        raise Rejected(
            "MULTIPLIER_BY_LINE",
            "a multiplier works on the whole order; its condition may not ask line.*",
        )
    return Rule(
        id=section.id,
        kind=effect.kind,
        condition=condition,
        points=effect.points,
        per_minor=parse_amount(str(effect.per), currency_code) if effect.per else 0,
        factor=Fraction(effect.factor) if effect.factor is not None else Fraction(1),
        group=section.group,
        priority=section.priority,
    )


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path
