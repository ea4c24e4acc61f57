"""Webhooks as hints: a signed delivery makes an adapter look at once. What it says is not used, for it may be stale or lost.

So nothing depends on them. Without any the adapter looks when its interval is over.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from adapters.settings import Hints, secret
from adapters.small_server import StartResponse, listening
from adapters.webhook.signatures import SCHEMES, Delivery, NotProven

LOG = logging.getLogger("adapters")
BODY_BYTES_MAX = 1024 * 1024
WINDOW_SECONDS = 300.0


@contextmanager
def heard(hints: Hints | None, ring: Callable[[], None]) -> Iterator[str]:
    """Listens for a while and yields the address; empty when there is nothing to listen for.

    Args:
        hints: Where and to whom.
        ring: Called for each delivery that proves who sent it.

    Raises:
        AdapterError: The address cannot be listened on, or a variable holds no secret.
    """
    if hints is None:
        yield ""
        return
    secrets = [secret(variable, "webhook secret").encode() for variable in hints.secret_envs]
    with listening(hints.listen, _app(hints.scheme, secrets, ring), "hints") as address:
        LOG.info("hints are heard at %s", address)
        yield address


def _app(
    scheme: str, secrets: list[bytes], ring: Callable[[], None]
) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    verify = SCHEMES[scheme]

    def app(environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        status, said = HTTPStatus.ACCEPTED, "looking"
        length = environ.get("CONTENT_LENGTH") or "0"
        if environ["REQUEST_METHOD"] != "POST":
            status, said = HTTPStatus.METHOD_NOT_ALLOWED, "POST only"
        elif not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            status, said = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {BODY_BYTES_MAX} bytes"
        else:
            body = environ["wsgi.input"].read(int(length))
            try:
                verify(_delivery(environ, body), secrets, time.time(), WINDOW_SECONDS)
            except NotProven as error:
                status, said = HTTPStatus.UNAUTHORIZED, f"{error.code}: {error}"
            else:
                ring()
        LOG.info("hint: %d %s", status, said)
        start(f"{status.value} {status.phrase}", [("Content-Type", "application/json")])
        return [json.dumps({"said": said}).encode()]

    return app


def _delivery(environ: dict[str, Any], body: bytes) -> Delivery:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    return Delivery(headers, dict(parse_qsl(environ.get("QUERY_STRING", ""))), body)
