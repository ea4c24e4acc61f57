"""Books on a real database, one pair of book and source per example; and a tiny model of what orders are worth."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from accounting.reconcile import reconcile
from plugin.events import (
    KINDS,
    DocumentStatus,
    Event,
    Member,
    MembersMerged,
    Order,
    OrderStatus,
    Return,
    Shipment,
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

LANES = 3
EVER = MappingProxyType({"2020-01-01": "park"})
"""What the program's versions say about unknown members, by the day each begins."""
PROGRAM = """
[book]
code = "{code}"
currency = "CNY"
time_zone = "Asia/Shanghai"
[program]
code = "points"
effective_from = {begins}T00:00:00Z
[accrual]
trigger = "{trigger}"
unknown_member = "{unknown_member}"
[points]
unit_cost = "0.0033"  # a third of a fen: every rounding shows
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
effect = {{ kind = "multiplier", factor = "1.5" }}
when = {{ "member.tier" = "gold" }}
{rewards}
"""


class World:
    """One book and one source; events are taken in batches over lanes and applied as workers do."""

    numbers = itertools.count(1)

    def __init__(
        self,
        engine: Engine,
        trigger: str,
        expiry: str = "",
        rewards: str = "",
        unknown_member: Mapping[str, str] = EVER,
    ) -> None:
        self.engine = engine
        self.name = f"w{next(World.numbers)}"
        self.books = Books()
        for begins, choice in unknown_member.items():
            content = PROGRAM.format(
                code=self.name,
                begins=begins,
                trigger=trigger,
                unknown_member=choice,
                expiry=expiry,
                rewards=rewards,
            )
            with engine.begin() as connection:
                self.book = apply_program(connection, content, "test").book
        self.book_id = self.book.id

    def member_key(self, name: str) -> str:
        """Returns the key of a member of this source."""
        return f"external_id:{self.name}:{name}" if name else ""

    def record(self, events: Sequence[tuple[str, Event]], lane: int = 0) -> list[inbox.Recorded]:
        """Takes (event id, event) in one commit; members are named without their source."""
        incoming = []
        for event_id, event in events:
            content = encode(self._named(event))
            kind = KINDS[type(event)].value
            incoming.append(
                Incoming(
                    self.book_id, lane, kind, self.name, event_id, content, content_hash(content)
                )
            )
        with self.engine.begin() as connection:
            return inbox.record_events(connection, incoming)[0]

    def apply(self) -> None:
        """Applies all that waits, lane by lane."""
        for lane in range(LANES):
            waiting = self.sql(
                "SELECT max(id) FROM batch WHERE book_id = :book AND lane = :lane AND NOT is_applied",
                lane=lane,
            )[0][0]
            if waiting is not None:
                apply_lane(self.engine, self.books, lane, waiting, 2_000)

    def release(self) -> None:
        """Retries what waits for members that came."""
        with self.engine.connect() as connection:
            seqs = parked.released_by(connection, self.book_id, 1_000)
        retry_parked(self.engine, self.books, seqs)

    def expire(self, as_of: date) -> int:
        """Runs the expiry of this book."""
        return expire_lots(self.engine, self.books, self.book_id, as_of)

    def sql(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        """Runs a query; ``:book`` is this book."""
        if ":book" in statement:
            values["book"] = self.book_id
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]

    def members(self) -> dict[str, tuple[int, int]]:
        """Returns points and debt by name."""
        rows = self.sql(
            "SELECT split_part(i.key, ':', 3), m.points, m.debt FROM member m JOIN identity i ON i.member_id = m.id"
            " WHERE m.book_id = :book"
        )
        return {name: (points, debt) for name, points, debt in rows}

    def earned(self) -> dict[str, int]:
        """Returns what members' orders gave them, net, without what expired."""
        rows = self.sql(
            "SELECT split_part(i.key, ':', 3), coalesce(sum(f.points) FILTER (WHERE f.kind <> 5), 0)::bigint"
            " FROM identity i LEFT JOIN point_fact f ON f.member_id = i.member_id WHERE i.book_id = :book GROUP BY 1"
        )
        return dict(rows)

    def outcome(self) -> dict[str, Any]:
        """Returns all that must not depend on the order of arrival."""
        causes = self.sql(
            "SELECT split_part(i.key, ':', 3) AS name, f.order_id, f.cause, sum(f.points)::bigint AS points FROM point_fact f"
            " JOIN identity i ON i.member_id = f.member_id WHERE f.book_id = :book"
            " GROUP BY 1, 2, 3 HAVING sum(f.points) <> 0 ORDER BY 1, 2, 3"
        )
        accounts = self.sql(
            "SELECT account, sum(quantity)::bigint FROM posting WHERE book_id = :book"
            " GROUP BY 1 HAVING sum(quantity) <> 0 ORDER BY 1"
        )
        # Without expiry an order's points stay in its own lots, whatever was corrected on the way.
        lots = self.sql(
            "SELECT o.order_id, l.member_id = o.member_id, sum(l.remaining)::bigint, sum(l.cost_minor)::bigint"
            " FROM order_state o JOIN lot l ON l.id = ANY(o.lot_ids) WHERE o.book_id = :book AND l.is_open"
            " GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return {"members": self.members(), "causes": causes, "accounts": accounts, "lots": lots}

    def check(self) -> None:
        """The invariants of the books, in plain SQL."""
        differs = self.sql(
            "SELECT m.id FROM member m"
            " LEFT JOIN (SELECT member_id, sum(points) AS points, sum(debt_points) AS debt FROM point_fact GROUP BY 1) f"
            " ON f.member_id = m.id"
            " LEFT JOIN (SELECT member_id, sum(remaining) AS points FROM lot GROUP BY 1) l ON l.member_id = m.id"
            " WHERE m.book_id = :book AND (coalesce(l.points, 0) - m.debt <> coalesce(f.points, 0)"
            " OR m.points <> coalesce(l.points, 0) OR m.debt <> coalesce(f.debt, 0))"
        )
        assert differs == [], "lots less debts = facts, per member"
        assert (
            self.sql(
                "SELECT id FROM lot WHERE book_id = :book AND (remaining < 0 OR remaining > points)"
            )
            == []
        )
        sums = self.sql(
            "SELECT coalesce((SELECT sum(cost_minor) FROM lot WHERE book_id = :book), 0)::bigint,"
            " coalesce((SELECT -sum(quantity) FROM posting WHERE book_id = :book AND account = 1), 0)::bigint,"
            " coalesce((SELECT sum(remaining) FROM lot WHERE book_id = :book), 0)::bigint,"
            " coalesce((SELECT -sum(quantity) FROM posting WHERE book_id = :book AND account = 3), 0)::bigint"
        )[0]
        assert sums[0] == sums[1], "cost of lots = liability"
        assert sums[2] == sums[3], "points of lots = units"
        unbalanced = self.sql(
            "SELECT entry_id FROM posting WHERE book_id = :book GROUP BY entry_id, is_points HAVING sum(quantity) <> 0"
        )
        assert unbalanced == []
        lost = self.sql(
            "SELECT i.seq FROM inbox i LEFT JOIN batch b ON b.id = i.seq >> 18 LEFT JOIN parked p ON p.seq = i.seq"
            " WHERE i.book_id = :book AND (b.id IS NULL OR (p.seq IS NOT NULL AND p.reason = ''))"
        )
        assert lost == [], "every event is applied, waiting or parked with a reason"
        run = reconcile(self.engine, self.book, Path("unused"), checks=(1, 2, 6, 7))
        assert [(c.number, b.reason) for c in run.checks for b in c.breaks] == []

    def _named(self, event: Event) -> Event:
        if isinstance(event, MembersMerged):
            names = (self.member_key(event.survivor), self.member_key(event.merged))
            return MembersMerged(event.id, event.merged_at, *names)
        if not isinstance(event, Order):
            return event
        fields = {name: getattr(event, name) for name in event.__struct_fields__}
        return Order(**{**fields, "member": self.member_key(event.member)})


def worth(events: Sequence[Event], trigger: str) -> dict[str, int]:
    """The model: what members' orders are worth, from the newest of each document. Knows nothing of our code's ways."""
    newest: dict[tuple[type, str], Any] = {}
    for event in events:
        key = (type(event), event.id)
        if key not in newest or event.version > newest[key].version:  # type: ignore[union-attr]
            newest[key] = event
    documents = list(newest.values())
    totals: dict[str, int] = {}
    for order in documents:
        if isinstance(order, Order) and order.member:
            tiers = next(
                (d.tiers for d in documents if isinstance(d, Member) and d.id == order.member), ()
            )
            points = _order_points(order, documents, trigger)
            held = [grant for grant in tiers if grant.from_at <= order.ordered_at]
            if held and max(held, key=lambda grant: grant.from_at).tier == "gold":
                points = points * 3 // 2
            totals[order.member] = totals.get(order.member, 0) + points
    return totals


def _order_points(order: Order, documents: Sequence[Any], trigger: str) -> int:
    counts = {
        "confirmed": (OrderStatus.CONFIRMED, OrderStatus.COMPLETED),
        "shipped": (OrderStatus.CONFIRMED, OrderStatus.COMPLETED),
        "completed": (OrderStatus.COMPLETED,),
    }
    if order.status not in counts[trigger]:
        return 0
    done = [
        d
        for d in documents
        if isinstance(d, Shipment | Return)
        and d.order_id == order.id
        and d.status == DocumentStatus.DONE
    ]
    total = Fraction(0)
    for line in order.lines:
        pieces = line.quantity_micro
        if trigger == "shipped":
            shipped = [part for d in done if isinstance(d, Shipment) for part in d.lines]
            pieces = min(
                pieces, sum(part.quantity_micro for part in shipped if part.line_id == line.line_id)
            )
        returned = sum(
            Fraction(line.amount_minor * part.quantity_micro, line.quantity_micro)
            if part.amount_minor is None
            else part.amount_minor
            for d in done
            if isinstance(d, Return)
            for part in d.lines
            if part.line_id == line.line_id
        )
        total += max(
            Fraction(0), Fraction(line.amount_minor * pieces, line.quantity_micro) - returned
        )
    known = {line.line_id for line in order.lines}
    off = (
        sum(  # money given back for a line that the order does not have is off the order as a whole
            part.amount_minor or 0
            for d in done
            if isinstance(d, Return)
            for part in d.lines
            if part.line_id not in known
        )
    )
    gross = sum(line.amount_minor + line.tax_minor for line in order.lines)
    in_money = 1 - Fraction(order.points_paid_minor, gross) if gross else 1
    return int(max(Fraction(0), total - off) * in_money // 100)


@pytest.fixture(scope="module")
def engine(postgres_server: Any) -> Iterator[Engine]:
    """An engine on a database of the module's own."""
    with postgres_server.migrated_database() as url:
        made = create_engine(engine_url(url))
        yield made
        made.dispose()


@pytest.fixture(scope="module")
def world() -> type[World]:
    """The class, for tests to make one per example."""
    return World


@pytest.fixture(scope="module")
def model() -> Any:
    """The model."""
    return worth
