"""Reconciliation 5 on a real Pointbook: an ERP's documents of some days against what was received."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.conformance.shop import Sold
from tests.adapters.erpnext.fake import KEY, SECRET, SETTINGS, FakeShop, open_shop

MUGS = [Sold("MUG-01", Decimal(2), Decimal("9.99"))]
SECONDS_MAX = 60.0


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    with open_shop() as opened:
        yield opened


class Adapter:
    """The command line, with one settings file."""

    def __init__(self, folder: Path, shop: FakeShop, target: str, source: str) -> None:
        said = {**SETTINGS, "url": shop.fake.url, "currency": "CNY", "company_currency": "EUR"}
        del said["warehouses"], said["skus"]
        lines = [
            'adapter = "erpnext"',
            f'source = "{source}"',
            "[pointbook]",
            f'address = "{target}"',
            "[run]",
            f'spool = "{folder / "spool"}"',
            "write_back = false",
            "[erp]",
            *(f"{name} = {json.dumps(value)}" for name, value in said.items()),
            "[erp.rates]",
            'EUR = "8"',
        ]
        self.file = folder / "shop.toml"
        self.file.write_text("\n".join(lines))

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        keys = {"ERPNEXT_API_KEY": KEY, "ERPNEXT_API_SECRET": SECRET, "COLUMNS": "120"}
        command = [sys.executable, "-m", "adapters", *words]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, **keys},
        )

    def backfill(self) -> None:
        done = self("backfill", "erp", str(self.file))
        assert (done.returncode, done.stderr) == (0, "")

    def reconcile(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Compares yesterday to tomorrow, as soon as everything that was received has been applied."""
        today = datetime.now(UTC).date()
        days = [str(today - timedelta(days=1)), "--until", str(today + timedelta(days=2))]
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            done = self("reconcile", str(self.file), "--from", *days, *words)
            if "WAITING" not in done.stdout:
                return done
            assert time.monotonic() < deadline, done.stdout


def test_missing_and_different_documents_are_listed_and_repaired(
    tmp_path: Path, shop: FakeShop, client: Any
) -> None:
    adapter = Adapter(tmp_path, shop, client.target, client.source)
    first = shop.sell(MUGS)
    shop.ship(first, {0: Decimal(1)})
    adapter.backfill()
    done = adapter.reconcile()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "1998" in done.stdout

    second = shop.sell(MUGS)
    shop.cancel(second)
    third = shop.sell(MUGS)
    done = adapter.reconcile()
    assert done.returncode == 1
    assert f"missing order:{third}: ERP: confirmed, 2 pieces, 1998 minor" in done.stdout
    assert f"missing order:{second}: ERP: cancelled" in done.stdout
    assert first not in done.stdout

    done = adapter.reconcile("--repair")
    assert "sent again: 2" in done.stdout
    done = adapter.reconcile()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_what_pointbook_has_differently_is_repaired_above_its_version(
    tmp_path: Path, shop: FakeShop, client: Any
) -> None:
    adapter = Adapter(tmp_path, shop, client.target, client.source)
    number = shop.sell(MUGS)
    wrong = client.order(number, amount=1, version=9_000_000_000_000_000)
    wrong.order.ordered_at.FromDatetime(datetime.now(UTC))
    alone = client.order("ELSEWHERE", amount=1)
    alone.order.ordered_at.FromDatetime(datetime.now(UTC))
    client.record(wrong, alone)
    adapter.backfill()
    done = adapter.reconcile("--repair")
    assert done.returncode == 1
    assert f"different order:{number}" in done.stdout
    assert "only in Pointbook order:ELSEWHERE" in done.stdout
    done = adapter.reconcile()
    assert f"order:{number}" not in done.stdout
    assert "only in Pointbook order:ELSEWHERE" in done.stdout
