"""A small HTTP server in a thread of its own, for a page or two beside the work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from adapters.contract import AdapterError

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


@contextmanager
def listening(address: str, app: Application, name: str) -> Iterator[str]:
    """Serves an application for a while; yields the address.

    Args:
        address: Host and port, port 0 for any.
        app: WSGI application.
        name: What it is for, in messages.

    Raises:
        AdapterError: The address cannot be listened on.
    """
    host, _, port = address.rpartition(":")
    try:
        server = make_server(host, int(port), app, _Server, _Quiet)
    except (OSError, ValueError, OverflowError) as error:
        raise AdapterError(f"{name} address {address}: {error}") from error
    with server:
        thread = threading.Thread(target=server.serve_forever, daemon=True, name=name)
        thread.start()
        try:
            yield f"{host}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = 10  # seconds a client may take for its request

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: a line per scrape helps nobody."""
