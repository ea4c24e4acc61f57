"""A system with JSON over HTTP that pages in every way there is, and keeps orders it is sent."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TOKEN = "the-token"


@dataclass
class FakeShop:
    """Rows by id; ``rows_max`` caps pages however many are asked for."""

    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    rows_max: int = 1_000
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    next_host: str = ""
    deaf: bool = False
    swallow_answers: int = 0
    hide_orders: int = 0
    url: str = ""

    def add(self, number: int, changed: str = "2026-03-01T00:00:00Z", **more: Any) -> None:
        """Adds or changes a row, an order of one line."""
        line = {"no": 1, "sku": "A", "qty": 1, "total": "11.90", "vat": 19}
        self.rows[number] = {
            "id": number, "type": "order", "number": f"SO-{number}", "changed": changed, "state": "paid",
            "placed": "2026-03-01 09:30:00", "currency": "EUR", "lines": [line],
        } | more  # fmt: skip

    async def handle(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.requests.append((request.method, request.url.path, query))
        self.headers.append(dict(request.headers))
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"message": "who are you?"}, 401)
        return JSONResponse(self._page(query))

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        rows = [self.rows[number] for number in sorted(self.rows)]
        if "type" in query:
            rows = [row for row in rows if row["type"] == query["type"]]
        if "since" in query:
            since = datetime.fromisoformat(query["since"])
            rows = [row for row in rows if datetime.fromisoformat(row["changed"]) >= since]
        size = min(int(query.get("rows", "1000")), self.rows_max)
        start = (
            0 if self.deaf else int(query.get("offset", 0)) + (int(query.get("page", 1)) - 1) * size
        )
        if "after" in query and not self.deaf:
            rows = [row for row in rows if row["id"] > int(query["after"])]
        page = rows[start : start + size]
        following = None
        if start + size < len(rows):
            following = f"{self.next_host}/api/rows?offset={start + size}&rows={size}"
        return {"code": 0, "data": page, "next": following}

    async def redemption(self, request: Request) -> Response:
        self.requests.append((request.method, request.url.path, dict(request.query_params)))
        if request.method == "GET":
            reference = request.query_params["reference"]
            found = [
                number for number, each in self.orders.items() if each["reference"] == reference
            ]
            shown = [] if self.hide_orders else found
            return JSONResponse({"data": [{"number": number} for number in shown]})
        number = f"W-{len(self.orders) + 1}"
        self.orders[number] = json.loads(await request.body())
        if self.swallow_answers:
            self.swallow_answers -= 1
            return Response(status_code=504)
        return JSONResponse({"number": number}, 201)

    async def cancel(self, request: Request) -> Response:
        self.orders[request.path_params["number"]]["cancelled"] = True
        return JSONResponse({})


@contextmanager
def running() -> Iterator[FakeShop]:
    """Runs a fake on a free port."""
    shop = FakeShop()
    app = Starlette(
        routes=[
            Route("/api/rows", shop.handle),
            Route("/api/orders", shop.redemption, methods=["GET", "POST"]),
            Route("/api/orders/{number}/cancel", shop.cancel, methods=["POST"]),
        ]
    )
    config = uvicorn.Config(
        app, port=0, http="h11", ws="none", lifespan="off", log_config=None, access_log=False
    )
    listener = socket.create_server(("127.0.0.1", 0))
    # An answer's head and body leave apart; without this the second waits 40 ms for the first's receipt.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    shop.url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
    try:
        yield shop
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
