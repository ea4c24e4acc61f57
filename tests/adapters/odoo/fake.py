"""People at work in a replayed Odoo; see ``tests.adapters.conformance.shop``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.contract import Erp
from adapters.odoo.adapter import open_erp
from adapters.settings import Running
from tests.adapters.conformance.shop import Abilities, Shop, Sold, Totals
from tests.adapters.odoo.business import FIRST_CUSTOMER, LINE, ORDER
from tests.adapters.odoo.server import DATABASE, LOGIN, SECRET, OdooServer

SECRET_ENV = "POINTBOOK_TEST_ODOO_SECRET"


class OdooShop:
    """A shop that runs on a replayed Odoo of one version, read over one API."""

    abilities = Abilities(tax_percent=Decimal(19))

    def __init__(self, version: str, api: str) -> None:
        self.server = OdooServer(version)
        self.api = api
        self.opened: list[Erp] = []
        self._business = self.server.business
        self._tables = self.server.tables

    def settings(self, **more: Any) -> dict[str, Any]:
        """Returns the table ``[erp]`` for an adapter on it."""
        return {
            "url": self.server.url,
            "database": DATABASE,
            "user": LOGIN,
            "secret_env": SECRET_ENV,
            "api": self.api,
            "currency": "USD",
            "timezone": self.abilities.zone,
        } | more

    def open(
        self,
        *,
        rows_per_page: int = 200,
        overlap: timedelta = timedelta(minutes=10),
        **more: Any,
    ) -> Erp:
        """Opens a new adapter on it, as after a restart."""
        running = Running(
            rows_per_page=rows_per_page,
            overlap_seconds=overlap.total_seconds(),
            spool=Path("spool"),
        )
        opened = open_erp(self.settings(**more), running)
        self.opened.append(opened)
        return opened

    def close(self) -> None:
        """Closes what was opened, and the server, which tells what nobody has seen Odoo do."""
        for each in self.opened:
            each.close()
        self.server.close()

    def sell(self, lines: Sequence[Sold], *, confirm: bool = True, on: date | None = None) -> str:
        """Makes an order of the first customer; returns its number."""
        at = datetime.combine(on, time(12), UTC) if on else None
        with self.server.lock:
            values = {
                "partner_id": FIRST_CUSTOMER[self.server.version],
                "order_line": [[0, 0, self._line(line)] for line in lines],
            }
            number = self._business.create_order(values, at)
            if confirm:
                self._business.confirm(number, at)
            return str(self._tables.get(ORDER, number)["name"])

    def confirm(self, order: str) -> None:
        """Confirms a draft."""
        with self.server.lock:
            self._business.confirm(self.id_of(order))

    def confirm_together(self, orders: Sequence[str]) -> Callable[[], None]:
        """Begins to confirm orders in one transaction; what it returns commits."""
        with self.server.lock:
            transaction = self._tables.begin()
            for order in orders:
                self._business.confirm(self.id_of(order), within=transaction)

        def commit() -> None:
            with self.server.lock:
                self._tables.commit(transaction)

        return commit

    def ship(self, order: str, quantities: Mapping[int, Decimal] | None = None) -> None:
        """Ships an order, or quantities by line index; the rest goes into a backorder."""
        with self.server.lock:
            lines = None if quantities is None else self._by_line(order, quantities)
            self._business.ship(self.id_of(order), lines)

    def take_back(self, order: str, quantities: Mapping[int, Decimal]) -> None:
        """Books shipped goods as returned, received in the warehouse."""
        with self.server.lock:
            self._business.take_back(self.id_of(order), self._by_line(order, quantities))

    def cancel(self, order: str) -> None:
        """Cancels an order."""
        with self.server.lock:
            self._business.cancel(self.id_of(order))

    def amend(self, order: str, quantities: Mapping[int, Decimal]) -> str:
        """Changes quantities of lines; the header's stamp does not move."""
        with self.server.lock:
            for line, quantity in self._by_line(order, quantities).items():
                self._business.amend(line, quantity)
        return order

    def unapprove(self, order: str) -> None:
        """Cancels a confirmed order and sets it to quotation."""
        with self.server.lock:
            self._business.cancel(self.id_of(order))
            self._business.back_to_draft(self.id_of(order))

    def touch(self, order: str) -> None:
        """Changes the terms, which no document carries: the header's stamp moves."""
        with self.server.lock:
            self._tables.write(ORDER, self.id_of(order), {"note": "Thank you"})

    def set_clock(self, shift: timedelta) -> None:
        """Moves Odoo's clock by so much against real time."""
        with self.server.lock:
            self._tables.shift = shift

    def totals(self, order: str) -> Totals:
        """Returns what the order itself says."""
        with self.server.lock:
            row = self._tables.get(ORDER, self.id_of(order))
            return Totals(row["amount_untaxed"], row["amount_tax"])

    def redemption_ship(self, order: str) -> None:
        """Ships the order a redemption was written as."""
        self.ship(order)

    def id_of(self, order: str) -> int:
        """Returns an order's id."""
        return int(self._tables.all(ORDER, name=order)[0]["id"])

    def lines_of(self, order: str) -> list[int]:
        """Returns the ids of an order's lines."""
        return [line["id"] for line in self._tables.all(LINE, order_id=self.id_of(order))]

    def _by_line(self, order: str, quantities: Mapping[int, Decimal]) -> dict[int, Decimal]:
        lines = self.lines_of(order)
        return {lines[index]: Decimal(quantity) for index, quantity in quantities.items()}

    def _line(self, sold: Sold) -> dict[str, Any]:
        product = self._tables.all("product.product", default_code=sold.sku)[0]
        return {
            "product_id": product["id"],
            "product_uom_qty": sold.quantity,
            "price_unit": sold.price,
            "discount": sold.discount,
            "tax_percent": self.abilities.tax_percent,
        }


@contextmanager
def open_odoo(version: str, api: str) -> Iterator[OdooShop]:
    """Runs a replayed Odoo; at its end it fails if something was asked that nobody has seen Odoo do."""
    shop = OdooShop(version, api)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SECRET_ENV, SECRET)
        try:
            yield shop
        finally:
            shop.close()


@contextmanager
def open_shop(version: str, api: str) -> Iterator[Shop]:
    """Runs a shop on a replayed Odoo for the conformance suite: versions "17", "19"; APIs "jsonrpc", "json2"."""
    with open_odoo(version, api) as shop:
        yield shop
