"""The whole loop with an ERP, Tryton a real one, and a real Pointbook: a sale earns, a return takes back, a reward becomes an order there, its delivery is booked here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from accounting.gate import check_ledger
from adapters.opening import Opened, opened
from adapters.settings import AdapterFile
from pointbook.v1 import events_pb2, ledger_pb2, members_pb2
from pointbook.v1 import redemptions_pb2 as pb
from tests.adapters.conformance.shop import Sold
from tests.adapters.erpnext.fake import KEY, SECRET, SETTINGS
from tests.adapters.erpnext.fake import open_shop as open_erpnext
from tests.adapters.odoo.fake import open_odoo
from tests.adapters.tryton.shop import open_shop as open_tryton
from workers.embedded import running
from workers.settings import Settings

PROGRAM = """
rewards = [
  {{ code = "mug", kind = "goods", name = "Mug", points = 100, sku = "MUG-01", warehouse = "{warehouse}" }},
]
[book]
code = "shop"
currency = "{currency}"
time_zone = "Europe/Berlin"
[program]
code = "points"
effective_from = 2020-01-01T00:00:00Z
[accrual]
trigger = "confirmed"
unknown_member = "enrol"
[points]
unit_cost = "0.01"
[expiry]
kind = "months"
months = 1200
[[rules]]
id = "base"
effect = {{ kind = "per_amount", points = 1, per = "1.00" }}
"""
SECONDS_MAX = 60.0
COFFEE = [Sold("COF-1000", Decimal(10), Decimal("24.50"))]


class Loop:
    """An ERP, a running Pointbook, and what an adapter's settings file says about the two."""

    def __init__(
        self,
        shop: Any,
        client: Any,
        folder: Path,
        adapter: str,
        erp: dict[str, Any],
        books: Path,
    ) -> None:
        self.shop = shop
        self.books = books
        self.client = client
        self._file = AdapterFile.model_validate(
            {
                "adapter": adapter,
                "source": client.source,
                "pointbook": {"address": client.target},
                "run": {"spool": folder},
                "erp": erp,
            }
        )

    @contextmanager
    def adapter(self) -> Iterator[Opened]:
        with opened(self._file) as ready:
            yield ready

    def look(self) -> None:
        with self.adapter() as ready:
            assert ready.follower.look(), ready.health.said()

    def redemption(self, redemption_id: str) -> Any:
        request = pb.GetRedemptionRequest(redemption_id=redemption_id)
        return self.client.redemptions.GetRedemption(request, timeout=30).redemption

    def stock(self) -> int:
        request = pb.GetStockRequest(sku="MUG-01")
        levels = self.client.redemptions.GetStock(request, timeout=30).levels
        return sum(int(level.on_hand) for level in levels)

    def entries(self, order_id: str) -> list[Any]:
        found = self.client.ledger.ListEntries(ledger_pb2.ListEntriesRequest(), timeout=30).entries
        return [entry for entry in found if entry.order_id == order_id]


def eventually(read: Callable[[], Any], wanted: Any) -> None:
    """Waits until something is as wanted: events are applied after they were answered."""
    deadline = time.monotonic() + SECONDS_MAX
    while (found := read()) != wanted:
        assert time.monotonic() < deadline, f"{found!r} is not {wanted!r}"


