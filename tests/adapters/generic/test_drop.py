"""A drop folder: what is taken, what becomes of it, and what a kill leaves."""

from __future__ import annotations

import csv
import gzip
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from adapters.contract import AdapterError
from adapters.drop import processing
from adapters.drop.folder import Watch, free_name
from adapters.drop.processing import FolderReport, opened, process_folder, watch_folder
from adapters.drop.settings import DropFile, Kind, load_drop_file
from tests.adapters.conftest import FakeIntake
from tests.adapters.generic import example
from tests.adapters.generic.conftest import Wait
from tests.adapters.generic.test_workbook import workbook

MAPPING = """
format = 1
source = "tills"
[money]
currency = { constant = "EUR" }
exponents = { EUR = 2 }
[files.main]
rows_apart_max = 0
[[documents]]
kind = "order"
id = ["Number"]
time = "Date"
status = "completed"
member = { column = "Customer" }
[documents.line]
id = "Line"
sku = "Article"
quantity = "Pieces"
amount = "Net"
"""
HEADER = ["Number", "Line", "Date", "Customer", "Article", "Pieces", "Net"]
ROWS = [
    ["R-1", "1", "2026-07-01 09:15:00", "4711", "TEA", "2", "19.98"],
    ["R-1", "2", "2026-07-01 09:15:00", "4711", "POT", "1", "1049.00"],
    ["R-2", "1", "2026-07-01 10:02:00", "", "TEA", "1", "9.99"],
]
WRONG = ["R-3", "1", "2026-07-01 11:40:00", "4712", "CUP", "6", "29.7O"]


@dataclass
class Drop:
    """A drop folder whose files are old enough, and where they go."""

    file: DropFile
    intake: FakeIntake

    def put(self, name: str, rows: list[list[str]] = ROWS) -> Path:
        path = self.file.folder / name
        with (gzip.open if name.endswith(".gz") else open)(path, "wt", newline="") as file:
            csv.writer(file).writerows([HEADER, *rows])
        return path

    def process(self, **changes: Any) -> FolderReport:
        return process_folder(self.file.model_copy(update=changes), in_an_hour)

    def names(self, folder: str = "") -> list[str]:
        found = (self.file.folder / folder).rglob("*") if folder else self.file.folder.glob("*")
        base = self.file.folder / folder
        return sorted(str(each.relative_to(base)) for each in found if each.is_file())


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def drop(tmp_path: Path, intake: FakeIntake) -> Drop:
    (tmp_path / "tills.toml").write_text(MAPPING)
    (tmp_path / "inbox").mkdir()
    file = DropFile(
        source="tills",
        pointbook=example.pointbook(intake.address),
        folder=tmp_path / "inbox",
        spool=tmp_path / "spool",
        interval_seconds=0.05,
        files=[Kind(name="*.csv*", mapping=tmp_path / "tills.toml"), Kind(name="*.XLSX", mapping=tmp_path / "tills.toml")],
    )  # fmt: skip
    return Drop(file, intake)


def test_a_file_is_sent_and_archived_by_day(drop: Drop) -> None:
    drop.put("sales-1.csv")
    report = drop.process()
    day = in_an_hour().date().isoformat()
    assert report.is_fine
    assert (report.files[0].documents, report.files[0].taken) == (2, 2)
    assert report.files[0].moved_to == drop.file.folder / "archive" / day / "sales-1.csv"
    assert drop.names("archive") == [f"{day}/sales-1.csv"]
    assert sorted(drop.intake.events) == ["order:R-1", "order:R-2"]
    assert drop.process() == FolderReport(())


def test_files_are_sent_in_the_order_of_their_names_packed_or_not(drop: Drop) -> None:
    drop.put("b.csv.gz", [["R-2", *ROWS[2][1:]]])
    drop.put("c.csv", [["R-3", *ROWS[2][1:]]])
    drop.put("a.csv", [["R-1", *ROWS[2][1:]]])
    assert [each.name for each in drop.process().files] == ["a.csv", "b.csv.gz", "c.csv"]
    assert list(drop.intake.events) == ["order:R-1", "order:R-2", "order:R-3"]


def test_what_is_unfinished_hidden_a_link_a_folder_or_fits_no_pattern_stays(drop: Drop) -> None:
    real = drop.put("notes.txt")
    for name in (".hidden.csv", "sales.csv.part", "sales.csv.tmp", "sales.csv.TMP"):
        drop.put(name)
    (drop.file.folder / "folder.csv").mkdir()
    (drop.file.folder / "link.csv").symlink_to(real)
    before = drop.names()
    assert drop.process() == FolderReport(())
    assert drop.names() == before


