"""The adapter of the example: reads by stages, reads again by day, writes redemptions, looks at itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from adapters.contract import AdapterError, Change, Erp, Known
from adapters.feed import Feed, wall_clock
from adapters.settings import Running, validated
from adapters.web import Web
from adapters.wire_values import day_begins
from pointbook.v1 import events_pb2, redemptions_pb2
from tests.adapters.example_erp import mapping
from tests.adapters.example_erp.api import Api
from tests.adapters.example_erp.redemptions import Redemptions
from tests.adapters.example_erp.settings import QuernstoneSettings
from tests.adapters.example_erp.stages import stages

KINDS = ("customers", "order-lines", "orders", "deliveries", "returns")


def open_erp(erp: dict[str, Any], run: Running) -> Erp:
    """Returns the adapter that a table ``[erp]`` describes.

    Raises:
        AdapterError: A setting breaks a rule, or the variable with the key is empty.
    """
    settings = validated(QuernstoneSettings, erp, "table [erp]")
    web = Web(settings.url, {"authorization": f"Bearer {settings.key()}"})
    return QuernstoneErp(Api(web), settings, run)


class QuernstoneErp:
    """See ``adapters.contract.Erp``."""

    def __init__(
        self,
        api: Api,
        settings: QuernstoneSettings,
        run: Running,
        clock: Callable[[], datetime] = wall_clock,
    ) -> None:
        self._api = api
        self._settings = settings
        self._rows = run.rows_per_page
        self._feed = Feed(stages(api, settings), run.overlap, run.rows_per_page)
        self._redemptions = Redemptions(api, settings, clock)

    def changes(self, cursor: str) -> Iterator[Change]:
        """See ``adapters.contract.Adapter``."""
        return self._feed.changes(cursor)

    def documents(self, from_on: date, until_on: date) -> Iterator[events_pb2.Event]:
        """See ``adapters.contract.Erp``: orders by their day, goods by when they moved."""
        days = {"day_from": from_on.isoformat(), "day_until": until_on.isoformat()}
        moved = {
            "moved_from": day_begins(from_on, self._settings.zone).isoformat(),
            "moved_until": day_begins(until_on, self._settings.zone).isoformat(),
        }
        for row in self._api.every("orders", self._rows, **days):
            yield mapping.order_event(row, self._settings)
        for row in self._api.every("deliveries", self._rows, **moved):
            yield from mapping.delivery_events(row)
        for row in self._api.every("returns", self._rows, **moved):
            yield from mapping.return_events(row)

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
        """See ``adapters.contract.Erp``."""
        about = self._api.about()
        if about["currency"] != self._settings.currency:
            raise AdapterError(
                f"the company keeps its books in {about['currency']}, the settings say "
                f"{self._settings.currency}: set currency"
            )
        said = [f"Quernstone {about['version']}, company {about['company']}"]
        for kind in KINDS:
            found = self._api.rows(kind, 1)
            said.append(f"{kind}: readable" + ("" if found else ", and empty"))
        return said

    def close(self) -> None:
        """See ``adapters.contract.Erp``."""
        self._api.close()
