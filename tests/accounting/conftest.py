"""A small shop whose books the tests read: every method is one event, applied the way workers apply it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

from accounting.policy import entry_for
from accounting.sample import sample_book
from accounting.store import closed_months, insert_entries, open_day
from plugin.facts import FactKind, PointFact
from plugin.points.lots import Change, Lot, Wallet
from plugin.store.books import Book
from plugin.store.inbox import Incoming, mark_applied, new_job_batch, record_events
from plugin.store.members import create_members, write_totals
from plugin.store.points import write_facts, write_lots, write_uses
from plugin.store.schema import engine_url

UNIT_COST_NANO = 800_000_000  # 0.008 CNY a point


class Shop:
    """Book "shop" in CNY, a point carried at 0.008. Members are known by a name and get numbers from 1."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with engine.begin() as connection:
            self.book: Book = sample_book(connection, "shop")
        self.wallets: dict[str, Wallet] = {}
        self.events = 0

    def earn(
        self,
        points: int,
        on: date,
        *,
        member: str = "Ann",
        order: str = "SO-1",
        store: str = "S1",
        event: str = "",
        expires_on: date | None = None,
    ) -> int:
        """Accrues points of an order; returns the fact's id."""
        with self._event(event) as (connection, fact_id):
            wallet = self._wallet(connection, member)
            lot = Lot(
                fact_id,
                wallet.member_id,
                points,
                points,
                0,
                UNIT_COST_NANO,
                _at(on),
                expires_on,
                1,
                store,
            )
            change = wallet.give(lot)
            self._write(connection, wallet, fact_id, FactKind.ACCRUED, change, on, order, store)
        return fact_id

    def take_back(
        self,
        points: int,
        on: date,
        *,
        member: str = "Ann",
        order: str = "SO-1",
        store: str = "S1",
        event: str = "",
        kind: FactKind = FactKind.CLAWED_BACK,
    ) -> int:
        """Takes points back for a return; what the member no longer has becomes debt."""
        with self._event(event) as (connection, fact_id):
            wallet = self._wallet(connection, member)
            change = wallet.take(fact_id, points, (), on)
            self._write(connection, wallet, fact_id, kind, change, on, order, store)
        return fact_id

    def expire(self, lot_id: int, on: date, *, member: str = "Ann") -> int:
        """Expires what remains of a lot, as the nightly run does: a batch without events."""
        with self.engine.begin() as connection:
            fact_id = new_job_batch(connection, self.book.id, 1) << 18
            wallet = self._wallet(connection, member)
            change = wallet.expire(fact_id, lot_id)
            self._write(connection, wallet, fact_id, FactKind.EXPIRED, change, on, "", "S1")
        return fact_id

    def receive(self, event: str) -> None:
        """Takes an event that nobody has applied yet."""
        with self.engine.begin() as connection:
            self._record(connection, event)

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """Runs a statement behind everybody's back."""
        with self.engine.begin() as connection:
            found = connection.execute(text(statement))
            return [tuple(row) for row in found] if found.returns_rows else []

    @contextmanager
    def _event(self, event: str) -> Iterator[tuple[Connection, int]]:
        with self.engine.begin() as connection:
            self.events += 1
            seq, batch_id = self._record(connection, event or f"E-{self.events}")
            yield connection, seq
            mark_applied(connection, [batch_id])

    def _record(self, connection: Connection, event: str) -> tuple[int, int]:
        content = f'{{"event":{self.events}}}'.encode()
        incoming = Incoming(self.book.id, 0, 1, "erp", event, content, sha256(content).digest())
        recorded, batches = record_events(connection, [incoming])
        return recorded[0].seq, batches[0].id

    def _wallet(self, connection: Connection, member: str) -> Wallet:
        if member not in self.wallets:
            (member_id,) = create_members(connection, self.book.id, 1)
            self.wallets[member] = Wallet(member_id, 0, 0)
        return self.wallets[member]

    def _write(
        self,
        connection: Connection,
        wallet: Wallet,
        fact_id: int,
        kind: FactKind,
        change: Change,
        on: date,
        order: str,
        store: str,
    ) -> None:
        fact = PointFact(
            fact_id,
            kind,
            wallet.member_id,
            change.lot_points - change.debt_points,
            change.lot_points,
            change.debt_points,
            change.amount_minor,
            _at(on),
            "erp",
            order,
            f"order:{order}",
            store,
            1,
            "",
            (),
        )
        accounting_on = open_day(closed_months(connection, self.book.id), on)
        write_lots(connection, self.book.id, wallet.lots.values())
        for lot in wallet.lots.values():
            lot.is_new = lot.is_changed = False
        write_uses(connection, change.uses)
        write_totals(connection, [(wallet.member_id, wallet.points, wallet.debt)])
        write_facts(connection, self.book.id, [fact])
        insert_entries(connection, self.book.id, [entry_for(fact, on, accounting_on)])


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on the test's database."""
    made = create_engine(engine_url(database_url))
    yield made
    made.dispose()


@pytest.fixture
def shop(engine: Engine) -> Shop:
    """A shop with empty books."""
    return Shop(engine)


@pytest.fixture
def books(tmp_path: Path) -> Path:
    """The folder of the shop's ledger."""
    return tmp_path / "books" / "shop"


def _at(on: date) -> int:
    return int(datetime(on.year, on.month, on.day, 4, tzinfo=UTC).timestamp()) * 1_000_000
