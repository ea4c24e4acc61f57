"""``pointbook bench redemption``, very small: it counts right, says what is documented, and finds what is wrong. Never timings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from plugin.errors import Rejected
from plugin.store.schema import engine_url
from workers.bench.redemption import Size, run_redemption_bench
from workers.bench.redemption_shop import breaks, fill
from workers.cli.app import app

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
SMALL = Size(
    members=200,
    warm_up=100,
    redemptions=200,
    textbook=100,
    pairs=40,
    codes=500,
    racers=100,
    clients=2,
)


def keys(answer: dict[str, Any]) -> Iterator[str]:
    """Yields every key, nested ones too."""
    for key, value in answer.items():
        yield key
        if isinstance(value, dict) and key != "refused":
            yield from keys(value)


def test_a_small_run_counts_right_and_says_what_is_documented(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_redemption_bench(SMALL, as_json=True) == 0

    answer = json.loads(capsys.readouterr().out)
    found = answer["redemption"]
    assert found["wrong"] == []
    for design, redemptions in ((found, 200), (found["textbook"], 100)):
        assert design["one_sku"]["redemptions"] == redemptions
        assert design["hundred_skus"]["redemptions"] == redemptions
    race = found["race"]
    assert (race["members"], race["pieces"], race["held"]) == (100, 10, 10)
    assert race["refused"] == {"STOCK_INSUFFICIENT": 90}
    assert (race["oversold"], race["deadlocks"]) == (0, 0)
    assert race["one_balance"] == {
        "calls": 20,
        "held": 1,
        "refused": {"POINTS_INSUFFICIENT": 19},
    }
    assert found["holds"]["pairs"] == 40
    assert found["coupons"]["codes"] == 500
    documented = DOCUMENT.read_text()
    assert [key for key in keys(answer) if f"`{key}`" not in documented] == []


def test_what_does_not_agree_is_found(database_url: str) -> None:
    fill(database_url, members=3, pieces=10)
    engine = create_engine(engine_url(database_url))
    assert breaks(engine) == []

    with engine.begin() as connection:
        connection.execute(text("UPDATE stock SET reserved = 11 WHERE sku = 'raced'"))
        connection.execute(text("UPDATE lot SET held = 5 WHERE id = (SELECT min(id) FROM lot)"))
        connection.execute(text("UPDATE member SET points = points + 1 WHERE points = 100"))

    assert [one.partition(":")[0] for one in breaks(engine)] == [
        "stock.reserved differs from what open redemptions need",
        "lot.held differs from the slices of redemptions",
        "member.points differs from what lots have",
        "a number is below zero",
    ]
    engine.dispose()


def test_more_redemptions_than_the_members_have_points_for_are_refused() -> None:
    # Two times 5,000 and two quarters of it, 12,500 in all: 63 for each of 200 members, who have points for 20.
    with pytest.raises(Rejected, match="200 members are too few"):
        run_redemption_bench(Size(members=200, redemptions=5_000, racers=100), as_json=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bench", "--help"], "--growth-events"),
        (["bench", "redemption", "--help"], "--textbook-redemptions"),
    ],
)
def test_the_pipeline_and_redemption_are_measured_by_commands_of_their_own(
    arguments: list[str], said: str
) -> None:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})

    assert result.exit_code == 0
    assert said in result.output
