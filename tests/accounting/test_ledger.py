"""The writer: same bytes however often it is killed, however many runs it took; and verify finds what was changed."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from accounting.chart import chart_names
from accounting.gate import check_ledger
from accounting.ledger import LedgerWriter, Written, rebuild
from accounting.positions import only_writer
from accounting.sample import insert_sample
from accounting.verify import verify
from plugin.errors import Corrupt
from plugin.store.schema import engine_url

FIRST = date(2026, 11, 23)

# The writer dies at the n-th thing it does to a file, for n = 1, 2, 3 … until a write survives; after every death a new
# writer finishes. Audit hooks see every open for writing, rename, copy and removal without anything being replaced.
KILLED_WRITER = textwrap.dedent(
    """
    import json, os, signal, sys
    from datetime import date
    from pathlib import Path
    from sqlalchemy import create_engine
    from accounting.ledger import LedgerWriter, rebuild
    from accounting.sample import insert_sample
    from plugin.store.books import find_book

    url, folder, again = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    FILE_EVENTS = {"open", "os.rename", "os.mkdir", "os.rmdir", "os.remove", "shutil.copyfile", "shutil.rmtree"}

    def tree(root):
        return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}

    def write(dies_at):
        engine = create_engine(url)
        with engine.connect() as connection:
            book = find_book(connection, "shop")
        seen = 0
        def hook(event, arguments):
            nonlocal seen
            reads = event == "open" and str(arguments[1]).startswith("r")
            if event in FILE_EVENTS and str(folder) in str(arguments[0]) and not reads:
                seen += 1
                if seen == dies_at:
                    os.kill(os.getpid(), signal.SIGKILL)
        if dies_at:
            sys.addaudithook(hook)
        LedgerWriter(engine, book, folder, part_entries_max=40).write()

    def in_child(dies_at):
        child = os.fork()
        if child == 0:
            try:
                write(dies_at)
                os._exit(0)
            except BaseException as error:
                sys.stderr.write(repr(error))
                os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    engine = create_engine(url)
    with engine.connect() as connection:
        book = find_book(connection, "shop")
    deaths, differing = 0, []
    for number in range(1, 200):
        with engine.begin() as connection:
            insert_sample(connection, book.id, 9, date(2026, 11, 23), 3)
            insert_sample(connection, book.id, 1, date(2027, 1, 1 + number % 28), 1)
        engine.dispose()
        status = in_child(number)
        if status != -signal.SIGKILL:
            assert status == 0, status
            break
        deaths += 1
        assert in_child(0) == 0
        clean = again / str(number)
        rebuild(engine, book, clean, part_entries_max=40)
        if tree(clean) != tree(folder):
            differing.append(number)
    print(json.dumps({"deaths": deaths, "differing": differing}))
    """
)


def tree(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def add(shop: Any, entries: int, days: int = 3) -> None:
    with shop.engine.begin() as connection:
        insert_sample(connection, shop.book.id, entries, FIRST, days)


def writer_of(shop: Any, books: Path) -> LedgerWriter:
    return LedgerWriter(shop.engine, shop.book, books, part_entries_max=7)


def test_killed_at_any_moment_a_restart_gives_the_bytes_of_a_clean_run(
    shop: Any, database_url: str, books: Path, tmp_path: Path
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", KILLED_WRITER, engine_url(database_url), books, tmp_path / "clean"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["differing"] == []
    assert 20 < found["deaths"] < 199
    found_by_verify = verify(shop.engine, shop.book, books, part_entries_max=40)
    assert found_by_verify.holds, found_by_verify.differences


def test_many_small_writes_and_one_large_one_give_the_same_bytes(
    shop: Any, books: Path, tmp_path: Path
) -> None:
    writer = writer_of(shop, books)
    for entries in (1, 5, 13, 2):
        add(shop, entries)
        writer.write()
    add(shop, 8)
    written = writer_of(shop, books).write()  # a new process continues
    assert (written.entries, written.position) == (8, 5)
    rebuild(shop.engine, shop.book, tmp_path / "again", part_entries_max=7)
    assert tree(tmp_path / "again") == tree(books)
    assert (books / "detail/2026/11/23-2.beancount").exists()
    assert check_ledger(books / "main.beancount", details=True).holds


def test_a_batch_that_commits_late_comes_after_those_that_were_written(
    shop: Any, database_url: str, books: Path, tmp_path: Path
) -> None:
    slow = create_engine(engine_url(database_url))
    with slow.connect() as late:
        insert_sample(late, shop.book.id, 1, FIRST, 1)  # the lower id, not committed yet
        add(shop, 1, 1)
        writer_of(shop, books).write()
        before = (books / "detail/2026/11/23.beancount").read_bytes()
        late.commit()
    slow.dispose()
    writer_of(shop, books).write()
    after = (books / "detail/2026/11/23.beancount").read_bytes()
    assert after.startswith(before)
    assert after.count(b"  entry: ") == 2
    assert verify(shop.engine, shop.book, books, part_entries_max=7).holds


def test_a_second_writer_of_the_book_does_nothing(shop: Any, books: Path) -> None:
    add(shop, 3)
    with shop.engine.connect() as other, only_writer(other, shop.book.id, waits=False) as is_free:
        assert is_free
        assert writer_of(shop, books).write() == Written(is_busy=True)
    assert writer_of(shop, books).write().entries == 3


def test_nothing_new_writes_nothing(shop: Any, books: Path) -> None:
    writer = writer_of(shop, books)
    add(shop, 3)
    writer.write()
    before = {path: path.stat().st_mtime_ns for path in books.rglob("*")}
    assert writer.write().entries == 0
    assert {path: path.stat().st_mtime_ns for path in books.rglob("*")} == before


def test_other_account_names_write_the_whole_ledger_anew(shop: Any, books: Path) -> None:
    add(shop, 20)
    writer_of(shop, books).write()
    names = chart_names({"points": "Liabilities:2241-积分"})
    assert LedgerWriter(shop.engine, shop.book, books, names, 7).write().entries == 20
    assert check_ledger(books / "main.beancount", details=True).holds
    assert verify(shop.engine, shop.book, books, names, part_entries_max=7).holds


def test_a_ledger_that_is_ahead_of_its_database_is_left_alone(shop: Any, books: Path) -> None:
    add(shop, 3)
    writer_of(shop, books).write()
    index = books / "index.beancount"
    index.write_text(index.read_text().replace("position 1.", "position 99."))
    before = tree(books)
    with pytest.raises(Corrupt, match="up to position 99"):
        writer_of(shop, books).write()
    assert tree(books) == before


def _edit(path: str, old: str, new: str) -> Callable[[Any, Path], None]:
    def edit(_: Any, books: Path) -> None:
        text = (books / path).read_text()
        assert old in text
        (books / path).write_text(text.replace(old, new, 1))

    return edit


def _behind_the_triggers(statement: str) -> Callable[[Any, Path], None]:
    def change(shop: Any, _: Path) -> None:
        shop.sql(f"SET session_replication_role = replica; {statement}")

    return change


CHANGES = {
    "an amount in a detail": _edit("detail/2026/11/24.beancount", "PTS", "PTZ"),
    "a sum in a summary": _edit("2026/11/2026-11-24.beancount", "entries: ", "entries: 1"),
    "an entry in the database": _behind_the_triggers(
        "UPDATE entry SET amount_minor = amount_minor + 1 WHERE id ="
        " (SELECT min(id) FROM entry WHERE accounting_on = '2026-11-24')"
    ),
    "the business date of an entry": _behind_the_triggers(
        "UPDATE entry SET business_on = '2026-11-01' WHERE id ="
        " (SELECT min(id) FROM entry WHERE accounting_on = '2026-11-24')"
    ),
    "an entry less": _behind_the_triggers(
        "DELETE FROM entry WHERE id = (SELECT min(id) FROM entry WHERE accounting_on = '2026-11-24')"
    ),
    "a chain head": _behind_the_triggers(
        "UPDATE chain SET head = sha256('x') WHERE day = '2026-11-24'"
    ),
    "a file less": lambda _, books: (books / "detail/2026/11/24.beancount").unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_verify_names_the_first_day_that_differs(
    shop: Any, books: Path, change: Callable[[Any, Path], None]
) -> None:
    add(shop, 12)
    writer_of(shop, books).write()
    assert verify(shop.engine, shop.book, books, part_entries_max=7).holds
    change(shop, books)
    found = verify(shop.engine, shop.book, books, part_entries_max=7)
    assert not found.holds
    assert found.first_day == FIRST + timedelta(days=1)


def test_verify_finds_files_that_are_not_ours(shop: Any, books: Path) -> None:
    add(shop, 2)
    writer_of(shop, books).write()
    (books / "2026" / "11" / "extra.beancount").write_text("")
    found = verify(shop.engine, shop.book, books, part_entries_max=7)
    assert [one.path for one in found.differences] == ["2026/11/extra.beancount"]


def test_a_rebuild_cannot_hide_changed_entries_because_chain_heads_stay(
    shop: Any, books: Path, tmp_path: Path
) -> None:
    add(shop, 12)
    writer_of(shop, books).write()
    CHANGES["an entry in the database"](shop, books)
    rebuild(shop.engine, shop.book, tmp_path / "again", part_entries_max=7)
    found = verify(shop.engine, shop.book, tmp_path / "again", part_entries_max=7)
    assert [(one.day, one.reason[:13]) for one in found.differences] == [
        (FIRST + timedelta(days=1), "chain differs")
    ]
