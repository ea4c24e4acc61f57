"""A shop with rewards on a database of its own, and the command line as people and programs run it there."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text
from typer.testing import CliRunner

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
    ShipmentLine,
    Stock,
    content_hash,
    encode,
)
from plugin.redemption.life import Redemption
from plugin.redemption.request import Ask, Key
from plugin.store import inbox
from plugin.store.books import apply_program
from plugin.store.inbox import Incoming
from plugin.store.schema import engine_url
from workers.cli.app import app
from workers.handlers.batches import apply_lane
from workers.handlers.books import Books
from workers.handlers.requests import request_all
from workers.handlers.trying import attempt

PROGRAM = """
[book]
code = "shop"
currency = "CNY"
time_zone = "Asia/Shanghai"
[program]
code = "points"
effective_from = 2025-01-01T00:00:00Z
[accrual]
trigger = "confirmed"
[points]
unit_cost = "0.008"
[[rules]]
id = "base"
effect = { kind = "per_amount", points = 1, per = "1.00" }
[redemption]
approval_points_above = 5000
approvers = ["bea", "carl"]
[[rewards]]
code = "mug"
kind = "goods"
name = "Club mug"
points = 100
sku = "MUG-1"
warehouse = "MAIN"
[[rewards]]
code = "headphones"
kind = "goods"
name = "Headphones, points and money"
points = 800
amount = "29.00"
sku = "HEAD-7"
warehouse = "MAIN"
[[rewards]]
code = "set"
kind = "goods"
name = "A set of six mugs"
points = 6000
sku = "MUG-1"
warehouse = "MAIN"
[[rewards]]
code = "umbrella"
kind = "goods"
name = "雨伞"
points = 200
sku = "UMB"
warehouse = "上海"
[[rewards]]
code = "five-off"
kind = "coupon"
name = "5.00 off"
points = 500
face = "5.00"
valid_days = 30
[[rewards]]
code = "raffle"
kind = "lottery"
name = "A weekend in Hamburg"
points = 10
winners = 2
"""
COUPON_KEY = "a key for tests that is long enough"


def at(month: int, day: int, hour: int = 4) -> int:
    """Returns an instant of 2026; by default noon in Shanghai."""
    return int(datetime(2026, month, day, hour, tzinfo=UTC).timestamp()) * 1_000_000


class Installation:
    """A book that the command line finds by POINTBOOK_DATABASE_URL. Members earn a point per 1.00."""

    def __init__(self, url: str) -> None:
        self.engine = create_engine(engine_url(url))
        self.books = Books()
        self._numbers = itertools.count(1)
        with self.engine.begin() as connection:
            self.book = apply_program(connection, PROGRAM, "test").book

    def at(self, month: int, day: int, hour: int = 4) -> int:
        """Returns an instant of 2026; by default noon in Shanghai."""
        return at(month, day, hour)

    def change_program(self, begins: str, *changes: tuple[str, str]) -> None:
        """Stores the program with some texts replaced as the next version, from a date on."""
        content = PROGRAM.replace("2025-01-01", begins)
        for old, new in changes:
            assert old in content
            content = content.replace(old, new)
        with self.engine.begin() as connection:
            apply_program(connection, content, "test")

    # The command line.

    def run(self, *arguments: str, exits: int = 0, given: str = "") -> str:
        """Runs a command and returns what it prints; its exit status has to be the expected one."""
        done = CliRunner().invoke(app, list(arguments), input=given)
        assert done.exit_code == exits, f"{arguments}: {done.output}\n{done.exception!r}"
        return done.stdout if exits < 2 else done.stderr

    def json(self, *arguments: str, exits: int = 0) -> Any:
        """Runs a command with --json and returns what it prints."""
        return json.loads(self.run(*arguments, "--json", exits=exits))

    # What an ERP says.

    def say(self, *events: Event) -> None:
        """Takes and applies events."""
        incoming = [
            Incoming(
                self.book.id,
                0,
                KINDS[type(event)].value,
                "erp",
                f"e-{next(self._numbers)}",
                content,
                content_hash(content),
            )
            for event in events
            for content in (encode(event),)
        ]
        with self.engine.begin() as connection:
            inbox.record_events(connection, incoming)
        with self.engine.connect() as connection:
            waiting = connection.execute(
                text("SELECT max(id) FROM batch WHERE lane = 0 AND NOT is_applied")
            ).scalar()
        if waiting:
            apply_lane(self.engine, self.books, 0, waiting, 2_000)

    def enrol(self, member: str, points: int = 10_000) -> None:
        """Makes a member with points."""
        self.say(Member(member, 1, at(1, 1), is_active=True))
        self.say(
            Order(
                id=f"SO-{member}",
                version=1,
                status=OrderStatus.CONFIRMED,
                ordered_at=at(1, 2),
                currency_code="CNY",
                member=f"external_id:erp:{member}",
                store="S1",
                lines=(OrderLine("1", MICRO, points * 100),),
            )
        )

    def receive(
        self,
        sku: str,
        pieces: int,
        value_minor: int,
        *,
        name: str = "",
        place: str = "MAIN",
        on: int = 0,
    ) -> None:
        """Receives goods; on 1 March unless another instant is given."""
        document = name or f"IN-{sku}"
        self.say(Stock(document, 1, 2, on or at(3, 1), sku, place, pieces * MICRO, value_minor))

    def count(self, sku: str, pieces: int, *, place: str = "MAIN", on: int = 0) -> None:
        """Counts goods; on 5 March unless another instant is given."""
        self.say(Stock(f"CT-{sku}", 1, 1, on or at(3, 5), sku, place, pieces * MICRO))

    def ship(self, number: str, pieces: int = 0, *, name: str = "", on: int = 0) -> None:
        """Ships a redemption, or some pieces of it; on 2 April unless another instant is given."""
        lines = (ShipmentLine("1", pieces * MICRO),) if pieces else ()
        document = name or f"RS-{number}"
        self.say(
            RedemptionShipment(document, 1, DocumentStatus.DONE, on or at(4, 2), number, lines)
        )

    def give_back(self, number: str, *, on: int = 0) -> None:
        """Brings the goods of a redemption back; on 20 April unless another instant is given."""
        self.say(
            RedemptionReturn(f"RR-{number}", 1, DocumentStatus.DONE, on or at(4, 20), number, ())
        )

    # What calls say.

    def redeem(
        self,
        reward: str,
        quantity: int = 1,
        *,
        member: str = "ann",
        actor: str = "till",
        on: int = 0,
    ) -> str:
        """Requests a reward, on 1 April unless another instant is given; returns the redemption's number."""
        key = f"k-{next(self._numbers)}"
        ask = Ask(
            member_key=f"external_id:erp:{member}",
            reward=reward,
            quantity=quantity,
            points=0,
            total_minor=0,
            expires_at=None,
            actor=actor,
            store="S1",
            key=Key(key, key.encode().ljust(32)),
        )

        def work(connection: Connection) -> Redemption:
            context = self.books.context(connection, self.book.id)
            (answer,) = request_all(connection, context, [ask], on or at(4, 1), COUPON_KEY.encode())
            if isinstance(answer, Exception):
                raise answer
            return answer.redemption

        return attempt(self.engine, work).public_id

    def sql(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        """Runs a statement."""
        with self.engine.begin() as connection:
            found = connection.execute(text(statement), values)
            return [tuple(row) for row in found] if found.returns_rows else []


@pytest.fixture
def installation(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """An installation where Ann has 10,000 points; the commands run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POINTBOOK_DATABASE_URL", database_url)
    monkeypatch.setenv("POINTBOOK_COUPON_KEY", COUPON_KEY)
    monkeypatch.setenv("COLUMNS", "140")
    made = Installation(database_url)
    made.enrol("ann")
    yield made
    made.engine.dispose()
