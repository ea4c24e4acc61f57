"""Redemptions as Sales Orders: found by their reference, made once, cancelled as far as ERPNext lets us."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import unquote

from adapters.contract import AdapterError, Known, SourceAway
from adapters.erpnext.mapping import CANCELLED, DRAFT, SUBMITTED
from adapters.erpnext.money import price
from adapters.erpnext.rest import Row
from adapters.erpnext.stages import CUSTOMER, SALES_ORDER, Site
from adapters.unanswered import Unanswered
from adapters.wire_values import ascii_id, exponent, minor, redemption_reference
from pointbook.v1 import redemptions_pb2

ORDERS_LOOKED_AT_MAX = 20


class Redemptions:
    """The orders that carry redemptions on one site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._unanswered = Unanswered(site.settings.settle_seconds, site.now)

    def find(self, redemption_id: str) -> str:
        """Returns the order that carries a redemption, submitted if it was a draft; empty when there is none."""
        order = _live(self._site, redemption_id)
        if order is None:
            return ""
        if order["docstatus"] == DRAFT:
            self._site.frappe.submit(SALES_ORDER, order["name"])
        return ascii_id(order["name"])

    def create(self, redemption: redemptions_pb2.Redemption, member: Known) -> str:
        """Creates and submits the order that carries a redemption, if there is none yet.

        An answer that does not come says nothing about the order, so ERPNext is asked again. When that finds none, the
        site may still be at it: the order is looked for, and not sent again, for ``settle_seconds``.

        Raises:
            SourceAway: No answer, and no order so far.
            AdapterError: ERPNext refused, or made something else of the price.
        """
        number = redemption.redemption_id
        found = self.find(number)
        if found:
            return found
        self._unanswered.expect_settled(number)
        values = _order(self._site, redemption, _customer(self._site, member))
        try:
            created = self._site.frappe.create(SALES_ORDER, values)
        except SourceAway:
            self._unanswered.note(number)
            found = self.find(number)
            if found:
                return found
            raise
        _check_price(self._site, created, redemption.amount_minor)
        return ascii_id(created["name"])

    def cancel(self, redemption_id: str) -> None:
        """Cancels the order that carries a redemption; there being none is fine.

        A draft is submitted first: only what was submitted is cancelled, and to delete needs another right.

        Raises:
            AdapterError: It was delivered, or ERPNext refuses for another reason.
        """
        order = _live(self._site, redemption_id)
        if order is None:
            return
        if order["docstatus"] == DRAFT:
            self._site.frappe.submit(SALES_ORDER, order["name"])
        self._site.frappe.cancel(SALES_ORDER, order["name"])


def _live(site: Site, redemption_id: str) -> Row | None:
    """Returns the order that carries a redemption and is not cancelled, a submitted one before a draft."""
    filters = [
        *site.company(),
        ["po_no", "=", redemption_reference(redemption_id)],
        ["docstatus", "in", [DRAFT, SUBMITTED]],
    ]
    fields = ("name", "docstatus", "po_no")
    found = site.frappe.rows(SALES_ORDER, fields, filters, ORDERS_LOOKED_AT_MAX)
    return max(found, key=lambda row: row["docstatus"], default=None)


def _customer(site: Site, member: Known) -> str:
    """Returns the customer whose name gave the member's number: itself, or percent-encoded."""
    number = member.external_id
    candidates = sorted({name for name in (number, unquote(number)) if ascii_id(name) == number})
    found = [row["name"] for row in site.frappe.named(CUSTOMER, ("name",), candidates)]
    if len(found) != 1:
        raise AdapterError(
            f"customer '{number}' is {'ambiguous' if found else 'not'} in ERPNext "
            "(a name of more than 128 characters cannot be turned back)"
        )
    name: str = found[0]
    return name


def _order(site: Site, redemption: redemptions_pb2.Redemption, customer: str) -> dict[str, object]:
    """Returns the Sales Order to be made.

    A rate of zero alone would not do: ERPNext takes it for none and fills in the price list's. A discount of 100 % is
    what gives an item away.
    """
    on = site.now().astimezone(site.settings.zone).date().isoformat()
    warehouse = _warehouse(site, redemption.warehouse)
    cost = price(redemption.amount_minor, redemption.quantity)
    item: dict[str, object] = {
        "item_code": redemption.sku,
        "qty": redemption.quantity,
        "rate": _number(cost.each_minor, site.settings.currency),
        "delivery_date": on,
        "warehouse": warehouse,
    }
    order: dict[str, object] = {
        "customer": customer,
        "company": site.settings.company,
        "delivery_date": on,
        "set_warehouse": warehouse,
        "po_no": redemption_reference(redemption.redemption_id),
        "ignore_pricing_rule": 1,
        "docstatus": SUBMITTED,
        "items": [item],
    }
    if not cost.each_minor:
        item["discount_percentage"] = 100
    else:
        order["currency"] = site.settings.currency
    if cost.off_minor:
        order["apply_discount_on"] = "Net Total"
        order["discount_amount"] = _number(cost.off_minor, site.settings.currency)
    return order


def _warehouse(site: Site, ours: str) -> str:
    """Returns ERPNext's warehouse for one of Pointbook's; a reward without one leaves from the only one."""
    warehouses = site.settings.warehouses
    if not ours and len(warehouses) == 1:
        return next(iter(warehouses.values()))
    if ours not in warehouses:
        raise AdapterError(f"warehouse '{ours}' is not in [erp.warehouses]; name ERPNext's there")
    return warehouses[ours]


def _number(amount_minor: int, currency: str) -> float | int:
    """Returns an amount as JSON takes it; Frappe rounds it to the currency's digits itself."""
    amount = Decimal(amount_minor).scaleb(-exponent(currency))
    return int(amount) if amount == int(amount) else float(amount)


def _check_price(site: Site, created: Row, amount_minor: int) -> None:
    made = minor(Decimal(created["net_total"] or 0), site.settings.currency)
    if made == amount_minor and created["docstatus"] != CANCELLED:
        return
    raise AdapterError(
        f"Sales Order {created['name']} was made with a net total of {created['net_total']} "
        f"where the member pays {_number(amount_minor, site.settings.currency)}: correct it in ERPNext"
    )
