"""A shop on a real database: events go in and are applied the way the server and the workers do it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

from accounting.chart import Account
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
    RedemptionReturn,
    RedemptionShipment,
    Return,
    ReturnLine,
    Shipment,
    ShipmentLine,
    Stock,
    TierGrant,
    content_hash,
    encode,
)
from plugin.redemption.life import Redemption, StepKind
from plugin.redemption.request import Ask, Key
from plugin.store import inbox, parked
from plugin.store import redemptions as store_redemptions
from plugin.store.books import Book, apply_program
from plugin.store.inbox import Incoming
from plugin.store.schema import engine_url
from plugin.store.stock import list_stock
from workers.handlers import decisions
from workers.handlers.batches import apply_lane, retry_parked
from workers.handlers.books import Books
from workers.handlers.expire import expire_lots
from workers.handlers.requests import request_all
from workers.handlers.trying import attempt

PROGRAM = """
[book]
code = "{code}"
currency = "CNY"
time_zone = "Asia/Shanghai"
policy = "{policy}"
[program]
code = "points"
effective_from = {begins:%Y-%m-%d}T00:00:00Z
[accrual]
trigger = "{trigger}"
{accrual}
[points]
{points}
[expiry]
{expiry}
[[tiers]]
code = "basic"
[[tiers]]
code = "gold"
[[rules]]
id = "base"
effect = {{ kind = "per_amount", points = 1, per = "{per}" }}
[[rules]]
id = "gold"
effect = {{ kind = "multiplier", factor = "2" }}
when = {{ "member.tier" = "gold" }}
{rewards}
"""
COUPON_KEY = b"a key for tests that is long enough"


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
        rewards: str = "",
        policy: str = "cost",
        points: str = 'unit_cost = "0.008"',
        per: str = "1.00",
    ) -> None:
        self.engine = engine
        self.books = Books()
        self._program = {
            "begins": date(2025, 1, 1),
            "trigger": trigger,
            "accrual": accrual,
            "expiry": expiry,
            "code": code,
            "rewards": rewards,
            "policy": policy,
            "points": points,
            "per": per,
        }
        self.book = self._apply_program()
        self._numbers = itertools.count(1)

    def change_program(self, begins: date, **program: str) -> None:
        """Applies another version of the program, which begins in the future."""
        self._program |= {"begins": begins, **program}
        self._apply_program()

    def _apply_program(self) -> Book:
        content = PROGRAM.format(**self._program)
        with self.engine.begin() as connection:
            return apply_program(connection, content, "test").book

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

    def received(
        self,
        name: str = "IN-1",
        pieces: int = 10,
        value: int | None = 42_000,
        *,
        sku: str = "MUG",
        warehouse: str = "W1",
        version: int = 1,
        on: date = date(2026, 3, 1),
    ) -> Stock:
        """Returns goods received."""
        return Stock(name, version, 2, at(on), sku, warehouse, pieces * MICRO, value)

    def counted(
        self,
        name: str = "CT-1",
        pieces: int = 10,
        *,
        sku: str = "MUG",
        warehouse: str = "W1",
        version: int = 1,
        on: date = date(2026, 3, 5),
    ) -> Stock:
        """Returns a count."""
        return Stock(name, version, 1, at(on), sku, warehouse, pieces * MICRO)

    def shipped(
        self,
        redemption: str,
        name: str = "RS-1",
        pieces: int = 0,
        *,
        version: int = 1,
        on: date = date(2026, 4, 2),
        status: DocumentStatus = DocumentStatus.DONE,
    ) -> RedemptionShipment:
        """Returns a redemption's shipment; of all pieces when none are named."""
        lines = (ShipmentLine("1", pieces * MICRO),) if pieces else ()
        return RedemptionShipment(name, version, status, at(on), redemption, lines)

    def came_back(
        self,
        redemption: str,
        name: str = "RR-1",
        pieces: int = 1,
        *,
        version: int = 1,
        on: date = date(2026, 4, 20),
        status: DocumentStatus = DocumentStatus.DONE,
        is_damaged: bool = False,
    ) -> RedemptionReturn:
        """Returns goods of a redemption that came back."""
        lines = (ShipmentLine("1", pieces * MICRO),)
        return RedemptionReturn(name, version, status, at(on), redemption, lines, is_damaged)

    # What calls say.

    def ask(
        self,
        reward: str = "",
        quantity: int = 1,
        *,
        member: str = "ann",
        points: int = 0,
        key: str = "",
        actor: str = "till",
        total: int = 0,
        expires_at: int | None = None,
    ) -> Ask:
        """Returns a request for a reward, or for a hold when none is named."""
        name = key or f"k-{next(self._numbers)}"
        content = repr((reward, quantity, member, points, actor)).encode()
        return Ask(
            f"external_id:erp:{member}",
            reward,
            quantity,
            points,
            total,
            expires_at,
            actor,
            "S1",
            Key(name, sha256(content).digest()),
        )

    def request(self, *asks: Ask, on: date = date(2026, 4, 1)) -> list[Any]:
        """Decides on requests in one transaction; returns redemptions and errors."""

        def work(connection: Connection) -> list[Any]:
            context = self.books.context(connection, self.book.id)
            return request_all(connection, context, asks, at(on), COUPON_KEY)

        return [getattr(one, "redemption", one) for one in attempt(self.engine, work)]

    def redeem(self, reward: str, quantity: int = 1, **fields: Any) -> Redemption:
        """Requests a reward and returns the redemption; raises what it is refused with."""
        on = fields.pop("on", date(2026, 4, 1))
        (answer,) = self.request(self.ask(reward, quantity, **fields), on=on)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Redemption)
        return answer

    def hold(self, points: int, **fields: Any) -> Redemption:
        """Holds points at the checkout."""
        return self.redeem("", points=points, **fields)

    def decide(self, decision: Callable[..., Any], *given: Any, on: date = date(2026, 4, 1)) -> Any:
        """Makes one of the calls of ``workers.handlers.decisions``: ``decide(approve, "R1", "bob", "")``."""
        arguments = [*given, at(on)]
        if decision is decisions.approve:
            arguments.append(COUPON_KEY)

        def work(connection: Connection) -> Any:
            return decision(connection, self.books.context(connection, self.book.id), *arguments)

        return attempt(self.engine, work)

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

    def redemption(self, public_id: str) -> Redemption:
        """Returns a redemption as it stands."""
        number = int(public_id[1:])
        with self.engine.connect() as connection:
            return store_redemptions.read_redemptions(connection, self.book.id, [number])[number]

    def steps(self, public_id: str) -> list[str]:
        """Returns the steps of a redemption."""
        with self.engine.connect() as connection:
            steps = store_redemptions.read_steps(connection, int(public_id[1:]))
        return [StepKind(step.kind).name.lower() for step in steps]

    def stock(self, sku: str = "MUG", warehouse: str = "W1") -> tuple[int, int, int]:
        """Returns on hand, reserved and value."""
        with self.engine.connect() as connection:
            rows = list_stock(connection, self.book.id, sku, warehouse)
        return (rows[0].on_hand, rows[0].reserved, rows[0].value_minor) if rows else (0, 0, 0)

    def balances(self) -> dict[str, int]:
        """Returns the balance of every account that is not zero, by name."""
        return {Account(number).name: minor for number, minor in self.accounts().items()}

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
        run = reconcile(self.engine, self.book, Path("unused"), checks=(1, 2, 6, 7))
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
