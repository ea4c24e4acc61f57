"""Frappe's REST API over HTTP, and people at work in it: ``tests.adapters.conformance.shop.Shop``."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote

from adapters.erpnext.adapter import Erpnext, open_erp
from adapters.settings import Running
from tests.adapters.conformance.shop import Abilities, Sold, Totals
from tests.adapters.erpnext import strict
from tests.adapters.erpnext.site import COMPANY, NOTE, ORDER, WAREHOUSE, Document, Refused, Site

KEY, SECRET = "a1b2c3", "d4e5f6"
TOKEN = f"token {KEY}:{SECRET}"
FIRST_CUSTOMER = "Customer 000"
SETTINGS: dict[str, Any] = {
    "company": COMPANY,
    "currency": "EUR",
    "time_zone": "Europe/Berlin",
    "warehouses": {"MAIN": WAREHOUSE},
    "skus": ["COF-250", "COF-1000", "MUG-01"],
}


@dataclass
class Fault:
    """What goes wrong with a call, once.

    Attributes:
        method: HTTP method.
        path: What its path contains.
        status: Status to answer instead of doing anything.
        body: What to answer then.
        is_answer_lost: Do it, and hang up.
    """

    method: str
    path: str
    status: int = 0
    body: str = ""
    is_answer_lost: bool = False


@dataclass
class FakeServer:
    """A site behind HTTP.

    Attributes:
        site: The site.
        forbidden: Doctypes the user may not read.
        withheld: Fields the user may not see.
        faults: What goes wrong, each once.
        calls: Method and path of what was called.
        unheard: Calls that nothing supports.
    """

    site: Site
    forbidden: set[str] = field(default_factory=set)
    withheld: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    unheard: list[str] = field(default_factory=list)
    url: str = ""

    def handle(
        self, method: str, target: str, token: str | None, body: bytes
    ) -> tuple[int, str] | None:
        """Answers a call; None hangs up."""
        path, _, query = target.partition("?")
        self.calls.append((method, unquote(path)))
        fault = next(
            (f for f in self.faults if f.method == method and f.path in unquote(path)), None
        )
        if fault is not None:
            self.faults.remove(fault)
            if not fault.is_answer_lost:
                return fault.status, fault.body
        try:
            with self.site.lock:
                said = self._done(method, unquote(path), query, token, json.loads(body or b"{}"))
        except Refused as refused:
            return refused.status, json.dumps(refused.body)
        except Exception as error:  # noqa: BLE001 – whatever it is, the test has to hear of it
            self.unheard.append(f"{method} {path}: {type(error).__name__}: {error}")
            return 500, json.dumps({"exc_type": "Unheard", "exception": str(error)})
        return None if fault is not None else (200, json.dumps(said))

    def _done(
        self, method: str, path: str, query: str, token: str | None, body: Document
    ) -> dict[str, Any]:
        if token is None:
            raise Refused(403, "PermissionError", "Login to access")
        if token != TOKEN:
            raise Refused(401, "AuthenticationError", "")
        strict.expect_endpoint(method, path)
        _, _, kind, *rest = path.split("/")
        if kind == "method":
            return {"message": self._method(rest[0], body)}
        doctype = rest[0]
        if doctype in self.forbidden:
            said = f"User is not permitted to read <strong>{doctype}</strong>"
            raise Refused(403, "PermissionError", said)
        if method == "GET" and len(rest) == 1:
            return {"data": self._seen(self.site.listed(doctype, strict.Query(doctype, query)))}
        if method == "POST":
            return {"data": self.site.insert(doctype, body)}
        if method == "PUT":
            if body != {"docstatus": 1}:
                raise strict.Unheard(f"PUT with {body} was never recorded")
            return {"data": self.site.submit(doctype, rest[1])}
        return {"data": self.site.get(doctype, rest[1])}

    def _method(self, method: str, body: Document) -> object:
        if method == "frappe.auth.get_logged_user" and not body:
            return "pointbook@example.com"
        if method == "frappe.client.cancel" and set(body) == {"doctype", "name"}:
            return self.site.cancel(body["doctype"], body["name"])
        raise strict.Unheard(f"{method} with {sorted(body)} was never recorded")

    def _seen(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Leaves out withheld fields, as Frappe does, without a word."""
        if not self.withheld:
            return rows
        return [{key: row[key] for key in row if key not in self.withheld} for row in rows]