def test_a_file_that_still_grows_is_left_until_it_is_quiet(drop: Drop) -> None:
    path = drop.put("sales.csv", ROWS[:1])
    began = path.stat().st_mtime
    os.utime(path, (began, began))
    watch = Watch(drop.file)  # 10 seconds

    def complete(now: float) -> bool:
        return list(watch.complete(now, began)) == [path]  # the file's own time is always now

    assert not complete(0)
    assert not complete(9)
    drop.put("sales.csv", ROWS)
    assert not complete(12)
    assert not complete(21)
    assert complete(22)


def test_with_markers_a_file_is_taken_when_its_marker_is_there(drop: Drop) -> None:
    drop.put("a.csv")
    drop.put("b.csv")
    (drop.file.folder / "b.csv.done").touch()
    report = drop.process(done_marker=True, settle_seconds=0)
    assert [each.name for each in report.files] == ["b.csv"]
    assert drop.names() == ["a.csv"]


def test_of_a_partly_wrong_file_the_good_documents_are_sent_and_the_bad_listed(drop: Drop) -> None:
    drop.put("sales.csv", [*ROWS[:2], WRONG, ROWS[2]])
    report = drop.process()
    assert not report.is_fine
    assert (report.files[0].documents, report.files[0].wrong) == (2, 1)
    assert sorted(drop.intake.events) == ["order:R-1", "order:R-2"]
    assert drop.names("errors") == ["sales.csv", "sales.csv.errors.csv"]
    listed = drop.file.folder / "errors" / "sales.csv.errors.csv"
    (error,) = csv.DictReader(listed.read_text().splitlines())
    assert (error["file"], error["row"], error["event_id"]) == ("sales.csv", "3", "order:R-3")
    assert "29.7O" in error["message"]
    assert stat.S_IMODE(listed.stat().st_mode) == 0o600


def test_what_pointbook_refuses_is_listed_with_its_reason(drop: Drop) -> None:
    drop.intake.refuse["order:R-2"] = "MEMBER_UNKNOWN"
    drop.put("sales.csv")
    report = drop.process()
    assert (report.files[0].taken, report.files[0].refused) == (1, 1)
    text = (drop.file.folder / "errors" / "sales.csv.errors.csv").read_text()
    assert "sales.csv,3,order:R-2,MEMBER_UNKNOWN" in text


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "the first line must name the columns"),
        ("a.csv", b"Number,Line\n1,2\n", "has no column 'Customer'"),
        ("a.csv.gz", b"no archive", "cannot be read"),
        ("a.xlsx", b"no workbook", "it is no XLSX workbook"),
    ],
)
def test_a_file_that_cannot_be_read_is_set_aside_and_the_next_one_sent(
    drop: Drop, name: str, content: bytes, said: str
) -> None:
    (drop.file.folder / name).write_bytes(content)
    drop.put("b.csv")
    bad, good = drop.process().files
    assert said in bad.problem
    assert bad.wrong == 0
    assert bad.moved_to == drop.file.folder / "errors" / name
    assert said in (drop.file.folder / "errors" / f"{name}.errors.csv").read_text()
    assert good.is_fine


def test_nothing_is_overwritten(drop: Drop) -> None:
    for rows in (ROWS[:2], ROWS[2:], [WRONG], [[*WRONG[:6], "x"]]):
        drop.put("sales.csv", rows)
        drop.process()
    day = in_an_hour().date().isoformat()
    assert drop.names("archive") == [f"{day}/sales.2.csv", f"{day}/sales.csv"]
    assert drop.names("errors") == [
        "sales.2.csv",
        "sales.2.csv.errors.csv",
        "sales.csv",
        "sales.csv.errors.csv",
    ]
    assert "29.7O" in (drop.file.folder / "errors" / "sales.csv.errors.csv").read_text()
    assert "29.7O" not in (drop.file.folder / "errors" / "sales.2.csv.errors.csv").read_text()


