"""Looks at everything the adapter needs of a site, before it needs it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from adapters.contract import AdapterError
from adapters.erpnext import deliveries, mapping
from adapters.erpnext.clock import stamp
from adapters.erpnext.rest import Refusal
from adapters.erpnext.stages import BIN, CUSTOMER, DELIVERY_NOTE, ITEM, SALES_ORDER, Site

AHEAD_MAX = timedelta(minutes=5)
FORBIDDEN = 403
GUEST = "Guest"

NEEDED = {
    CUSTOMER: (mapping.MEMBER_FIELDS, "Sales User"),
    ITEM: (mapping.PRODUCT_FIELDS, "Stock User"),
    SALES_ORDER: (mapping.ORDER_FIELDS, "Sales User"),
    DELIVERY_NOTE: (deliveries.DELIVERY_FIELDS, "Stock User"),
    BIN: (mapping.STOCK_FIELDS, "Stock User"),
}


def check(site: Site) -> Sequence[str]:
    """Returns one line for each thing that was looked at.

    Raises:
        AdapterError: Something is missing; the message names the right and the role that gives it.
    """
    user = site.frappe.user()
    if user == GUEST:
        raise AdapterError("ERPNext takes us for a guest: the API key did not arrive")
    return [f"user {user}", *_readings(site), *_company(site), _clock(site), *_warehouses(site)]


def _readings(site: Site) -> Iterator[str]:
    for doctype, (fields, role) in NEEDED.items():
        try:
            site.frappe.rows(doctype, fields, [], rows=1)
        except Refusal as error:
            if error.status != FORBIDDEN:
                raise
            raise AdapterError(
                f"no right to read {doctype}: give the user the role '{role}' ({error})"
            ) from error
        yield f"{doctype}: can be read"


def _company(site: Site) -> Iterator[str]:
    """Compares the company's currency; whoever may not read Company is told that nobody did."""
    settings = site.settings
    fields = ("name", "default_currency")
    try:
        found = site.frappe.rows("Company", fields, [["name", "=", settings.company]], rows=1)
    except Refusal as error:
        if error.status != FORBIDDEN:
            raise
        yield f"company {settings.company}: not verified, the user may not read Company"
        return
    if not found:
        raise AdapterError(f"there is no company '{settings.company}'; [erp] company names it")
    currency = found[0]["default_currency"]
    if currency != settings.home_currency:
        raise AdapterError(
            f"company {settings.company} keeps its books in {currency}, not in {settings.home_currency}: "
            "set [erp] company_currency, and rates where the book's currency is another"
        )
    yield f"company {settings.company}: {currency}"


def _clock(site: Site) -> str:
    """Compares the latest order's stamp with our clock: a wrong zone shows as hours ahead."""
    filters = site.company()
    found = site.frappe.rows(SALES_ORDER, ("name", "modified"), filters, 1, "modified desc")
    if not found:
        return f"time zone {site.settings.time_zone}: no order to compare it with"
    ahead = _ahead(site, found[0]["modified"])
    if ahead > AHEAD_MAX:
        return (
            f"WARNING: {found[0]['name']} is stamped {ahead} ahead of our clock: "
            f"is {site.settings.time_zone} the zone in System Settings?"
        )
    return f"time zone {site.settings.time_zone}: no stamp is ahead of our clock"


def _ahead(site: Site, modified: str) -> timedelta:
    now: datetime = site.now()
    ahead = stamp(modified, site.settings.zone) - now
    return timedelta(seconds=ahead // timedelta(seconds=1))


def _warehouses(site: Site) -> Iterator[str]:
    for ours, theirs in site.settings.warehouses.items():
        found = site.frappe.rows(BIN, ("name",), [["warehouse", "=", theirs]], rows=1)
        what = "has stock" if found else "WARNING: no item was ever in it; is the name right?"
        yield f"warehouse {ours} is '{theirs}': {what}"
    if not site.settings.warehouses:
        yield "no [erp.warehouses]: stock is not counted, and redemptions of goods cannot be ordered"
    yield "writing Sales Orders was not tried: 'Sales User' gives create, submit and cancel"
