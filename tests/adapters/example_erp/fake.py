"""A Quernstone in memory, as strict as its API: a parameter or kind that it does not know is an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

KEY = "a1b2c3"
ZONE = ZoneInfo("Europe/Berlin")
GOODS = frozenset({"moved_from", "moved_until"})
NARROWS: Mapping[str, frozenset[str]] = {
    "customers": frozenset(),
    "order-lines": frozenset(),
    "orders": frozenset({"reference", "day_from", "day_until"}),
    "deliveries": GOODS,
    "returns": GOODS,
}
PAGING = frozenset({"limit", "after", "changed_from", "ids"})


class FakeQuernstone:
    """Its rows and its API.

    Attributes:
        shift: The ERP's clock against ours.
        forbidden: Kinds the key may not use.
        answers_lost: How many of the next orders are made without an answer.
        calls: How often it was called.
    """

    def __init__(self) -> None:
        self.tables: dict[str, dict[int, dict[str, Any]]] = {kind: {} for kind in NARROWS}
        self.shift = timedelta()
        self.forbidden: set[str] = set()
        self.answers_lost = 0
        self.calls = 0
        self.insert(
            "customers", number="C-1", name="Ada Berg", is_active=True, phone="+49 30 1234567"
        )

    def now(self) -> datetime:
        """Returns what its clock says."""
        return datetime.now(UTC) + self.shift

    def insert(self, kind: str, **values: Any) -> int:
        """Adds a row; returns its id."""
        number = len(self.tables[kind]) + 1
        made = {"id": number, "created_at": self.now().isoformat()}
        self.tables[kind][number] = made | {"changed_at": made["created_at"]} | values
        return number

    def update(self, kind: str, number: int, at: datetime | None = None, **values: Any) -> None:
        """Changes a row, stamped now or with when its transaction began."""
        self.tables[kind][number].update(values, changed_at=(at or self.now()).isoformat())

    def insert_order(self, lines: list[dict[str, Any]], **values: Any) -> int:
        """Adds an order with its lines; returns its id."""
        number = len(self.tables["orders"]) + 1
        head = {"number": f"Q-{number}", "state": "open", "reference": "", "voided_at": None}
        head |= {"currency": "EUR", "day": self.now().astimezone(ZONE).date().isoformat()}
        self.insert("orders", **(head | values))
        for line in lines:
            self.insert("order-lines", order_id=number, text=line["sku"], **line)
        return number

    def lines_of(self, order: int) -> list[dict[str, Any]]:
        """Returns the lines of an order."""
        return [line for line in self.tables["order-lines"].values() if line["order_id"] == order]

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answers a call."""
        self.calls += 1
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return httpx.Response(401)
        _, _, kind, *more = request.url.path.split("/")
        if kind in self.forbidden:
            return httpx.Response(403)
        match request.method, kind, more:
            case "GET", "about", []:
                return _json({"version": "4.2", "company": "Mill Ltd", "currency": "EUR"})
            case "GET", _, ["newest"] if kind in self.tables:
                stamps = [row["changed_at"] for row in self.tables[kind].values()]
                return _json({"changed_at": max(stamps, default=None)})
            case "GET", _, [] if kind in self.tables:
                return self._rows(kind, dict(request.url.params))
            case "POST", "orders", []:
                return self._made(request, json.loads(request.content))
            case "POST", "orders", [number, "void"]:
                return self._voided(int(number))
        return httpx.Response(404, text=f"there is no {request.method} {request.url.path}")

    def _rows(self, kind: str, said: dict[str, str]) -> httpx.Response:
        unknown = said.keys() - PAGING - NARROWS[kind]
        if unknown:
            return httpx.Response(400, text=f"unknown: {', '.join(sorted(unknown))}")
        rows = [row for _, row in sorted(self.tables[kind].items()) if _fits(row, said)]
        return _json([self._shown(kind, row) for row in rows[: int(said["limit"])]])

    def _shown(self, kind: str, row: dict[str, Any]) -> dict[str, Any]:
        if kind == "orders":
            return row | {"lines": self.lines_of(row["id"])}
        if kind in ("deliveries", "returns"):
            return row | {"order": self.tables["orders"][row["order_id"]]}
        return row

    def _made(self, request: httpx.Request, said: dict[str, Any]) -> httpx.Response:
        lines = [
            {"sku": line["sku"], "quantity": line["quantity"], "net": line["price"], "tax": "0"}
            for line in said.pop("lines")
        ]
        number = self.insert_order(lines, **said)
        if self.answers_lost:
            self.answers_lost -= 1
            raise httpx.ReadTimeout("no answer", request=request)
        return _json(self.tables["orders"][number])

    def _voided(self, number: int) -> httpx.Response:
        gone = [row for row in self.tables["deliveries"].values() if row["order_id"] == number]
        if gone:
            return httpx.Response(409, text=f"{gone[0]['number']} has left")
        if self.tables["orders"][number]["state"] != "void":
            self.void(number)
        return _json({})

    def void(self, number: int) -> None:
        """Makes an order void."""
        self.update("orders", number, state="void", voided_at=self.now().isoformat())


def _json(said: Any) -> httpx.Response:
    return httpx.Response(200, json=said)


def _fits(row: dict[str, Any], said: dict[str, str]) -> bool:
    """Whether a row is asked for."""
    ids = said.get("ids")
    return (
        row["id"] > int(said.get("after", "0"))
        and (ids is None or str(row["id"]) in ids.split(","))
        and _at(row["changed_at"]) >= _at(said.get("changed_from", ALWAYS))
        and said.get("reference", row.get("reference")) == row.get("reference")
        and said.get("day_from", "") <= row.get("day", "") < said.get("day_until", "9")
        and (
            "moved_from" not in said
            or _at(said["moved_from"]) <= _at(row["moved_at"]) < _at(said["moved_until"])
        )
    )


ALWAYS = "1970-01-01T00:00:00+00:00"


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
