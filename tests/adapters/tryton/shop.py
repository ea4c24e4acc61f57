"""People at work in a real Tryton, through its RPC only. See ``tests.adapters.conformance.shop.Shop``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from adapters.contract import Erp
from adapters.settings import Running
from adapters.tryton.adapter import open_erp
from tests.adapters.conformance.shop import Abilities, Sold, Totals
from tests.adapters.tryton.house import House, Server, house
from tests.adapters.tryton.seed import CUSTOMERS, TAX_PERCENT

KEY_VARIABLE = "TRYTON_API_KEY"
SALE, LINE, SHIPMENT, RETURN = (
    "sale.sale",
    "sale.line",
    "stock.shipment.out",
    "stock.shipment.out.return",
)


class TrytonShop:
    """A seeded shop of its own."""

    abilities = Abilities(
        unapproves=False,
        cancels_confirmed=False,
        amends_confirmed=False,
        skews_clock=False,
        tax_percent=Decimal(TAX_PERCENT),
    )

    def __init__(self, of: House, server: Server) -> None:
        self.house = of
        self.server = server
        self.admin = server.session()
        admin = self.admin
        self.company = admin.one("company.company")
        self.currency = admin.one("currency.currency", ["code", "=", "EUR"])
        self._unit = admin.one("product.uom", ["name", "=", "Unit"])
        self._warehouse = admin.one("stock.location", ["type", "=", "warehouse"])
        self._tax = admin.one("account.tax")
        products = admin.rows("product.product", [], ["code"])
        self._products = {row["code"]: row["id"] for row in products}
        self._erps: list[Erp] = []
        (application,) = admin.rows("res.user.application", [], ["key"])
        os.environ[KEY_VARIABLE] = application["key"]

    def settings(self, **more: Any) -> dict[str, Any]:
        """Returns a table ``[erp]`` for this shop."""
        return {
            "url": self.server.url,
            "database": self.server.database,
            "key_env": KEY_VARIABLE,
            "company_id": self.company,
            "currency": "EUR",
            **more,
        }

    def open(self, *, rows_per_page: int = 200, overlap: timedelta = timedelta(minutes=10)) -> Erp:
        """See ``Shop``."""
        run = Running(rows_per_page=rows_per_page, overlap_seconds=overlap.total_seconds())
        self._erps.append(open_erp(self.settings(), run))
        return self._erps[-1]

    def close(self) -> None:
        """Closes what was opened."""
        for erp in self._erps:
            erp.close()
        self.admin.close()

    def customer(self, name: str = CUSTOMERS[0]) -> int:
        """Returns the id of a customer."""
        return self.admin.one("party.party", ["name", "=", name])

    def sell(self, lines: Sequence[Sold], *, confirm: bool = True, on: date | None = None) -> str:
        """See ``Shop``. A draft is a quotation: before that a sale has no number."""
        party = self.customer()
        address = self.admin.one("party.address", ["party", "=", party])
        values = {
            "company": self.company,
            "party": party,
            "currency": self.currency,
            "invoice_address": address,
            "shipment_address": address,
            "warehouse": self._warehouse,
            "sale_date": on,
            "invoice_method": "fulfillment",
            "shipment_method": "order",
            "lines": [["create", [self._line(line) for line in lines]]],
        }
        number = self.admin.make(SALE, **values)
        self.admin.press(SALE, "quote", number)
        if confirm:
            self.admin.press(SALE, "confirm", number)
        return self._number_of(number)

    def confirm(self, order: str) -> None:
        """See ``Shop``."""
        self.admin.press(SALE, "confirm", self.sale(order))

    def confirm_together(self, orders: Sequence[str]) -> Callable[[], None]:
        """See ``Shop``: one call, which Tryton works on for many seconds."""
        session = self.server.session()
        numbers = [self.sale(order) for order in orders]
        before = self.house.transactions(self.server.database)
        worker = ThreadPoolExecutor(1)
        working = worker.submit(session.press, SALE, "confirm", *numbers)
        while self.house.transactions(self.server.database) <= before and not working.done():
            wait([working], timeout=0.02)

        def commit() -> None:
            was_over = working.done()
            with worker:
                working.result()
            assert not was_over, "the transaction was over before anything else happened"
            session.close()

        return commit

    def ship(self, order: str, quantities: Mapping[int, Decimal] | None = None) -> None:
        """See ``Shop``: what is not to be shipped yet is taken off the picking list; Tryton makes another shipment of it."""
        sale = self.sale(order)
        for number in self._shipments(sale, SHIPMENT, "shipments", ("draft", "waiting")):
            self.admin.press(SHIPMENT, "wait", number)
            if quantities is not None:
                self._pick_only(sale, number, quantities)
            self.admin.press(SHIPMENT, "assign_try", number)
            for button in ("pick", "pack", "do"):
                self.admin.press(SHIPMENT, button, number)

    def take_back(self, order: str, quantities: Mapping[int, Decimal]) -> None:
        """See ``Shop``: a sale of its own, with negative quantities."""
        sale = self.sale(order)
        back = self.return_sale(sale, quantities)
        self.receive(self._number_of(back))

    def return_sale(self, sale: int, quantities: Mapping[int, Decimal]) -> int:
        """Makes and confirms the sale that takes quantities of lines back; returns its id."""
        active = {"active_model": SALE, "active_id": sale, "active_ids": [sale]}
        with self.admin.wizard("sale.return_sale", **active) as go:
            answer = go({}, "return_")
        back = int(answer["actions"][0][1]["res_id"][0])
        copies = self._lines(back)
        kept = {copies[index]: -quantity for index, quantity in quantities.items()}
        changes: list[Any] = [["delete", [line for line in copies if line not in kept]]]
        changes += [["write", [line], {"quantity": many}] for line, many in kept.items()]
        self.admin.write(SALE, back, lines=changes)
        self.admin.press(SALE, "quote", back)
        self.admin.press(SALE, "confirm", back)
        return back

    def cancel(self, order: str) -> None:
        """See ``Shop``: its shipments are cancelled, and that they are is then ignored."""
        sale = self.sale(order)
        shipments = self._shipments(sale, SHIPMENT, "shipments", ("draft", "waiting", "assigned"))
        self.admin.press(SHIPMENT, "cancel", *shipments)
        active = {"active_model": SALE, "active_id": sale, "active_ids": [sale]}
        with self.admin.wizard("sale.handle.shipment.exception", **active) as go:
            moves = go({}, "ask")["view"]["defaults"]["domain_moves"]
            ask = {"recreate_moves": [], "ignore_moves": moves, "domain_moves": moves}
            go({"ask": ask}, "handle")

    def receive(self, order: str) -> None:
        """Takes in what a sale's negative lines bring back."""
        for number in self._shipments(self.sale(order), RETURN, "shipment_returns", ("draft",)):
            self.admin.press(RETURN, "receive", number)
            self.admin.press(RETURN, "do", number)

    def amend(self, order: str, quantities: Mapping[int, Decimal]) -> str:
        """See ``Shop``: a quotation goes back to draft for it; what is confirmed is cancelled and sold anew."""
        sale = self.sale(order)
        (row,) = self.admin.rows(SALE, [["id", "=", sale]], ["state"])
        if row["state"] != "quotation":
            return self._sold_anew(order, quantities)
        lines = self._lines(sale)
        self.admin.press(SALE, "draft", sale)
        for index, quantity in quantities.items():
            self.admin.write(LINE, lines[index], quantity=quantity)
        self.admin.press(SALE, "quote", sale)
        return order

    def _sold_anew(self, order: str, quantities: Mapping[int, Decimal]) -> str:
        fields = ("product.code", "quantity", "unit_price")
        lines = self.admin.rows(LINE, [["sale.number", "=", order]], fields)
        sold = [
            Sold(
                line["product."]["code"],
                quantities.get(index, line["quantity"]),
                line["unit_price"],
            )
            for index, line in enumerate(lines)
        ]
        self.cancel(order)
        return self.sell(sold)

    def totals(self, order: str) -> Totals:
        """See ``Shop``."""
        fields = ("untaxed_amount", "tax_amount")
        (row,) = self.admin.rows(SALE, [["number", "=", order]], fields)
        return Totals(row["untaxed_amount"], row["tax_amount"])

    def unapprove(self, order: str) -> None:
        """Tryton cannot."""
        raise NotImplementedError(order)

    def touch(self, order: str) -> None:
        """See ``Shop``."""
        self.admin.write(SALE, self.sale(order), comment="Call before delivery.")

    def set_clock(self, shift: timedelta) -> None:
        """Nobody moves the clock of a real server."""
        raise NotImplementedError(shift)

    def redemption_ship(self, order: str) -> None:
        """See ``Shop``."""
        self.ship(order)

    def sale(self, order: str) -> int:
        """Returns the id of a sale."""
        return self.admin.one(SALE, ["number", "=", order])

    def _number_of(self, sale: int) -> str:
        (row,) = self.admin.rows(SALE, [["id", "=", sale]], ["number"])
        return str(row["number"])

    def _line(self, line: Sold) -> dict[str, Any]:
        return {
            "type": "line",
            "product": self._products[line.sku],
            "quantity": line.quantity,
            "unit": self._unit,
            "unit_price": line.price,
            "taxes": [["add", [self._tax]]],
        }

    def _lines(self, sale: int) -> list[int]:
        return [row["id"] for row in self.admin.rows(LINE, [["sale", "=", sale]], ["id"])]

    def _shipments(self, sale: int, model: str, field: str, states: Sequence[str]) -> list[int]:
        (row,) = self.admin.rows(SALE, [["id", "=", sale]], [field])
        domain = [["id", "in", row[field]], ["state", "in", list(states)]]
        return [each["id"] for each in self.admin.rows(model, domain, ["id"])]

    def _pick_only(self, sale: int, shipment: int, quantities: Mapping[int, Decimal]) -> None:
        lines = self._lines(sale)
        wanted = {f"{LINE},{lines[index]}": many for index, many in quantities.items()}
        (row,) = self.admin.rows(
            SHIPMENT, [["id", "=", shipment]], ["outgoing_moves", "inventory_moves"]
        )
        gone = self.admin.rows(
            "stock.move", [["id", "in", row["outgoing_moves"]]], ["origin", "quantity"]
        )
        sources = self.admin.rows("stock.move", [["id", "in", row["inventory_moves"]]], ["origin"])
        of = {each["origin"]: each["id"] for each in sources}
        for move in gone:
            many = wanted.get(move["origin"], Decimal(0))
            self.admin.write("stock.move", of[f"stock.move,{move['id']}"], quantity=many)


@contextmanager
def open_shop() -> Iterator[TrytonShop]:
    """Opens a shop on a database of its own."""
    with house().open() as server:
        shop = TrytonShop(house(), server)
        try:
            yield shop
        finally:
            shop.close()
