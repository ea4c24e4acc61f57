"""``pointbook-adapter backfill csv`` as people and programs run it."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from adapters.cli import Job
from adapters.client import Target
from adapters.table.mapping import parse_mapping

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


def errors_in(spool: Path) -> list[dict[str, str]]:
    """Returns the lines of the one errors file in a spool's folder."""
    (path,) = spool.glob("*.errors.csv")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_everything_is_sent_and_the_figures_are_shown(folder: Path, intake: Any) -> None:
    status, output, _ = run(folder, intake.address, "--batch", "100")
    assert status == 0
    assert len(intake.events) == ORDERS
    assert [len(request.events) for request in intake.requests] == [100, 100, 100]
    assert {request.source for request in intake.requests} == {"shop/1"}
    for line in ("rows read", "documents: order", "events accepted"):
        assert line in output
    (spool,) = (folder / "pointbook-spool").iterdir()
    assert spool.name == f"shop%2F1@{intake.address.replace(':', '%3A')}.sqlite3"


def test_again_everything_is_a_duplicate(folder: Path, intake: Any) -> None:
    run(folder, intake.address)
    status, output, _ = run(folder, intake.address, "--json")
    figures = json.loads(output)
    assert status == 0
    assert figures == {
        "rows_read": ORDERS,
        "rows_ignored": 0,
        "documents": {"order": ORDERS},
        "row_errors": 0,
        "held_back": 0,
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
    bad_row, refused = errors_in(folder / "elsewhere")
    (file,) = (folder / "elsewhere").glob("shop%2F1@main@127.0.0.1%3A*.errors.csv")
    assert file.stat().st_mode & 0o777 == 0o600
    assert (bad_row["file"], bad_row["row"], bad_row["event_id"]) == (
        "orders.csv",
        "2",
        "order:SO-2",
    )
    assert "'=cmd()' is not a number" in bad_row["message"]
    assert (refused["file"], refused["row"]) == ("orders.csv", "3")
    assert (refused["event_id"], refused["field"]) == ("order:SO-3", "order.id")


def test_a_row_of_an_unknown_document_costs_no_conflict_once_it_is_mended(
    folder: Path, intake: Any
) -> None:
    first, second = "SO-1,2026-07-01 12:00:00,3.00", "SO-1,2026-07-01 12:00:00,5.00"
    (folder / "mapping.toml").write_text(MAPPING + "[files.main]\nrows_apart_max = 0\n")
    write_orders(folder, [first, f'"SO"-{second[3:]}', "SO-2,2026-07-01 12:00:00,5.00"])
    status, output, _ = run(folder, intake.address, "--json")
    figures = json.loads(output)
    assert status == 1
    assert intake.events == {}
    assert (figures["row_errors"], figures["held_back"], figures["accepted"]) == (1, 2, 0)
    assert [
        (e["row"], e["reason"], e["event_id"]) for e in errors_in(folder / "pointbook-spool")
    ] == [
        ("2", "ROW_INVALID", ""),
        ("1", "DOCUMENT_HELD_BACK", "order:SO-1"),
        ("3", "DOCUMENT_HELD_BACK", "order:SO-2"),
    ]
    write_orders(folder, [first, second, "SO-2,2026-07-01 12:00:00,5.00"])
    assert run(folder, intake.address)[0] == 0
    assert sum(line.amount_minor for line in intake.events["order:SO-1"].order.lines) == 800


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


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_points_again_and_again_the_figures_are_exact(
    folder: Path, intake: Any, eventually: Callable[..., Any], seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(4):
        kill_at = intake.calls + chance.randint(1, 8)
        _kill_around(kill_at, chance.random() / 100, folder, intake, eventually)
    intake.mood = lambda call, context: None
    status, output, _ = run(folder, intake.address, "--batch", "7", "--json")
    figures = json.loads(output)
    assert status == 0
    assert sorted(intake.events) == sorted(f"order:SO-{n}" for n in range(ORDERS))
    assert figures["accepted"] + figures["duplicate"] == ORDERS
    assert figures["duplicate"] <= 4 * 7  # at most the batch under way at each kill
    assert (figures["rows_read"], figures["documents"]) == (ORDERS, {"order": ORDERS})


def _kill_around(
    call_number: int,
    after_seconds: float,
    folder: Path,
    intake: Any,
    eventually: Callable[..., Any],
) -> None:
    """Kills a run a moment after it made a call; the call after that one is not answered before."""
    killed = threading.Event()

    def waits_for_the_kill(call: int, context: grpc.ServicerContext) -> None:
        if call > call_number:
            killed.wait(30)

    intake.mood = waits_for_the_kill
    process = start(folder, intake.address, "--batch", "7")
    eventually(lambda: intake.calls >= call_number, within=30, every=0.001)
    killed.wait(after_seconds)
    process.kill()
    process.communicate(timeout=30)
    killed.set()
    assert process.returncode == -signal.SIGKILL


def test_mended_after_it_stopped_nothing_old_is_sent(folder: Path, intake: Any) -> None:
    def away(call: int, context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.UNAUTHENTICATED, "not now")

    mood, intake.mood = intake.mood, away
    assert run(folder, intake.address)[0] == 2  # its events wait in the spool, 5.00 each
    intake.mood = mood
    write_orders(folder, [f"SO-{n},2026-07-01 12:00:00,7.00" for n in range(ORDERS)])
    status, output, complaints = run(folder, intake.address, "--json")
    assert status == 0
    assert "did not end" in complaints
    assert json.loads(output)["accepted"] == ORDERS
    assert {event.order.lines[0].amount_minor for event in intake.events.values()} == {700}


def test_another_server_gets_everything_though_the_first_got_half(
    folder: Path, intake: Any, other_intake: Any
) -> None:
    def fails_at_the_second(call: int, context: grpc.ServicerContext) -> None:
        if call == 2:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "not now")

    intake.mood = fails_at_the_second
    assert run(folder, intake.address, "--batch", "100")[0] == 2
    assert run(folder, other_intake.address, "--batch", "100")[0] == 0
    assert (len(intake.events), len(other_intake.events)) == (100, ORDERS)
    assert run(folder, intake.address, "--batch", "100")[0] == 0  # and the first goes on
    assert len(intake.requests) == 3


@pytest.mark.parametrize(
    "one_and_other", [("a@b", "", "a", "b"), ("a", "b", "a", "c"), ("a/b", "", "a", "")]
)
def test_each_source_book_and_target_has_a_spool_of_its_own(
    one_and_other: tuple[str, str, str, str],
) -> None:
    source, book, other_source, other_book = one_and_other

    def job(source: str, book: str, address: str = "h:1") -> Job:
        return Job(parse_mapping(MAPPING), {}, Target(address), source, book, Path("s"), 1)

    one, other = job(source, book), job(other_source, other_book)
    assert one.file(".x") != other.file(".x")
    assert one.file(".x").parent == Path("s")
    assert one.file(".x") != job(source, book, "h:2").file(".x")
    assert one.run() != job(source, book, "h:2").run()


def test_help_names_every_option() -> None:
    command = [sys.executable, "-m", "adapters", "backfill", "csv", "--help"]
    told = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | {"COLUMNS": "200"}
    ).stdout
    for option in ("--config", "--path", "--returns", "--target", "--source", "--book", "--spool"):
        assert option in told
    for option in ("--batch", "--api-key-env", "--tls-ca", "--tls-certificate", "--json"):
        assert option in told


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
