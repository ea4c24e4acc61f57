"""Writes redemptions as sales of Tryton: found by their reference, made once, stopped again."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import unquote

from adapters.contract import AdapterError, Known, SourceAway
from adapters.tryton.mapping import CANCELLED, LINE
from adapters.tryton.reading import PARTY, PRODUCT, SALE, SHIPMENT, Reader
from adapters.tryton.rest import Row
from adapters.tryton.stages import Clock, warehouse_ids
from adapters.unanswered import Unanswered
from adapters.wire_values import ascii_id, exponent, minor, priced, redemption_reference
from pointbook.v1 import redemptions_pb2

DRAFT, QUOTATION = "draft", "quotation"
OPEN = (DRAFT, QUOTATION)
UNPICKED = ("draft", "waiting", "assigned")
SALE_FIELDS = ("number", "state", "total_amount", "currency.code", "shipments")
SHIPMENT_FIELDS = ("number", "state")
PARTY_FIELDS = ("code", "addresses")
PRODUCT_FIELDS = ("code", "default_uom")


class Redemptions:
    """The sales of redemptions in one company."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._tryton = reader.tryton
        self._settings = reader.settings
        self._clock = clock
        self._unanswered = Unanswered(reader.settings.settle_seconds, clock)

    def find(self, redemption_id: str) -> str:
        """See ``adapters.contract.Erp.find_order``; a sale that was not confirmed yet is none."""
        found = self._found(redemption_id)
        return "" if found is None or found["state"] in OPEN else ascii_id(found["number"])

    def create(self, redemption: redemptions_pb2.Redemption, member: Known) -> str:
        """See ``adapters.contract.Erp.create_order``; a sale that was left unconfirmed is confirmed."""
        number = redemption.redemption_id
        found = self._found(number)
        if found is None:
            self._unanswered.expect_settled(number)
            found = self._created(redemption, member)
        self._unanswered.forget(number)
        if found["state"] == DRAFT:
            found = self._tryton.press(SALE, found["id"], "quote", SALE_FIELDS)
        if found["state"] == QUOTATION:
            self._confirm(found, redemption)
        return ascii_id(found["number"])

    def cancel(self, redemption_id: str) -> None:
        """See ``adapters.contract.Erp.cancel_order``: what was not confirmed is cancelled, else its shipments are.

        Tryton then says that the sale has a shipment exception; to ignore it, which ends the sale, is a
        right of those who sell.
        """
        found = self._found(redemption_id)
        if found is None or found["state"] == CANCELLED:
            return
        if found["state"] in OPEN:
            self._tryton.press(SALE, found["id"], "cancel", SALE_FIELDS)
            return
        domain = [["id", "in", found["shipments"]]]
        for shipment in self._tryton.rows(SHIPMENT, domain, SHIPMENT_FIELDS):
            if shipment["state"] in UNPICKED:
                self._tryton.press(SHIPMENT, shipment["id"], "cancel", SHIPMENT_FIELDS)
            elif shipment["state"] != CANCELLED:
                raise AdapterError(
                    f"shipment {shipment['number']} of redemption {redemption_id}, sale "
                    f"{found['number']}, is in state '{shipment['state']}': see to it in Tryton"
                )

    def _found(self, redemption_id: str) -> Row | None:
        """Returns the redemption's sale; of several the first that is not cancelled."""
        reference = redemption_reference(redemption_id)
        domain = [self._reader.mine, ["reference", "=", reference]]
        found = self._tryton.rows(SALE, domain, SALE_FIELDS)
        alive = [row for row in found if row["state"] != CANCELLED]
        return next(iter(alive or found), None)

    def _created(self, redemption: redemptions_pb2.Redemption, member: Known) -> Row:
        number = redemption.redemption_id
        values = self._values(redemption, member)
        try:
            return self._tryton.create(SALE, values, SALE_FIELDS)
        except SourceAway:
            self._unanswered.note(number)
            found = self._found(number)
            if found is None:
                raise
            return found

    def _confirm(self, found: Row, redemption: redemptions_pb2.Redemption) -> None:
        """Confirms a sale whose price is right."""
        currency = found["currency"]["code"]
        total = minor(found["total_amount"], currency)
        if total != redemption.amount_minor:
            raise AdapterError(
                f"sale {found['number']} of redemption {redemption.redemption_id} costs "
                f"{found['total_amount']} {currency} instead of {redemption.amount_minor} in minor "
                f"units; it was left a quotation: see to it in Tryton"
            )
        self._tryton.press(SALE, found["id"], "confirm", SALE_FIELDS)

    def _values(self, redemption: redemptions_pb2.Redemption, member: Known) -> Row:
        """Returns the sale. Without a price there is nothing to invoice; with one Tryton's default says when."""
        party = self._party(redemption, member)
        address = party["addresses"][0]
        values: Row = {
            "company": self._settings.company_id,
            "currency": self._currency(redemption),
            "party": party["id"],
            "invoice_address": address,
            "shipment_address": address,
            "warehouse": self._warehouse(redemption),
            "sale_date": self._clock().astimezone(self._reader.zone).date(),
            "reference": redemption_reference(redemption.redemption_id),
            "invoice_method": "order" if redemption.amount_minor else "manual",
            "shipment_method": "order",
        }
        product = self._product(redemption)
        prices = priced(redemption.quantity, redemption.amount_minor, self._settings.currency)
        lines = [_line(product, pieces, price) for pieces, price in prices]
        return {**values, "lines": [["create", lines]]}

    def _currency(self, redemption: redemptions_pb2.Redemption) -> int:
        """Returns the company's currency, in which a member may pay beside the points.

        Raises:
            AdapterError: The book keeps another one, and there is something to pay.
        """
        currency = self._reader.company["currency"]
        if redemption.amount_minor and currency["code"] != self._settings.currency:
            price = Decimal(redemption.amount_minor).scaleb(-exponent(self._settings.currency))
            raise AdapterError(
                f"redemption {redemption.redemption_id} costs {price} {self._settings.currency}, and "
                f"the company sells in {currency['code']}"
            )
        return int(currency["id"])

    def _warehouse(self, redemption: redemptions_pb2.Redemption) -> int:
        """Returns the warehouse goods leave from: the redemption's, or the only one."""
        codes = [redemption.warehouse] if redemption.warehouse else list(self._settings.warehouses)
        if len(codes) != 1:
            raise AdapterError(
                f"redemption {redemption.redemption_id} names no warehouse: name one in the reward, or "
                f"exactly one in [erp] warehouses"
            )
        return warehouse_ids(self._tryton, codes)[codes[0]]

    def _product(self, redemption: redemptions_pb2.Redemption) -> Row:
        codes = sorted({redemption.sku, unquote(redemption.sku)})  # see mapping.sku_of
        found = self._tryton.rows(
            PRODUCT, [["code", "in", codes], ["active", "=", True]], PRODUCT_FIELDS
        )
        if len(found) == 1:
            return found[0]
        raise AdapterError(
            f"redemption {redemption.redemption_id}: {len(found)} products in Tryton have the code "
            f"'{redemption.sku}', one is needed"
        )

    def _party(self, redemption: redemptions_pb2.Redemption, member: Known) -> Row:
        """Returns the party whose code gave the member's number: itself, or percent-encoded."""
        number = member.external_id
        codes = sorted(code for code in {number, unquote(number)} if ascii_id(code) == number)
        found = self._tryton.rows(PARTY, [["code", "in", codes]], PARTY_FIELDS)
        if len(found) != 1 or not found[0]["addresses"]:
            lacking = "has no address" if len(found) == 1 else f"is {len(found)} parties"
            raise AdapterError(
                f"redemption {redemption.redemption_id}: party '{number}' {lacking} in Tryton"
            )
        return found[0]


def _line(product: Row, pieces: int, price: Decimal) -> Row:
    """Returns a line without taxes, so that its total is the price."""
    return {
        "type": LINE,
        "product": product["id"],
        "unit": product["default_uom"],
        "quantity": pieces,
        "unit_price": price,
    }
