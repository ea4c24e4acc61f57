"""One event that cannot be applied is parked with its reason; the rest of its batch is applied."""

from __future__ import annotations

import logging
from datetime import date
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from plugin.errors import Rejected
from plugin.events import MICRO, Activity, Order, OrderLine, OrderStatus
from plugin.store import parked
from workers.handlers.batches import retry_parked
from workers.operations import discard_parked

HUGE = tuple(
    OrderLine(str(i), MICRO, 10**15) for i in range(1_000)
)  # 10^16 points: a batch cannot hold a hundred


def poison(shop: Any, name: str = "BAD") -> Order:
    """An order whose points are more than a number in the database can hold."""
    return Order(
        name,
        1,
        OrderStatus.CONFIRMED,
        shop.order().ordered_at,
        "JPY",
        "external_id:erp:ann",
        rate_to_book="1000000000",
        lines=HUGE,
    )


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="workers.handlers.batches")


@pytest.mark.parametrize("place", [0, 3, 7])
def test_an_order_the_database_refuses_stands_alone_in_the_end(shop: Any, place: int) -> None:
    events = [shop.order(f"SO-{i}") for i in range(7)]
    events.insert(place, poison(shop))
    shop.say(*events)
    assert shop.parked() == ["APPLY_FAILED"]
    assert shop.points() == (700, 0)


def test_damaged_content_is_parked_by_name(shop: Any) -> None:
    seqs = shop.record(*[shop.order(f"SO-{i}") for i in range(3)])
    shop.sql("UPDATE inbox SET payload = left(payload, 20) WHERE seq = :seq", seq=seqs[1])
    shop.apply()
    assert shop.parked() == ["EVENT_UNREADABLE"]
    assert shop.points() == (200, 0)
    ((message,),) = shop.sql("SELECT message FROM parked")
    assert "cannot be read" in message


def test_content_of_a_later_release_is_parked_not_lost(shop: Any) -> None:
    (seq,) = shop.record(shop.order())
    shop.sql(
        """UPDATE inbox SET payload = '{"type":"hologram","id":"H-1"}' WHERE seq = :seq""", seq=seq
    )
    shop.apply()
    assert shop.parked() == ["EVENT_UNREADABLE"]


def test_kinds_that_are_not_applied_yet_are_kept_parked(shop: Any) -> None:
    shop.say(
        Activity("A-1", 1, "review", shop.order().ordered_at, "external_id:erp:ann"), shop.order()
    )
    assert shop.parked() == ["KIND_NOT_APPLIED"]
    assert shop.points() == (100, 0)


def test_an_order_before_the_first_program_is_parked(shop: Any) -> None:
    shop.say(shop.order("OLD", on=date(2024, 12, 31)), shop.order())
    assert shop.parked() == ["PROGRAM_MISSING"]
    assert shop.points() == (100, 0)


def test_a_mended_event_is_applied_by_a_retry_once(shop: Any) -> None:
    (seq,) = shop.record(shop.order())
    ((content,),) = shop.sql("SELECT payload FROM inbox WHERE seq = :seq", seq=seq)
    shop.sql("UPDATE inbox SET payload = '{' WHERE seq = :seq", seq=seq)
    shop.apply()
    retry_parked(shop.engine, shop.books, [seq])
    assert (shop.parked(), shop.points()) == (["EVENT_UNREADABLE"], (0, 0))
    shop.sql("UPDATE inbox SET payload = :content WHERE seq = :seq", seq=seq, content=content)
    for _ in range(3):
        retry_parked(shop.engine, shop.books, [seq])
    assert (shop.parked(), shop.facts()) == ([], [("order:SO-1", 100)])
    assert shop.sql("SELECT resolution FROM parked") == [("applied",)]


def test_a_discarded_event_stays_discarded(shop: Any) -> None:
    (seq,) = shop.say(poison(shop))
    discard_parked(shop.engine, seq, "entered twice in the ERP")
    retry_parked(shop.engine, shop.books, [seq])
    assert shop.sql("SELECT resolution, note FROM parked") == [
        ("discarded", "entered twice in the ERP")
    ]
    with pytest.raises(Rejected):
        discard_parked(shop.engine, seq, "again")
    assert shop.sql("SELECT count(*) FROM inbox WHERE seq = :seq", seq=seq) == [(1,)]


def test_a_newer_version_of_a_poisoned_order_is_applied(shop: Any) -> None:
    shop.say(poison(shop, "SO-1"))
    shop.say(shop.order(version=2))
    assert (shop.points(), shop.parked()) == ((100, 0), ["APPLY_FAILED"])


def test_what_is_parked_is_listed_in_pages(shop: Any) -> None:
    seqs = shop.say(*[poison(shop, f"BAD-{i}") for i in range(3)])
    with shop.engine.connect() as connection:
        first = parked.list_parked(connection, shop.book.id, limit=2)
        rest = parked.list_parked(connection, shop.book.id, first[-1].seq, limit=2)
    assert [row.seq for row in (*first, *rest)] == seqs


@pytest.mark.parametrize("table", ["point_fact", "entry", "lot_use"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_database_refuses_to_change_what_was_decided(
    shop: Any, table: str, statement: str
) -> None:
    shop.say(shop.order(), shop.back())
    column = "points" if table == "lot_use" else "store" if table == "entry" else "cause"
    with pytest.raises(DBAPIError, match=r"insert-only|only inserted|never|append"):
        shop.sql(statement.format(table, column, column))
    assert len(shop.sql(f"SELECT 1 FROM {table}")) > 0
