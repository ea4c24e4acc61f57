"""The command line on a live ERP: check, backfill, run, its health page, and being stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from tests.adapters.conformance.shop import Sold
from tests.adapters.conftest import FakeIntake
from tests.adapters.erpnext.fake import KEY, SECRET, SETTINGS, FakeShop, open_shop

SECONDS_MAX = 30.0
KEYS = {"ERPNEXT_API_KEY": KEY, "ERPNEXT_API_SECRET": SECRET}


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    with open_shop() as opened:
        yield opened


def settings_file(folder: Path, shop: FakeShop, intake: FakeIntake, health: str = "") -> Path:
    said = {**SETTINGS, "url": shop.fake.url}
    lines = [
        'adapter = "erpnext"',
        'source = "shop"',
        "[pointbook]",
        f'address = "{intake.address}"',
        "[run]",
        "interval_seconds = 0.2",
        "write_back = false",
        f'spool = "{folder / "spool"}"',
        f'health_address = "{health}"',
        "[erp]",
        *(f"{name} = {toml(value)}" for name, value in said.items()),
    ]
    path = folder / "shop.toml"
    path.write_text("\n".join(lines))
    return path


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {toml(each)}' for key, each in value.items()) + "}"
    return json.dumps(value)


def adapter(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "adapters", *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **KEYS}
    )


def test_check_says_what_it_looked_at(tmp_path: Path, shop: FakeShop, intake: FakeIntake) -> None:
    done = adapter("check", str(settings_file(tmp_path, shop, intake)))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Sales Order" in done.stdout


def test_backfill_sends_everything_and_says_how_much(
    tmp_path: Path, shop: FakeShop, intake: FakeIntake
) -> None:
    shop.ship(shop.sell([Sold("MUG-01", 2, "9.99")]))
    file = str(settings_file(tmp_path, shop, intake))
    done = adapter("backfill", "erp", file)
    assert (done.returncode, done.stderr) == (0, "")
    sent = len(intake.events)
    assert sent > 0
    assert f"{sent}" in done.stdout
    assert adapter("backfill", "erp", file, "--again").returncode == 0
    assert len(intake.events) == sent


def test_an_unknown_setting_and_an_unknown_adapter_are_named(
    tmp_path: Path, shop: FakeShop, intake: FakeIntake
) -> None:
    file = settings_file(tmp_path, shop, intake)
    text = file.read_text()
    file.write_text(text.replace("write_back", "writeback"))
    done = adapter("check", str(file))
    assert done.returncode == 2
    assert "run.writeback" in done.stderr
    file.write_text(text.replace('"erpnext"', '"sap"'))
    done = adapter("run", str(file))
    assert done.returncode == 2
    assert "adapter 'sap' is not one of" in done.stderr


def test_run_follows_tells_its_health_and_survives_a_kill(
    tmp_path: Path, shop: FakeShop, intake: FakeIntake
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        health = f"127.0.0.1:{free.getsockname()[1]}"
    file = settings_file(tmp_path, shop, intake, health)
    calls = called(intake)
    first = shop.sell([Sold("MUG-01", 2, "9.99")])
    process = start(file)
    try:
        wait_for(first, intake, calls)
        process.kill()
        process.wait(10)
        second = shop.sell([Sold("MUG-01", 1, "9.99")])
        process = start(file)
        wait_for(second, intake, calls)
        third = shop.sell([Sold("MUG-01", 1, "9.99")])
        wait_for(third, intake, calls)  # so that the second's answer has been counted
        assert json.loads(fetched(f"http://{health}/healthz"))["problems"] == {}
        metrics = fetched(f"http://{health}/metrics")
        assert 'pointbook_adapter_answers_total{outcome="accepted"}' in metrics
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait(10)


def start(file: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "adapters", "run", str(file)]
    log = (file.parent / "log").open("ab")
    with log:
        return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **KEYS})


def orders(intake: FakeIntake) -> set[str]:
    with intake.lock:
        return {event.order.id for event in intake.events.values() if event.HasField("order")}


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def called(intake: FakeIntake) -> SimpleQueue[int]:
    """Returns a queue that gets each call's number as it comes in, before what it brings is kept."""
    calls: SimpleQueue[int] = SimpleQueue()
    intake.mood = lambda call, _: calls.put(call)
    return calls


def wait_for(order: str, intake: FakeIntake, calls: SimpleQueue[int]) -> None:
    """Waits for calls until an order has come; ``orders`` itself waits until the call is through."""
    while order not in orders(intake):
        calls.get(timeout=SECONDS_MAX)
