"""Reconciliation: runs the comparisons on one snapshot and stores what they found.

Checks 5 (documents of the ERP) and 8 (the ERP's own account) need what later issues bring; they are not listed until then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from accounting.chart import DEFAULT_NAMES, ChartNames
from accounting.folder import read_text
from accounting.gate import check_ledger
from accounting.goods_reconciliation import stock_and_journal
from accounting.ledger import LedgerWriter
from accounting.positions import only_writer
from accounting.reconciliations import (
    NAMES,
    Break,
    Snapshot,
    cost_and_liability,
    database_and_beancount,
    detail_and_summary,
    inbox_and_applied,
    lots_and_legs,
)
from accounting.render import index_position
from plugin.errors import Rejected
from plugin.store.books import Book
from plugin.store.tables import batch, reconciliation_break, reconciliation_run

CHECKS: dict[int, Callable[[Snapshot], Iterator[Break]]] = {
    1: lots_and_legs,
    2: cost_and_liability,
    3: database_and_beancount,
    4: detail_and_summary,
    6: stock_and_journal,
    7: inbox_and_applied,
}
_LEDGER_CHECKS = frozenset({3, 4})
WAITING_SECONDS_MAX = 300


@dataclass(frozen=True, slots=True)
class Check:
    """Outcome of one comparison."""

    number: int
    name: str
    breaks: tuple[Break, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return not self.breaks


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Outcome of a run. ``watermark`` is the highest applied batch it saw."""

    run_id: int
    book: str
    run_at: datetime
    watermark: int
    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Whether every check holds."""
        return all(check.holds for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """Returns the answer of ``pointbook reconcile --json``."""
        return {
            "checks": [
                {
                    "number": check.number,
                    "name": check.name,
                    "holds": check.holds,
                    "breaks": [found._asdict() for found in check.breaks],
                }
                for check in self.checks
            ],
            "holds": self.holds,
        }


def reconcile(
    engine: Engine,
    book: Book,
    folder: Path,
    names: ChartNames = DEFAULT_NAMES,
    *,
    checks: Collection[int] = (),
    catches_up: bool = True,
    waiting_seconds_max: int = WAITING_SECONDS_MAX,
) -> Reconciled:
    """Runs reconciliations and stores the run with every break.

    All comparisons read one repeatable-read snapshot. What is compared with the ledger is compared as of the ledger's position, and
    the writer waits meanwhile; entries that are not in the ledger yet are no break.

    Args:
        engine: The database.
        book: Which book.
        folder: The book's ledger.
        names: What accounts are called in it.
        checks: Numbers of the checks to run, all when empty.
        catches_up: Whether the ledger is first written up to now.
        waiting_seconds_max: A batch may wait so long before it is a break.

    Raises:
        Rejected: There is no check of such a number.
        Unavailable: The Beancount check could not run.
    """
    chosen = sorted(checks) or list(CHECKS)
    for number in chosen:
        if number not in CHECKS:
            known = ", ".join(map(str, CHECKS))
            raise Rejected(
                "CHECK_UNKNOWN", f"there is no check {number}; there are: {known}", "checks"
            )
    with _ledger_at_rest(engine, book, folder, names, chosen, catches_up=catches_up) as reader:
        run_at = reader.execute(select(func.now())).scalar_one()
        watermark = reader.execute(
            select(func.max(batch.c.id)).where(batch.c.book_id == book.id, batch.c.is_applied)
        ).scalar()
        snapshot = _snapshot(reader, book, folder, names, chosen, waiting_seconds_max)
        found = [Check(number, NAMES[number], tuple(CHECKS[number](snapshot))) for number in chosen]
    with engine.begin() as connection:
        return _store(connection, book, run_at, watermark or 0, found)


@contextmanager
def _ledger_at_rest(
    engine: Engine,
    book: Book,
    folder: Path,
    names: ChartNames,
    chosen: Collection[int],
    *,
    catches_up: bool,
) -> Iterator[Connection]:
    """Yields a snapshot; holds the writer off while it is compared with the ledger."""
    with engine.connect() as guard:
        if _LEDGER_CHECKS.isdisjoint(chosen):
            with _reader(engine) as reader:
                yield reader
            return
        with only_writer(guard, book.id, waits=True):
            if catches_up:
                LedgerWriter(engine, book, folder, names).write_alone()
            with _reader(engine) as reader:
                yield reader


@contextmanager
def _reader(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )


def _snapshot(
    reader: Connection,
    book: Book,
    folder: Path,
    names: ChartNames,
    chosen: Collection[int],
    waiting_seconds_max: int,
) -> Snapshot:
    main = folder / "main.beancount"
    has_ledger = not _LEDGER_CHECKS.isdisjoint(chosen) and main.exists()
    checked = check_ledger(main) if has_ledger else None
    position = index_position(read_text(folder / "index.beancount"))
    return Snapshot(reader, book, names, folder, position, checked, waiting_seconds_max)


def _store(
    connection: Connection, book: Book, run_at: datetime, watermark: int, found: list[Check]
) -> Reconciled:
    """Stores a run. A break that the run before had too is as old as it was then, and the time since."""
    ages = _earlier_ages(connection, book.id, run_at)
    checks = tuple(_aged(check, ages) for check in found)
    run = Reconciled(0, book.code, run_at, watermark, checks)
    run_id = connection.execute(
        reconciliation_run.insert()
        .values(
            book_id=book.id,
            watermark=watermark,
            holds=run.holds,
            checks=json.dumps(run.as_json(), ensure_ascii=False),
            run_at=run_at,
        )
        .returning(reconciliation_run.c.id)
    ).scalar_one()
    rows = [
        {
            "run_id": run_id,
            "check_number": check.number,
            "amount": one.amount,
            "reason": one.reason,
            "age_seconds": one.age_seconds,
        }
        for check in checks
        for one in check.breaks
    ]
    if rows:
        numbered = [{**row, "line": line} for line, row in enumerate(rows, start=1)]
        connection.execute(reconciliation_break.insert(), numbered)
    return Reconciled(run_id, book.code, run_at, watermark, checks)


def _earlier_ages(
    connection: Connection, book_id: int, run_at: datetime
) -> dict[tuple[int, str], int]:
    """Returns check and reason of the breaks of the run before, with their age now."""
    before = connection.execute(
        select(reconciliation_run.c.id, reconciliation_run.c.run_at)
        .where(reconciliation_run.c.book_id == book_id)
        .order_by(reconciliation_run.c.id.desc())
        .limit(1)
    ).first()
    if before is None:
        return {}
    since = int((run_at - before.run_at).total_seconds())
    rows = connection.execute(
        select(
            reconciliation_break.c.check_number,
            reconciliation_break.c.reason,
            reconciliation_break.c.age_seconds,
        ).where(reconciliation_break.c.run_id == before.id)
    )
    return {(number, reason): (age or 0) + since for number, reason, age in rows}


def _aged(check: Check, ages: dict[tuple[int, str], int]) -> Check:
    breaks = tuple(
        one
        if one.age_seconds is not None
        else one._replace(age_seconds=ages.get((check.number, one.reason), 0))
        for one in check.breaks
    )
    return Check(check.number, check.name, breaks)
