"""Tryton, and the adapter, killed in the middle: nothing is lost, nothing comes twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.client import Patience
from adapters.contract import START
from adapters.settings import Running, validated
from adapters.tryton.adapter import TrytonErp
from adapters.tryton.rest import connect
from adapters.tryton.settings import TrytonSettings
from adapters.web import Web
from pointbook.v1 import events_pb2
from tests.adapters.conformance.conftest import Following, standing
from tests.adapters.conformance.shop import Sold
from tests.adapters.conftest import FakeIntake
from tests.adapters.tryton.shop import TrytonShop, open_shop

MUGS = Sold("MUG-01", Decimal(2), Decimal("9.99"))
DRAFT, CONFIRMED = events_pb2.ORDER_STATUS_DRAFT, events_pb2.ORDER_STATUS_CONFIRMED
IMPATIENT = Patience(
    attempts_max=2, delay_seconds_first=0.01, delay_seconds_max=0.01, deadline_seconds=60
)


@pytest.fixture
def shop() -> Iterator[TrytonShop]:
    with open_shop() as opened:
        yield opened


@pytest.fixture
def following(tmp_path: Path, intake: FakeIntake) -> Following:
    return Following(tmp_path / "shop.sqlite3", intake.address)


def impatient(shop: TrytonShop, rows: int = 200) -> TrytonErp:
    """An adapter that does not wait long for a server that is away."""
    settings = validated(TrytonSettings, shop.settings(), "test")
    key = {"authorization": f"Bearer {settings.key()}"}
    web = Web(settings.url, key, IMPATIENT)
    return TrytonErp(connect(settings, web), settings, Running(rows_per_page=rows))


def orders(intake: FakeIntake) -> dict[str, Any]:
    found = standing(list(intake.events.values()))
    return {at.id: event.order for at, event in found.items() if at.kind == "order"}


def have_arrived(intake: FakeIntake, numbers: list[str]) -> bool:
    with intake.lock:
        return set(numbers) <= set(orders(intake))


def test_tryton_killed_while_it_is_read(
    shop: TrytonShop, following: Following, intake: FakeIntake
) -> None:
    numbers = [shop.sell([MUGS]) for _ in range(4)]
    for number in numbers[:2]:
        shop.ship(number)
    erp = impatient(shop, rows=1)
    with following.of(erp) as follower:
        reading = erp.changes(START)
        kept = 0
        while kept < 12:
            kept += len(follower.spool.append([next(reading)]))
        shop.server.kill()
        assert not follower.look()
        assert "did not answer" in follower.health.said()["problems"]["source"]
    shop.server.start()
    assert following.look(impatient(shop, rows=1))
    assert sorted(orders(intake)) == sorted(numbers)
    kinds = [at.kind for at in standing(list(intake.events.values()))]
    assert kinds.count("shipment") == 2
    assert len(kinds) == len(intake.events), "nothing was sent twice"


def test_tryton_killed_in_the_middle_of_a_long_transaction(
    shop: TrytonShop, following: Following, intake: FakeIntake
) -> None:
    numbers = [shop.sell([MUGS], confirm=False) for _ in range(12)]
    commit = shop.confirm_together(numbers)
    shop.server.kill()
    assert not following.look(impatient(shop))
    with pytest.raises(httpx.TransportError):
        commit()
    shop.server.start()
    assert following.look(impatient(shop))
    assert {each.status for each in orders(intake).values()} == {DRAFT}
    shop.confirm_together(numbers)()
    assert following.look(impatient(shop))
    assert [orders(intake)[number].status for number in numbers] == [CONFIRMED] * len(numbers)


def test_the_adapter_killed_and_tryton_restarted_while_people_go_on_selling(
    shop: TrytonShop, tmp_path: Path, intake: FakeIntake, eventually: Any
) -> None:
    file = tmp_path / "tryton.toml"
    erp = "\n".join(
        f'{name} = "{value}"' for name, value in shop.settings().items() if name != "company_id"
    )
    file.write_text(
        f'adapter = "tryton"\nsource = "tryton"\n[pointbook]\naddress = "{intake.address}"\n'
        f'[run]\ninterval_seconds = 0.1\nwrite_back = false\nspool = "{tmp_path / "spool"}"\n'
        f"[erp]\n{erp}\n"
    )

    def start() -> subprocess.Popen[bytes]:
        with (tmp_path / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "adapters", "run", str(file)],
                stdout=log,
                stderr=log,
                env=os.environ,
            )

    sold: list[str] = []
    process = start()
    try:
        for round_ in range(3):
            sold += [shop.sell([MUGS]) for _ in range(2)]
            shop.ship(sold[-1])
            if round_ == 1:
                shop.server.kill()
                shop.server.start()
            eventually(partial(have_arrived, intake, sold), within=60)
            process.kill()
            process.wait()
            process = start()
        last = shop.sell([MUGS])
        eventually(partial(have_arrived, intake, [last]), within=60)
        process.terminate()
        assert process.wait(30) == 0, (tmp_path / "log").read_text()
    finally:
        process.kill()
        process.wait()
    found = standing(list(intake.events.values()))
    assert [at.kind for at in found].count("shipment") == 3
    assert {each.status for each in orders(intake).values()} == {CONFIRMED}
    sent = [event.order for event in intake.events.values() if event.HasField("order")]
    assert len(sent) == len({order.SerializeToString() for order in sent})
