"""People at work in Quernstone: ``tests.adapters.conformance.shop.Shop``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import httpx

from adapters.client import Patience
from adapters.contract import Erp
from adapters.settings import Running
from adapters.web import Web
from tests.adapters.conformance.shop import Abilities, Sold, Totals
from tests.adapters.example_erp.adapter import QuernstoneErp
from tests.adapters.example_erp.api import Api
from tests.adapters.example_erp.fake import KEY, FakeQuernstone
from tests.adapters.example_erp.settings import QuernstoneSettings

CENT = Decimal("0.01")
TOTALS = ("net", "tax")
SETTINGS = QuernstoneSettings(
    url="https://quernstone.example", currency="EUR", time_zone="Europe/Berlin", phones=True
)
IMPATIENT = Patience(attempts_max=1, deadline_seconds=5)


class QuernstoneShop:
    """A shop of its own."""

    abilities = Abilities(tax_percent=Decimal(19), zone="Europe/Berlin")

    def __init__(self) -> None:
        self.fake = FakeQuernstone()
        self._apis: list[Api] = []

    def api(self) -> Api:
        """Returns the API: the fake stands where the network would begin."""
        web = Web(
            SETTINGS.url,
            {"authorization": f"Bearer {KEY}"},
            IMPATIENT,
            transport=httpx.MockTransport(self.fake.handle),
        )
        self._apis.append(Api(web))
        return self._apis[-1]

    def open(self, *, rows_per_page: int = 200, overlap: timedelta = timedelta(minutes=10)) -> Erp:
        """See ``Shop``."""
        run = Running(rows_per_page=rows_per_page, overlap_seconds=overlap.total_seconds())
        return QuernstoneErp(self.api(), SETTINGS, run)

    def close(self) -> None:
        """Closes what was opened."""
        for api in self._apis:
            api.close()

    def sell(self, lines: Sequence[Sold], *, confirm: bool = True, on: date | None = None) -> str:
        """See ``Shop``."""
        values = {"customer": "C-1", "state": "open" if confirm else "offer"}
        values |= {"day": on.isoformat()} if on else {}
        number = self.fake.insert_order([_line(line) for line in lines], **values)
        return f"Q-{number}"

    def confirm(self, order: str) -> None:
        """See ``Shop``."""
        self.fake.update("orders", _id(order), state="open")

    def confirm_together(self, orders: Sequence[str]) -> Callable[[], None]:
        """See ``Shop``: stamped when it begins, seen when it ends."""
        began = self.fake.now()

        def commit() -> None:
            for order in orders:
                self.fake.update("orders", _id(order), began, state="open")

        return commit

    def ship(self, order: str, quantities: Mapping[int, Decimal] | None = None) -> None:
        """See ``Shop``."""
        lines = self.fake.lines_of(_id(order))
        wanted = dict(enumerate(self._unshipped(line) for line in lines))
        wanted |= quantities or {}
        only = wanted if quantities is None else quantities
        goods = [_moved(lines[n]["id"], wanted[n]) for n in only if wanted[n] > 0]
        self._move("deliveries", "D", order, goods)

    def take_back(self, order: str, quantities: Mapping[int, Decimal]) -> None:
        """See ``Shop``."""
        lines = self.fake.lines_of(_id(order))
        goods = [_moved(lines[n]["id"], each) for n, each in quantities.items()]
        self._move("returns", "R", order, goods)

    def give_back(self, order: str, net: str, tax: str, line: int | None = None) -> None:
        """Books money as given back: off a line, whose goods came back, or off the order."""
        goods = _moved(None, Decimal(1)) if line is None else _moved(line, Decimal(1))
        self._move("returns", "R", order, [goods | {"net": net, "tax": tax}])

    def cancel(self, order: str) -> None:
        """See ``Shop``."""
        self.fake.void(_id(order))

    def amend(self, order: str, quantities: Mapping[int, Decimal]) -> str:
        """See ``Shop``: only lines change, and not the order's stamp."""
        lines = self.fake.lines_of(_id(order))
        for n, quantity in quantities.items():
            line = lines[n]
            net = Decimal(line["net"]) * quantity / Decimal(line["quantity"])
            self.fake.update("order-lines", line["id"], quantity=str(quantity))
            line.update(_amounts(net))
        return order

    def unapprove(self, order: str) -> None:
        """See ``Shop``."""
        self.fake.update("orders", _id(order), state="offer")

    def totals(self, order: str) -> Totals:
        """See ``Shop``."""
        lines = self.fake.lines_of(_id(order))
        net, tax = (sum((Decimal(line[name]) for line in lines), Decimal(0)) for name in TOTALS)
        return Totals(net, tax)

    def touch(self, order: str) -> None:
        """See ``Shop``: somebody writes a note."""
        self.fake.update("orders", _id(order), note="call before delivery")

    def set_clock(self, shift: timedelta) -> None:
        """See ``Shop``."""
        self.fake.shift = shift

    def redemption_ship(self, order: str) -> None:
        """See ``Shop``."""
        self.ship(order)

    def _unshipped(self, line: dict[str, Any]) -> Decimal:
        moved = (each for row in self.fake.tables["deliveries"].values() for each in row["lines"])
        gone = [Decimal(each["quantity"]) for each in moved if each["order_line"] == line["id"]]
        return Decimal(line["quantity"]) - sum(gone)

    def _move(self, kind: str, letter: str, order: str, lines: list[dict[str, Any]]) -> None:
        values = {"order_id": _id(order), "state": "done", "lines": lines}
        number = f"{letter}-{len(self.fake.tables[kind]) + 1}"
        self.fake.insert(kind, number=number, moved_at=self.fake.now().isoformat(), **values)


def _id(order: str) -> int:
    return int(order.removeprefix("Q-"))


def _line(sold: Sold) -> dict[str, Any]:
    net = sold.quantity * sold.price * (100 - sold.discount) / 100
    return {"sku": sold.sku, "quantity": str(sold.quantity), **_amounts(net)}


def _amounts(net: Decimal) -> dict[str, str]:
    """Quernstone rounds each line, and its tax, to cents."""
    rounded = net.quantize(CENT, ROUND_HALF_UP)
    tax = (rounded * QuernstoneShop.abilities.tax_percent / 100).quantize(CENT, ROUND_HALF_UP)
    return {"net": str(rounded), "tax": str(tax)}


def _moved(line: int | None, quantity: Decimal) -> dict[str, Any]:
    return {"order_line": line, "quantity": str(quantity), "net": None, "tax": None}


@contextmanager
def open_shop() -> Iterator[QuernstoneShop]:
    """Opens a shop of its own."""
    shop = QuernstoneShop()
    try:
        yield shop
    finally:
        shop.close()
