"""``pointbook demo`` as a newcomer runs it: the whole way in one process, and what the README says it shows."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the demo prints for programs."""
    folder = tmp_path_factory.mktemp("demo")
    folder.chmod(0o755)  # as root, PostgreSQL runs as another account
    command = [sys.executable, "-m", "workers", "demo", "--data-dir", str(folder), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    return json.loads(done.stdout)


def test_every_reconciliation_holds_and_the_year_closes(shown: Any) -> None:
    assert shown["reconcile"]["holds"]
    assert [check["number"] for check in shown["reconcile"]["checks"]] == [1, 2, 3, 4, 6, 7]
    assert shown["rollforward"]["closes"]
    assert shown["rollforward"]["points"]["accrued"] == 339_574


def test_a_day_of_rewards_spends_what_was_held_and_moves_the_stock(shown: Any) -> None:
    rewards = shown["rewards"]
    spendable = [(step["available"], step["held"]) for step in rewards["steps"]]
    assert spendable == [
        (8_000, 0),
        (3_000, 5_000),
        (3_000, 5_000),
        (3_000, 0),
        (2_000, 1_000),
        (2_000, 0),
        (2_500, 0),
        (1_188, 1_312),
        (1_201, 0),  # 26.25 less 13.12 paid with points earns 13
        (701, 0),
        (701, 0),
    ]
    after = {
        level["sku"]: (level["on_hand"], level["value_minor"]) for level in rewards["stock_after"]
    }
    assert after == {"KNIVES": (4, 168_00), "MUG": (39, 120_90)}  # a mug costs 3.10, a set 42.00
    by_currency: dict[str, Decimal] = {}
    for line in rewards["journal"]:
        amount = Decimal(line["amount"])
        by_currency[line["currency"]] = by_currency.get(line["currency"], Decimal(0)) + amount
    assert set(by_currency.values()) == {Decimal(0)}


def test_the_readme_shows_what_the_demo_shows(shown: Any) -> None:
    text = README.read_text()
    begin, end = text.index("<!-- demo output -->"), text.index("<!-- end of demo output -->")
    shown_there = text[begin:end]
    for account, amounts in shown["trial_balance"]["accounts"].items():
        for currency, amount in amounts.items():
            row = [cell.strip() for line in shown_there.splitlines() for cell in line.split("│")]
            assert account in row
            assert amount in row, f"{account} {amount} {currency}"
    for step in shown["rewards"]["steps"]:
        assert step["what"] in shown_there
