"""The durable outbox."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.contract import START, Change
from adapters.spool import Answer, Spool, SpoolUnusable, Tally
from pointbook.v1 import events_pb2

APPENDER = """
import sys
from pathlib import Path
from adapters.contract import Change
from adapters.spool import Spool
from pointbook.v1 import events_pb2
spool = Spool(Path(sys.argv[1]))
at = int(spool.begin("run") or 0)
while True:
    at += 1
    first = Change(events_pb2.Event(event_id=f"{at}a"), str(at))
    spool.append([first, Change(events_pb2.Event(event_id=f"{at}b"), str(at))])
    print(at, flush=True)
"""


def change(number: int) -> Change:
    return Change(events_pb2.Event(event_id=f"order:{number}"), str(number))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "shop.sqlite3"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    with Spool(path) as opened:
        opened.begin("run")
        yield opened


def accepted(taken: int) -> list[Answer]:
    return [Answer("", "accepted")] * taken


def test_events_leave_in_the_order_they_came_and_only_when_answered(spool: Spool) -> None:
    spool.append([change(1), change(2)])
    spool.append([change(3)])
    assert [each.event.event_id for each in spool.take(2)] == ["order:1", "order:2"]
    taken = spool.take(2)
    spool.mark_answered(taken, accepted(2))
    assert [each.event.event_id for each in spool.take(2)] == ["order:3"]
    assert spool.waiting() == 1


def test_events_and_cursor_are_kept_when_the_spool_is_closed(path: Path) -> None:
    with Spool(path) as spool:
        assert spool.begin("run") == START
        spool.append([change(1), change(2)])
    with Spool(path) as spool:
        assert spool.begin("run") == "2"
        assert spool.take(9)[1].event == change(2).event


def test_another_run_begins_at_the_start_with_an_empty_outbox(spool: Spool) -> None:
    spool.append([change(1)])
    spool.mark_answered(spool.take(1), [Answer("order:1", "rejected", "R", "no", "f")])
    spool.append([change(2)])
    assert spool.is_of_another("other")
    assert spool.begin("other") == START
    assert not spool.is_of_another("other")
    assert spool.waiting() == 0  # the other run reads everything again, as it is now
    assert spool.tallies() == []
    assert list(spool.refusals()) == []


def test_a_finished_run_begins_again(spool: Spool) -> None:
    spool.append([change(1)])
    spool.mark_answered(spool.take(1), accepted(1))
    spool.finish()
    assert not spool.is_of_another("other")
    assert spool.begin("run") == START
    assert spool.tallies() == []


def test_answers_are_counted_and_refusals_kept(spool: Spool) -> None:
    spool.append([change(n) for n in range(4)])
    refusal = Answer(
        "order:3",
        "rejected",
        "CURRENCY_UNKNOWN",
        "XXX is no currency",
        "order.currency_code",
        "orders.csv",
        17,
    )
    spool.mark_answered(spool.take(3), [*accepted(2), Answer("order:2", "duplicate")])
    spool.mark_answered(spool.take(3), [refusal])
    assert spool.tallies() == [
        Tally("accepted", "", 2),
        Tally("duplicate", "", 1),
        Tally("rejected", "CURRENCY_UNKNOWN", 1),
    ]
    assert list(spool.refusals()) == [refusal]


def test_where_an_event_was_read_is_kept_with_it(spool: Spool) -> None:
    spool.append([Change(events_pb2.Event(event_id="order:1"), "1", "orders.csv", 17), change(2)])
    assert [(each.file, each.row) for each in spool.take(2)] == [("orders.csv", 17), ("", 0)]


@pytest.mark.parametrize("existed", [False, True])
def test_only_its_owner_reads_a_spool(path: Path, existed: bool) -> None:
    if existed:
        path.parent.mkdir()
        path.touch(0o644)
    with Spool(path) as spool:
        spool.append([change(1)])
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == {"shop.sqlite3": 0o600, "shop.sqlite3-wal": 0o600}


def test_an_error_while_marking_changes_nothing(spool: Spool) -> None:
    spool.append([change(1), change(2)])
    with pytest.raises(ValueError, match="shorter"):
        spool.mark_answered(spool.take(2), accepted(1))
    assert spool.waiting() == 2
    assert spool.tallies() == []


def test_a_second_adapter_is_told_that_the_spool_is_in_use(spool: Spool) -> None:
    with pytest.raises(SpoolUnusable, match="another adapter has it open"):
        Spool(spool.path)


def test_a_file_that_is_no_spool_is_told(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("not a database, not at all, and long enough to be looked at" * 20)
    with pytest.raises(SpoolUnusable, match="not a database"):
        Spool(path)


def test_a_killed_adapter_loses_nothing_it_kept_and_its_cursor_fits(path: Path) -> None:
    for _ in range(3):
        told = _append_until_killed(path)
        with Spool(path) as spool:
            cursor = int(spool.begin("run"))
            ids = [each.event.event_id for each in spool.take(1_000_000)]
        assert cursor >= told
        assert ids == [f"{n}{part}" for n in range(1, cursor + 1) for part in "ab"]


def _append_until_killed(path: Path) -> int:
    """Returns the last cursor that the process said was kept."""
    process = subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(path)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as said:
        for _ in range(20):
            assert said.readline()
        process.send_signal(signal.SIGKILL)
        lines = [line for line in said.read().split("\n")[:-1] if line]
    process.wait()
    return int(lines[-1]) if lines else 20
