"""Whatever is read twice arrives once, and whatever arrives in another order ends the same."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

import pytest

from adapters.backfill import Destination, send_waiting
from adapters.client import IntakeClient, Target
from adapters.contract import START, Change
from adapters.numbering import identity
from pointbook.v1 import events_pb2
from tests.adapters.conformance.conftest import (
    IMPATIENT,
    Following,
    arrived,
    of,
    order_of,
    sent,
)
from tests.adapters.conformance.shop import Shop, Sold
from tests.adapters.conftest import FakeIntake

COFFEE = Sold("COF-250", Decimal(3), Decimal("7.90"))
MUGS = Sold("MUG-01", Decimal(2), Decimal("9.99"))
GOODS = ("order", "shipment", "return")
DONE = events_pb2.DOCUMENT_STATUS_DONE


def times_sent(intake: FakeIntake) -> dict[str, list[int]]:
    """Returns how often each order, shipment and return was sent, by kind."""
    counted = Counter(identity(event) for event in sent(intake))
    times: dict[str, list[int]] = defaultdict(list)
    for document, many in counted.items():
        if document.kind in GOODS:
            times[document.kind].append(many)
    return times


@pytest.mark.parametrize("rows", [1, 200])
def test_a_document_that_many_rows_lead_to_is_sent_once(
    shop: Shop, following: Following, intake: FakeIntake, rows: int
) -> None:
    number = shop.sell([COFFEE, MUGS])
    shop.ship(number)
    assert following.look(shop.open(rows_per_page=rows))
    assert times_sent(intake) == {"order": [1], "shipment": [1]}
    shop.take_back(number, {0: Decimal(1), 1: Decimal(1)})
    shop.touch(number)
    assert following.look(shop.open(rows_per_page=rows))
    assert times_sent(intake) == {"order": [1], "shipment": [1], "return": [1]}


def test_looking_more_often_as_hints_make_it_sends_nothing_twice(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    erp = shop.open()
    number = shop.sell([COFFEE])
    following.look(erp)
    following.look(erp)
    shop.ship(number)
    following.look(shop.open())  # another one, which a hint has woken
    assert following.look(erp)
    assert times_sent(intake) == {"order": [1], "shipment": [1]}


def test_reading_everything_once_more_sends_nothing(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    number = shop.sell([COFFEE])
    shop.ship(number, {0: Decimal(1)})
    following.look(shop.open())
    before = len(sent(intake))
    with following.of(shop.open()) as follower:
        follower.spool.rewind()
        assert follower.look()
    assert len(sent(intake)) == before


def test_killed_before_the_answers_were_noted_the_same_events_are_sent_again(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    number = shop.sell([COFFEE])
    shop.ship(number)
    with following.of(shop.open()) as follower:
        follower.spool.append(list(follower.erp.changes(START)))
        waiting = [each.event for each in follower.spool.take(1000)]
        follower.to.client.record("shop", "", waiting, 7)
    assert following.look(shop.open())
    assert set(times_sent(intake)["order"] + times_sent(intake)["shipment"]) == {2}
    assert len(intake.events) == len(arrived(intake)) == len(waiting)
    with following.of(shop.open()) as follower:
        assert [each.outcome for each in follower.spool.tallies()] == ["duplicate"]


def test_what_was_shipped_and_returned_before_its_order_was_read_is_complete_in_the_end(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    early = shop.sell([MUGS])
    with following.of(shop.open()) as follower:
        changes = follower.erp.changes(START)
        follower.spool.append(until_an_order(changes))
        late = shop.sell([COFFEE])  # when the orders of this pass have been read
        shop.ship(late)
        shop.take_back(late, {0: Decimal(1)})
        follower.spool.append(list(changes))
        send_waiting(follower.spool, follower.to)
    assert [each.id for each in of(intake, "order")] == [early]
    assert [each.order_id for each in of(intake, "shipment")] == [late]
    assert following.look(shop.open())
    (line,) = order_of(intake, late).lines
    for kind, quantity in (("shipment", "3"), ("return", "1")):
        (document,) = of(intake, kind)
        assert (document.order_id, document.status) == (late, DONE)
        assert [(each.line_id, each.quantity) for each in document.lines] == [
            (line.line_id, quantity)
        ]


def until_an_order(changes: Iterator[Change]) -> list[Change]:
    """Takes changes up to and with the first order."""
    taken = []
    for change in changes:
        taken.append(change)
        if change.event is not None and change.event.HasField("order"):
            return taken
    raise AssertionError("there was no order")


def test_versions_rise_and_events_sent_in_any_order_end_the_same(
    shop: Shop, following: Following, intake: FakeIntake, other_intake: FakeIntake
) -> None:
    erp = shop.open()
    number = shop.sell([COFFEE, MUGS], confirm=False)
    following.look(erp)
    shop.amend(number, {0: Decimal(4)})
    following.look(erp)
    shop.confirm(number)
    following.look(erp)
    shop.ship(number)
    shop.take_back(number, {0: Decimal(1)})
    assert following.look(erp)
    events = sent(intake)
    versions: dict[str, list[int]] = defaultdict(list)
    for event in events:
        at = identity(event)
        if at.kind in GOODS:
            versions[str(at)].append(getattr(event, at.kind).version)
    assert len(versions[f"order:{number}"]) == 3
    assert all(a < b for risen in versions.values() for a, b in pairwise(risen))
    with IntakeClient(Target(other_intake.address), IMPATIENT) as client:
        to = Destination(client, "shop", "", 7)
        for seed in range(5):
            random.Random(seed).shuffle(events)
            other_intake.events.clear()
            to.client.record(to.source, to.book, events, to.batch)
            assert arrived(other_intake) == arrived(intake)
