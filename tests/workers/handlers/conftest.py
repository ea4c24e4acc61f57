"""A shop on a real database: events go in and are applied the way the server and the workers do it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from accounting.reconcile import reconcile
from plugin.events import (
    KINDS,
    MICRO,
    DocumentStatus,
    Event,
    Member,
    Order,
    OrderLine,
    OrderStatus,
    Return,
    ReturnLine,
    Shipment,
    ShipmentLine,
    TierGrant,
    content_hash,
    encode,
)
from plugin.store import inbox, parked
from plugin.store.books import apply_program
from plugin.store.inbox import Incoming
from plugin.store.schema import engine_url
from workers.handlers.batches import apply_lane, retry_parked
from workers.handlers.books import Books
from workers.handlers.expire import expire_lots

PROGRAM = """
[book]
code = "{code}"
currency = "CNY"
time_zone = "Asia/Shanghai"
[program]
code = "points"
effective_from = 2025-01-01T00:00:00Z
[accrual]
trigger = "{trigger}"
{accrual}
[points]
unit_cost = "0.008"
[expiry]
{expiry}
[[tiers]]
code = "basic"
[[tiers]]
code = "gold"
[[rules]]
id = "base"
effect = {{ kind = "per_amount", points = 1, per = "1.00" }}
[[rules]]
id = "gold"
effect = {{ kind = "multiplier", factor = "2" }}
when = {{ "member.tier" = "gold" }}
"""


def at(day: date) -> int:
    """Noon in Shanghai."""
    return int(datetime(day.year, day.month, day.day, 4, tzinfo=UTC).timestamp()) * 1_000_000


class Shop:
    """One book with a program. Dates are 2026 unless a test says otherwise."""

    def __init__(
        self,
        engine: Engine,
        *,
        trigger: str = "confirmed",
        accrual: str = "",
        expiry: str = "",
        code: str = "shop",
    ) -> None:
        self.engine = engine
        self.books = Books()
        content = PROGRAM.format(trigger=trigger, accrual=accrual, expiry=expiry, code=code)
        with engine.begin() as connection:
            self.book = apply_program(connection, content, "test").book
        self._numbers = itertools.count(1)

    # What an ERP says.

    def order(
        self,
        name: str = "SO-1",
        amount: int = 10_000,
        *,
        version: int = 1,
        member: str = "ann",
        on: date = date(2026, 3, 10),
        status: OrderStatus = OrderStatus.CONFIRMED,
        changed_on: date | None = None,
        **fields: Any,
    ) -> Order:
        """Returns an order of two pieces; ``member`` is the ERP's number, empty for a guest."""
        return Order(
            id=name,
            version=version,
            status=status,
            ordered_at=at(on),
            currency_code="CNY",
            member=f"external_id:erp:{member}" if member else "",
            store="S1",
            lines=(OrderLine("1", 2 * MICRO, amount),),
            changed_at=at(changed_on) if changed_on else None,
            **fields,
        )

    def back(
        self,
        name: str = "R-1",
        amount: int = 5_000,
        *,
        order: str = "SO-1",
        version: int = 1,
        on: date = date(2026, 3, 20),
        status: DocumentStatus = DocumentStatus.DONE,
    ) -> Return:
        """Returns money given back."""
        return Return(name, version, status, at(on), order, (ReturnLine("1", 0, amount),))

    def shipment(
        self,
        name: str = "D-1",
        pieces: int = 2,
        *,
        order: str = "SO-1",
        version: int = 1,
        on: date = date(2026, 3, 12),
    ) -> Shipment:
        """Returns shipped pieces."""
        return Shipment(
            name, version, DocumentStatus.DONE, at(on), order, (ShipmentLine("1", pieces * MICRO),)
        )

    def member(
        self, name: str = "ann", *, version: int = 1, gold_from: date | None = None, **fields: Any
    ) -> Member:
        """Returns a member's record."""
        tiers = (TierGrant("gold", at(gold_from)),) if gold_from else ()
        return Member(name, version, at(date(2025, 6, 1)), is_active=True, tiers=tiers, **fields)

    # What we do with it.

    def record(self, *events: Event, source: str = "erp", lane: int = 0) -> list[int]:
        """Takes events in one commit; returns their sequences."""
        incoming = [
            Incoming(
                self.book.id,
                lane,
                KINDS[type(event)].value,
                source,
                f"e-{next(self._numbers)}",
                content,
                content_hash(content),
            )
            for event in events
            for content in (encode(event),)
        ]
        with self.engine.begin() as connection:
            recorded, _ = inbox.record_events(connection, incoming)
        return [one.seq for one in recorded]

    def apply(self, lane: int = 0, events_max: int = 2_000, books: Books | None = None) -> int:
        """Applies all that waits in a lane; returns how many events."""
        with self.engine.connect() as connection:
            waiting = connection.execute(
                text("SELECT max(id) FROM batch WHERE lane = :lane AND NOT is_applied"),
                {"lane": lane},
            ).scalar()
        return (
            apply_lane(self.engine, books or self.books, lane, waiting, events_max)
            if waiting
            else 0
        )

    def say(self, *events: Event, source: str = "erp") -> list[int]:
        """Takes and applies events in one batch; returns their sequences."""
        seqs = self.record(*events, source=source)
        self.apply()
        return seqs

    def release(self) -> int:
        """Retries what waits for members that came; returns how many events that was."""
        with self.engine.connect() as connection:
            seqs = parked.released_by(connection, self.book.id, 1_000)
        retry_parked(self.engine, self.books, seqs)
        return len(seqs)

    def expire(self, as_of: date) -> int:
        """Runs the expiry."""
        return expire_lots(self.engine, self.books, self.book.id, as_of)

    # What came of it.

    def sql(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        """Runs a statement."""
        with self.engine.begin() as connection:
            found = connection.execute(text(statement), values)
            return [tuple(row) for row in found] if found.returns_rows else []

    def points(self, member: str = "ann") -> tuple[int, int]:
        """Returns a member's points and debt."""
        found = self.sql(
            "SELECT m.points, m.debt FROM member m JOIN identity i ON i.member_id = m.id WHERE i.key = :key",
            key=f"external_id:erp:{member}",
        )
        return (int(found[0][0]), int(found[0][1])) if found else (0, 0)

    def facts(self) -> list[tuple[str, int]]:
        """Returns cause and points of every fact, as recorded."""
        return [
            (cause, points)
            for cause, points in self.sql("SELECT cause, points FROM point_fact ORDER BY id")
        ]

    def parked(self) -> list[str]:
        """Returns the reasons of what is parked."""
        return [
            reason
            for (reason,) in self.sql(
                "SELECT reason FROM parked WHERE resolution = 'open' ORDER BY seq"
            )
        ]

    def accounts(self) -> dict[int, int]:
        """Returns the balance of every account that is not zero."""
        return dict(
            self.sql(
                "SELECT account, sum(quantity)::bigint FROM posting GROUP BY 1 HAVING sum(quantity) <> 0"
            )
        )

    def check(self) -> None:
        """Invariants 1, 2, 3 and 5: lots, debts and facts agree, the books balance, every event is somewhere."""
        run = reconcile(self.engine, self.book, Path("unused"), checks=(1, 2, 7))
        assert [one for check in run.checks for one in check.breaks] == []
        assert (
            self.sql(
                "SELECT entry_id FROM posting GROUP BY entry_id, is_points HAVING sum(quantity) <> 0"
            )
            == []
        )
        assert self.sql("SELECT id FROM batch WHERE NOT is_applied") == []


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on the test's database."""
    made = create_engine(engine_url(database_url), pool_size=8)
    yield made
    made.dispose()


@pytest.fixture
def open_shop(engine: Engine) -> Iterator[Callable[..., Shop]]:
    """Opens shops with programs of the test's choice; checks the books of each at the end."""
    opened: list[Shop] = []

    def open_one(**program: str) -> Shop:
        opened.append(Shop(engine, **program))
        return opened[-1]

    yield open_one
    for shop in opened:
        shop.check()


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    """A shop that gives a point per 1.00 on confirmed orders, twice as many to gold; it knows Ann."""
    made = open_shop()
    made.say(made.member())
    return made
