"""What of Odoo moves on its own, as stages of a feed.

A header's ``write_date`` is not enough: editing a line moves only the line, correcting a delivery only its move.
So lines and moves are stages, too, and lead to their documents. Each comes *before* the stage of its headers:
the first pass only notes its newest stamp, for the headers that are read afterwards bring all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from adapters.contract import AdapterError
from adapters.feed import Changed, Key, Page, Stage
from adapters.odoo import mapping
from adapters.odoo.reading import (
    ARCHIVED_TOO,
    LINE,
    MOVE,
    ORDER,
    PARTNER,
    PICKING,
    PICKING_FIELDS,
    PRODUCT,
    TEMPLATE,
    WAREHOUSE,
    Reader,
)
from adapters.odoo.rpc import Domain, Odoo, Row

Clock = Callable[[], datetime]


def stamp_text(at: datetime) -> str:
    """Returns an instant as Odoo compares it: UTC, cut to seconds, which is never later."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True, slots=True)
class Records:
    """Records of one model. See ``adapters.feed.Table``.

    Attributes:
        odoo: Where they are.
        model: Their model.
        fields: What is read of them, ``write_date`` included.
        domain: What all of them fulfil.
    """

    odoo: Odoo
    model: str
    fields: Sequence[str]
    domain: Domain = ()

    def rows(self, since: datetime | None, after: Key | None, limit: int) -> list[Row]:
        """See ``adapters.feed.Table``."""
        beyond = [] if after is None else [["id", ">", after]]
        domain = [*self._changed(since), *beyond]
        return self.odoo.rows(self.model, domain, self.fields, order="id asc", limit=limit)

    def newest(self, since: datetime | None) -> datetime | None:
        """See ``adapters.feed.Table``."""
        found = self.odoo.rows(
            self.model, self._changed(since), ("write_date",), order="write_date desc", limit=1
        )
        return self.stamp(found[0]) if found else None

    def stamp(self, row: Row) -> datetime | None:
        """See ``adapters.feed.Table``."""
        return mapping.moment(row["write_date"]) if row["write_date"] else None

    def _changed(self, since: datetime | None) -> list[Any]:
        changed = [] if since is None else [["write_date", ">=", stamp_text(since)]]
        return [*self.domain, *changed]


@dataclass(frozen=True, slots=True)
class Counted:
    """Stock of one warehouse, counted anew in each pass: no stamp moves when goods do.

    Attributes:
        odoo: Where it is.
        warehouse: The warehouse's code.
        skus: What is counted; empty for all that have a SKU.
        clock: Says when it was counted.
    """

    odoo: Odoo
    warehouse: str
    skus: Sequence[str]
    clock: Clock

    @property
    def name(self) -> str:
        """Its name in the cursor."""
        return f"stock:{self.warehouse}"

    def page(self, since: datetime | None, after: Key | None, rows: int) -> Page:
        """See ``adapters.feed.Stage``."""
        domain: list[list[object]] = (
            [["default_code", "in", list(self.skus)]]
            if self.skus
            else [["default_code", "!=", False]]
        )
        if after is not None:
            domain.append(["id", ">", after])
        number = warehouse_ids(self.odoo, [self.warehouse])[self.warehouse]
        # The key was renamed between series; the one that is not known is ignored.
        context = {"warehouse": number, "warehouse_id": number}
        fields = ("default_code", "qty_available")
        found = self.odoo.rows(PRODUCT, domain, fields, order="id asc", limit=rows, context=context)
        now = self.clock()
        events = [mapping.stock_event(self.warehouse, row, now) for row in found]
        last = found[-1]["id"] if found else None
        return Page(events, last, None, len(found) < rows)


def warehouse_ids(odoo: Odoo, codes: Sequence[str]) -> dict[str, int]:
    """Returns warehouses' ids by code.

    Raises:
        AdapterError: There is no such warehouse.
    """
    found = {row["code"]: row["id"] for row in odoo.rows(WAREHOUSE, [], ("code",))}
    missing = [code for code in codes if code not in found]
    if missing:
        raise AdapterError(
            f"Odoo has no warehouse {', '.join(missing)} that its user sees, only "
            f"{', '.join(sorted(found)) or 'none'}"
        )
    return {code: found[code] for code in codes}


def stages(reader: Reader, clock: Clock) -> list[Stage]:
    """Returns all stages, details before their headers."""
    odoo, settings = reader.odoo, reader.settings
    both = (ARCHIVED_TOO,)
    partners = Records(odoo, PARTNER, reader.partner_fields, both)
    templates = Records(odoo, TEMPLATE, ("write_date",), both)
    products = Records(odoo, PRODUCT, reader.product_fields, both)
    lines = Records(odoo, LINE, ("order_id", "write_date"))
    orders = Records(odoo, ORDER, reader.order_fields)
    moves = Records(odoo, MOVE, ("picking_id", "write_date"))
    pickings = Records(odoo, PICKING, PICKING_FIELDS)
    found: list[Stage] = [
        Changed("partners", partners, reader.members),
        Changed("templates", templates, reader.products_of_templates, is_detail=True),
        Changed("products", products, reader.products),
        Changed("lines", lines, reader.orders_of_lines, is_detail=True),
        Changed("orders", orders, reader.orders),
        Changed("moves", moves, reader.pickings_of_moves, is_detail=True),
        Changed("pickings", pickings, reader.pickings),
    ]
    return [*found, *(Counted(odoo, code, settings.skus, clock) for code in settings.warehouses)]
