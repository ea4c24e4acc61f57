"""Any system with JSON over HTTP, by configuration. See ``adapters.contract.Erp``."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from adapters.contract import Change, Known
from adapters.feed import Feed
from adapters.json_mapping.mapping import JsonMapping, load_json_mapping
from adapters.json_mapping.refused import RefusedFolder
from adapters.rest.settings import Auth, Basic, Bearer, Header, RestSettings
from adapters.rest.stages import Clock, EndpointStage, Site, utc_now
from adapters.rest.write import Orders
from adapters.settings import Running, secret, validated
from adapters.web import Web
from adapters.wire_values import day_begins
from pointbook.v1 import events_pb2, redemptions_pb2

REFUSED_FOLDER = "refused"
DATED = {"order": "ordered_at", "shipment": "shipped_at", "return": "returned_at"}


class Rest:
    """The endpoints of one system.

    Args:
        web: The system.
        settings: Table ``[erp]``.
        run: How carefully to read, and where what is refused is kept.
        mappings: Mapping of each endpoint, by its name.
        now: Our clock.
    """

    def __init__(
        self,
        web: Web,
        settings: RestSettings,
        run: Running,
        mappings: Mapping[str, JsonMapping],
        now: Clock = utc_now,
    ) -> None:
        refused = RefusedFolder(run.spool / REFUSED_FOLDER)
        site = Site(web, settings.url, refused, now, settings.pages_max)
        self._web = web
        self._rows = run.rows_per_page
        self._stages = [
            EndpointStage(each, mappings[each.name], site) for each in settings.endpoints
        ]
        self._zones = {name: ZoneInfo(mapping.zone) for name, mapping in mappings.items()}
        self._feed = Feed(self._stages, run.overlap, run.rows_per_page)
        self._orders = Orders(web, settings.write_back)

    def changes(self, cursor: str) -> Iterator[Change]:
        """Yields one pass over everything that changed."""
        return self._feed.changes(cursor)

    def documents(self, from_on: date, until_on: date) -> Iterator[events_pb2.Event]:
        """Yields orders, shipments and returns of some days; every page is read for it."""
        for stage in self._stages:
            zone = self._zones[stage.name]
            first, last = day_begins(from_on, zone), day_begins(until_on, zone)
            for event in stage.all_events(self._rows):
                at = _dated(event)
                if at is not None and first <= at < last:
                    yield _unnumbered(event)

    def find_order(self, redemption_id: str) -> str:
        """Returns the order that carries a redemption; empty when there is none."""
        return self._orders.find(redemption_id)

    def create_order(self, redemption: redemptions_pb2.Redemption, member: Known) -> str:
        """Makes the order that carries a redemption."""
        return self._orders.create(redemption, member)

    def cancel_order(self, redemption_id: str) -> None:
        """Cancels the order that carries a redemption."""
        self._orders.cancel(redemption_id)

    def check(self) -> Sequence[str]:
        """Returns what the first page of each endpoint gave."""
        said = []
        for stage in self._stages:
            page = stage.page(None, None, self._rows)
            more = "" if page.is_last else ", more follow"
            said.append(f"endpoint {stage.name}: {len(page.events)} events on the first page{more}")
        return said

    def close(self) -> None:
        """Closes its connections."""
        self._web.close()


def open_erp(erp: dict[str, Any], run: Running) -> Rest:
    """Returns the adapter that a settings file describes.

    Raises:
        AdapterError: A setting or a mapping breaks a rule, or a variable holds nothing.
    """
    settings = validated(RestSettings, erp, "[erp]")
    headers = {"accept": "application/json", **settings.headers, **_authorization(settings.auth)}
    return Rest(Web(settings.url, headers), settings, run, _mappings(settings))


def _mappings(settings: RestSettings) -> dict[str, JsonMapping]:
    loaded: dict[Path, JsonMapping] = {}
    for each in settings.endpoints:
        path = each.mapping or settings.mapping
        assert path is not None, "the settings were checked"
        if path not in loaded:
            loaded[path] = load_json_mapping(path)
    return {
        each.name: loaded[each.mapping or settings.mapping or Path()] for each in settings.endpoints
    }


def _authorization(auth: Auth) -> dict[str, str]:
    if isinstance(auth, Bearer):
        return {"authorization": f"Bearer {secret(auth.token_env, 'token')}"}
    if isinstance(auth, Basic):
        pair = f"{secret(auth.user_env, 'user')}:{secret(auth.password_env, 'password')}"
        return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    if isinstance(auth, Header):
        return {auth.name.lower(): secret(auth.value_env, "value")}
    return {}


def _dated(event: events_pb2.Event) -> datetime | None:
    kind = event.WhichOneof("payload") or ""
    if kind not in DATED:
        return None
    at = getattr(getattr(event, kind), DATED[kind])
    moment: datetime = at.ToDatetime(UTC)
    return moment


def _unnumbered(event: events_pb2.Event) -> events_pb2.Event:
    """Returns the document as it stands, without number and version, which reconciliation does not compare."""
    bare = events_pb2.Event()
    bare.CopyFrom(event)
    bare.event_id = ""
    getattr(bare, bare.WhichOneof("payload") or "").version = 0
    return bare
