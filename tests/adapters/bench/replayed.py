"""Replayed ERPs and a sender of webhooks, each to run in a process of its own, with as much in them as is asked for."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from adapters.webhook.signatures import sign
from tests.adapters.bench.elsewhere import Served
from tests.adapters.conformance.shop import Shop, Sold
from tests.adapters.erpnext.fake import SETTINGS as ERPNEXT_SETTINGS
from tests.adapters.erpnext.fake import FakeShop as ErpnextShop
from tests.adapters.erpnext.fake import open_shop as open_erpnext
from tests.adapters.generic import example
from tests.adapters.generic.fake_shop import FakeShop
from tests.adapters.odoo.business import LINE, MOVE, ORDER, PICKING
from tests.adapters.odoo.fake import open_odoo
from tests.adapters.odoo.tables import Tables, Values

GOODS = (
    Sold("COF-250", Decimal(1), Decimal("7.90")),
    Sold("MUG-01", Decimal(1), Decimal("9.99")),
)
SALES_SET_ASIDE = 50
CONNECTIONS = 8


def body(number: int) -> dict[str, Any]:
    """Returns the body of docs/any-system.md with one order of two lines, numbers as JSON has them."""
    order = json.loads(example.BODY)["data"][0] | {"number": f"SO-{number}"}
    del order["parcels"]
    return {"data": [order]}


@contextmanager
def erpnext(sales: int) -> Iterator[Served]:
    """Serves an ERPNext with sales, all of them shipped; says the table ``[erp]``."""
    with open_erpnext() as shop:
        assert isinstance(shop, ErpnextShop)
        _trade(shop, sales)
        yield Served({"url": shop.fake.url, **ERPNEXT_SETTINGS})


@contextmanager
def odoo(version: str, api: str, sales: int) -> Iterator[Served]:
    """Serves an Odoo with sales, all of them shipped; says the table ``[erp]``."""
    with open_odoo(version, api) as shop:
        aside: dict[str, dict[int, Values]] = {ORDER: {}, LINE: {}, PICKING: {}, MOVE: {}}
        for start in range(0, sales, SALES_SET_ASIDE):
            _trade(shop, min(SALES_SET_ASIDE, sales - start))
            _set_aside(shop.server.tables, aside)
        for model, rows in aside.items():
            shop.server.tables._rows[model] = rows
        yield Served(shop.settings())


def _set_aside(tables: Tables, aside: dict[str, dict[int, Values]]) -> None:
    """Takes what was sold out of the tables: a sale looks through them all, and thousands would take an hour."""
    for model, rows in aside.items():
        rows.update(tables._rows[model])
        tables._rows[model] = {}


def _trade(shop: Shop, sales: int) -> None:
    for _ in range(sales):
        shop.ship(shop.sell(GOODS))


@contextmanager
def rest(orders: int) -> Iterator[Served]:
    """Serves the shop of docs/any-system.md with orders of two lines; says its address."""
    shop = FakeShop()
    for number in range(1, orders + 1):
        shop.rows[number] = {"id": number, **body(number)["data"][0]}
    app = Starlette(routes=[Route("/api/rows", shop.handle)])
    config = uvicorn.Config(
        app, http="h11", ws="none", lifespan="off", log_config=None, access_log=False
    )
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as any server does
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}/api")
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@contextmanager
def sender(address: str, secret: bytes, bodies: Sequence[bytes]) -> Iterator[Served]:
    """Delivers bodies over a few connections when it is asked, and answers how often each status came."""

    def deliver(some: Sequence[bytes]) -> Counter[int]:
        connection = http.client.HTTPConnection(address, timeout=60)
        statuses = Counter(_delivered(connection, secret, each) for each in some)
        connection.close()
        return statuses

    def deliver_all() -> Counter[int]:
        parts = [bodies[start::CONNECTIONS] for start in range(CONNECTIONS)]
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            return sum(threads.map(deliver, parts), Counter[int]())

    yield Served(True, deliver_all)


def _delivered(connection: http.client.HTTPConnection, secret: bytes, raw: bytes) -> int:
    stamp = int(time.time())
    headers = {
        "content-type": "application/json",
        "x-pointbook-timestamp": str(stamp),
        "x-pointbook-signature": sign(secret, stamp, raw),
    }
    connection.request("POST", "/hooks/shop", raw, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status