@pytest.fixture(params=["erpnext", "odoo", "tryton"])
def loop(
    request: pytest.FixtureRequest,
    postgres_server: Any,
    connect: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Loop]:
    is_odoo, is_tryton = request.param == "odoo", request.param == "tryton"
    monkeypatch.setenv("ERPNEXT_API_KEY", KEY)
    monkeypatch.setenv("ERPNEXT_API_SECRET", SECRET)
    program = PROGRAM.format(
        warehouse="WH" if is_odoo or is_tryton else "MAIN", currency="USD" if is_odoo else "EUR"
    )
    with postgres_server.migrated_database() as url:
        settings = Settings(
            database_url=SecretStr(url),
            listen="127.0.0.1:0",
            data_dir=tmp_path / "data",
            stop_seconds_max=5,
            work_threads=2,
        )
        with running(settings, program) as house:
            client = connect(house.target)
            if is_odoo:
                with open_odoo("17", "jsonrpc") as shop:
                    erp = shop.settings(warehouses=["WH"], skus=["MUG-01"])
                    yield Loop(shop, client, tmp_path / "spool", "odoo", erp, settings.books_dir)
            elif is_tryton:
                with open_tryton() as shop:
                    erp = shop.settings(warehouses=["WH"], skus=["MUG-01"])
                    yield Loop(shop, client, tmp_path / "spool", "tryton", erp, settings.books_dir)
            else:
                with open_erpnext() as shop:
                    erp = {**SETTINGS, "url": shop.fake.url}
                    yield Loop(shop, client, tmp_path / "spool", "erpnext", erp, settings.books_dir)


def test_a_sale_earns_a_return_takes_back_and_a_reward_goes_to_the_erp_and_comes_back_as_a_delivery(
    loop: Loop,
) -> None:
    number = loop.shop.sell(COFFEE)
    loop.look()
    customer = _customer(loop)
    member = members_pb2.MemberSelector(
        member=events_pb2.MemberRef(external_id=customer), source=loop.client.source
    )
    balance = members_pb2.GetBalanceRequest(selector=member)
    eventually(lambda: len(loop.entries(number)), 1)
    available = lambda: loop.client.members.GetBalance(balance, timeout=30).available  # noqa: E731
    assert available() == 245
    loop.shop.ship(number)
    loop.look()
    loop.shop.take_back(number, {0: Decimal(1)})
    loop.look()
    eventually(available, 220)
    assert len(loop.entries(number)) == 2, "what was earned, and what of it was taken back"
    eventually(lambda: loop.stock() > 0, True)
    pieces = loop.stock()

    requested = loop.client.redemptions.RequestRedemption(
        pb.RequestRedemptionRequest(
            selector=member, reward="mug", quantity=2, idempotency_key="k-1", actor="the member"
        ),
        timeout=30,
    ).redemption
    loop.look()
    ordered = loop.redemption(requested.redemption_id)
    assert (ordered.status, ordered.erp_source) == ("ordered", loop.client.source)
    loop.look()
    with loop.adapter() as ready:
        assert ready.follower.erp.find_order(requested.redemption_id) == ordered.erp_order_id

    loop.shop.redemption_ship(ordered.erp_order_id)
    loop.look()
    eventually(lambda: loop.redemption(requested.redemption_id).status, "shipped")
    eventually(loop.stock, pieces - 2)
    postings = [
        (posting.account, posting.amount)
        for entry in loop.entries(requested.redemption_id)
        for posting in entry.postings
    ]
    assert ("Liabilities:Loyalty:Units", "200") in postings
    assert ("Liabilities:Loyalty:Points", "2.00") in postings, "200 points, carried at 0.01"
    assert available() == 20
    assert len(loop.entries(number)) == 2, "the zero-price order earns nothing"
    assert loop.entries(ordered.erp_order_id) == []
    links = (f"^o-{number}\n", f"^r-{requested.redemption_id}\n")
    eventually(lambda: _is_in_ledger(loop, *links), True)
    run = loop.client.ledger.Reconcile(ledger_pb2.ReconcileRequest(), timeout=60)
    assert run.holds, [check for check in run.checks if not check.holds]


def _is_in_ledger(loop: Loop, *links: str) -> bool:
    """Whether the Beancount ledger is right and has entries of these documents."""
    folder = loop.books / "shop"
    if not check_ledger(folder / "main.beancount", details=True).holds:
        return False
    said = "".join(file.read_text() for file in folder.rglob("*.beancount"))
    return all(link in said for link in links)


def _customer(loop: Loop) -> str:
    orders = [
        event.order
        for event in loop.shop.open().documents(*_around_today())
        if event.HasField("order")
    ]
    return str(orders[0].member.external_id)


def _around_today() -> tuple[date, date]:
    today = datetime.now(UTC).date()
    return today - timedelta(days=1), today + timedelta(days=2)
