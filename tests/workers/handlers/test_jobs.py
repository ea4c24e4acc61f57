"""Expiry runs, closed months, and workers on many lanes at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from accounting.close import close_month, reopen_month
from plugin.events import OrderStatus
from workers.handlers import expire as expiry
from workers.handlers.books import Books

MONTH = 'kind = "months"\nmonths = 1'


# -- expiry ---------------------------------------------------------------------------------------


def test_points_expire_the_day_after_their_last_and_once(open_shop: Callable[..., Any]) -> None:
    shop = open_shop(expiry=MONTH)
    shop.say(shop.member(), shop.order(on=date(2026, 1, 31)))
    assert shop.expire(date(2026, 2, 28)) == 0
    assert shop.expire(date(2026, 3, 1)) == 1
    assert shop.expire(date(2026, 3, 1)) == 0
    assert shop.points() == (0, 0)
    assert shop.accounts() == {}
    assert shop.sql("SELECT business_on FROM entry ORDER BY id DESC LIMIT 1") == [
        (date(2026, 3, 1),)
    ]
    assert shop.sql("SELECT outcome FROM job_run ORDER BY id") == [
        ('{"lots": 0}',),
        ('{"lots": 1}',),
        ('{"lots": 0}',),
    ]


def test_a_return_after_expiry_is_taken_from_other_points_then_owed(
    open_shop: Callable[..., Any],
) -> None:
    shop = open_shop(expiry=MONTH)
    shop.say(
        shop.member(),
        shop.order("SO-1", 5_000, on=date(2026, 1, 10)),
        shop.order("SO-2", 2_000, on=date(2026, 2, 20)),
    )
    shop.expire(date(2026, 2, 21))
    assert shop.points() == (20, 0)
    shop.say(shop.back(amount=5_000, order="SO-1", on=date(2026, 2, 25)))
    assert shop.points() == (0, 30)
    shop.say(shop.order("SO-3", 10_000, on=date(2026, 2, 26)))
    assert shop.points() == (70, 0)


def test_what_expired_but_was_not_run_yet_is_not_taken_for_another_order(
    open_shop: Callable[..., Any],
) -> None:
    # In one batch with a return of January: what is usable is judged for each on its own day.
    shop = open_shop(expiry=MONTH)
    shop.say(shop.member("ann"), shop.member("bob"))
    shop.say(shop.order("A-1", 10_000, on=date(2026, 1, 1)))
    shop.expire(date(2026, 2, 2))  # A-1's own points are gone
    shop.say(
        shop.order("A-2", 10_000, on=date(2026, 1, 20)),
        shop.order("A-3", 10_000, on=date(2026, 3, 1)),
    )
    shop.say(shop.order("B-1", 10_000, member="bob", on=date(2026, 1, 5)))
    shop.say(
        shop.back("R-B", 10_000, order="B-1", on=date(2026, 1, 6)),
        shop.back("R-A", 10_000, order="A-1", on=date(2026, 3, 5)),
    )
    # A-2 lasted to 20 February: the return of 5 March leaves it to the expiry run and takes A-3's.
    assert shop.points("ann") == (100, 0)
    assert shop.expire(date(2026, 3, 6)) == 1
    assert shop.points("ann") == (0, 0)


def test_an_expiry_run_killed_half_way_goes_on_where_it_stopped(
    open_shop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(expiry=MONTH)
    shop.say(*[shop.member(f"m{i}") for i in range(5)])
    shop.say(*[shop.order(f"SO-{i}", member=f"m{i}", on=date(2026, 1, 10)) for i in range(5)])
    monkeypatch.setattr(expiry, "EVENTS_PER_BATCH_MAX", 2)
    with shop.engine.connect() as other:  # As if the process died in its second transaction.
        started = other.begin()
        assert expiry._expire_some(other, Books(), shop.book.id, date(2026, 3, 1)) == 2
        started.rollback()
    with shop.engine.begin() as connection:
        assert expiry._expire_some(connection, Books(), shop.book.id, date(2026, 3, 1)) == 2
    shop.check()
    assert shop.expire(date(2026, 3, 1)) == 3
    assert shop.sql("SELECT count(*) FROM point_fact WHERE kind = 5") == [(5,)]
    assert shop.sql("SELECT count(*) FROM lot WHERE is_open") == [(0,)]


def test_expiry_and_returns_at_once_take_every_point_once(open_shop: Callable[..., Any]) -> None:
    shop = open_shop(expiry=MONTH)
    names = [f"m{i}" for i in range(20)]
    shop.say(*[shop.member(name) for name in names])
    shop.say(*[shop.order(f"SO-{name}", member=name, on=date(2026, 1, 10)) for name in names])
    for name in names:
        shop.record(shop.back(f"R-{name}", 10_000, order=f"SO-{name}"))
    with ThreadPoolExecutor(3) as pool:
        jobs = [
            pool.submit(shop.apply, 0, 3),
            pool.submit(expiry.expire_lots, shop.engine, Books(), shop.book.id, date(2026, 3, 1)),
            pool.submit(expiry.expire_lots, shop.engine, Books(), shop.book.id, date(2026, 3, 1)),
        ]
        for job in jobs:
            job.result(60)
    assert shop.sql("SELECT sum(points) - sum(debt) FROM member") == shop.sql(
        "SELECT sum(points) FROM point_fact"
    )
    assert shop.sql("SELECT count(*) FROM lot WHERE is_open") == [(0,)]


# -- closed months --------------------------------------------------------------------------------


def close(shop: Any, month: date) -> None:
    with shop.engine.begin() as connection:
        close_month(connection, shop.book, month, "Eve", date(2026, 12, 31))


def test_what_comes_late_counts_on_the_first_open_day(shop: Any) -> None:
    shop.say(shop.order("SO-1"))
    close(shop, date(2026, 3, 1))
    shop.say(shop.order("SO-2"), shop.back(order="SO-1"))
    assert shop.sql("SELECT business_on, accounting_on FROM entry ORDER BY id") == [
        (date(2026, 3, 10), date(2026, 3, 10)),
        (date(2026, 3, 10), date(2026, 4, 1)),
        (date(2026, 3, 20), date(2026, 4, 1)),
    ]
    with shop.engine.begin() as connection:
        reopen_month(connection, shop.book, date(2026, 3, 1), "Eve", "a forgotten shop")
    shop.say(shop.order("SO-3"))
    assert shop.sql("SELECT accounting_on FROM entry ORDER BY id DESC LIMIT 1") == [
        (date(2026, 3, 10),)
    ]


def test_the_database_itself_refuses_an_entry_in_a_closed_month(shop: Any) -> None:
    shop.say(shop.order())
    close(shop, date(2026, 3, 1))
    with pytest.raises(DBAPIError, match="is closed"):
        shop.sql(
            "INSERT INTO entry SELECT (jsonb_populate_record(e, jsonb_build_object('id', e.id + 1))).* FROM entry e"
        )
    assert shop.sql("SELECT count(*) FROM entry") == [(1,)]


# -- lanes ----------------------------------------------------------------------------------------


def test_lanes_that_share_orders_and_members_never_deadlock_and_end_right(
    open_shop: Callable[..., Any],
) -> None:
    shop = open_shop()
    members = ("ann", "bob", "cem")
    shop.say(*[shop.member(name) for name in members])
    for turn in range(
        6
    ):  # Orders in one lane, their amendments and returns in two others, in other orders.
        numbers = list(range(turn * 10, turn * 10 + 10))
        shop.record(*[shop.order(f"SO-{i}", member=members[i % 3]) for i in numbers], lane=0)
        shop.record(
            *[shop.back(f"R-{i}", 2_500, order=f"SO-{i}") for i in reversed(numbers)], lane=1
        )
        shop.record(
            *[
                shop.order(f"SO-{i}", 8_000, version=2, member=members[(i + 1) % 3])
                for i in reversed(numbers)
            ],
            lane=2,
        )
        shop.record(
            *[shop.member(name, version=turn + 2, gold_from=date(2026, 1, 1)) for name in members],
            lane=3,
        )
    begin = threading.Barrier(4)

    def work(lane: int) -> int:
        begin.wait(10)
        return int(shop.apply(lane, 10, Books()))

    with ThreadPoolExecutor(4) as pool:
        done = [job.result(120) for job in [pool.submit(work, lane) for lane in range(4)]]
    assert done == [60, 60, 60, 18]
    # 60 orders of 80.00 less 25.00 at two points: 110 each, twenty to each member.
    assert [shop.points(name) for name in members] == [(2200, 0)] * 3
    assert shop.parked() == []


def test_two_workers_on_one_lane_apply_every_batch_once(shop: Any) -> None:
    for i in range(20):
        shop.record(
            shop.order(f"SO-{i}"), shop.order(f"SO-{i}", version=2, status=OrderStatus.COMPLETED)
        )
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(shop.apply, 0, 4, Books()) for _ in range(3)]
        assert sum(job.result(60) for job in jobs) == 40
    assert shop.points() == (2000, 0)


def test_an_applied_batch_that_is_announced_again_does_nothing(shop: Any) -> None:
    (seq,) = shop.say(shop.order())
    from workers.handlers.batches import apply_lane

    assert apply_lane(shop.engine, shop.books, 0, seq >> 18, 100) == 0
    assert shop.facts() == [("order:SO-1", 100)]
