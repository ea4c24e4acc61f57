"""Whatever order documents about rewards arrive in, and however often: points, stock and the sum of every account are the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
)
from plugin.redemption.request import Ask, Key
from plugin.store import redemptions as store
from workers.handlers.requests import request_all
from workers.handlers.trying import attempt

FIRST = datetime(2026, 1, 1, 4, tzinfo=UTC)
REWARDS = """
[offset]
face_value = "1.00"
hold_minutes = 10080
[[rewards]]
code = "mug"
kind = "goods"
points = 37
sku = "MUG"
warehouse = "W1"
"""
QUANTITIES = (3, 1, 2)
HELD = 60
statuses = st.sampled_from([DocumentStatus.DONE] * 3 + [DocumentStatus.CANCELLED])
days = st.integers(0, 40)


def at(day: int) -> int:
    return int((FIRST + timedelta(days=day)).timestamp()) * 1_000_000


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """Events about three redemptions of mugs, a hold, and the stock; ``{n}`` stands for the n-th redemption."""
    events: list[Any] = []
    for number in range(draw(st.integers(1, 4))):
        for version in range(1, draw(st.integers(1, 2)) + 1):
            kind, value = draw(st.sampled_from([(2, 1_000), (2, 377), (2, None), (1, None)]))
            pieces = draw(st.integers(0, 9)) * MICRO
            events.append(
                Stock(f"ST-{number}", version, kind, at(draw(days)), "MUG", "W1", pieces, value)
            )
    for wish, quantity in enumerate(QUANTITIES):
        for number in range(draw(st.integers(0, 2))):
            for version in range(1, draw(st.integers(1, 2)) + 1):
                lines = (ShipmentLine("1", draw(st.integers(1, quantity)) * MICRO),)
                name = f"S-{wish}-{number}"
                status, day = draw(statuses), at(draw(days))
                events.append(RedemptionShipment(name, version, status, day, f"{{{wish}}}", lines))
        for version in range(1, draw(st.integers(0, 2)) + 1):
            lines = (ShipmentLine("1", MICRO),)
            name, day = f"B-{wish}", at(draw(days))
            status, damaged = draw(statuses), draw(st.booleans())
            events.append(
                RedemptionReturn(name, version, status, day, f"{{{wish}}}", lines, damaged)
            )
    for version in range(1, draw(st.integers(1, 3)) + 1):
        status = draw(st.sampled_from(list(OrderStatus)))
        paid = draw(st.integers(1, HELD)) * 100
        line = (OrderLine("1", MICRO, 12_000),)
        day = at(draw(days))
        events.append(
            Order(
                "SO-P",
                version,
                status,
                at(41),
                "CNY",
                "ann",
                lines=line,
                points_paid_minor=paid,
                hold_id="{3}",
                changed_at=day + 50 * 86_400_000_000,
            )
        )
    for number in range(draw(st.integers(0, 2))):
        line = (ReturnLine("1", 0, draw(st.integers(0, 9_000))),)
        events.append(Return(f"R-{number}", 1, draw(statuses), at(60), "SO-P", line))
    if draw(st.booleans()):
        events.append(MembersMerged("ME-1", at(70), "bob", "ann"))
    return [(f"e-{number}", event) for number, event in enumerate(events)]


def tell(world: Any, batches: list[list[tuple[str, Event]]]) -> dict[str, Any]:
    """Tells a fresh world the beginning, makes the redemptions, tells the story in batches, and returns how it ends."""
    line = (OrderLine("1", MICRO, 30_000),)
    beginning: list[tuple[str, Any]] = [
        ("m-1", Member("ann", 1, at(0), is_active=True)),
        ("m-2", Member("bob", 1, at(0), is_active=True)),
        ("o-1", Order("SO-1", 1, OrderStatus.COMPLETED, at(0), "CNY", "ann", lines=line)),
        ("o-2", Order("SO-2", 1, OrderStatus.COMPLETED, at(0), "CNY", "bob", lines=line)),
        ("s-0", Stock("ST-X", 1, 2, at(0), "MUG", "W1", 6 * MICRO, 1_001)),
    ]
    world.record(beginning)
    world.apply()
    numbers = _redeem(world)
    for batch in batches:
        world.record([(event_id, _named(event, numbers)) for event_id, event in batch])
        world.apply()
    world.check()
    with world.engine.connect() as connection:
        found = store.read_redemptions(connection, world.book_id, numbers)
    # A hold that an order has freed stays free, also when a later version of the order would not have freed it: of the checkout
    # only what it takes is compared.
    redemptions = [
        (one.taken, one.sku and (one.status.name, one.shipped, one.returned, one.hold.points))
        for one in (found[number] for number in numbers)
    ]
    stock = world.sql(
        "SELECT on_hand::int, reserved::int, value_minor::int FROM stock WHERE book_id = :book"
    )
    accounts = world.sql(
        "SELECT account, sum(quantity)::bigint FROM posting WHERE book_id = :book"
        " GROUP BY 1 HAVING sum(quantity) <> 0 ORDER BY 1"
    )
    return {
        "members": sorted(world.members().items()),
        "redemptions": redemptions,
        "stock": stock,
        "accounts": accounts,
    }


def _redeem(world: Any) -> list[int]:
    asks = []
    for number, quantity in enumerate((*QUANTITIES, 0)):
        name = f"{world.name}-{number}"
        key = Key(name, sha256(name.encode()).digest())
        reward, points = ("mug", 0) if quantity else ("", HELD)
        who = world.member_key("ann")
        asks.append(Ask(who, reward, max(quantity, 1), points, 0, None, "clerk", "S1", key))
    answers = attempt(
        world.engine,
        lambda c: request_all(c, world.books.context(c, world.book_id), asks, at(41)),
    )
    return [answer.redemption.id for answer in answers]


def _named(event: Any, numbers: list[int]) -> Any:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    for name in ("redemption_id", "hold_id"):
        if fields.get(name):
            fields[name] = f"R{numbers[int(fields[name][1:-1])]}"
    return type(event)(**fields)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(story=stories(), data=st.data())
def test_every_order_of_arrival_and_every_repetition_ends_the_same(
    engine: Any, world: Any, story: list[tuple[str, Any]], data: st.DataObject
) -> None:
    expected = tell(world(engine, "completed", "", REWARDS), [story])
    again = data.draw(st.lists(st.sampled_from(story), max_size=4))
    shuffled = data.draw(st.permutations(story + again))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=6)))
    batches = [
        shuffled[begin:end]
        for begin, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)
        if begin < end
    ]
    assert tell(world(engine, "completed", "", REWARDS), batches) == expected
