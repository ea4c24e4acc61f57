"""For every permutation, duplication and split of a set of events: the same points, the same books."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from operator import add
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
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

ORDERS = ("SO-1", "SO-2", "SO-3")
MEMBERS = ("ann", "bob")
LINES = ("1", "2")


def instant(day: int) -> int:
    return int((datetime(2026, 1, 1, 4, tzinfo=UTC) + timedelta(days=day)).timestamp()) * 1_000_000


days = st.integers(0, 60).map(instant)
versions = st.integers(1, 3)
statuses = st.sampled_from(
    [OrderStatus.CONFIRMED, OrderStatus.COMPLETED, OrderStatus.CANCELLED, OrderStatus.DRAFT]
)
done = st.sampled_from([DocumentStatus.DONE, DocumentStatus.DONE, DocumentStatus.CANCELLED])
pieces = st.integers(1, 3).map(lambda count: count * MICRO)
order_lines = st.lists(
    st.builds(OrderLine, st.sampled_from(LINES), pieces, st.integers(0, 9_999)),
    min_size=1, max_size=2, unique_by=lambda line: line.line_id,
).map(tuple)  # fmt: skip
orders = st.builds(
    Order,
    id=st.sampled_from(ORDERS), version=versions, status=statuses, ordered_at=days, currency_code=st.just("CNY"),
    member=st.sampled_from([*MEMBERS, *MEMBERS, ""]), lines=order_lines, changed_at=st.none() | days,
)  # fmt: skip
shipments = st.builds(
    Shipment, st.sampled_from(("D-1", "D-2", "D-3")), versions, done, days, st.sampled_from(ORDERS),
    st.lists(st.builds(ShipmentLine, st.sampled_from(LINES), pieces), min_size=1, max_size=2).map(tuple),
)  # fmt: skip
return_lines = st.one_of(
    st.builds(ReturnLine, st.sampled_from(LINES), pieces),
    st.builds(ReturnLine, st.sampled_from(LINES), st.just(0), st.integers(0, 6_000)),
)
returns = st.builds(
    Return, st.sampled_from(("R-1", "R-2")), versions, done, days, st.sampled_from(ORDERS),
    st.lists(return_lines, min_size=1, max_size=2).map(tuple),
)  # fmt: skip
members = st.builds(
    Member, st.sampled_from(MEMBERS), versions, st.just(instant(0)), st.just(True),
    tiers=st.lists(st.builds(TierGrant, st.sampled_from(("gold", "basic")), days), max_size=2, unique_by=lambda g: g.from_at).map(tuple),
)  # fmt: skip


def identity(event: Any) -> tuple[str, str, int]:
    return (type(event).__name__, event.id, event.version)


@st.composite
def stories(draw: st.DrawFn) -> list[Event]:
    """Returns a set of events: one content per document and version, every member known in the end."""
    some: list[Event] = draw(
        st.lists(
            st.one_of(orders, orders, shipments, returns),
            min_size=2,
            max_size=12,
            unique_by=identity,
        )
    )
    known: list[Event] = draw(st.lists(members, max_size=3, unique_by=identity))
    missing = [
        Member(name, 9, instant(0), is_active=True)
        for name in MEMBERS
        if name not in {m.id for m in known}
    ]
    return known + missing + some


def tell_both(straight: Any, mixed: Any, story: list[Event], data: st.DataObject) -> None:
    """Tells a story at once to one world; in any order, with repetitions, in batches over lanes to the other."""
    named = [("-".join(map(str, identity(event))), event) for event in story]
    straight.record(named)
    straight.apply()
    straight.release()

    again = data.draw(st.lists(st.sampled_from(named), max_size=6), label="again")
    arriving = data.draw(st.permutations(named + again), label="arriving")
    while arriving:
        size = data.draw(st.integers(1, len(arriving)), label="batch")
        mixed.record(arriving[:size], lane=data.draw(st.integers(0, 2), label="lane"))
        arriving = arriving[size:]
        if data.draw(st.booleans(), label="apply"):
            mixed.apply()
    mixed.apply()
    mixed.release()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    trigger=st.sampled_from(["confirmed", "shipped", "completed"]),
    story=stories(),
    data=st.data(),
)
def test_balances_and_books_do_not_depend_on_how_events_arrive(
    engine: Any, world: Any, model: Any, trigger: str, story: list[Event], data: st.DataObject
) -> None:
    straight = world(engine, trigger)
    mixed = world(engine, trigger)
    tell_both(straight, mixed, story, data)
    for one in (straight, mixed):
        one.check()
        assert one.sql("SELECT seq FROM parked WHERE book_id = :book AND resolution = 'open'") == []
    assert mixed.outcome() == straight.outcome()
    expected = {name: (model(story, trigger).get(name, 0), 0) for name in MEMBERS}
    assert mixed.members() == expected


BEGINS, PARKS_FROM = instant(0), int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
ENROLS = {"2026-01-01": "enrol", "2100-01-01": "park"}
"""A later version can only begin in the future: what waits for its member is ordered then."""
instants = st.sampled_from([BEGINS - 86_400_000_000, BEGINS, PARKS_FROM])
enrolling = st.builds(
    replace,
    orders,
    id=st.sampled_from(("SO-1", "SO-2")),
    ordered_at=instants,
    member=st.sampled_from(("ann", "ann", "bob", "")),
    changed_at=st.none(),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    story=st.builds(
        add,
        st.lists(enrolling, min_size=2, max_size=5, unique_by=identity),
        st.lists(members, max_size=1),
    ),
    data=st.data(),
)
def test_who_is_enrolled_does_not_depend_on_how_events_arrive(
    engine: Any, world: Any, model: Any, story: list[Event], data: st.DataObject
) -> None:
    straight = world(engine, "confirmed", unknown_member=ENROLS)
    mixed = world(engine, "confirmed", unknown_member=ENROLS)
    tell_both(straight, mixed, story, data)

    known = {event.id for event in story if isinstance(event, Member)}
    for event in story:
        if isinstance(event, Order) and BEGINS <= event.ordered_at < PARKS_FROM:
            known.add(event.member)
    known -= {""}
    counting = [
        event
        for event in story
        if not isinstance(event, Order)
        or (event.ordered_at >= BEGINS and event.member in {"", *known})
    ]
    for one in (straight, mixed):
        one.check()
    assert mixed.outcome() == straight.outcome()
    expected = {name: (model(counting, "confirmed").get(name, 0), 0) for name in known}
    assert mixed.members() == expected
