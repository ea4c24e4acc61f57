"""Writes redemptions as orders of Odoo: found by their reference, made once, cancelled again.

Odoo takes no key that would make a repeated ``create`` harmless. So the reference is looked for first; and
after a ``create`` that was sent but not answered, it is only looked for until Odoo must have given up on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import unquote

from adapters.contract import AdapterError, Known, SourceAway
from adapters.odoo.mapping import CANCELLED
from adapters.odoo.reading import LINE, ORDER, PRODUCT
from adapters.odoo.rpc import Odoo, Row
from adapters.odoo.settings import OdooSettings
from adapters.odoo.stages import Clock, warehouse_ids
from adapters.unanswered import Unanswered
from adapters.wire_values import ascii_id, exponent, minor, priced, redemption_reference
from pointbook.v1 import redemptions_pb2

OPEN = ("draft", "sent")
FOUND_FIELDS = ("name", "state", "amount_total", "currency_id")
TAX_FIELDS = ("tax_id", "tax_ids")  # 19 renamed it; the server is asked which it has
ALL_THE_SAME: Mapping[str, bool] = {"disable_cancel_warning": True}


class Redemptions:
    """The orders of redemptions in one Odoo."""

    def __init__(self, odoo: Odoo, settings: OdooSettings, clock: Clock) -> None:
        self._odoo = odoo
        self._settings = settings
        self._unanswered = Unanswered(settings.settle_seconds, clock)
        self._tax_field = ""

    def find(self, redemption_id: str) -> str:
        """See ``adapters.contract.Erp.find_order``; an order that was not confirmed yet is none."""
        found = self._found(redemption_id)
        return "" if found is None or found["state"] in OPEN else ascii_id(found["name"])

    def create(self, redemption: redemptions_pb2.Redemption, member: Known) -> str:
        """See ``adapters.contract.Erp.create_order``; an order that was left unconfirmed is confirmed."""
        number = redemption.redemption_id
        found = self._found(number)
        if found is None:
            self._unanswered.expect_settled(number)
            found = self._created(redemption, member)
        self._unanswered.forget(number)
        if found["state"] in OPEN:
            self._confirm(found, redemption)
        return ascii_id(found["name"])

    def cancel(self, redemption_id: str) -> None:
        """See ``adapters.contract.Erp.cancel_order``."""
        found = self._found(redemption_id)
        if found is None or found["state"] == CANCELLED:
            return
        self._odoo.act(ORDER, "action_cancel", [found["id"]], ALL_THE_SAME)
        after = self._found(redemption_id)
        if after is not None and after["state"] != CANCELLED:
            raise AdapterError(
                f"order {found['name']} of redemption {redemption_id} is still in state "
                f"'{after['state']}': cancel it in Odoo"
            )

    def _found(self, redemption_id: str) -> Row | None:
        """Returns the redemption's order; of several the first that is not cancelled."""
        domain = [["client_order_ref", "=", redemption_reference(redemption_id)]]
        found = self._odoo.rows(ORDER, domain, FOUND_FIELDS, order="id asc")
        alive = [row for row in found if row["state"] != CANCELLED]
        return next(iter(alive or found), None)

    def _created(self, redemption: redemptions_pb2.Redemption, member: Known) -> Row:
        number = redemption.redemption_id
        values = self._values(redemption, member)
        try:
            self._odoo.create(ORDER, values)
        except SourceAway:
            self._unanswered.note(number)
            found = self._found(number)
            if found is None:
                raise
            return found
        found = self._found(number)
        if found is None:
            raise AdapterError(f"Odoo made an order for redemption {number}, but does not show it")
        return found

    def _confirm(self, found: Row, redemption: redemptions_pb2.Redemption) -> None:
        """Confirms an order whose price is right; what ``action_confirm`` returns may be a hint for the screen."""
        currency = str(found["currency_id"][1])
        total = minor(found["amount_total"], currency)
        if total != redemption.amount_minor or (total and currency != self._settings.currency):
            raise AdapterError(
                f"order {found['name']} of redemption {redemption.redemption_id} costs "
                f"{found['amount_total']} {currency} instead of {self._price(redemption)} "
                f"{self._settings.currency}; it was left unconfirmed: see to its price list and taxes"
            )
        self._odoo.act(ORDER, "action_confirm", [found["id"]], {})

    def _values(self, redemption: redemptions_pb2.Redemption, member: Known) -> Row:
        product = self._product(redemption)
        tax = self._tax()
        values: Row = {
            "partner_id": _partner(redemption, member),
            "client_order_ref": redemption_reference(redemption.redemption_id),
            "order_line": [
                [0, 0, _line(product, pieces, price, tax)]
                for pieces, price in priced(
                    redemption.quantity, redemption.amount_minor, self._settings.currency
                )
            ],
        }
        if redemption.warehouse in self._settings.warehouses:
            found = warehouse_ids(self._odoo, [redemption.warehouse])
            values["warehouse_id"] = found[redemption.warehouse]
        return values

    def _product(self, redemption: redemptions_pb2.Redemption) -> int:
        codes = sorted({redemption.sku, unquote(redemption.sku)})  # see mapping.sku_of
        domain = [["default_code", "in", codes]]
        found = self._odoo.rows(PRODUCT, domain, ("default_code",))
        if len(found) == 1:
            return int(found[0]["id"])
        raise AdapterError(
            f"redemption {redemption.redemption_id}: {len(found)} products in Odoo have the internal "
            f"reference '{redemption.sku}', one is needed"
        )

    def _tax(self) -> str:
        if not self._tax_field:
            known = self._odoo.known_fields(LINE, TAX_FIELDS)
            if not known:
                raise AdapterError(f"Odoo's {LINE} has no field for taxes that is known here")
            self._tax_field = sorted(known)[0]
        return self._tax_field

    def _price(self, redemption: redemptions_pb2.Redemption) -> Decimal:
        return Decimal(redemption.amount_minor).scaleb(-exponent(self._settings.currency))


def _line(product: int, pieces: int, price: Decimal, tax: str) -> Row:
    """Returns a line without taxes and discount, so that its total is the price."""
    return {
        "product_id": product,
        "product_uom_qty": pieces,
        "price_unit": price,
        "discount": 0,
        tax: [[6, 0, []]],
    }


def _partner(redemption: redemptions_pb2.Redemption, member: Known) -> int:
    if not member.external_id.isdecimal():
        raise AdapterError(
            f"redemption {redemption.redemption_id}: '{member.external_id}' is not the id of a contact"
        )
    return int(member.external_id)
