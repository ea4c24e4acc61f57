"""The check refuses what Beancount lets pass. The ledger text is the test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from accounting.gate import check_ledger
from plugin.errors import Unavailable

HEADER = """\
1900-01-01 open Liabilities:Loyalty:Points CNY
1900-01-01 open Expenses:Marketing:Points CNY
"""

GOOD = """
2026-11-23 * "M1" "Points accrued"
  entry: "256"
  Expenses:Marketing:Points     80.00 CNY
  Liabilities:Loyalty:Points   -80.00 CNY
"""

BAD = {
    "does not balance": (
        """
2026-11-23 * "M1" "Points accrued"
  entry: "256"
  Expenses:Marketing:Points     80.00 CNY
  Liabilities:Loyalty:Points   -79.00 CNY
""",
        "does not balance",
    ),
    "within Beancount's tolerance, not exactly zero": (
        """
2026-11-23 * "M1" "Points accrued"
  entry: "256"
  Expenses:Marketing:Points     80.00 CNY
  Liabilities:Loyalty:Points   -80.004 CNY
""",
        "sums to -0.004 CNY, not exactly to zero",
    ),
    "an amount is left out": (
        """
2026-11-23 * "M1" "Points accrued"
  entry: "256"
  Expenses:Marketing:Points     80.00 CNY
  Liabilities:Loyalty:Points
""",
        "an amount is left out on Liabilities:Loyalty:Points",
    ),
    "an entry is there twice": (GOOD + GOOD, "entry 256 is there twice"),
    "a transaction that is nobody's": (
        GOOD.replace('  entry: "256"\n', ""),
        "names neither its entry nor how many it sums",
    ),
    "a price": (GOOD.replace("80.00 CNY", "80.00 CNY @ 1 CNY"), "a cost or price"),
    "a directive we do not write": (
        GOOD + '2026-11-23 note Expenses:Marketing:Points "x"\n',
        "Note is not what we write",
    ),
    "another currency": (GOOD.replace("CNY", "USD"), "Invalid currency USD"),
    "an account that is not open": (GOOD.replace("Marketing:Points", "Other"), "unknown account"),
    "text": (GOOD + "hello\n", "Invalid token|syntax error"),
    "an assertion that fails": (
        GOOD + "2026-12-01 balance Liabilities:Loyalty:Points -80.01 ~ 0 CNY\n",
        "Balance failed",
    ),
    "a day that counts otherwise": (
        GOOD + '2026-11-23 custom "pointbook-day" 2\n  sha256: "ab"\n  chain: "cd"\n',
        "summaries count 0 entries, the day says 2",
    ),
}


def test_a_good_file_holds_and_gives_its_trial_balance(tmp_path: Path) -> None:
    file = tmp_path / "main.beancount"
    file.write_text(HEADER + GOOD)
    found = check_ledger(file)
    assert (found.holds, found.errors, found.entries) == (True, (), 1)
    assert found.accounts == {
        "Expenses:Marketing:Points": {"CNY": "80.00"},
        "Liabilities:Loyalty:Points": {"CNY": "-80.00"},
    }


@pytest.mark.parametrize(("text", "error"), BAD.values(), ids=BAD)
def test_everything_else_is_refused(tmp_path: Path, text: str, error: str) -> None:
    file = tmp_path / "main.beancount"
    file.write_text(HEADER + text)
    found = check_ledger(file)
    assert not found.holds
    assert any(part in line for line in found.errors for part in error.split("|")), found.errors


def test_no_cache_is_read_or_written(tmp_path: Path) -> None:
    file = tmp_path / "main.beancount"
    file.write_text(HEADER + GOOD)
    check_ledger(file)
    assert [path.name for path in tmp_path.iterdir()] == ["main.beancount"]


def test_it_is_a_program_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "main.beancount"
    file.write_text(HEADER + GOOD)
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-m", "accounting.check", file], cwd=root, capture_output=True, check=False
    )
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["holds"]


def test_a_file_that_is_not_there_is_no_finding_but_an_error(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="is not there"):
        check_ledger(tmp_path / "main.beancount")


def test_nothing_else_of_ours_imports_beancount() -> None:
    root = Path(__file__).parents[2]
    importers = [
        path.relative_to(root).as_posix()
        for room in ("plugin", "accounting", "workers", "adapters")
        for path in (root / room).rglob("*.py")
        if any(
            line.startswith(("import beancount", "from beancount"))
            for line in map(str.strip, path.read_text("utf-8").splitlines())
        )
    ]
    assert importers == ["accounting/check.py"]
