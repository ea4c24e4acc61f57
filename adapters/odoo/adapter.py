"""The Odoo adapter: reads by stages, reads again by day, writes redemptions, looks at itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from adapters.contract import AdapterError, Change, Erp, Known
from adapters.feed import Feed
from adapters.odoo.reading import (
    COMPANY,
    LINE,
    LINE_FIELDS,
    MOVE,
    MOVE_FIELDS,
    ORDER,
    PARTNER,
    PICKING,
    PICKING_FIELDS,
    PRODUCT,
    TEMPLATE,
    WAREHOUSE,
    Reader,
)
from adapters.odoo.redemptions import Redemptions
from adapters.odoo.rpc import AccessRefused, Domain, Odoo, Row, connect
from adapters.odoo.settings import OdooSettings
from adapters.odoo.stages import Clock, stages, stamp_text, warehouse_ids
from adapters.settings import Running, validated
from adapters.wire_values import day_begins
from pointbook.v1 import events_pb2, redemptions_pb2

OLDEST = 17
RIGHTS = {
    PARTNER: "Contact creation, or any internal user",
    PRODUCT: "Sales / User: Own Documents Only, or more",
    TEMPLATE: "Sales / User: Own Documents Only, or more",
    ORDER: "Sales / User: All Documents",
    LINE: "Sales / User: All Documents",
    PICKING: "Inventory / User",
    MOVE: "Inventory / User",
    WAREHOUSE: "Inventory / User",
    COMPANY: "any internal user",
}


def _now() -> datetime:
    return datetime.now(UTC)


def open_erp(erp: dict[str, Any], run: Running) -> Erp:
    """Returns the adapter that a table ``[erp]`` describes.

    Raises:
        AdapterError: A setting breaks a rule, or the variable with the secret is empty.
    """
    settings = validated(OdooSettings, erp, "table [erp]")
    return OdooErp(connect(settings), settings, run)


class OdooErp:
    """See ``adapters.contract.Erp``."""

    def __init__(
        self, odoo: Odoo, settings: OdooSettings, run: Running, clock: Clock = _now
    ) -> None:
        self._odoo = odoo
        self._settings = settings
        self._rows = run.rows_per_page
        self._reader = Reader(odoo, settings)
        self._feed = Feed(stages(self._reader, clock), run.overlap, run.rows_per_page)
        self._redemptions = Redemptions(odoo, settings, clock)

    def changes(self, cursor: str) -> Iterator[Change]:
        """See ``adapters.contract.Adapter``."""
        return self._feed.changes(cursor)

    def documents(self, from_on: date, until_on: date) -> Iterator[events_pb2.Event]:
        """See ``adapters.contract.Erp``: orders by their date, deliveries and returns by when they were done."""
        reader = self._reader
        days = from_on, until_on
        yield from self._of_days(ORDER, reader.order_fields, "date_order", days, reader.orders)
        yield from self._of_days(PICKING, PICKING_FIELDS, "date_done", days, reader.pickings)

    def close(self) -> None:
        """See ``adapters.contract.Erp``."""
        self._odoo.close()

    def find_order(self, redemption_id: str) -> str:
        """See ``adapters.contract.Erp``."""
        return self._redemptions.find(redemption_id)

    def create_order(self, redemption: redemptions_pb2.Redemption, member: Known) -> str:
        """See ``adapters.contract.Erp``."""
        return self._redemptions.create(redemption, member)

    def cancel_order(self, redemption_id: str) -> None:
        """See ``adapters.contract.Erp``."""
        self._redemptions.cancel(redemption_id)

    def check(self) -> Sequence[str]:
        """See ``adapters.contract.Erp``. That orders can be written shows only when one is."""
        settings = self._settings
        version = self._version()
        said = [f"Odoo {version} at {settings.url}, database {settings.database}"]
        said += [self._readable(model, right) for model, right in RIGHTS.items()]
        said.append(self._company())
        if settings.warehouses:
            found = warehouse_ids(self._odoo, settings.warehouses)
            said.append(f"warehouses {', '.join(found)}: their stock is counted in each look")
        return said

    def _version(self) -> str:
        version = self._odoo.version()
        major = version.removeprefix("saas~").partition(".")[0]
        if not major.isdecimal() or int(major) < OLDEST:
            raise AdapterError(f"Odoo {version} is older than {OLDEST}.0, which this adapter needs")
        return version

    def _readable(self, model: str, right: str) -> str:
        fields = {
            PARTNER: self._reader.partner_fields,
            PRODUCT: self._reader.product_fields,
            ORDER: self._reader.order_fields,
            LINE: LINE_FIELDS,
            PICKING: PICKING_FIELDS,
            MOVE: MOVE_FIELDS,
        }.get(model, ("write_date",))
        try:
            found = self._odoo.rows(model, [], fields, limit=1)
        except AccessRefused as error:
            raise AdapterError(
                f"Odoo user '{self._settings.user}' may not read {model}: give them {right} ({error})"
            ) from error
        return f"{model}: readable" + ("" if found else ", and empty")

    def _company(self) -> str:
        number = self._settings.company_id
        domain: Domain = [["id", "=", number]] if number else []
        found = self._odoo.rows(COMPANY, domain, ("name", "currency_id"), order="id asc", limit=1)
        if not found:
            raise AdapterError(f"Odoo has no company {number} that its user sees")
        code = str(found[0]["currency_id"][1])
        if code != self._settings.home_currency:
            raise AdapterError(
                f"company {found[0]['name']} keeps its books in {code}, the settings say "
                f'{self._settings.home_currency}: set company_currency = "{code}"'
            )
        return f"company {found[0]['name']}: {code}"

    def _of_days(
        self,
        model: str,
        fields: Sequence[str],
        dated: str,
        days: tuple[date, date],
        documents: Callable[[Sequence[Row]], list[events_pb2.Event]],
    ) -> Iterator[events_pb2.Event]:
        begin, end = (stamp_text(day_begins(day, self._settings.zone)) for day in days)
        domain = [[dated, ">=", begin], [dated, "<", end]]
        after = 0
        while True:
            page: Domain = [*domain, ["id", ">", after]]
            found = self._odoo.rows(model, page, fields, order="id asc", limit=self._rows)
            yield from documents(found)
            if len(found) < self._rows:
                return
            after = found[-1]["id"]
