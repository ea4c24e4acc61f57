"""Reads whole documents from Tryton: header and lines come with one call, so that they fit together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from functools import cached_property
from zoneinfo import ZoneInfo

from adapters.contract import AdapterError
from adapters.tryton import mapping
from adapters.tryton.mapping import Surroundings, referred
from adapters.tryton.rest import Domain, Row, Tryton
from adapters.tryton.settings import TrytonSettings
from adapters.wire_values import day_begins
from pointbook.v1 import events_pb2

PARTY, CONTACT = "party.party", "party.contact_mechanism"
PRODUCT, TEMPLATE, COST = "product.product", "product.template", "product.cost_price"
SALE, LINE, MOVE = "sale.sale", "sale.line", "stock.move"
SHIPMENT, RETURN = "stock.shipment.out", "stock.shipment.out.return"
LOCATION, COMPANY = "stock.location", "company.company"

IDS_PER_CALL = 200
COMPANY_FIELDS = ("party.name", "currency.code", "timezone")


class Reader:
    """Turns headers that were found into documents."""

    def __init__(self, tryton: Tryton, settings: TrytonSettings) -> None:
        self.tryton = tryton
        self.settings = settings
        telephones = mapping.TELEPHONE_FIELDS if settings.phones else ()
        costs = mapping.COST_FIELDS if settings.has_costs else ()
        self.party_fields = (*mapping.PARTY_FIELDS, *telephones)
        self.product_fields = (*mapping.PRODUCT_FIELDS, *costs)

    @cached_property
    def company(self) -> Row:
        """The company that is read.

        Raises:
            AdapterError: There is none, or none that the key's user sees.
        """
        number = self.settings.company_id
        found = self.tryton.rows(COMPANY, [["id", "=", number]], COMPANY_FIELDS, limit=1)
        if not found:
            raise AdapterError(
                f"Tryton has no company {number} that the key's user belongs to: set company_id"
            )
        return found[0]

    @cached_property
    def zone(self) -> ZoneInfo:
        """The company's time zone."""
        return ZoneInfo(self.company["timezone"] or "UTC")

    @property
    def mine(self) -> Domain:
        """What picks the company's records."""
        return ["company", "=", self.settings.company_id]

    def sales(self, sales: Sequence[Row]) -> list[events_pb2.Event]:
        """Returns what sales say, in their order."""
        firsts = self._firsts(sales)
        return [
            event
            for sale in sales
            for event in mapping.sale_events(sale, firsts, self.zone, self.settings)
        ]

    def sales_of_lines(self, lines: Sequence[Row]) -> list[events_pb2.Event]:
        """Returns what the sales say that some lines are part of."""
        return self.sales(self._at(SALE, {line["sale"] for line in lines}, mapping.SALE_FIELDS))

    def shipments(self, shipments: Sequence[Row]) -> list[events_pb2.Event]:
        """Returns what shipments to customers say, in their order."""
        around = self._around(move for each in shipments for move in each["outgoing_moves"])
        return [event for each in shipments for event in mapping.shipment_events(each, around)]

    def returns(self, shipments: Sequence[Row]) -> list[events_pb2.Event]:
        """Returns what return shipments say, in their order."""
        around = self._around(move for each in shipments for move in each["incoming_moves"])
        return [event for each in shipments for event in mapping.return_events(each, around)]

    def shipments_of_moves(self, moves: Sequence[Row]) -> list[events_pb2.Event]:
        """Returns what the shipments and return shipments say that some moves are part of."""
        gone = {referred(move["shipment"], SHIPMENT) for move in moves} - {0}
        back = {referred(move["shipment"], RETURN) for move in moves} - {0}
        return [
            *self.shipments(self._at(SHIPMENT, gone, mapping.SHIPMENT_FIELDS)),
            *self.returns(self._at(RETURN, back, mapping.RETURN_FIELDS)),
        ]

    def members(self, parties: Sequence[Row]) -> list[events_pb2.Event]:
        """Returns parties as members; the company itself is none."""
        company = self.company["party"]["id"]
        return [
            mapping.member_event(party, self.settings)
            for party in parties
            if party["id"] != company
        ]

    def members_of_contacts(self, contacts: Sequence[Row]) -> list[events_pb2.Event]:
        """Returns the members that some contact mechanisms belong to."""
        return self.members(
            self._at(PARTY, {contact["party"] for contact in contacts}, self.party_fields)
        )

    def products(self, products: Sequence[Row]) -> list[events_pb2.Event]:
        """Returns products that have a code."""
        events = (mapping.product_event(product, self.settings) for product in products)
        return [event for event in events if event is not None]

    def products_of_templates(self, templates: Sequence[Row]) -> list[events_pb2.Event]:
        """Returns the products whose name or categories some templates hold."""
        ids = {number for template in templates for number in template["products"]}
        return self.products(self._at(PRODUCT, ids, self.product_fields))

    def products_of_costs(self, costs: Sequence[Row]) -> list[events_pb2.Event]:
        """Returns the products that some cost prices belong to."""
        ids = {cost["product"] for cost in costs} - {None}
        return self.products(self._at(PRODUCT, ids, self.product_fields))

    def sales_of_days(self, from_on: date, until_on: date) -> Domain:
        """Returns what picks the sales of some days; those without a date count from when they were made."""
        undated = [
            ["sale_date", "=", None],
            ["create_date", ">=", day_begins(from_on, self.zone)],
            ["create_date", "<", day_begins(until_on, self.zone)],
        ]
        dated = [["sale_date", ">=", from_on], ["sale_date", "<", until_on]]
        return [self.mine, ["OR", dated, undated]]

    def goods_of_days(self, from_on: date, until_on: date) -> Domain:
        """Returns what picks the shipments of some days by their moves."""
        days = [["effective_date", ">=", from_on], ["effective_date", "<", until_on]]
        return [self.mine, ["moves", "where", days]]

    def _around(self, moves: Iterable[Row]) -> Surroundings:
        wanted = {referred(move["origin"], LINE) for move in moves} - {0}
        found = self._at(LINE, wanted, mapping.LINE_FIELDS)
        lines = {line["id"]: line for line in found}
        return Surroundings(lines, self._firsts([line["sale"] for line in found]), self.zone)

    def _firsts(self, sales: Iterable[Row]) -> dict[int, Row]:
        """Returns the sales that some sales take back."""
        ids = {mapping.first_sale(sale) for sale in sales} - {0}
        return {row["id"]: row for row in self._at(SALE, ids, mapping.FIRST_FIELDS)}

    def _at(self, model: str, ids: set[int], fields: Sequence[str]) -> list[Row]:
        """Returns records by id; asked for in parts, for the question is a URL, which servers limit to some 8,000 characters."""
        wanted = sorted(ids)
        return [
            row
            for start in range(0, len(wanted), IDS_PER_CALL)
            for row in self.tryton.rows(
                model, [["id", "in", wanted[start : start + IDS_PER_CALL]]], fields
            )
        ]