def _handler(fake: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def answer(self) -> None:
            if len(self.raw_requestline) > strict.REQUEST_LINE_LENGTH_MAX:
                fake.unheard.append(f"a request line of {len(self.raw_requestline)} characters")
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            said = fake.handle(self.command, self.path, self.headers.get("authorization"), body)
            if said is None:
                self.close_connection = True
                return
            status, text = said
            encoded = text.encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 – as http.server calls them

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    return Handler


@contextmanager
def serve(site: Site) -> Iterator[FakeServer]:
    """Serves a site on a free port; raises at the end what no recording supports."""
    fake = FakeServer(site)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    if fake.unheard:
        raise strict.Unheard("; ".join(fake.unheard))


class FakeShop:
    """People at work. See ``tests.adapters.conformance.shop.Shop``; what nobody can do there raises."""

    abilities = Abilities(unapproves=False, amends_confirmed=False, tax_percent=Decimal(19))

    def __init__(self, fake: FakeServer) -> None:
        self.fake = fake
        self.site = fake.site
        self._opened: list[Erpnext] = []

    def open(
        self,
        *,
        rows_per_page: int = 200,
        overlap: timedelta = timedelta(minutes=10),
        **settings: Any,
    ) -> Erpnext:
        """Opens an adapter from settings, keys and all."""
        run = Running(
            rows_per_page=rows_per_page, overlap_seconds=max(overlap.total_seconds(), 1e-6)
        )
        keys = {"ERPNEXT_API_KEY": KEY, "ERPNEXT_API_SECRET": SECRET}
        with patch.dict(os.environ, keys):
            opened = open_erp({"url": self.fake.url, **SETTINGS, **settings}, run)
        self._opened.append(opened)
        return opened

    def close(self) -> None:
        """Closes what was opened."""
        for each in self._opened:
            each.close()

    def sell(self, lines: Sequence[Sold], *, confirm: bool = True, on: date | None = None) -> str:
        """Makes a Sales Order."""
        order = {"customer": FIRST_CUSTOMER, "company": COMPANY, "docstatus": int(confirm)}
        percent = float(self.abilities.tax_percent)
        order |= {"taxes": [{"charge_type": "On Net Total", "rate": percent}]}
        if on is not None:
            order["transaction_date"] = on.isoformat()
        with self.site.lock:
            items = [_priced(line) for line in lines]
            return str(self.site.insert(ORDER, order | {"items": items})["name"])

    def confirm(self, order: str) -> None:
        """Submits a draft."""
        with self.site.lock:
            self.site.submit(ORDER, order)

    def confirm_together(self, orders: Sequence[str]) -> Callable[[], None]:
        """Saves orders now, and commits them when what it returns is called."""
        stamps = [(order, self.site.now()) for order in orders]

        def commit() -> None:
            with self.site.lock:
                for order, stamp in stamps:
                    self.site.get(ORDER, order)
                    self.site.touch(ORDER, order, docstatus=1)
                    self.site.kept[ORDER][order]["modified"] = stamp

        return commit

    def ship(self, order: str, quantities: Mapping[int, Decimal] | None = None) -> None:
        """Posts a Delivery Note for what is left, or for quantities by line."""
        with self.site.lock:
            document = self.site.get(ORDER, order)
            note = self.site.draft_note(document)
            if quantities is not None:
                wanted = {document["items"][n]["name"]: q for n, q in quantities.items()}
                note["items"] = _only(note["items"], "so_detail", wanted)
            self.site.insert(NOTE, note | {"docstatus": 1})

    def take_back(self, order: str, quantities: Mapping[int, Decimal]) -> None:
        """Posts returns against the Delivery Notes that shipped the lines, the first ones first."""
        with self.site.lock:
            lines = self.site.get(ORDER, order)["items"]
            left = {lines[n]["name"]: quantity for n, quantity in quantities.items()}
            for note in self._notes(order, is_return=0):
                wanted = {}
                for line in note["items"]:
                    rest = min(left.get(line["so_detail"], Decimal(0)), Decimal(str(line["qty"])))
                    if rest > 0:
                        wanted[line["so_detail"]] = -rest
                        left[line["so_detail"]] -= rest
                if wanted:
                    back = self.site.draft_return(note)
                    back["items"] = _only(back["items"], "so_detail", wanted)
                    self.site.insert(NOTE, back | {"docstatus": 1})

    def cancel(self, order: str) -> None:
        """Cancels what stands on an order, returns first, and then the order."""
        with self.site.lock:
            for is_return in (1, 0):
                for note in self._notes(order, is_return=is_return):
                    self.site.cancel(NOTE, note["name"])
            if self.site.get(ORDER, order)["docstatus"] == 0:
                self.site.submit(ORDER, order)
            self.site.cancel(ORDER, order)

    def amend(self, order: str, quantities: Mapping[int, Decimal]) -> str:
        """Edits a draft; of a submitted order, cancels it and submits an amended one."""
        with self.site.lock:
            document = self.site.get(ORDER, order)
            items = _counted_anew(document, quantities)
            if document["docstatus"] == 0:
                self.site.edit(order, items)
                return order
            head = {
                key: document[key] for key in ("customer", "company", "transaction_date", "taxes")
            }
            self.cancel(order)
            amended = head | {"amended_from": order, "docstatus": 1, "items": items}
            return str(self.site.insert(ORDER, amended)["name"])

    def update_items(self, order: str, quantities: Mapping[int, Decimal]) -> None:
        """Changes quantities of a submitted order by its button "Update Items": its lines stay what they are.

        Not recorded: ``update_child_qty_rate`` in erpnext/controllers/accounts_controller.py saves lines and order.
        """
        with self.site.lock:
            items = _counted_anew(self.site.get(ORDER, order), quantities)
            self.site.edit(order, items)

    def unapprove(self, order: str) -> None:
        """Nobody can: what was submitted does not become a draft again."""
        raise NotImplementedError(order)

    def touch(self, order: str) -> None:
        """Closes an order: its status changes, and the stamp."""
        with self.site.lock:
            self.site.touch(ORDER, order, status="Closed")

    def set_clock(self, shift: timedelta) -> None:
        """Moves the site's clock."""
        self.site.shift = shift

    def totals(self, order: str) -> Totals:
        """Returns what the Sales Order itself says."""
        with self.site.lock:
            document = self.site.get(ORDER, order)
            net, tax = document["net_total"], document["total_taxes_and_charges"]
            return Totals(Decimal(str(net)), Decimal(str(tax)))

    def redemption_ship(self, order: str) -> None:
        """Ships a redemption's order."""
        self.ship(order)

    def _notes(self, order: str, *, is_return: int) -> list[Document]:
        return [
            note
            for note in self.site.kept[NOTE].values()
            if note["docstatus"] == 1
            and note["is_return"] == is_return
            and any(line["against_sales_order"] == order for line in note["items"])
        ]


def _priced(line: Sold) -> Document:
    said = {"item_code": line.sku, "qty": float(line.quantity)}
    if not line.discount:
        return said | {"rate": float(line.price)}
    return said | {
        "price_list_rate": float(line.price),
        "discount_percentage": float(line.discount),
    }


def _counted_anew(order: Document, quantities: Mapping[int, Decimal]) -> list[Document]:
    return [
        {"item_code": line["item_code"], "rate": line["rate"]}
        | {"qty": float(quantities.get(number, Decimal(str(line["qty"]))))}
        for number, line in enumerate(order["items"])
    ]


def _only(lines: list[Document], key: str, wanted: Mapping[str, Decimal]) -> list[Document]:
    return [line | {"qty": float(wanted[line[key]])} for line in lines if line[key] in wanted]


@contextmanager
def open_shop() -> Iterator[FakeShop]:
    """Opens a shop of its own, with its own site."""
    with serve(Site()) as fake:
        shop = FakeShop(fake)
        try:
            yield shop
        finally:
            shop.close()
