"""What people do in a replayed Odoo: sell, ship, take back, cancel. Stamps move as on the live servers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.adapters.odoo.tables import Tables, Transaction, Values

ORDER, LINE, PICKING, MOVE = "sale.order", "sale.order.line", "stock.picking", "stock.move"
ZERO, CENT = Decimal(0), Decimal("0.01")
USD, WAREHOUSE = 1, 1
STOCK, CUSTOMERS = [8, "WH/Stock"], [5, "Partners/Customers"]
# (id, SKU, name, price, cost, goods?), as the recordings made them
PRODUCTS = (
    (4, "COF-250", "Coffee 250 g", "7.9", "3.2", True),
    (5, "COF-1000", "Coffee 1 kg", "24.5", "11", True),
    (6, "MUG-01", "Mug", "9.99", "0", True),
    (7, "DELIV", "Delivery", "4.9", "0", False),
)
FIRST_CUSTOMER = {"17": 7, "19": 6}


class UserError(Exception):
    """Odoo refuses, in a sentence for its user."""


def seed(tables: Tables) -> None:
    """Sets up what the recordings set up: a currency, a warehouse, products, five customers."""
    tables.insert("res.currency", {"name": "USD"}, number=USD)
    tables.insert("res.company", {"name": "YourCompany", "currency_id": USD})
    tables.insert("stock.warehouse", {"code": "WH", "name": "YourCompany"}, number=WAREHOUSE)
    tables.insert("product.category", {"name": "All / Coffee"}, number=4)
    for number, sku, name, price, cost, goods in PRODUCTS:
        shared = {"name": name, "active": True, "categ_id": 4, "default_code": sku}
        tables.insert("product.template", shared, number=number)
        own = {
            "product_tmpl_id": number,
            "list_price": Decimal(price),
            "standard_price": Decimal(cost),
            "qty_available": Decimal(100_000) if goods else ZERO,
            "goods": goods,
        }
        tables.insert("product.product", shared | own, number=number)
    for index in range(5):
        text = f"{index:03}"
        values = {"name": f"Customer {text}", "email": f"c{text}@example.com", "active": True}
        tables.insert("res.partner", values, number=FIRST_CUSTOMER[tables.version] + index)


class Business:
    """The state machine of orders and deliveries. Orders are known by id here."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.rounds_globally = tables.version == "19"
        self._names = {"S": 0, "WH/OUT/": 0, "WH/IN/": 0}

    def create_order(self, values: Values, at: datetime | None = None) -> int:
        """Creates an order from what ``sale.order.create`` takes."""
        transaction = self.tables.begin()
        header = {name: value for name, value in values.items() if name != "order_line"}
        header |= {
            "name": self._next("S"),
            "state": "draft",
            "locked": False,
            "currency_id": USD,
            "date_order": at or transaction.stamp,
        }
        number = self.tables.insert(ORDER, header, transaction)
        for command in values["order_line"]:
            self._create_line(number, command[2], transaction)
        self.tables.commit(transaction)
        self._total(number)
        return number

    def confirm(
        self, number: int, at: datetime | None = None, within: Transaction | None = None
    ) -> None:
        """Confirms a draft: the header, its lines, a picking and its moves get the stamp."""
        if self.tables.get(ORDER, number)["state"] not in ("draft", "sent"):
            raise UserError("Some orders are not in a state requiring confirmation.")
        transaction = within or self.tables.begin()
        values = {"state": "sale", "date_order": at or transaction.stamp}
        self.tables.write(ORDER, number, values, transaction)
        for line in self.tables.all(LINE, order_id=number):
            self.tables.write(LINE, line["id"], {"state": "sale"}, transaction)
        self._deliver(number, self._undelivered(number), transaction)
        if within is None:
            self.tables.commit(transaction)

    def ship(self, number: int, quantities: Mapping[int, Decimal] | None) -> None:
        """Does an order's open picking, by line id; what is left goes into a backorder."""
        picking = self._open_picking(number)
        transaction = self.tables.begin()
        left: dict[int, Decimal] = {}
        for move in self.tables.all(MOVE, picking_id=picking["id"]):
            demand, line = move["product_uom_qty"], move["sale_line_id"]
            done = demand if quantities is None else quantities.get(line, ZERO)
            if done < demand:
                left[line] = demand - done
            self._do_move(move, done, transaction)
        self._done(picking, transaction)
        self._deliver(number, left, transaction, backorder_of=picking["id"])
        self.tables.write(ORDER, number, {}, transaction)
        self.tables.commit(transaction)

    def take_back(self, number: int, quantities: Mapping[int, Decimal]) -> None:
        """Receives returns, by line id: one incoming picking for each delivery they came from."""
        left = dict(quantities)
        for picking in self.tables.all(PICKING, sale_id=number, picking_type_code="outgoing"):
            taken = self._taken(picking, left)
            if taken:
                self._receive(number, picking, taken)
        if any(left.values()):
            raise UserError("You may only return what was delivered.")

    def cancel(self, number: int) -> None:
        """Cancels an order and its open pickings; cancelling again changes only stamps."""
        if self.tables.get(ORDER, number)["locked"]:
            raise UserError("You cannot cancel a locked order. Please unlock it first.")
        transaction = self.tables.begin()
        self.tables.write(ORDER, number, {"state": "cancel"}, transaction)
        for line in self.tables.all(LINE, order_id=number):
            self.tables.write(LINE, line["id"], {"state": "cancel"}, transaction)
        for picking in self.tables.all(PICKING, sale_id=number):
            if picking["state"] != "done":
                self._cancel_picking(picking, transaction)
        self.tables.commit(transaction)

    def back_to_draft(self, number: int) -> None:
        """Sets a cancelled order to quotation, the only way back from a confirmed one."""
        transaction = self.tables.begin()
        self.tables.write(ORDER, number, {"state": "draft"}, transaction)
        for line in self.tables.all(LINE, order_id=number):
            self.tables.write(LINE, line["id"], {"state": "draft"}, transaction)
        self.tables.commit(transaction)

    def amend(self, line: int, quantity: Decimal) -> None:
        """Changes a line's quantity: only the line's stamp moves, and its open move's."""
        row = self.tables.get(LINE, line)
        amounts = self._amounts(row | {"product_uom_qty": quantity})
        self.tables.write(LINE, line, {"product_uom_qty": quantity, **amounts})
        self._total(row["order_id"])
        open_moves = [
            move
            for move in self.tables.all(MOVE, sale_line_id=line, origin_returned_move_id=None)
            if move["state"] == "assigned"
        ]
        for move in open_moves:
            self.tables.write(MOVE, move["id"], {"product_uom_qty": quantity - self._shipped(line)})

    def _create_line(self, order: int, said: Values, transaction: Transaction) -> None:
        product = self.tables.get("product.product", said["product_id"])
        price = Decimal(str(said.get("price_unit", product["list_price"])))
        quantity = Decimal(str(said["product_uom_qty"]))
        tax = Decimal(said.get("tax_percent", 0))
        discount = Decimal(str(said.get("discount", 0)))
        values = {
            "order_id": order,
            "product_id": product["id"],
            "product_uom_qty": quantity,
            "qty_delivered": ZERO,
            "price_unit": price,
            "discount": discount,
            "tax_percent": tax,
            "display_type": said.get("display_type"),
            "state": "draft",
        }
        self.tables.insert(LINE, values | self._amounts(values), transaction)

    def _total(self, number: int) -> None:
        """Recomputes the totals, which are stored without a new stamp.

        17 rounds "per line" by default, and adds up the lines; 19 "globally", and rounds once. Recorded are only
        totals without a rest; see ``_compute_amounts`` in addons/sale/models/sale_order.py of each.
        """
        lines = self.tables.all(LINE, order_id=number)
        if self.rounds_globally:
            untaxed = _cents(sum((_net(line) for line in lines), ZERO))
            tax = _cents(sum((_tax(line, _net(line)) for line in lines), ZERO))
        else:
            untaxed = sum((line["price_subtotal"] for line in lines), ZERO)
            tax = sum((line["price_total"] for line in lines), ZERO) - untaxed
        amounts = {"amount_untaxed": untaxed, "amount_tax": tax, "amount_total": untaxed + tax}
        self.tables.get(ORDER, number).update(amounts)

    def _amounts(self, line: Values) -> Values:
        """Returns what a line shows, without and with tax."""
        net = _cents(_net(line))
        tax = _cents(_tax(line, _net(line) if self.rounds_globally else net))
        return {"price_subtotal": net, "price_total": net + tax}

    def _undelivered(self, number: int) -> dict[int, Decimal]:
        left = {
            line["id"]: line["product_uom_qty"] - self._shipped(line["id"])
            for line in self.tables.all(LINE, order_id=number)
            if self.tables.get("product.product", line["product_id"])["goods"]
        }
        return {line: quantity for line, quantity in left.items() if quantity > 0}

    def _shipped(self, line: int) -> Decimal:
        done = self.tables.all(MOVE, sale_line_id=line, state="done", origin_returned_move_id=None)
        return sum((move["quantity"] for move in done), ZERO)

    def _deliver(
        self,
        number: int,
        quantities: Mapping[int, Decimal],
        transaction: Transaction,
        backorder_of: int | None = None,
    ) -> None:
        if not quantities:
            return
        picking = self._insert_picking("WH/OUT/", number, transaction, backorder_id=backorder_of)
        for line, quantity in quantities.items():
            self._insert_move(picking, line, quantity, transaction)

    def _insert_picking(
        self, prefix: str, number: int, transaction: Transaction, **more: Any
    ) -> int:
        values = {
            "name": self._next(prefix),
            "state": "assigned",
            "picking_type_code": "outgoing" if prefix == "WH/OUT/" else "incoming",
            "sale_id": number,
            **more,
        }
        return self.tables.insert(PICKING, values, transaction)

    def _insert_move(
        self,
        picking: int,
        line: int,
        quantity: Decimal,
        transaction: Transaction,
        origin: int | None = None,
    ) -> int:
        values = {
            "picking_id": picking,
            "product_id": self.tables.get(LINE, line)["product_id"],
            "product_uom_qty": quantity,
            "quantity": quantity if origin else ZERO,
            "state": "done" if origin else "assigned",
            "sale_line_id": line,
            "origin_returned_move_id": origin,
            "to_refund": bool(origin),
            "location_id": CUSTOMERS if origin else STOCK,
            "location_dest_id": STOCK if origin else CUSTOMERS,
        }
        if origin:
            self._stock(values["product_id"], quantity)
        return self.tables.insert(MOVE, values, transaction)

    def _stock(self, product: int, quantity: Decimal) -> None:
        """Changes what is on hand; no stamp of the product moves."""
        self.tables.get("product.product", product)["qty_available"] += quantity

    def _do_move(self, move: Values, done: Decimal, transaction: Transaction) -> None:
        """Does a move; of one that nothing was taken of, the backorder gets all."""
        state = {"state": "done" if done else "cancel", "quantity": done, "product_uom_qty": done}
        self.tables.write(MOVE, move["id"], state, transaction)
        self.tables.write(LINE, move["sale_line_id"], {}, transaction)
        self._stock(move["product_id"], -done)

    def _done(self, picking: Values, transaction: Transaction) -> None:
        values = {"state": "done", "date_done": transaction.stamp}
        self.tables.write(PICKING, picking["id"], values, transaction)

    def _cancel_picking(self, picking: Values, transaction: Transaction) -> None:
        self.tables.write(PICKING, picking["id"], {"state": "cancel"}, transaction)
        for move in self.tables.all(MOVE, picking_id=picking["id"]):
            self.tables.write(MOVE, move["id"], {"state": "cancel"}, transaction)

    def _open_picking(self, number: int) -> Values:
        for picking in self.tables.all(PICKING, sale_id=number, state="assigned"):
            return picking
        raise UserError("Nothing to deliver.")

    def _taken(self, picking: Values, left: dict[int, Decimal]) -> list[tuple[Values, Decimal]]:
        """Returns what can come back of a delivery, and takes it off what is left to come back."""
        result = []
        for move in self.tables.all(MOVE, picking_id=picking["id"], state="done"):
            line = move["sale_line_id"]
            back = self.tables.all(MOVE, origin_returned_move_id=move["id"])
            free = move["quantity"] - sum((each["quantity"] for each in back), ZERO)
            many = min(free, left.get(line, ZERO))
            if many > 0:
                left[line] -= many
                result.append((move, many))
        return result

    def _receive(self, number: int, origin: Values, taken: list[tuple[Values, Decimal]]) -> None:
        transaction = self.tables.begin()
        back = self._insert_picking("WH/IN/", number, transaction, return_id=origin["id"])
        for move, many in taken:
            self._insert_move(back, move["sale_line_id"], many, transaction, origin=move["id"])
            self.tables.write(LINE, move["sale_line_id"], {}, transaction)
        self.tables.write(
            PICKING, back, {"state": "done", "date_done": transaction.stamp}, transaction
        )
        self.tables.write(ORDER, number, {}, transaction)
        self.tables.commit(transaction)

    def _next(self, prefix: str) -> str:
        self._names[prefix] += 1
        return f"{prefix}{self._names[prefix]:05}"


def _net(line: Values) -> Decimal:
    exact: Decimal = line["product_uom_qty"] * line["price_unit"] * (100 - line["discount"]) / 100
    return exact


def _tax(line: Values, net: Decimal) -> Decimal:
    exact: Decimal = net * line["tax_percent"] / 100
    return exact


def _cents(amount: Decimal) -> Decimal:
    """Returns an amount as a currency of Odoo's rounds it: half away from zero."""
    return amount.quantize(CENT, ROUND_HALF_UP)
