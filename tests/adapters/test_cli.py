"""``pointbook-adapter backfill csv`` as people and programs run it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

MAPPING = """
format = 1
source = "shop/1"
[money]
currency = { constant = "EUR" }
exponents = { EUR = 2 }
[[documents]]
kind = "order"
id = ["No"]
time = "Date"
status = "completed"
[documents.line]
amount = "Net"
"""
ORDERS = 300


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mapping.toml").write_text(MAPPING)
    write_orders(tmp_path, [f"SO-{n},2026-07-01 12:00:00,5.00" for n in range(ORDERS)])
    return tmp_path


def write_orders(folder: Path, rows: list[str]) -> None:
    (folder / "orders.csv").write_text("\n".join(["No,Date,Net", *rows]) + "\n")


def start(folder: Path, address: str, *more: str, **variables: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "adapters.cli", "backfill", "csv"]
    given = ["--config", "mapping.toml", "--path", "orders.csv", "--target", address]
    return subprocess.Popen(
        [*command, *given, *more],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | variables,
        text=True,
    )


def run(folder: Path, address: str, *more: str, **variables: str) -> tuple[int, str, str]:
    """Returns exit status, output and complaints."""
    process = start(folder, address, *more, **variables)
    output, complaints = process.communicate(timeout=60)
    return process.returncode, output, complaints


def test_everything_is_sent_and_the_figures_are_shown(folder: Path, intake: Any) -> None:
    status, output, _ = run(folder, intake.address, "--batch", "100")
    assert status == 0
    assert len(intake.events) == ORDERS
    assert [len(request.events) for request in intake.requests] == [100, 100, 100]
    assert {request.source for request in intake.requests} == {"shop/1"}
    for line in ("rows read", "documents: order", "events accepted"):
        assert line in output
    spool = folder / "pointbook-spool"
    assert (spool / "shop%2F1.sqlite3").exists()
    assert not (spool / "shop%2F1.errors.csv").exists()


def test_again_everything_is_a_duplicate(folder: Path, intake: Any) -> None:
    run(folder, intake.address)
    status, output, _ = run(folder, intake.address, "--json")
    figures = json.loads(output)
    assert status == 0
    assert figures == {
        "rows_read": ORDERS,
        "documents": {"order": ORDERS},
        "row_errors": 0,
        "accepted": 0,
        "duplicate": ORDERS,
        "conflict": 0,
        "rejected": 0,
        "reasons": {},
        "errors_file": None,
        "fine": True,
    }


def test_what_is_found_is_listed_with_row_numbers(folder: Path, intake: Any) -> None:
    write_orders(
        folder,
        [
            "SO-1,2026-07-01 12:00:00,5.00",
            "SO-2,2026-07-01 12:00:00,=cmd()",
            "SO-3,2026-07-01 12:00:00,5.00",
        ],
    )
    intake.refuse = {"order:SO-3": "CURRENCY_UNKNOWN"}
    status, output, _ = run(
        folder, intake.address, "--book", "main", "--spool", "elsewhere", "--json"
    )
    figures = json.loads(output)
    assert status == 1
    assert figures["reasons"] == {"CURRENCY_UNKNOWN": 1}
    assert (figures["row_errors"], figures["accepted"], figures["rejected"]) == (1, 1, 1)
    with (folder / "elsewhere" / "shop%2F1@main.errors.csv").open(newline="") as file:
        bad_row, refused = csv.DictReader(file)
    assert (bad_row["file"], bad_row["row"], bad_row["event_id"]) == (
        "orders.csv",
        "2",
        "order:SO-2",
    )
    assert "'=cmd()' is not a number" in bad_row["message"]
    assert (refused["event_id"], refused["field"]) == ("order:SO-3", "order.id")


def test_killed_it_goes_on_where_it_was_and_the_figures_are_of_the_whole(
    folder: Path, intake: Any, eventually: Callable[..., Any]
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def stops_at_the_fifth(call: int, context: grpc.ServicerContext) -> None:
        if call == 5:
            reached.set()
            go_on.wait(30)

    intake.mood = stops_at_the_fifth
    process = start(folder, intake.address, "--batch", "20")
    assert reached.wait(30)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    go_on.set()
    eventually(lambda: len(intake.events) == 100)  # it had the fifth batch, though nobody heard

    status, output, _ = run(folder, intake.address, "--batch", "20", "--json")
    figures = json.loads(output)
    assert status == 0
    assert len(intake.events) == ORDERS
    assert (figures["accepted"], figures["duplicate"]) == (280, 20)
    assert (figures["rows_read"], figures["documents"]) == (ORDERS, {"order": ORDERS})
    assert len(intake.requests) == ORDERS // 20 + 1  # only the unanswered batch was sent twice


def test_when_pointbook_refuses_the_spool_keeps_the_events(folder: Path, intake: Any) -> None:
    def no_key(call: int, context: grpc.ServicerContext) -> None:
        if dict(context.invocation_metadata()).get("authorization") != "Bearer right":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "send a known API key")

    intake.mood = no_key
    status, _, complaints = run(folder, intake.address)
    assert status == 2
    assert "UNAUTHENTICATED: send a known API key" in complaints
    status, output, _ = run(folder, intake.address, "--api-key-env", "KEY", "--json", KEY="right")
    assert status == 0
    assert json.loads(output)["accepted"] == ORDERS


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--config", "none.toml"], "none.toml"),
        (["--path", "none.csv"], "none.csv cannot be read: No such file"),
        (["--api-key-env", "NO_SUCH_KEY"], "the variable NO_SUCH_KEY holds no API key"),
        (["--batch", "1001"], "--batch"),
        (["--tls-ca", "none.pem"], "none.pem"),
    ],
)
def test_what_keeps_it_from_running_is_told_with_status_2(
    folder: Path, more: list[str], told: str
) -> None:
    status, output, complaints = run(folder, "127.0.0.1:1", *more, COLUMNS="200")
    assert status == 2
    assert told in complaints
    assert "Traceback" not in complaints
    assert output == ""


def test_a_file_that_is_missing_leaves_no_spool_behind(folder: Path) -> None:
    run(folder, "127.0.0.1:1", "--path", "none.csv")
    assert not (folder / "pointbook-spool").exists()
