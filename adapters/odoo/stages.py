"""What of Odoo moves on its own, as stages of a feed.

A header's ``write_date`` is not enough: editing a line moves only the line, correcting a delivery only its move.
So lines and moves are stages, too, and lead to their documents. Each comes *before* the stage of its headers:
the first pass only notes its newest stamp, for the headers that are read afterwards bring all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from adapters.contract import AdapterError
from adapters.feed import Key, Page, Stage
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
from adapters.odoo.rpc import Odoo, Row
from pointbook.v1 import events_pb2

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Clock = Callable[[], datetime]


def stamp_text(at: datetime) -> str:
    """Returns an instant as Odoo compares it: UTC, cut to seconds, which is never later."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


@dataclass(frozen=True, slots=True)
class Changed:
    """Records of one model by ``write_date``.

    The newest stamp is taken when a pass begins, not when it ends: during a backfill of an hour, rows of
    its first pages change, and the next pass has to begin before that.

    Attributes:
        name: Its name in the cursor.
        odoo: Where they are.
        model: Their model.
        fields: What is read of them.
        documents: Makes documents of them.
        domain: What all of them fulfil.
        is_detail: Whether another stage reads all of them at first, as parts of whole documents.
    """

    name: str
    odoo: Odoo
    model: str
    fields: Sequence[str]
    documents: Callable[[Sequence[Row]], list[events_pb2.Event]]
    domain: Sequence[Sequence[object]] = ()
    is_detail: bool = False

    def page(self, since: datetime | None, after: Key | None, rows: int) -> Page:
        """See ``adapters.feed.Stage``."""
        changed = list(self.domain)
        if since is not None:
            changed.append(["write_date", ">=", stamp_text(since)])
        elif self.is_detail:
            return Page((), None, self._newest(changed) or EPOCH, is_last=True)
        if after is None:
            return self._page(changed, changed, rows, is_first=True)
        return self._page([*changed, ["id", ">", after]], changed, rows, is_first=False)

    def _page(
        self,
        domain: Sequence[Sequence[object]],
        changed: Sequence[Sequence[object]],
        rows: int,
        *,
        is_first: bool,
    ) -> Page:
        found = self.odoo.rows(self.model, domain, self.fields, order="id asc", limit=rows)
        is_last = len(found) < rows
        latest = None
        if is_first:
            latest = _latest(found) if is_last else self._newest(changed)
        last = found[-1]["id"] if found else None
        return Page(self.documents(found), last, latest, is_last)

    def _newest(self, domain: Sequence[Sequence[object]]) -> datetime | None:
        found = self.odoo.rows(
            self.model, domain, ("write_date",), order="write_date desc", limit=1
        )
        return _latest(found)


def _latest(found: Sequence[Row]) -> datetime | None:
    stamps = [mapping.moment(row["write_date"]) for row in found if row["write_date"]]
    return max(stamps, default=None)


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
    found: list[Stage] = [
        Changed("partners", odoo, PARTNER, reader.partner_fields, reader.members, (ARCHIVED_TOO,)),
        Changed(
            "templates",
            odoo,
            TEMPLATE,
            ("write_date",),
            reader.products_of_templates,
            (ARCHIVED_TOO,),
            is_detail=True,
        ),
        Changed("products", odoo, PRODUCT, reader.product_fields, reader.products, (ARCHIVED_TOO,)),
        Changed(
            "lines",
            odoo,
            LINE,
            ("order_id", "write_date"),
            reader.orders_of_lines,
            is_detail=True,
        ),
        Changed("orders", odoo, ORDER, reader.order_fields, reader.orders),
        Changed(
            "moves",
            odoo,
            MOVE,
            ("picking_id", "write_date"),
            reader.pickings_of_moves,
            is_detail=True,
        ),
        Changed("pickings", odoo, PICKING, PICKING_FIELDS, reader.pickings),
    ]
    return [*found, *(Counted(odoo, code, settings.skus, clock) for code in settings.warehouses)]
