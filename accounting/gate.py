"""Runs the Beancount check as the separate program it is, and reads its answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugin.errors import Unavailable

SECONDS_MAX = 3_600
_PROGRAM = Path(__file__).with_name("check.py")


@dataclass(frozen=True, slots=True)
class CheckedDay:
    """What the ledger says about one accounting day."""

    entries: int
    sha256: str
    chain: str
    accounts: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Checked:
    """Answer of the check; ``accounts`` is Beancount's own trial balance."""

    holds: bool
    errors: tuple[str, ...]
    transactions: int
    entries: int
    accounts: Mapping[str, Mapping[str, str]]
    days: Mapping[str, CheckedDay]

    def as_json(self) -> dict[str, Any]:
        """Returns the answer of ``pointbook ledger check --json``."""
        return {
            "holds": self.holds,
            "errors": list(self.errors),
            "transactions": self.transactions,
            "entries": self.entries,
        }


def check_ledger(file: Path, *, details: bool = False) -> Checked:
    """Checks a ledger file with Beancount in a process of its own, without cache; any error is fatal.

    Args:
        file: ``main.beancount`` of a book, or one detail file.
        details: Whether to load every detail file as well, and compare sums.

    Raises:
        Unavailable: The check could not run.
    """
    # By path and with -P: the program needs nothing of ours, and nothing of ours shall shadow what it imports.
    command = [sys.executable, "-P", str(_PROGRAM), str(file), *(["--details"] if details else [])]
    environment = {**os.environ, "BEANCOUNT_DISABLE_LOAD_CACHE": "1"}
    ran = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
    if ran.returncode not in (0, 1):
        lines = ran.stderr.strip().splitlines() or [f"exit status {ran.returncode}"]
        raise Unavailable("CHECK_FAILED", f"the Beancount check could not run: {lines[-1]}")
    answer = json.loads(ran.stdout)
    return Checked(
        answer["holds"],
        tuple(answer["errors"]),
        answer["transactions"],
        answer["entries"],
        answer["accounts"],
        {day: CheckedDay(**found) for day, found in answer["days"].items()},
    )
