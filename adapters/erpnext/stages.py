"""What is read of ERPNext, kind by kind; see ``adapters.feed`` for why it loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from adapters.erpnext import deliveries, mapping
from adapters.erpnext.clock import since_text, stamp
from adapters.erpnext.deliveries import OrderLine
from adapters.erpnext.rest import Filter, Frappe, Row
from adapters.erpnext.settings import ErpnextSettings
from adapters.feed import Key, Page
from pointbook.v1 import events_pb2

CUSTOMER, ITEM, BIN = "Customer", "Item", "Bin"
SALES_ORDER, DELIVERY_NOTE = "Sales Order", "Delivery Note"
STAMPS = ("name", "modified")
ORIGIN_FIELDS = (
    "name",
    "items.name as line",
    "items.idx as line_number",
    "items.against_sales_order",
    "items.so_detail",
)

Clock = Callable[[], datetime]
Events = Iterator[events_pb2.Event]


@dataclass(frozen=True, slots=True)
class Site:
    """What every stage needs.

    Attributes:
        frappe: The site.
        settings: Table ``[erp]``.
        now: Our clock (aware).
    """

    frappe: Frappe
    settings: ErpnextSettings
    now: Clock

    def company(self) -> list[Filter]:
        """Returns the filter for documents of our company."""
        return [["company", "=", self.settings.company]]

    def orders(self, names: Sequence[str]) -> Events:
        """Yields Sales Orders by name."""
        found = self.frappe.documents(SALES_ORDER, mapping.ORDER_FIELDS, names)
        return (mapping.order(rows, self.settings) for rows in found)

    def deliveries(self, names: Sequence[str]) -> Events:
        """Yields what Delivery Notes, by name, mean for their orders."""
        notes = list(self.frappe.documents(DELIVERY_NOTE, deliveries.DELIVERY_FIELDS, names))
        origins = self._origins(list(chain.from_iterable(notes)))
        named = {row["against_sales_order"] for note in notes for row in note}
        named |= {target.order for target in origins.values()}
        references = self._references(sorted(named - {None, ""}))
        for note in notes:
            yield from deliveries.events(note, origins, references, self.settings)

    def _references(self, orders: Sequence[str]) -> dict[str, str]:
        rows = self.frappe.named(SALES_ORDER, ("name", "po_no"), orders)
        return {row["name"]: row["po_no"] or "" for row in rows}

    def _origins(self, rows: Sequence[Row]) -> dict[str, OrderLine]:
        """Returns order lines by note line, for returned lines that only name what shipped them."""
        notes = sorted({row["return_against"] for row in rows if deliveries.lacks_origin(row)})
        shipped = self.frappe.named(DELIVERY_NOTE, ORIGIN_FIELDS, notes)
        return {row["line"]: at for row in shipped if (at := deliveries.ordered(row)) is not None}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of document as a stage. See ``adapters.feed.Stage``.

    Attributes:
        name: Its name in the cursor.
        doctype: Its name in ERPNext.
        fields: What its list is asked for.
        filters: What narrows it.
        read: Makes rows of the list into events.
        site: Where it is read.
    """

    name: str
    doctype: str
    fields: Sequence[str]
    filters: Sequence[Filter]
    read: Callable[[Sequence[Row]], Events]
    site: Site

    def page(self, since: datetime | None, after: Key | None, rows: int) -> Page:
        """Returns rows whose stamp is not before ``since`` and whose name is after ``after``."""
        filters = list(self.filters)
        if since is not None:
            filters.append(["modified", ">=", since_text(since, self.site.settings.zone)])
        if after is not None:
            filters.append(["name", ">", after])
        found = self.site.frappe.rows(self.doctype, self.fields, filters, rows)
        if not found:
            return Page((), None, None, True)
        return Page(
            list(self.read(found)), found[-1]["name"], self._latest(found), len(found) < rows
        )

    def _latest(self, rows: Sequence[Row]) -> datetime:
        """Returns the latest stamp, but never one that is yet to come.

        Rows from before the setup wizard are stamped hours ahead, in the zone the site was installed with. Were one of them
        the cursor, everything written until then would be passed over.
        """
        latest = max(row["modified"] for row in rows)  # of one form, so that texts compare
        return min(stamp(latest, self.site.settings.zone), self.site.now())


def names(rows: Sequence[Row]) -> list[str]:
    """Returns the names of rows."""
    return [row["name"] for row in rows]


def stages(site: Site) -> list[Kind]:
    """Returns what is read, members before what they order, orders before what is delivered."""
    settings = site.settings
    kinds = [
        Kind(
            "members",
            CUSTOMER,
            mapping.MEMBER_FIELDS,
            (),
            lambda rows: (mapping.member(row, settings) for row in rows),
            site,
        ),
        Kind(
            "products",
            ITEM,
            mapping.PRODUCT_FIELDS,
            (),
            lambda rows: (mapping.product(row, settings) for row in rows),
            site,
        ),
        Kind(
            "orders",
            SALES_ORDER,
            STAMPS,
            site.company(),
            lambda rows: site.orders(names(rows)),
            site,
        ),
        Kind(
            "deliveries",
            DELIVERY_NOTE,
            STAMPS,
            site.company(),
            lambda rows: site.deliveries(names(rows)),
            site,
        ),
    ]
    if settings.warehouses:
        kinds.append(
            Kind(
                "stock",
                BIN,
                mapping.STOCK_FIELDS,
                counted(settings),
                lambda rows: (mapping.stock(row, settings, site.now()) for row in rows),
                site,
            )
        )
    return kinds


def counted(settings: ErpnextSettings) -> list[Filter]:
    """Returns the filter for what is counted."""
    filters: list[Filter] = [["warehouse", "in", sorted(settings.warehouses.values())]]
    if settings.skus:
        filters.append(["item_code", "in", list(settings.skus)])
    return filters
