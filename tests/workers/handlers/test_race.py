"""Many at once, each in a transaction of its own as on many servers: locks alone keep points and stock from being spent twice."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

from plugin.errors import Rejected
from plugin.redemption.life import Redemption
from workers.handlers.decisions import cancel
from workers.handlers.lapse import lapse_redemptions

THREADS = 8
REWARDS = """
[redemption]
lapse_after_days = 5
[[rewards]]
code = "mug"
kind = "goods"
points = 100
sku = "MUG"
warehouse = "W1"
total_max = 50
[[rewards]]
code = "cup"
kind = "goods"
points = 100
sku = "CUP"
warehouse = "W1"
"""


@pytest.fixture
def shop(open_shop: Callable[..., Any], engine: Engine) -> Iterator[Any]:
    """A shop with 120 members who have 100 points each, 40 mugs and 40 cups."""
    made = open_shop(rewards=REWARDS)
    made.engine = create_engine(made.engine.url, pool_size=THREADS + 2)
    names = [f"m{number}" for number in range(120)]
    made.say(*(made.member(name) for name in names))
    made.say(*(made.order(f"SO-{name}", 10_000, member=name) for name in names))
    made.say(made.received(pieces=40), made.received("IN-2", pieces=40, sku="CUP"))
    yield made
    made.engine.dispose()
    made.engine = engine


def outcomes(answers: list[Any]) -> Counter[str]:
    return Counter(one.reason if isinstance(one, Rejected) else "held" for (one,) in answers)


def deadlocks(shop: Any) -> int:
    ((found,),) = shop.sql(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    return int(found)


def test_a_hundred_and_twenty_members_race_for_forty_mugs(shop: Any) -> None:
    asks = [shop.ask("mug", member=f"m{number}") for number in range(120)]
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(shop.request, asks))
    assert outcomes(answers) == {"held": 40, "STOCK_INSUFFICIENT": 80}
    assert shop.stock()[:2] == (40, 40)
    assert deadlocks(shop) == 0


def test_twenty_transactions_at_once_spend_a_hundred_points_once(shop: Any) -> None:
    asks = [shop.ask("mug" if n % 2 else "cup", member="m1") for n in range(20)]
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(shop.request, asks))
    assert outcomes(answers) == {"held": 1, "POINTS_INSUFFICIENT": 19}
    assert deadlocks(shop) == 0


def test_the_same_key_from_many_servers_makes_one_redemption(shop: Any) -> None:
    ask = shop.ask("mug", member="m2", key="once")
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(shop.request, [ask] * 16))
    assert len({one.id for (one,) in answers}) == 1
    assert shop.stock()[1] == 1


def test_requests_shipments_cancellations_and_lapses_cross_and_nothing_is_lost(shop: Any) -> None:
    """Everything that locks members, totals and stock at once, in every direction."""
    held = [
        shop.redeem("mug" if number % 2 else "cup", member=f"m{number}") for number in range(30)
    ]
    numbers = itertools.count()

    def ship(one: Redemption) -> None:
        lane = one.id % 4
        shop.record(shop.shipped(one.public_id, f"RS-{next(numbers)}"), lane=lane)
        shop.apply(lane)

    work: list[Callable[[], Any]] = [
        *(lambda one=one: ship(one) for one in held[:12]),
        *(lambda one=one: shop.decide(cancel, one.public_id, "clerk", "") for one in held[12:20]),
        *(lambda n=n: shop.request(shop.ask("mug", member=f"m{n}")) for n in range(40, 70)),
        *(lambda n=n: shop.request(shop.ask("cup", member=f"m{n}")) for n in range(70, 100)),
        lambda: lapse_redemptions(shop.engine, shop.books, shop.book.id, later),
    ]
    later = held[0].requested_at + 6 * 86_400_000_000
    with ThreadPoolExecutor(THREADS) as pool:
        done = [pool.submit(one) for one in work]
        for one in done:
            one.result()
    for lane in range(4):
        shop.apply(lane)
    assert shop.sql("SELECT count(*) FROM batch WHERE NOT is_applied") == [(0,)]
    shipped = shop.sql("SELECT count(*) FROM redemption WHERE shipped > 0")
    assert shipped == [(12,)]
    mugs, cups = shop.stock(), shop.stock("CUP")
    assert mugs[0] + cups[0] == 80 - 12
    assert deadlocks(shop) == 0
    shop.redeem("mug", member="m110", on=date(2026, 4, 2))
