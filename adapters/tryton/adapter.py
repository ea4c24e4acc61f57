"""The Tryton adapter: reads by stages, reads again by day, writes redemptions, looks at itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from adapters.contract import AdapterError, Change, Erp, Known
from adapters.feed import Feed
from adapters.settings import Running, validated
from adapters.tryton import mapping
from adapters.tryton.reading import (
    COMPANY,
    COMPANY_FIELDS,
    COST,
    PARTY,
    PRODUCT,
    RETURN,
    SALE,
    SHIPMENT,
    Reader,
)
from adapters.tryton.redemptions import Redemptions
from adapters.tryton.rest import AccessRefused, Domain, Row, Tryton, connect
from adapters.tryton.settings import TrytonSettings
from adapters.tryton.stages import Clock, stages, warehouse_ids
from pointbook.v1 import events_pb2, redemptions_pb2

OLDEST = 8


def _now() -> datetime:
    return datetime.now(UTC)


def open_erp(erp: dict[str, Any], run: Running) -> Erp:
    """Returns the adapter that a table ``[erp]`` describes.

    Raises:
        AdapterError: A setting breaks a rule, or the variable with the key is empty.
    """
    settings = validated(TrytonSettings, erp, "table [erp]")
    return TrytonErp(connect(settings), settings, run)


class TrytonErp:
    """See ``adapters.contract.Erp``."""

    def __init__(
        self, tryton: Tryton, settings: TrytonSettings, run: Running, clock: Clock = _now
    ) -> None:
        self._tryton = tryton
        self._settings = settings
        self._rows = run.rows_per_page
        self._reader = Reader(tryton, settings)
        self._feed = Feed(stages(self._reader, clock), run.overlap, run.rows_per_page)
        self._redemptions = Redemptions(self._reader, clock)

    def changes(self, cursor: str) -> Iterator[Change]:
        """See ``adapters.contract.Adapter``."""
        return self._feed.changes(cursor)

    def documents(self, from_on: date, until_on: date) -> Iterator[events_pb2.Event]:
        """See ``adapters.contract.Erp``: sales by their date, shipments and returns by when goods moved."""
        reader = self._reader
        sales = reader.sales_of_days(from_on, until_on)
        yield from self._all(SALE, mapping.SALE_FIELDS, sales, reader.sales)
        moved = reader.goods_of_days(from_on, until_on)
        yield from self._all(SHIPMENT, mapping.SHIPMENT_FIELDS, moved, reader.shipments)
        yield from self._all(RETURN, mapping.RETURN_FIELDS, moved, reader.returns)

    def close(self) -> None:
        """See ``adapters.contract.Erp``."""
        self._tryton.close()

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
        """See ``adapters.contract.Erp``. That sales can be written shows only when one is."""
        settings, reader = self._settings, self._reader
        said = [f"Tryton {self._version()} at {settings.url}, database {settings.database}"]
        models: list[tuple[str, Sequence[str]]] = [
            (COMPANY, COMPANY_FIELDS),
            (PARTY, reader.party_fields),
            (PRODUCT, reader.product_fields),
            *([(COST, mapping.STAMPS)] if settings.has_costs else []),
            (SALE, mapping.SALE_FIELDS),
            (SHIPMENT, mapping.SHIPMENT_FIELDS),
            (RETURN, mapping.RETURN_FIELDS),
        ]
        said += [self._readable(model, fields) for model, fields in models]
        said.append(self._company())
        if settings.warehouses:
            found = warehouse_ids(self._tryton, settings.warehouses)
            said.append(f"warehouses {', '.join(found)}: their stock is counted in each look")
        return said

    def _version(self) -> str:
        version = self._tryton.version()
        major = version.partition(".")[0]
        if not major.isdecimal() or int(major) < OLDEST:
            raise AdapterError(
                f"Tryton {version} is older than {OLDEST}.0, which this adapter needs for the REST API"
            )
        return version

    def _company(self) -> str:
        company = self._reader.company
        name, code = company["party"]["name"], company["currency"]["code"]
        if code != self._settings.home_currency:
            raise AdapterError(
                f"company {name} keeps its books in {code}, the settings say "
                f'{self._settings.home_currency}: set company_currency = "{code}"'
            )
        return f"company {name}: {code}, days of {self._reader.zone.key}"

    def _readable(self, model: str, fields: Sequence[str]) -> str:
        try:
            found = self._tryton.rows(model, [], fields, limit=1)
        except AccessRefused as error:
            raise AdapterError(
                f"the key's user may not read {model} and all its fields lead to: give one of its "
                f"groups read access ({error})"
            ) from error
        return f"{model}: readable" + ("" if found else ", and empty")

    def _all(
        self,
        model: str,
        fields: Sequence[str],
        domain: Domain,
        documents: Callable[[Sequence[Row]], list[events_pb2.Event]],
    ) -> Iterator[events_pb2.Event]:
        after = 0
        while True:
            page = [*domain, ["id", ">", after]]
            found = self._tryton.rows(model, page, fields, limit=self._rows)
            yield from documents(found)
            if len(found) < self._rows:
                return
            after = found[-1]["id"]
