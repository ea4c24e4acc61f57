"""ERPNext 15 as a source of orders, and a place for redemptions. See ``adapters.contract.Erp``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from adapters.contract import Change, Known
from adapters.erpnext.checking import check
from adapters.erpnext.rest import Filter, Frappe
from adapters.erpnext.settings import ErpnextSettings
from adapters.erpnext.stages import (
    DELIVERY_NOTE,
    SALES_ORDER,
    STAMPS,
    Clock,
    Site,
    names,
    stages,
)
from adapters.erpnext.write import Redemptions
from adapters.feed import Feed
from adapters.settings import Running, secret, validated
from adapters.web import Web
from pointbook.v1 import events_pb2, redemptions_pb2


def wall_clock() -> datetime:
    """Returns the current instant."""
    return datetime.now(UTC)


class Erpnext:
    """One company of one site.

    Args:
        frappe: The site.
        settings: Table ``[erp]``.
        run: How carefully to read.
        now: Our clock.
    """

    def __init__(
        self, frappe: Frappe, settings: ErpnextSettings, run: Running, now: Clock = wall_clock
    ) -> None:
        self._frappe = frappe
        self._site = Site(frappe, settings, now)
        self._redemptions = Redemptions(self._site)
        self._rows = run.rows_per_page
        self._feed = Feed(stages(self._site), run.overlap, run.rows_per_page)

    def changes(self, cursor: str) -> Iterator[Change]:
        """Yields one pass over everything that changed."""
        return self._feed.changes(cursor)

    def documents(self, from_on: date, until_on: date) -> Iterator[events_pb2.Event]:
        """Yields Sales Orders by transaction date, Delivery Notes by posting date."""
        for page in self._dated(SALES_ORDER, "transaction_date", from_on, until_on):
            yield from self._site.orders(page)
        for page in self._dated(DELIVERY_NOTE, "posting_date", from_on, until_on):
            yield from self._site.deliveries(page)

    def find_order(self, redemption_id: str) -> str:
        """Returns the order that carries a redemption; empty when there is none."""
        return self._redemptions.find(redemption_id)

    def create_order(self, redemption: redemptions_pb2.Redemption, member: Known) -> str:
        """Creates and submits the order that carries a redemption."""
        return self._redemptions.create(redemption, member)

    def cancel_order(self, redemption_id: str) -> None:
        """Cancels the order that carries a redemption."""
        self._redemptions.cancel(redemption_id)

    def check(self) -> Sequence[str]:
        """Returns what was looked at: user, rights, clock, warehouses."""
        return check(self._site)

    def close(self) -> None:
        """Closes its connections."""
        self._frappe.close()

    def _dated(
        self, doctype: str, field: str, from_on: date, until_on: date
    ) -> Iterator[list[str]]:
        days: list[Filter] = [
            *self._site.company(),
            [field, ">=", from_on.isoformat()],
            [field, "<", until_on.isoformat()],
        ]
        after: list[Filter] = []
        while True:
            found = self._site.frappe.rows(doctype, STAMPS, [*days, *after], self._rows)
            if found:
                yield names(found)
            if len(found) < self._rows:
                return
            after = [["name", ">", found[-1]["name"]]]


def open_erp(erp: dict[str, Any], run: Running) -> Erpnext:
    """Returns the adapter that a settings file describes.

    Raises:
        AdapterError: A setting breaks a rule, or a variable holds no key.
    """
    settings = validated(ErpnextSettings, erp, "[erp]")
    key = secret(settings.api_key_env, "API key")
    key_secret = secret(settings.api_secret_env, "API secret")
    headers = {"authorization": f"token {key}:{key_secret}", "accept": "application/json"}
    if settings.host:
        headers["host"] = settings.host
    return Erpnext(Frappe(Web(settings.url, headers)), settings, run)
