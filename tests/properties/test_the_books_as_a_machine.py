"""A year of a small shop in any order of steps: after each one the books balance and the points are the model's."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from msgspec.structs import replace

from plugin.events import (
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
)
from plugin.store.inbox import Outcome

FIRST_DAY = datetime(2026, 1, 1, 4, tzinfo=UTC)
MEMBERS = ("ann", "bob")
amounts = st.integers(0, 30_000)
member_names = st.sampled_from(MEMBERS)


class Books(RuleBasedStateMachine):
    """Time only goes forward; what documents say may lie in the past."""

    engine: Any
    world_of: Any
    model: Any

    @initialize(
        trigger=st.sampled_from(["confirmed", "shipped", "completed"]), months=st.integers(0, 2)
    )
    def open(self, trigger: str, months: int) -> None:
        self.trigger = trigger
        expiry = f'kind = "months"\nmonths = {months}' if months else ""
        self.world = self.world_of(self.engine, trigger, expiry)
        self.day = 0
        self.sent: list[tuple[str, Event]] = []
        self.latest: dict[tuple[type, str], Any] = {}
        for name in MEMBERS:
            self.say(Member(name, 1, self.now, is_active=True))

    @property
    def now(self) -> int:
        return int((FIRST_DAY + timedelta(days=self.day)).timestamp()) * 1_000_000

    @property
    def today(self) -> date:
        return FIRST_DAY.date() + timedelta(days=self.day)

    def say(self, event: Any) -> None:
        event_id = f"e-{len(self.sent)}"
        self.sent.append((event_id, event))
        kept = self.latest.get((type(event), event.id))
        if kept is None or event.version > kept.version:
            self.latest[type(event), event.id] = event
        (recorded,) = self.world.record([(event_id, event)])
        assert recorded.outcome is Outcome.ACCEPTED
        self.world.apply()

    def orders(self) -> list[Order]:
        return [event for (kind, _), event in self.latest.items() if kind is Order]

    @rule(member=member_names | st.just(""), amount=amounts, pieces=st.integers(1, 4))
    def sell(self, member: str, amount: int, pieces: int) -> None:
        line = OrderLine("1", pieces * MICRO, amount)
        number = f"SO-{len(self.orders())}"
        self.say(Order(number, 1, OrderStatus.CONFIRMED, self.now, "CNY", member, lines=(line,)))

    @precondition(lambda self: self.orders())
    @rule(data=st.data(), amount=amounts, member=member_names, skipped=st.integers(1, 2))
    def amend(self, data: st.DataObject, amount: int, member: str, skipped: int) -> None:
        order = data.draw(st.sampled_from(self.orders()))
        lines = (replace(order.lines[0], amount_minor=amount),)
        changed = replace(
            order, version=order.version + skipped, lines=lines, member=member, changed_at=self.now
        )
        self.say(changed)

    @precondition(lambda self: self.orders())
    @rule(data=st.data(), status=st.sampled_from(list(OrderStatus)))
    def move(self, data: st.DataObject, status: OrderStatus) -> None:
        order = data.draw(st.sampled_from(self.orders()))
        self.say(replace(order, version=order.version + 1, status=status, changed_at=self.now))

    @rule(
        data=st.data(),
        pieces=st.integers(1, 4),
        status=st.sampled_from([DocumentStatus.DONE, DocumentStatus.CANCELLED]),
    )
    def ship(self, data: st.DataObject, pieces: int, status: DocumentStatus) -> None:
        order = (
            f"SO-{data.draw(st.integers(0, len(self.orders())))}"  # one of them has not arrived yet
        )
        document = data.draw(st.sampled_from(("D-1", "D-2", "D-3")))
        lines = (ShipmentLine("1", pieces * MICRO),)
        self.say(
            Shipment(
                document, self.next_version(Shipment, document), status, self.now, order, lines
            )
        )

    @rule(
        data=st.data(),
        amount=amounts,
        status=st.sampled_from([DocumentStatus.DONE, DocumentStatus.CANCELLED]),
    )
    def take_back(self, data: st.DataObject, amount: int, status: DocumentStatus) -> None:
        order = f"SO-{data.draw(st.integers(0, len(self.orders())))}"
        document = data.draw(st.sampled_from(("R-1", "R-2", "R-3")))
        lines = (ReturnLine("1", 0, amount),)
        self.say(
            Return(document, self.next_version(Return, document), status, self.now, order, lines)
        )

    @rule(name=member_names, tier=st.sampled_from(("gold", "basic")), back=st.integers(0, 60))
    def grade(self, name: str, tier: str, back: int) -> None:
        member = self.latest[Member, name]
        grant = TierGrant(tier, self.now - back * 86_400_000_000)
        others = tuple(one for one in member.tiers if one.from_at != grant.from_at)
        tiers = (*others, grant)[-3:] if tier == "gold" or others else ()
        self.say(replace(member, version=member.version + 1, tiers=tiers))

    @rule(data=st.data())
    def hear_it_again(self, data: st.DataObject) -> None:
        event_id, event = data.draw(st.sampled_from(self.sent))
        (recorded,) = self.world.record([(event_id, event)])
        assert recorded.outcome is Outcome.DUPLICATE

    @rule(days=st.integers(1, 45))
    def wait(self, days: int) -> None:
        self.day += days

    @rule()
    def expire(self) -> None:
        before = self.world.sql(
            "SELECT coalesce(sum(remaining), 0)::int, count(*)::int FROM lot"
            " WHERE book_id = :book AND is_open AND expires_on < :today",
            today=self.today,
        )[0]
        owned = sum(points for points, _ in self.world.members().values())
        assert self.world.expire(self.today) == before[1]
        assert sum(points for points, _ in self.world.members().values()) == owned - before[0]
        assert self.world.expire(self.today) == 0

    def next_version(self, kind: type, document: str) -> int:
        known = self.latest.get((kind, document))
        return known.version + 1 if known else 1

    @invariant()
    def the_books_balance(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    @invariant()
    def orders_gave_what_the_model_says(self) -> None:
        if hasattr(self, "world"):
            expected = self.model([event for _, event in self.sent], self.trigger)
            assert self.world.earned() == {name: expected.get(name, 0) for name in MEMBERS}

    @invariant()
    def nobody_owes_while_having_points_that_have_not_expired(self) -> None:
        if hasattr(self, "world"):
            for name, (points, debt) in self.world.members().items():
                assert debt == 0 or points == 0 or self.has_expired_lots(name)

    def has_expired_lots(self, name: str) -> bool:
        rows = self.world.sql(
            "SELECT 1 FROM lot l JOIN identity i ON i.member_id = l.member_id"
            " WHERE i.key = :key AND l.is_open AND l.expires_on < :today",
            key=self.world.member_key(name), today=self.today,
        )  # fmt: skip
        return bool(rows)


@pytest.mark.timeout(240)
def test_any_sequence_of_steps_keeps_the_books_and_the_points_right(
    engine: Any, world: Any, model: Any
) -> None:
    class Machine(Books):
        pass

    Machine.engine, Machine.world_of, Machine.model = engine, world, staticmethod(model)
    run_machine(
        Machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
