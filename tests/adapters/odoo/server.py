"""A replayed Odoo behind HTTP: JSON-RPC, and on 19 JSON-2. What nobody has seen Odoo do fails the test."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tests.adapters.odoo.business import ORDER, Business, UserError, seed
from tests.adapters.odoo.recorded import vocabulary
from tests.adapters.odoo.tables import NotRecorded, Tables

DATABASE, LOGIN, SECRET = "pointbook-test", "adapter", "0123456789abcdef0123456789abcdef01234567"
USER_ID = 2
SERIES = {"17": "17.0", "19": "19.0"}
# Recorded on 19: confirming may answer with a hint for the screen instead of true.
REWARDS_AVAILABLE = {
    "type": "ir.actions.client",
    "tag": "display_notification",
    "params": {
        "type": "info",
        "title": "Rewards Available",
        "message": "There are available rewards not added to this order.",
        "next": {"type": "ir.actions.act_window_close"},
    },
}
NOTHING = object()  # what a method without result returns


class Said(NamedTuple):
    """An answer over HTTP."""

    status: int
    body: bytes
    content_type: str = "application/json"


class Refused(Exception):
    """An error of Odoo's own: its class and its message."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


Accident = Callable[[str, Callable[[], Said]], Said]


class OdooServer:
    """One server with one database.

    Attributes:
        version: "17" or "19".
        faults: What was asked that is neither recorded nor an addition.
        asked: "model.method" of each call, in order.
        forbidden: Models the user may not read.
        accident: May do something else than answer: sees "model.method" and what would answer.
    """

    def __init__(self, version: str) -> None:
        self.version = version
        self.tables = Tables(vocabulary(version), version)
        self.business = Business(self.tables)
        self.faults: list[NotRecorded] = []
        self.asked: list[str] = []
        self.forbidden: set[str] = set()
        self.accident: Accident | None = None
        self.lock = threading.RLock()
        seed(self.tables)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops the server.

        Raises:
            NotRecorded: Something was asked that nobody has seen Odoo do.
        """
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        if self.faults:
            raise self.faults[0]

    def answer(self, path: str, headers: dict[str, str], body: Any) -> Said:
        """Answers one request."""
        if path == "/jsonrpc":
            return self._json_rpc(body)
        parts = path.split("/")
        if parts[:3] == ["", "json", "2"] and len(parts) == 5 and self.version == "19":
            return self._json_2(parts[3], parts[4], headers, body)
        return Said(404, b"<!doctype html><title>404 Not Found</title>", "text/html")

    def _json_rpc(self, body: Any) -> Said:
        if set(body) != {"jsonrpc", "method", "id", "params"} or body["method"] != "call":
            self._fault(NotRecorded(f"JSON-RPC envelope {sorted(body)}"))
        params = body["params"]
        service, method, args = params["service"], params["method"], params["args"]

        def said() -> Said:
            try:
                result = self._service(service, method, args)
            except Refused as error:
                return _rpc_error(body["id"], error)
            answer = {"jsonrpc": "2.0", "id": body["id"]}
            return _said(200, answer if result is NOTHING else answer | {"result": result})

        what = f"{args[3]}.{args[4]}" if service == "object" else method
        return self._through(what, said)

    def _service(self, service: str, method: str, args: list[Any]) -> Any:
        if (service, method) == ("common", "version"):
            return {"server_version": SERIES[self.version], "server_serie": SERIES[self.version]}
        if (service, method) == ("common", "login"):
            return USER_ID if args == [DATABASE, LOGIN, SECRET] else False
        if (service, method) != ("object", "execute_kw") or len(args) != 7:
            self._fault(NotRecorded(f"service {service}.{method} with {len(args)} arguments"))
        database, user, secret, model, name, positional, named = args
        if (database, user, secret) != (DATABASE, USER_ID, SECRET):
            raise Refused("odoo.exceptions.AccessDenied", "Access Denied")
        return self._execute(model, name, self._by_name(name, positional, named))

    def _by_name(self, method: str, positional: list[Any], named: dict[str, Any]) -> dict[str, Any]:
        """Returns the arguments by name; their recorded positions are the only ones accepted."""
        names = {
            "search_read": ("domain", "fields"),
            "create": ("vals_list",),
            "fields_get": ("allfields", "attributes"),
        }.get(method, ("ids",))
        if len(positional) != len(names):
            self._fault(NotRecorded(f"{method} with {len(positional)} positional arguments"))
        return dict(zip(names, positional, strict=True)) | named

    def _json_2(self, model: str, method: str, headers: dict[str, str], body: Any) -> Said:
        def said() -> Said:
            if headers.get("authorization") != f"bearer {SECRET}":
                name = "werkzeug.exceptions.Unauthorized"
                return _said(401, {"name": name, "message": "Invalid apikey"})
            if headers.get("x-odoo-database") != DATABASE:
                self._fault(NotRecorded("JSON-2 without the database's name"))
            try:
                result = self._execute(model, method, body)
            except Refused as error:
                debug = "Traceback (most recent call last):\n  File …"
                return _said(500, {"name": error.name, "message": str(error), "debug": debug})
            return _said(200, None if result is NOTHING else result)

        return self._through(f"{model}.{method}", said)

    def _through(self, what: str, said: Callable[[], Said]) -> Said:
        with self.lock:
            self.asked.append(what)
            return said() if self.accident is None else self.accident(what, said)

    def _execute(self, model: str, method: str, named: dict[str, Any]) -> Any:
        if method not in self.tables.known.methods.get(model, ()):
            self._fault(NotRecorded(f"method {model}.{method} is neither recorded nor an addition"))
        if model in self.forbidden:
            raise Refused(
                "odoo.exceptions.AccessError",
                f"You are not allowed to access '{model}' records.",
            )
        try:
            return self._do(model, method, named)
        except NotRecorded as error:
            self._fault(error)
        except UserError as error:
            raise Refused("odoo.exceptions.UserError", str(error)) from error

    def _do(self, model: str, method: str, named: dict[str, Any]) -> Any:
        context = named.pop("context", {})
        if method == "search_read":
            return self._search_read(model, named)
        if method == "fields_get":
            known = self.tables.known.fields[model]
            return {name: {"type": "many2many"} for name in named["allfields"] if name in known}
        if (model, method) == (ORDER, "create"):
            return [self._create(values) for values in _only(named, "vals_list")]
        if (model, method) == (ORDER, "action_confirm"):
            for number in _only(named, "ids"):
                self.business.confirm(number)
            return REWARDS_AVAILABLE if self.version == "19" else True
        if (model, method) == (ORDER, "action_cancel"):
            if context.get("disable_cancel_warning") is not True:
                raise NotRecorded("action_cancel without disable_cancel_warning opens a dialogue")
            for number in _only(named, "ids"):
                self.business.cancel(number)
            return True
        raise NotRecorded(f"{model}.{method} is recorded, but not replayed")

    def _search_read(self, model: str, named: dict[str, Any]) -> Any:
        allowed = {"domain", "fields", "limit", "order"}
        if not set(named) <= allowed or not set(named) - {"domain", "fields"} <= (
            self.tables.known.named
        ):
            raise NotRecorded(f"search_read with {sorted(set(named))}")
        return self.tables.search(
            model,
            named["domain"],
            named["fields"],
            named.get("order", "id asc"),
            named.get("limit", 0),
        )

    def _create(self, values: dict[str, Any]) -> int:
        for name in values:
            self.tables.check_field(ORDER, name)
        for command in values["order_line"]:
            if command[:2] != [0, 0] or len(command) != 3:
                raise NotRecorded(f"order_line command {command[:2]}")
            for name in command[2]:
                self.tables.check_field("sale.order.line", name)
        return self.business.create_order(values)

    def _fault(self, error: NotRecorded) -> None:
        self.faults.append(error)
        raise Refused("builtins.ValueError", str(error))


def _only(named: dict[str, Any], name: str) -> Any:
    if set(named) != {name}:
        raise NotRecorded(f"arguments {sorted(named)} where {name} alone is recorded")
    return named[name]


def _said(status: int, body: Any) -> Said:
    return Said(status, json.dumps(body).encode())


def _rpc_error(number: int, error: Refused) -> Said:
    data = {
        "name": error.name,
        "debug": "Traceback (most recent call last):\n  File …",
        "message": str(error),
        "arguments": [str(error)],
        "context": {},
    }
    said = {"code": 200, "message": "Odoo Server Error", "data": data}
    return _said(200, {"jsonrpc": "2.0", "id": number, "error": said})


def _handler(server: OdooServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                said = server.answer(self.path, headers, json.loads(self.rfile.read(length)))
            except Refused as error:
                said = _said(500, {"message": str(error)})
            self.send_response(said.status)
            self.send_header("content-type", said.content_type)
            self.send_header("content-length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: a test's output is about its test."""

    return Handler
