"""Quernstone's API: rows by when they changed, in the order of their ids, a page at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from adapters.contract import AdapterError
from adapters.web import Answer, Web

Row = Mapping[str, Any]

REFUSED = frozenset({401, 403})


class Api:
    """Calls one server."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def about(self) -> Row:
        """Returns version, company and currency."""
        found: Row = _said(self._web.call("GET", "/api/about", may_repeat=True), "about")
        return found

    def rows(self, kind: str, limit: int, after: int | None = None, **narrow: str) -> list[Row]:
        """Returns rows of a kind with an id after another one, lowest first."""
        params = {**narrow, "limit": str(limit), "after": str(after or 0)}
        answer = self._web.call("GET", f"/api/{kind}", params=params, may_repeat=True)
        return list(_said(answer, kind))

    def every(self, kind: str, limit: int, **narrow: str) -> Iterator[Row]:
        """Yields all rows of a kind that a filter lets through."""
        after = 0
        while found := self.rows(kind, limit, after, **narrow):
            yield from found
            after = found[-1]["id"]

    def named(self, kind: str, ids: Iterable[int]) -> list[Row]:
        """Returns some rows by id."""
        wanted = sorted(set(ids))
        return self.rows(kind, len(wanted), ids=",".join(map(str, wanted))) if wanted else []

    def newest(self, kind: str) -> datetime | None:
        """Returns the latest stamp of a kind; None when it has no rows."""
        answer = self._web.call("GET", f"/api/{kind}/newest", may_repeat=True)
        said = _said(answer, kind)["changed_at"]
        return None if said is None else datetime.fromisoformat(said)

    def create_order(self, values: Row) -> Row:
        """Makes a confirmed order. Not repeated: the API would make two."""
        answer = self._web.call(
            "POST", "/api/orders", json_body=json.dumps(values), may_repeat=False
        )
        made: Row = _said(answer, "orders")
        return made

    def cancel_order(self, number: int) -> None:
        """Makes an order void; one that is void stays so."""
        answer = self._web.call("POST", f"/api/orders/{number}/void", may_repeat=True)
        _said(answer, "orders")

    def close(self) -> None:
        """Closes its connections."""
        self._web.close()


def _said(answer: Answer, kind: str) -> Any:
    """Returns what was answered; no answer, and "come back later", is ``SourceAway`` already."""
    if answer.status in REFUSED:
        raise AdapterError(f"the API key may not use '{kind}': give it that right in Quernstone")
    if answer.status != 200:
        raise AdapterError(f"Quernstone answered {answer.status} to '{kind}': {answer.said()}")
    return answer.json()
