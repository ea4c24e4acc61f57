"""Program files: strict, and told by path what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.errors import Rejected
from plugin.events import TierGrant
from plugin.program.rewards import (
    OffsetSection,
    PriceSection,
    RedemptionRules,
    RedemptionSection,
    RewardKind,
    RewardSection,
    Strict,
)
from plugin.program.tiers import tier_at
from plugin.program.versions import (
    AccrualSection,
    BookSection,
    EffectSection,
    ExpirySection,
    PointsSection,
    ProgramFile,
    ProgramSection,
    RuleSection,
    TierSection,
    compile_program,
    effective_program,
    parse_program,
)

DOCS = Path(__file__).parents[2] / "docs"
SECTIONS = [
    BookSection,
    ProgramSection,
    AccrualSection,
    PointsSection,
    ExpirySection,
    TierSection,
    RuleSection,
    EffectSection,
    RewardSection,
    PriceSection,
    RedemptionSection,
    OffsetSection,
]

RULE = '[[rules]]\nid = "{}"\neffect = {{ {} }}\n'
GOOD = RULE.format("base", 'kind = "per_amount", points = 1, per = "1.00"')


def refused(text: str) -> Rejected:
    with pytest.raises(Rejected) as caught:
        parse_program(text)
    return caught.value


@pytest.mark.parametrize(
    ("parts", "reason", "path"),
    [
        ({"rules": ""}, "PROGRAM_INVALID", "rules"),
        ({"rules": GOOD + "whenn = {}\n"}, "PROGRAM_INVALID", "rules[0].whenn"),
        ({"accrual": "pending_day = 1"}, "PROGRAM_INVALID", "accrual.pending_day"),
        ({"accrual": 'trigger = "paid"'}, "PROGRAM_INVALID", "accrual.trigger"),
        ({"accrual": "pending_days = -1"}, "PROGRAM_INVALID", "accrual.pending_days"),
        ({"expiry": 'kind = "weeks"'}, "PROGRAM_INVALID", "expiry.kind"),
        ({"tiers": '[[tiers]]\ncode = "no spaces"'}, "PROGRAM_INVALID", "tiers[0].code"),
        ({"rules": RULE.format("x", 'kind = "gift"')}, "PROGRAM_INVALID", "rules[0].effect.kind"),
        ({"rules": GOOD + GOOD}, "RULE_TWICE", "rules[1]"),
        ({"rules": GOOD + RULE.format("x", 'kind = "fixed"')}, "EFFECT_FIELDS", "rules[1]"),
        (
            {"rules": RULE.format("x", 'kind = "per_amount", points = 1')},
            "EFFECT_FIELDS",
            "rules[0]",
        ),
        (
            {"rules": RULE.format("x", 'kind = "fixed", points = 1, per = "1"')},
            "EFFECT_FIELDS",
            "rules[0]",
        ),
        (
            {"rules": RULE.format("x", 'kind = "per_amount", points = 1, per = "0.001"')},
            "AMOUNT_TOO_PRECISE",
            "rules[0]",
        ),
        (
            {
                "rules": RULE.format("x", 'kind = "multiplier", factor = 2')
                + 'when = { "line.sku" = "A" }\n'
            },
            "MULTIPLIER_BY_LINE",
            "rules[0]",
        ),
        (
            {"rules": GOOD + 'when = { not = { "order.stor" = "S1" } }\n'},
            "CONDITION_FIELD_UNKNOWN",
            "rules[0]",
        ),
        ({"currency": "ZZZ"}, "CURRENCY_UNKNOWN", ""),
        ({"time_zone": "Mars/Olympus"}, "TIME_ZONE_UNKNOWN", "book.time_zone"),
        ({"time_zone": "Asia"}, "TIME_ZONE_UNKNOWN", "book.time_zone"),
        ({"time_zone": ""}, "TIME_ZONE_UNKNOWN", "book.time_zone"),
        ({"unit_cost": "0.000000000001"}, "UNIT_COST_TOO_PRECISE", "points.unit_cost"),
        ({"unit_cost": "-1"}, "PROGRAM_INVALID", "points.unit_cost"),
    ],
)
def test_a_wrong_program_file_is_refused_and_the_path_named(
    program_file: Any, parts: dict[str, str], reason: str, path: str
) -> None:
    error = refused(program_file(**parts))
    assert (error.reason, error.field) == (reason, path)


def test_what_is_not_toml_is_refused_with_its_line() -> None:
    error = refused('[book]\ncode = "shop\n')
    assert error.reason == "PROGRAM_NOT_TOML"
    assert "line 2" in error.message


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(Rejected):
        parse_program(text)


def test_a_time_without_zone_is_the_books_own(program_file: Any) -> None:
    text = program_file().replace("2020-01-01T00:00:00Z", "2026-01-01T00:00:00")
    compiled = compile_program(parse_program(text), 1)
    begins = datetime(2025, 12, 31, 16, tzinfo=UTC)  # midnight in Shanghai
    assert compiled.effective_from == int(begins.timestamp()) * 1_000_000


def test_a_time_that_utc_cannot_tell_is_refused(program_file: Any) -> None:
    error = refused(program_file().replace("2020-01-01T00:00:00Z", "0001-01-01"))
    assert (error.reason, error.field) == ("INSTANT_OUT_OF_RANGE", "program.effective_from")


def test_a_file_without_rewards_has_none_and_the_usual_rules(program: Any) -> None:
    compiled = program()
    assert (dict(compiled.rewards), compiled.redemption, compiled.offset) == (
        {},
        RedemptionRules(),
        None,
    )


def test_the_example_uses_every_section_and_every_kind_of_reward() -> None:
    parsed = parse_program((DOCS / "program.toml").read_text())
    assert parsed.model_fields_set == ProgramFile.model_fields.keys()
    assert {reward.kind for reward in parsed.rewards} == set(get_args(RewardKind))


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_key_is_explained(section: type[Strict]) -> None:
    text = (DOCS / "program-file.md").read_text()
    assert [key for key in section.model_fields if f"| `{key}` |" not in text] == []


def test_the_unit_cost_is_kept_exactly(program: Any) -> None:
    assert program(unit_cost="0.008").unit_cost_nano == 800_000_000
    assert program(unit_cost="0.008", currency="KWD").unit_cost_nano == 8_000_000_000
    assert program(unit_cost="0.00000000001").unit_cost_nano == 1


def test_the_version_in_force_is_the_last_that_began(program_file: Any) -> None:
    versions = [
        compile_program(
            parse_program(program_file().replace("2020-01-01", f"{year}-01-01")), version
        )
        for version, year in ((1, 2020), (2, 2026), (3, 2026))
    ]

    def at(year: int) -> int:
        found = effective_program(
            versions, int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
        )
        return found.version if found else 0

    assert [at(year) for year in (2019, 2020, 2025, 2026)] == [0, 1, 1, 3]


@pytest.mark.parametrize(
    ("at", "tier"), [(0, "basic"), (99, "basic"), (100, "silver"), (199, "silver"), (200, "gold")]
)
def test_a_tier_holds_from_its_instant_until_the_next(at: int, tier: str) -> None:
    history = [TierGrant("gold", 200), TierGrant("silver", 100)]  # in any order
    assert tier_at(history, at, "basic") == tier


def test_of_two_tiers_given_at_one_instant_the_later_in_the_list_holds() -> None:
    assert tier_at([TierGrant("gold", 100), TierGrant("silver", 100)], 100, "") == "silver"
