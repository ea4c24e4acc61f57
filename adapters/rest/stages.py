"""An endpoint as a stage of a feed: pages of rows, and where the next page begins."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from adapters.contract import AdapterError
from adapters.feed import Key, Page
from adapters.json_mapping import forms as f
from adapters.json_mapping.mapping import JsonMapping
from adapters.json_mapping.paths import JsonPath, Scope
from adapters.json_mapping.refused import Problem, RefusedFolder, as_body
from adapters.json_mapping.values import ValueRefused, instant_reader, test_of
from adapters.rest.settings import AFTER, OFFSET, PAGE, ROWS, SINCE, Endpoint, placeholders
from adapters.web import Answer, Web
from pointbook.v1 import events_pb2

LOG = logging.getLogger("adapters")
_OK = range(200, 300)

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Site:
    """What every stage needs.

    Attributes:
        web: The system.
        url: Its address, which next pages must be under.
        refused: Keeps what breaks a mapping.
        now: Our clock (aware).
        pages_max: Pages of one look.
    """

    web: Web
    url: str
    refused: RefusedFolder
    now: Clock
    pages_max: int

    def asked(self, path: str, params: Mapping[str, str], ok: f.Condition | None) -> Any:
        """Returns the JSON of an answer that is good.

        Raises:
            AdapterError: It is not.
        """
        answer = self.web.call("GET", path, params=params, may_repeat=True)
        return checked(answer, f"GET {path}", ok)


def checked(answer: Answer, what: str, ok: f.Condition | None) -> Any:
    """Returns an answer's JSON; None for an empty body.

    Raises:
        AdapterError: Its status, or what it says of itself, is not good.
    """
    if answer.status not in _OK:
        raise AdapterError(f"{what} was answered {answer.status}: {answer.said()}")
    body = answer.json() if answer.body.strip() else None
    if ok is not None and not test_of(ok)(Scope(body, body)):
        raise AdapterError(
            f"{what} was answered {answer.status}, but not as ok says: {answer.said()}"
        )
    return body


class EndpointStage:
    """One endpoint. See ``adapters.feed.Stage``.

    Args:
        endpoint: What is read.
        mapping: What its rows mean.
        site: Where.
    """

    def __init__(self, endpoint: Endpoint, mapping: JsonMapping, site: Site) -> None:
        self.name = endpoint.name
        self._endpoint = endpoint
        self._mapping = mapping
        self._site = site
        self._items = JsonPath(endpoint.items)
        self._next = JsonPath(endpoint.next_url) if endpoint.next_url is not None else None
        self._key = JsonPath(endpoint.key) if endpoint.key is not None else None
        self._stamp = (
            instant_reader(endpoint.stamp, f.TimeTable()) if endpoint.stamp is not None else None
        )
        self._before: tuple[Key | None, list[Any]] = (None, [])
        self._pages = 0

    def page(self, since: datetime | None, after: Key | None, rows: int) -> Page:
        """Returns the rows of one page; ``after`` is a key, a page's number, an offset or an address."""
        body = self._body(since, after, rows)
        found = self._items.all(Scope(body, body))
        following = self._following(body, found, after, rows)
        self._check_progress(found, after, following)
        return Page(
            list(self._events(found)), following, self._latest(found), is_last=following is None
        )

    def all_events(self, rows: int) -> Iterator[events_pb2.Event]:
        """Yields the events of all pages."""
        after: Key | None = None
        while True:
            page = self.page(None, after, rows)
            yield from page.events
            if page.is_last:
                return
            after = page.last

    def _body(self, since: datetime | None, after: Key | None, rows: int) -> Any:
        endpoint = self._endpoint
        if endpoint.paging == "next_url" and after is not None:
            path, params = self._place_of(str(after))
        else:
            path, params = endpoint.path, self._params(since, after, rows)
        return self._site.asked(path, params, endpoint.ok)

    def _params(self, since: datetime | None, after: Key | None, rows: int) -> dict[str, str]:
        endpoint = self._endpoint
        values: dict[str, str] = {ROWS: str(rows), PAGE: str(endpoint.page_first), OFFSET: "0"}
        if since is not None:
            values[SINCE] = written(since, endpoint.since, ZoneInfo(endpoint.since_zone))
        if after is not None:
            values[{"page": PAGE, "offset": OFFSET}.get(endpoint.paging, AFTER)] = str(after)
        return {
            name: text.format_map(values)
            for name, text in endpoint.params.items()
            if placeholders(text) <= values.keys()
        }

    def _following(
        self, body: Any, found: Sequence[Any], after: Key | None, rows: int
    ) -> Key | None:
        """Returns where the next page begins; None when this was the last."""
        endpoint = self._endpoint
        if self._next is not None:
            said = self._next.one(Scope(body, body))
            return self._absolute(said) if said else None
        is_short = endpoint.short_page_is_last and len(found) < rows
        if endpoint.paging == "none" or not found or is_short:
            return None
        if endpoint.paging == "key":
            return self._key_of(body, found[-1])
        if endpoint.paging == "page":
            return (endpoint.page_first if after is None else int(after)) + 1
        return (0 if after is None else int(after)) + len(found)

    def _key_of(self, body: Any, row: Any) -> Key:
        assert self._key is not None, "the settings were checked"
        key = self._key.one(Scope(body, row))
        if isinstance(key, bool) or not isinstance(key, int | str) or key == "":
            raise AdapterError(
                f"endpoint {self.name}: {self._key.text} of a row is no text or number"
            )
        return key

    def _absolute(self, said: Any) -> str:
        """Returns a next page's address; one of another host would get our password."""
        base = urlsplit(self._site.url)
        said = urlsplit(said) if isinstance(said, str) else urlsplit("")
        is_ours = not said.netloc or (said.scheme, said.netloc) == (base.scheme, base.netloc)
        if not is_ours or not (said.path or said.query):
            raise AdapterError(f"endpoint {self.name}: the next page is not under {self._site.url}")
        path = said.path if said.path.startswith("/") else self._endpoint.path
        if said.path.startswith("/") and base.path.strip("/"):
            prefix = base.path.rstrip("/")
            if not path.startswith(f"{prefix}/"):
                raise AdapterError(
                    f"endpoint {self.name}: the next page is not under {self._site.url}"
                )
            path = path.removeprefix(prefix)
        return f"{path}?{said.query}" if said.query else path

    def _place_of(self, address: str) -> tuple[str, dict[str, str]]:
        place = urlsplit(address)
        return place.path, dict(parse_qsl(place.query, keep_blank_values=True))

    def _check_progress(self, found: list[Any], after: Key | None, following: Key | None) -> None:
        """A system that does not know a parameter of ours answers the same page for ever."""
        self._pages = 1 if after is None else self._pages + 1
        place, rows = self._before
        is_same = bool(found) and found == rows and after is not None and after != place
        is_stuck = following is not None and (following == after or is_same)
        if is_stuck:
            raise AdapterError(
                f"endpoint {self.name}: the page after {after!r} is the same again; does the system "
                "take the paging's parameter?"
            )
        if self._pages > self._site.pages_max:
            raise AdapterError(f"endpoint {self.name}: more than {self._site.pages_max} pages")
        self._before = (after, found if following is not None else [])

    def _events(self, found: Sequence[Any]) -> Iterator[events_pb2.Event]:
        for number, row in enumerate(found, 1):
            read = self._mapping.read_document(row, number)
            if read.problem:
                self._refuse(row, read.problem)
            yield from read.events

    def _refuse(self, row: Any, problem: str) -> None:
        if self._site.refused.keep(self.name, as_body(row), [Problem(1, problem)]):
            LOG.error(
                "endpoint %s: a document is refused, see %s", self.name, self._site.refused.path
            )

    def _latest(self, found: Sequence[Any]) -> datetime | None:
        """Returns the latest stamp, but never one that is yet to come: what changes until then would be missed."""
        if self._stamp is None or not found:
            return None
        try:
            latest = max(self._stamp(Scope(row, row)) for row in found)
        except ValueRefused as error:
            raise AdapterError(f"endpoint {self.name}: stamp: {error}") from None
        return min(latest, self._site.now())


def written(at: datetime, form: str, zone: ZoneInfo) -> str:
    """Returns an instant as a system wants it."""
    if form == f.UNIX:
        return str(int(at.timestamp()))
    if form == f.UNIX_MS:
        return str(int(at.timestamp()) * 1_000)
    if form == f.ISO:
        at = at.astimezone(zone)
        text = at.isoformat(timespec="seconds")
        return text.replace("+00:00", "Z") if zone.key == "UTC" else text
    return at.astimezone(zone).strftime(form)


def utc_now() -> datetime:
    """Returns the current instant."""
    return datetime.now(UTC)
