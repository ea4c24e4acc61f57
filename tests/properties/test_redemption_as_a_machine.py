"""A shop with rewards in any order of steps: nothing is spent twice, nothing oversold, and the books balance after each one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from msgspec.structs import replace
from sqlalchemy import Connection

from plugin.errors import PointbookError
from plugin.events import (
    MICRO,
    DocumentStatus,
    Event,
    Member,
    MembersMerged,
    Order,
    OrderLine,
    OrderStatus,
    RedemptionReturn,
    RedemptionShipment,
    Return,
    ReturnLine,
    ShipmentLine,
    Stock,
    TierGrant,
)
from plugin.redemption.life import Status
from plugin.redemption.request import Answered, Ask, Key
from plugin.store import redemptions as store
from plugin.store.inbox import Outcome
from plugin.store.redemptions import Task
from workers.handlers import decisions
from workers.handlers.lapse import expire_coupons, lapse_redemptions
from workers.handlers.requests import request_all
from workers.handlers.trying import attempt

FIRST_DAY = datetime(2026, 1, 1, 4, tzinfo=UTC)
MEMBERS = ("ann", "bob", "cid")
REWARDS = """
[redemption]
approval_points_above = 150
lapse_after_days = 40
[offset]
face_value = "1.00"
hold_minutes = 10080
[[rewards]]
code = "mug"
kind = "goods"
points = 37
sku = "MUG"
warehouse = "W1"
[[rewards]]
code = "give"
kind = "donation"
points = 11
face = "0.10"
[[rewards]]
code = "off"
kind = "coupon"
points = 20
face = "0.50"
valid_days = 20
"""
KEY = b"a key for tests that is long enough"
member_names = st.sampled_from(MEMBERS)
done = st.sampled_from([DocumentStatus.DONE, DocumentStatus.DONE, DocumentStatus.CANCELLED])


@dataclass
class Wish:
    """What the model knows of a redemption: what it costs, and which documents are about it."""

    name: str
    reward: str
    quantity: int
    points: int
    documents: dict[tuple[str, str], Any] = field(default_factory=dict)


class Shop(RuleBasedStateMachine):
    """Time goes forward, documents say what happened up to a month ago; calls happen now."""

    engine: Any
    world_of: Any
    model: Any

    @initialize(
        trigger=st.sampled_from(["confirmed", "completed"]),
        months=st.integers(0, 2),
        presentation=st.sampled_from(["gross", "net"]),
    )
    def open(self, trigger: str, months: int, presentation: str) -> None:
        self.trigger = trigger
        expiry = f'kind = "months"\nmonths = {months}' if months else ""
        rewards = REWARDS.replace("[redemption]", f'[redemption]\npresentation = "{presentation}"')
        self.world = self.world_of(self.engine, trigger, expiry, rewards)
        self.day = self.calls = 0
        self.sent: list[tuple[str, Event]] = []
        self.latest: dict[tuple[type, str], Any] = {}
        self.into: dict[str, str] = {}
        self.refused: list[str] = []
        self.wishes: dict[str, Wish] = {}
        for name in MEMBERS:
            self.say(Member(name, 1, self.now, is_active=True))
        self.say(Stock("IN-0", 1, 2, self.now, "MUG", "W1", 7 * MICRO, 1_000))
        for number, name in enumerate(MEMBERS):
            line = OrderLine("1", MICRO, 20_000)
            status = OrderStatus.COMPLETED
            self.say(Order(f"SO-{number}", 1, status, self.now, "CNY", name, lines=(line,)))

    # -- time and telling ---------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return int((FIRST_DAY + timedelta(days=self.day)).timestamp()) * 1_000_000

    @property
    def today(self) -> date:
        return FIRST_DAY.date() + timedelta(days=self.day)

    def before(self, days: int) -> int:
        return self.now - min(days, self.day) * 86_400_000_000

    def say(self, event: Any) -> None:
        event_id = f"e-{len(self.sent)}"
        self.sent.append((event_id, event))
        kept = self.latest.get((type(event), event.id))
        if kept is None or getattr(event, "version", 0) > kept.version:
            self.latest[type(event), event.id] = event
        (recorded,) = self.world.record([(event_id, event)])
        assert recorded.outcome is Outcome.ACCEPTED
        self.world.apply()

    def of(self, kind: type) -> list[Any]:
        return [event for (one, _), event in self.latest.items() if one is kind]

    def next_version(self, kind: type, document: str) -> int:
        known = self.latest.get((kind, document))
        return known.version + 1 if known else 1

    def survivor(self, name: str) -> str:
        while name in self.into:
            name = self.into[name]
        return name

    # -- what an ERP says ---------------------------------------------------------------------------

    @rule(member=member_names, amount=st.integers(0, 30_000), pieces=st.integers(1, 3))
    def sell(self, member: str, amount: int, pieces: int) -> None:
        line = OrderLine("1", pieces * MICRO, amount)
        number = f"SO-{len(self.of(Order))}"
        status = OrderStatus.COMPLETED
        self.say(Order(number, 1, status, self.now, "CNY", member, lines=(line,)))

    @rule(data=st.data(), status=st.sampled_from(list(OrderStatus)))
    def move(self, data: st.DataObject, status: OrderStatus) -> None:
        order = data.draw(st.sampled_from(self.of(Order)))
        self.say(replace(order, version=order.version + 1, status=status, changed_at=self.now))

    @rule(data=st.data(), amount=st.integers(0, 30_000), status=done)
    def take_back(self, data: st.DataObject, amount: int, status: DocumentStatus) -> None:
        order = data.draw(st.sampled_from(self.of(Order)))
        document = data.draw(st.sampled_from(("R-1", "R-2", "R-3")))
        lines = (ReturnLine("1", 0, amount),)
        version = self.next_version(Return, document)
        self.say(Return(document, version, status, self.now, order.id, lines))

    @rule(name=member_names, back=st.integers(0, 60))
    def grade(self, name: str, back: int) -> None:
        member = self.latest[Member, name]
        grant = TierGrant("gold", self.before(back))
        others = tuple(one for one in member.tiers if one.from_at != grant.from_at)
        self.say(replace(member, version=member.version + 1, tiers=(*others, grant)[-3:]))

    @rule(merged=member_names, survivor=member_names)
    def merge(self, merged: str, survivor: str) -> None:
        gone, stays = self.survivor(merged), self.survivor(survivor)
        if merged == survivor:
            return
        if gone != stays:
            self.into[gone] = stays
        number = len([1 for _, e in self.sent if isinstance(e, MembersMerged)])
        self.say(MembersMerged(f"ME-{number}", self.now, survivor, merged))

    @rule(
        data=st.data(), pieces=st.integers(0, 6), value=st.integers(0, 900), back=st.integers(0, 20)
    )
    def receive(self, data: st.DataObject, pieces: int, value: int, back: int) -> None:
        document = data.draw(st.sampled_from(("IN-1", "IN-2", "IN-3")))
        version = self.next_version(Stock, document)
        self.say(Stock(document, version, 2, self.before(back), "MUG", "W1", pieces * MICRO, value))

    @rule(data=st.data(), pieces=st.integers(0, 9), back=st.integers(0, 20))
    def count(self, data: st.DataObject, pieces: int, back: int) -> None:
        document = data.draw(st.sampled_from(("CT-1", "CT-2")))
        version = self.next_version(Stock, document)
        self.say(Stock(document, version, 1, self.before(back), "MUG", "W1", pieces * MICRO))

    def goods_wishes(self) -> list[Wish]:
        return [wish for wish in self.wishes.values() if wish.reward == "mug"]

    @precondition(lambda self: self.goods_wishes())
    @rule(data=st.data(), pieces=st.integers(0, 3), back=st.integers(0, 20), status=done)
    def ship(self, data: st.DataObject, pieces: int, back: int, status: DocumentStatus) -> None:
        wish = data.draw(st.sampled_from(self.goods_wishes()))
        document = f"{wish.name}-S{data.draw(st.integers(1, 2))}"
        version = self.next_version(RedemptionShipment, document)
        lines = (ShipmentLine("1", pieces * MICRO),) if pieces else ()
        event = RedemptionShipment(document, version, status, self.before(back), wish.name, lines)
        wish.documents["ship", document] = event
        self.say(event)

    @precondition(lambda self: any(wish.documents for wish in self.goods_wishes()))
    @rule(data=st.data(), pieces=st.integers(1, 2), status=done, damaged=st.booleans())
    def bring_back(
        self, data: st.DataObject, pieces: int, status: DocumentStatus, damaged: bool
    ) -> None:
        wish = data.draw(st.sampled_from([w for w in self.goods_wishes() if w.documents]))
        shipped, returned = self.moved(wish)
        document = f"{wish.name}-B1"
        before = wish.documents.get(("back", document))
        mine = before.lines[0].quantity_micro // MICRO if before and self.counts(before) else 0
        pieces = min(pieces, shipped - returned + mine)
        if pieces <= 0 and status == DocumentStatus.DONE:
            return
        version = self.next_version(RedemptionReturn, document)
        lines = (ShipmentLine("1", max(pieces, 1) * MICRO),)
        event = RedemptionReturn(document, version, status, self.now, wish.name, lines, damaged)
        wish.documents["back", document] = event
        self.say(event)

    @rule(data=st.data())
    def hear_it_again(self, data: st.DataObject) -> None:
        event_id, event = data.draw(st.sampled_from(self.sent))
        (recorded,) = self.world.record([(event_id, event)])
        assert recorded.outcome is Outcome.DUPLICATE

    # -- what calls say -----------------------------------------------------------------------------

    def call(self, work: Callable[[Connection, Any], Any]) -> Any:
        books = self.world.books
        return attempt(self.engine, lambda c: work(c, books.context(c, self.world.book_id)))

    @rule(
        member=member_names,
        reward=st.sampled_from(["mug", "mug", "mug", "give", "off"]),
        quantity=st.integers(1, 5),
        times=st.integers(1, 3),
    )
    def redeem(self, member: str, reward: str, quantity: int, times: int) -> None:
        asks = [self.ask(member, reward, quantity, 0) for _ in range(times)]
        prices = {"mug": 37, "give": 11, "off": 20}
        for answer in self.answers(asks):
            if isinstance(answer, Answered):
                one = answer.redemption
                points = prices[reward] * quantity
                self.wishes[one.public_id] = Wish(one.public_id, reward, quantity, points)

    @rule(
        member=member_names,
        points=st.integers(1, 120),
        paid=st.integers(1, 120),
        late=st.booleans(),
    )
    def pay_with_points(self, member: str, points: int, paid: int, late: bool) -> None:
        (answer,) = self.answers([self.ask(member, "", 1, points)])
        if not isinstance(answer, Answered):
            return
        hold = answer.redemption
        self.wishes[hold.public_id] = Wish(hold.public_id, "", 1, points)
        paid = min(paid, points)
        if late:
            self.decide(decisions.capture_hold, hold.public_id, paid, "", "till")
        line = OrderLine("1", MICRO, 15_000)
        number = f"SO-{len(self.of(Order))}"
        self.say(
            Order(
                number,
                1,
                OrderStatus.COMPLETED,
                self.now,
                "CNY",
                member,
                lines=(line,),
                points_paid_minor=paid * 100,
                hold_id=hold.public_id,
            )
        )

    @rule(member=member_names, points=st.integers(1, 120))
    def hold(self, member: str, points: int) -> None:
        (answer,) = self.answers([self.ask(member, "", 1, points)])
        if isinstance(answer, Answered):
            name = answer.redemption.public_id
            self.wishes[name] = Wish(name, "", 1, points)

    def ask(self, member: str, reward: str, quantity: int, points: int) -> Ask:
        self.calls += 1
        name = f"{self.world.name}-{self.calls}"
        key = Key(name, sha256(name.encode()).digest())
        who = self.world.member_key(member)
        return Ask(who, reward, quantity, points, 0, None, "clerk", "S1", key)

    def answers(self, asks: list[Ask]) -> list[Any]:
        found: list[Any] = self.call(
            lambda c, context: request_all(c, context, asks, self.now, KEY)
        )
        for one in found:
            assert isinstance(one, Answered) or one.reason in (
                "POINTS_INSUFFICIENT",
                "STOCK_INSUFFICIENT",
            ), one
        return found

    def decide(self, decision: Callable[..., Any], *given: Any) -> None:
        more = (KEY,) if decision is decisions.approve else ()
        try:
            self.call(lambda c, context: decision(c, context, *given, self.now, *more))
        except PointbookError as error:
            self.refused.append(error.reason)  # In the state it is in; nothing has changed.

    @precondition(lambda self: self.wishes)
    @rule(
        data=st.data(),
        decision=st.sampled_from(
            ["approve", "approve", "reject", "cancel", "order", "void", "capture"]
        ),
    )
    def decide_something(self, data: st.DataObject, decision: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.wishes)))
        points = data.draw(st.integers(1, 60))
        calls: dict[str, tuple[Any, ...]] = {
            "approve": (decisions.approve, name, "boss", ""),
            "reject": (decisions.reject, name, "boss", ""),
            "cancel": (decisions.cancel, name, "clerk", ""),
            "order": (decisions.acknowledge, name, Task.ORDER, self.world.name, f"E-{name}"),
            "void": (decisions.void_hold, name, "till"),
            "capture": (decisions.capture_hold, name, points, "", "till"),
        }
        self.decide(*calls[decision])

    @rule(days=st.integers(1, 30))
    def wait(self, days: int) -> None:
        self.day += days

    @rule()
    def let_time_work(self) -> None:
        self.world.expire(self.today)
        lapse_redemptions(self.engine, self.world.books, self.world.book_id, self.now)
        expire_coupons(self.engine, self.world.books, self.world.book_id, self.now)

    # -- the model ----------------------------------------------------------------------------------

    @staticmethod
    def counts(document: Any) -> bool:
        return bool(document.status == DocumentStatus.DONE)

    @staticmethod
    def pieces(document: Any, quantity: int) -> int:
        return sum(line.quantity_micro for line in document.lines) // MICRO or quantity

    def moved(self, wish: Wish) -> tuple[int, int]:
        """Pieces shipped and returned by the documents."""
        sums = {"ship": 0, "back": 0}
        for (kind, _), document in wish.documents.items():
            if self.counts(document):
                sums[kind] += self.pieces(document, wish.quantity)
        return sums["ship"], sums["back"]

    def read(self) -> dict[str, Any]:
        numbers = [int(name[1:]) for name in self.wishes]
        with self.engine.connect() as connection:
            found = store.read_redemptions(connection, self.world.book_id, numbers)
        return {one.public_id: one for one in found.values()}

    @invariant()
    def the_books_balance(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    @invariant()
    def stock_is_what_the_documents_say_in_order_of_time(self) -> None:
        if not hasattr(self, "world"):
            return
        lines: list[tuple[int, int, str, int]] = []
        for one in self.of(Stock):
            kind_number = 4 if one.kind == 1 else 1
            lines.append((one.counted_at, kind_number, one.id, one.quantity_micro // MICRO))
        for wish in self.goods_wishes():
            for (kind, name), document in wish.documents.items():
                if not self.counts(document):
                    continue
                number = self.pieces(document, wish.quantity)
                if kind == "ship":
                    lines.append((document.shipped_at, 2, name, number))
                elif not document.is_damaged:
                    lines.append((document.returned_at, 3, name, number))
        on_hand = 0
        for _, kind_number, _, number in sorted(lines):
            if kind_number == 4:
                on_hand = number
            else:
                on_hand = max(0, on_hand + (-number if kind_number == 2 else number))
        rows = self.world.sql("SELECT on_hand::int FROM stock WHERE book_id = :book")
        assert rows == [(on_hand,)]

    @invariant()
    def goods_are_paid_as_far_as_they_went(self) -> None:
        if not hasattr(self, "world"):
            return
        found = self.read()
        for wish in self.goods_wishes():
            shipped, returned = self.moved(wish)
            kept = max(0, min(wish.quantity, shipped - returned))
            one = found[wish.name]
            assert (one.shipped, one.returned) == (shipped, returned)
            assert one.taken.points == wish.points * kept // wish.quantity
            if one.status in (Status.REQUESTED, Status.HELD):
                assert one.hold.points == wish.points

    @invariant()
    def orders_take_what_they_were_paid_with(self) -> None:
        if not hasattr(self, "world"):
            return
        found = self.read()
        for order in self.of(Order):
            if not order.hold_id:
                continue
            taken = found[order.hold_id].taken.points
            if order.status not in (OrderStatus.CONFIRMED, OrderStatus.COMPLETED):
                assert taken == 0
                continue
            paid = order.points_paid_minor // 100
            gross = sum(line.amount_minor for line in order.lines)
            back = sum(
                line.amount_minor or 0
                for one in self.of(Return)
                if one.order_id == order.id and self.counts(one)
                for line in one.lines
            )
            assert taken == paid - int(paid * min(Fraction(1), Fraction(back, gross)))

    @invariant()
    def what_members_have_is_what_they_earned_less_what_they_spent_and_lost(self) -> None:
        if not hasattr(self, "world"):
            return
        events = []
        for _, event in self.sent:
            if isinstance(event, Order):
                events.append(replace(event, member=self.survivor(event.member)))
            elif not isinstance(event, Member) or self.survivor(event.id) == event.id:
                events.append(event)
        earned = self.model(events, self.trigger)
        spent: dict[str, int] = {}
        expired: dict[str, int] = {}
        owners = {
            member_id: name
            for name, member_id in self.world.sql(
                "SELECT split_part(key, ':', 3), member_id FROM identity WHERE book_id = :book"
            )
            if self.survivor(name) == name
        }
        for one in self.read().values():
            name = owners[one.member_id]
            spent[name] = spent.get(name, 0) + one.taken.points
        rows = self.world.sql(
            "SELECT coalesce(m.merged_into, m.id), -sum(f.points)::bigint FROM point_fact f"
            " JOIN member m ON m.id = f.member_id WHERE f.book_id = :book AND f.kind = 5 GROUP BY 1"
        )
        for member_id, points in rows:
            expired[owners[member_id]] = points
        for member_id, name in owners.items():
            points, debt = self.world.sql(
                "SELECT points, debt FROM member WHERE id = :id", id=member_id
            )[0]
            wanted = earned.get(name, 0) - spent.get(name, 0) - expired.get(name, 0)
            assert points - debt == wanted, name

    @invariant()
    def nobody_owes_while_having_points_that_can_be_used(self) -> None:
        if hasattr(self, "world"):
            owing = self.world.sql(
                "SELECT m.id FROM member m JOIN lot l ON l.member_id = m.id AND l.is_open"
                " WHERE m.book_id = :book AND m.debt > 0 AND l.remaining > l.held"
                " AND (l.expires_on IS NULL OR l.expires_on >= :today)",
                today=self.today,
            )
            assert owing == []


@pytest.mark.timeout(280)
def test_any_sequence_of_steps_spends_nothing_twice_and_keeps_the_books(
    engine: Any, world: Any, model: Any
) -> None:
    class Machine(Shop):
        pass

    Machine.engine, Machine.world_of, Machine.model = engine, world, staticmethod(model)
    run_machine(
        Machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
