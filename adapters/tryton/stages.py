"""What of Tryton moves on its own, as stages of a feed.

A header's stamp is not enough: editing a line moves only the line, a cost price or a telephone number neither
product nor party. So these are stages, too, and lead to their documents. Each comes *before* the stage of
its headers: the first pass only notes its newest stamp, for the headers that are read afterwards bring all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.contract import AdapterError
from adapters.feed import Changed, Key, Page, Stage
from adapters.tryton import mapping
from adapters.tryton.reading import (
    CONTACT,
    COST,
    LINE,
    LOCATION,
    MOVE,
    PARTY,
    PRODUCT,
    RETURN,
    SALE,
    SHIPMENT,
    TEMPLATE,
    Reader,
)
from adapters.tryton.rest import Domain, Row, Tryton
from pointbook.v1 import events_pb2

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Records:
    """Records of one model. See ``adapters.feed.Table``.

    Attributes:
        tryton: Where they are.
        model: Their model.
        fields: What is read of them, stamps included.
        domain: What all of them fulfil.
    """

    tryton: Tryton
    model: str
    fields: Sequence[str]
    domain: Domain = ()

    def rows(self, since: datetime | None, after: Key | None, limit: int) -> list[Row]:
        """See ``adapters.feed.Table``."""
        beyond = [] if after is None else [["id", ">", after]]
        domain = [*self._changed(since), *beyond]
        return self.tryton.rows(self.model, domain, self.fields, limit=limit)

    def newest(self, since: datetime | None) -> datetime | None:
        """See ``adapters.feed.Table``: the latest change, or the latest record that never changed."""
        orders = (("write_date", "DESC NULLS LAST"), ("create_date", "DESC"))
        domain = self._changed(since)
        found = [
            row
            for order in orders
            for row in self.tryton.rows(self.model, domain, mapping.STAMPS, limit=1, order=(order,))
        ]
        return max(map(mapping.stamp, found), default=None)

    def stamp(self, row: Row) -> datetime:
        """See ``adapters.feed.Table``."""
        return mapping.stamp(row)

    def _changed(self, since: datetime | None) -> list[Any]:
        return [*self.domain, *([] if since is None else [_changed_since(since)])]


def _changed_since(since: datetime) -> Domain:
    """Returns what picks records by stamp: ``write_date`` is empty until the first change."""
    new = [["write_date", "=", None], ["create_date", ">=", since]]
    return ["OR", [["write_date", ">=", since]], new]


@dataclass(frozen=True, slots=True)
class Counted:
    """Stock of one warehouse, counted anew in each pass: no stamp of a product moves when goods do.

    Attributes:
        reader: Where it is.
        warehouse: The warehouse's code.
        clock: Says when it was counted.
    """

    reader: Reader
    warehouse: str
    clock: Clock

    @property
    def name(self) -> str:
        """Its name in the cursor."""
        return f"stock:{self.warehouse}"

    def page(self, since: datetime | None, after: Key | None, rows: int) -> Page:
        """See ``adapters.feed.Stage``."""
        skus = self.reader.settings.skus
        domain: list[list[object]] = [["code", "in", list(skus)] if skus else ["code", "!=", None]]
        domain.append(["type", "=", "goods"])
        if after is not None:
            domain.append(["id", ">", after])
        number = warehouse_ids(self.reader.tryton, [self.warehouse])[self.warehouse]
        # Before it is asked: no shipment begins and ends between the two and is then counted twice.
        now = self.clock()
        today = now.astimezone(self.reader.zone).date()
        context = {"locations": [number], "stock_date_end": today}
        fields = ("code", "quantity")
        found = self.reader.tryton.rows(PRODUCT, domain, fields, limit=rows, context=context)
        events = [mapping.stock_event(self.warehouse, row, now) for row in found]
        last = found[-1]["id"] if found else None
        return Page(events, last, None, len(found) < rows)


def warehouse_ids(tryton: Tryton, codes: Sequence[str]) -> dict[str, int]:
    """Returns warehouses' ids by code.

    Raises:
        AdapterError: There is no such warehouse.
    """
    rows = tryton.rows(LOCATION, [["type", "=", "warehouse"]], ("code",))
    found = {row["code"]: row["id"] for row in rows if row["code"]}
    missing = [code for code in codes if code not in found]
    if missing:
        raise AdapterError(
            f"Tryton has no warehouse {', '.join(missing)} that the key's user sees, only "
            f"{', '.join(sorted(found)) or 'none'}"
        )
    return {code: found[code] for code in codes}


def stages(reader: Reader, clock: Clock) -> list[Stage]:
    """Returns all stages, details before their headers."""
    tryton, settings, mine = reader.tryton, reader.settings, reader.mine
    stamps = mapping.STAMPS

    def detail(
        name: str,
        model: str,
        owner: Sequence[str],
        documents: Callable[[Sequence[Row]], list[events_pb2.Event]],
        domain: Domain = (),
    ) -> Stage:
        records = Records(tryton, model, (*owner, *stamps), domain)
        return Changed(name, records, documents, is_detail=True)

    def header(
        name: str,
        model: str,
        fields: Sequence[str],
        documents: Callable[[Sequence[Row]], list[events_pb2.Event]],
        domain: Domain = (),
    ) -> Stage:
        return Changed(name, Records(tryton, model, fields, domain), documents)

    of_sale = [["sale.company", "=", settings.company_id]]
    found: list[Stage] = []
    if settings.phones:
        found.append(detail("contacts", CONTACT, ("party",), reader.members_of_contacts))
    found += [
        header("parties", PARTY, reader.party_fields, reader.members),
        detail("templates", TEMPLATE, ("products",), reader.products_of_templates),
    ]
    if settings.has_costs:
        found.append(detail("costs", COST, ("product",), reader.products_of_costs))
    found += [
        header("products", PRODUCT, reader.product_fields, reader.products),
        detail("lines", LINE, ("sale",), reader.sales_of_lines, of_sale),
        header("sales", SALE, mapping.SALE_FIELDS, reader.sales, [mine]),
        detail("moves", MOVE, ("shipment",), reader.shipments_of_moves, [mine]),
        header("shipments", SHIPMENT, mapping.SHIPMENT_FIELDS, reader.shipments, [mine]),
        header("returns", RETURN, mapping.RETURN_FIELDS, reader.returns, [mine]),
    ]
    return [*found, *(Counted(reader, code, clock) for code in settings.warehouses)]
