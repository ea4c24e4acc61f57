"""Reads whole documents from Odoo, many per call: a page of orders costs three calls, one of deliveries four."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from adapters.odoo import mapping
from adapters.odoo.mapping import Surroundings, reference_id
from adapters.odoo.rpc import Domain, Odoo, Row
from adapters.odoo.settings import OdooSettings
from pointbook.v1 import events_pb2

PARTNER, PRODUCT, TEMPLATE = "res.partner", "product.product", "product.template"
ORDER, LINE, PICKING, MOVE = "sale.order", "sale.order.line", "stock.picking", "stock.move"
WAREHOUSE, COMPANY = "stock.warehouse", "res.company"

# Odoo hides archived records unless it is asked for both.
ARCHIVED_TOO = ["active", "in", [True, False]]

LINE_FIELDS = (
    "order_id",
    "product_id",
    "product_uom_qty",
    "price_subtotal",
    "price_total",
    "display_type",
)
PICKING_FIELDS = ("name", "state", "picking_type_code", "sale_id", "date_done", "write_date")
MOVE_FIELDS = (
    "picking_id",
    "product_id",
    "quantity",
    "state",
    "sale_line_id",
    "origin_returned_move_id",
)


class Reader:
    """Turns headers that were found into documents."""

    def __init__(self, odoo: Odoo, settings: OdooSettings) -> None:
        self.odoo = odoo
        self.settings = settings
        delivered = ("delivery_status",) if settings.completed == "delivered" else ("locked",)
        self.order_fields = (
            "name",
            "state",
            "partner_id",
            "date_order",
            "currency_id",
            "amount_untaxed",
            "amount_tax",
            "client_order_ref",
            "write_date",
            *delivered,
        )
        named = [name for name in (settings.phone_field, settings.card_field) if name]
        self.partner_fields = ("name", "active", "create_date", "write_date", *named)
        costs = ("standard_price",) if mapping.has_costs(settings) else ()
        self.product_fields = ("default_code", "name", "categ_id", "write_date", *costs)

    def orders(self, orders: Sequence[Row]) -> list[events_pb2.Event]:
        """Returns the documents of order headers, in their order."""
        if not orders:
            return []
        lines = self._by(LINE, "order_id", [each["id"] for each in orders], LINE_FIELDS)
        products = self._products(line for many in lines.values() for line in many)
        return [
            mapping.order_event(order, lines.get(order["id"], ()), products, self.settings)
            for order in orders
        ]

    def orders_of_lines(self, lines: Sequence[Row]) -> list[events_pb2.Event]:
        """Returns the documents that some lines are part of."""
        ids = {reference_id(line["order_id"]) for line in lines}
        return self.orders(self._at(ORDER, ids, self.order_fields))

    def pickings(self, pickings: Sequence[Row]) -> list[events_pb2.Event]:
        """Returns what deliveries and returns say, in their order."""
        if not pickings:
            return []
        moves = self._by(MOVE, "picking_id", [each["id"] for each in pickings], MOVE_FIELDS)
        around = self._around([move for many in moves.values() for move in many])
        return [
            event
            for picking in pickings
            for event in mapping.picking_events(picking, moves.get(picking["id"], ()), around)
        ]

    def pickings_of_moves(self, moves: Sequence[Row]) -> list[events_pb2.Event]:
        """Returns what the deliveries and returns say that some moves are part of."""
        ids = {reference_id(move["picking_id"]) for move in moves} - {0}
        return self.pickings(self._at(PICKING, ids, PICKING_FIELDS))

    def members(self, partners: Sequence[Row]) -> list[events_pb2.Event]:
        """Returns contacts as members."""
        return [mapping.member_event(partner, self.settings) for partner in partners]

    def products(self, products: Sequence[Row]) -> list[events_pb2.Event]:
        """Returns products that have an internal reference."""
        events = (mapping.product_event(product, self.settings) for product in products)
        return [event for event in events if event is not None]

    def products_of_templates(self, templates: Sequence[Row]) -> list[events_pb2.Event]:
        """Returns the products whose name or category some templates hold."""
        ids = [template["id"] for template in templates]
        if not ids:
            return []
        domain = [ARCHIVED_TOO, ["product_tmpl_id", "in", ids]]
        return self.products(self.odoo.rows(PRODUCT, domain, self.product_fields, order="id asc"))

    def _around(self, moves: Sequence[Row]) -> Surroundings:
        origins = self._origins(moves)
        wanted = {mapping.sale_line_of(move, origins) for move in moves} - {0}
        lines = {row["id"]: row for row in self._at(LINE, wanted, ("order_id", "product_id"))}
        of = {reference_id(line["order_id"]) for line in lines.values()}
        orders = {row["id"]: row for row in self._at(ORDER, of, ("name", "client_order_ref"))}
        return Surroundings(lines, orders, origins)

    def _origins(self, moves: Sequence[Row]) -> dict[int, int]:
        """Returns the order lines of returned moves, for returns that do not name one themselves."""
        wanted = {
            reference_id(move["origin_returned_move_id"])
            for move in moves
            if not move["sale_line_id"]
        } - {0}
        found = self._at(MOVE, wanted, ("sale_line_id",))
        return {row["id"]: reference_id(row["sale_line_id"]) for row in found}

    def _products(self, lines: Iterable[Row]) -> dict[int, Row]:
        ids = sorted({reference_id(line["product_id"]) for line in lines} - {0})
        if not ids:
            return {}
        domain = [ARCHIVED_TOO, ["id", "in", ids]]
        found = self.odoo.rows(PRODUCT, domain, ("default_code", "categ_id"))
        return {row["id"]: row for row in found}

    def _at(self, model: str, ids: set[int], fields: Sequence[str]) -> list[Row]:
        if not ids:
            return []
        domain: Domain = [["id", "in", sorted(ids)]]
        return self.odoo.rows(model, domain, fields, order="id asc")

    def _by(
        self, model: str, owner: str, owners: Sequence[int], fields: Sequence[str]
    ) -> dict[int, list[Row]]:
        """Returns records by what they belong to; in the order of their ids, which nobody rearranges."""
        result: dict[int, list[Row]] = defaultdict(list)
        for row in self.odoo.rows(model, [[owner, "in", list(owners)]], fields, order="id asc"):
            result[reference_id(row[owner])].append(row)
        return result