def test_a_free_name_keeps_all_endings(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").touch()
    (tmp_path / "a.2.csv.gz").touch()
    assert free_name(tmp_path, "a.csv.gz").name == "a.3.csv.gz"
    assert free_name(tmp_path, "b").name == "b"


class Killed(BaseException):
    """As sudden as a kill: nothing catches it."""


@pytest.mark.parametrize("where", ["backfill", "archive"])
def test_killed_before_or_after_sending_a_file_is_sent_again_and_counts_once(
    drop: Drop, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    real: Callable[..., Any] = getattr(processing, where)

    def killed(*args: Any) -> None:
        if where == "backfill":
            real(*args)
        raise Killed

    drop.put("sales.csv")
    with monkeypatch.context() as patched:
        patched.setattr(processing, where, killed)
        with pytest.raises(Killed):
            drop.process()
    assert drop.names() == ["sales.csv"]
    assert drop.process().is_fine
    assert len(drop.intake.events) == 2
    assert drop.names() == []


def test_killed_between_the_list_and_the_file_both_end_up_side_by_side(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop.put("sales.csv", [*ROWS, WRONG])

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", killed)
        with pytest.raises(Killed):
            drop.process()
    drop.process()
    assert drop.names("errors") == ["sales.csv", "sales.csv.errors.csv"]


def test_while_pointbook_is_away_files_stay(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processing, "PATIENCE", processing.Patience(attempts_max=1))

    def away(call: int, context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.UNAVAILABLE, "away")

    mood, drop.intake.mood = drop.intake.mood, away
    drop.put("a.csv", ROWS[:2])
    drop.put("b.csv", ROWS[2:])
    report = drop.process()
    assert report.files == ()
    assert "UNAVAILABLE" in report.away
    assert drop.names() == ["a.csv", "b.csv"]
    drop.intake.mood = mood
    drop.put("0.csv", [["R-0", *ROWS[2][1:]]])  # an earlier name takes the spool over
    assert drop.process().is_fine
    assert sorted(drop.intake.events) == ["order:R-0", "order:R-1", "order:R-2"]


def test_a_file_that_changes_while_it_is_read_stays(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = processing.backfill

    def changing(*args: Any) -> None:
        real(*args)
        drop.put("sales.csv", [*ROWS, WRONG])

    drop.put("sales.csv")
    with monkeypatch.context() as patched:
        patched.setattr(processing, "backfill", changing)
        assert "sales.csv changed while it was read" in drop.process().away
    assert drop.process().files[0].wrong == 1


def test_a_second_process_on_the_folder_is_told_so(drop: Drop) -> None:
    with opened(drop.file), pytest.raises(AdapterError, match="another adapter has it open"):
        drop.process()


def test_a_watched_folder_takes_files_as_they_come(drop: Drop, until: Wait) -> None:
    stop = threading.Event()
    file = drop.file.model_copy(update={"settle_seconds": 0.1})
    thread = threading.Thread(target=watch_folder, args=(file, stop))
    thread.start()
    try:
        drop.put("a.csv", ROWS[:2])
        until(lambda: "order:R-1" in drop.intake.events)
        drop.put("b.csv", ROWS[2:])
        until(lambda: drop.names() == [] and len(drop.intake.events) == 2)
    finally:
        stop.set()
        thread.join()


def test_a_workbook_gives_the_same_events_as_the_table_it_holds(drop: Drop) -> None:
    drop.put("a.csv")
    assert drop.process().is_fine
    from_text = dict(drop.intake.events)
    drop.intake.events.clear()
    at = datetime(2026, 7, 1, 9, 15)  # noqa: DTZ001 - spreadsheets know no zones
    rows: list[list[Any]] = [
        [*HEADER, None],
        ["R-1", 1, at, 4711, "TEA", 2, 19.98],
        ["R-1", 2, at, "4711", "POT", 1.0, 1049],
        [],
        ["R-2", 1, at.replace(hour=10, minute=2), None, "TEA", 1, 9.99, None],
    ]
    workbook(drop.file.folder / "b.xlsx", rows)
    assert drop.process().is_fine
    assert drop.intake.events == from_text


def test_the_documented_settings_are_read_relative_to_their_file(tmp_path: Path) -> None:
    text = next(block for block in example.blocks("toml") if "[[files]]" in block)
    path = tmp_path / "drop.toml"
    path.write_text(text)
    file = load_drop_file(path)
    assert file.folder == tmp_path / "inbox"
    kind = file.kind_of("Sales-2026.CSV.gz")
    assert kind is not None
    assert kind.mapping == tmp_path / "sales.toml"
    assert file.kind_of("other.csv") is None
    assert file.kind_of("sales-1.csv.zip") is None
    path.write_text(text.replace("settle_seconds = 10", "settle_seconds = 0"))
    with pytest.raises(AdapterError, match="settle_seconds = 0 needs done_marker"):
        load_drop_file(path)


def test_a_mapping_that_needs_two_files_and_a_missing_folder_are_told(drop: Drop) -> None:
    path = drop.file.files[0].mapping
    path.write_text(MAPPING.replace('kind = "order"', 'kind = "order"\nfile = "returns"'))
    with pytest.raises(AdapterError, match="it reads a second file"):
        drop.process()
    with pytest.raises(AdapterError, match="is no folder"):
        drop.process(folder=Path("/nowhere"))
