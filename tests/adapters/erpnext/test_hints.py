"""ERPNext's webhooks: what is signed makes the adapter look at once, and nothing else does."""

from __future__ import annotations

import base64
import hmac
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.contract import AdapterError
from adapters.hints import BODY_BYTES_MAX, heard
from adapters.settings import AdapterFile, Hints, validated
from tests.adapters.conformance.conftest import Following
from tests.adapters.conformance.shop import Sold
from tests.adapters.conftest import FakeIntake
from tests.adapters.erpnext.fake import FakeShop

# As a site sent it, with the secret that its webhook was set up with; the signature's beginning was noted.
BODY = (
    b'{"doctype": "Sales Order", "name": "SAL-ORD-2026-00004", "status": "Draft", "docstatus": 1, '
    b'"customer": "Customer 002", "grand_total": 9.99, "modified": "2026-11-23 11:34:05.854020"}'
)
SIGNATURE_BEGINS = "2XSFma1UkMjH"
HEADER = "X-Frappe-Webhook-Signature"
MUG = [Sold("MUG-01", Decimal(1), Decimal("9.99"))]


def signed(body: bytes, secret: bytes = b"s3cret") -> dict[str, str]:
    return {HEADER: base64.b64encode(hmac.digest(secret, body, "sha256")).decode()}


@pytest.fixture
def hints(monkeypatch: pytest.MonkeyPatch) -> Hints:
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    monkeypatch.setenv("HOOK_SECRET_BEFORE", "older")
    said = {"listen": "127.0.0.1:0", "scheme": "frappe"}
    return validated(Hints, {**said, "secret_envs": ["HOOK_SECRET", "HOOK_SECRET_BEFORE"]}, "test")


@pytest.fixture
def listening(hints: Hints) -> Iterator[tuple[str, list[int]]]:
    rung: list[int] = []
    with heard(hints, lambda: rung.append(1)) as address:
        yield f"http://{address}/any/path", rung


def test_a_delivery_as_a_site_signed_it_rings(listening: tuple[str, list[int]]) -> None:
    url, rung = listening
    assert signed(BODY)[HEADER].startswith(SIGNATURE_BEGINS)
    answer = httpx.post(
        url, content=BODY, headers=signed(BODY)
    )  # without a content type, as Frappe
    assert (answer.status_code, rung) == (202, [1])
    assert httpx.post(url, content=b"", headers=signed(b"", b"older")).status_code == 202
    assert rung == [1, 1]


@pytest.mark.parametrize(
    ("method", "body", "headers", "status"),
    [
        ("POST", BODY, {}, 401),
        ("POST", BODY, {HEADER: "M\u00fcll".encode()}, 401),
        ("POST", BODY + b" ", signed(BODY), 401),
        ("POST", BODY, signed(BODY, b"another"), 401),
        ("POST", b"x" * (BODY_BYTES_MAX + 1), signed(BODY), 413),
        ("GET", b"", signed(b""), 405),
        ("DELETE", BODY, signed(BODY), 405),
    ],
)
def test_anything_else_does_not(
    listening: tuple[str, list[int]], method: str, body: bytes, headers: Any, status: int
) -> None:
    url, rung = listening
    assert httpx.request(method, url, content=body, headers=headers).status_code == status
    assert rung == []


def test_a_secret_that_is_not_there_is_named(hints: Hints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK_SECRET")
    with pytest.raises(AdapterError, match="HOOK_SECRET holds no"), heard(hints, lambda: None):
        pass


def test_settings_without_hints_hear_nothing() -> None:
    assert AdapterFile(adapter="erpnext", source="shop").hints is None
    with heard(None, lambda: None) as address:
        assert address == ""


def test_the_adapter_looks_when_it_is_told_and_stops_when_it_is_told(
    shop: FakeShop, hints: Hints, tmp_path: Path, intake: FakeIntake, eventually: Any
) -> None:
    following = Following(tmp_path / "shop.sqlite3", intake.address)
    stop, bell = threading.Event(), threading.Event()

    def orders() -> set[str]:
        with intake.lock:
            return {event.order.id for event in intake.events.values() if event.HasField("order")}

    def work() -> None:
        with following.of(shop.open()) as ready:
            replace(ready, interval_seconds=3600).run(stop, bell)

    first = shop.sell(MUG)
    with heard(hints, bell.set) as address, ThreadPoolExecutor(1) as worker:
        working = worker.submit(work)
        try:
            eventually(lambda: first in orders())
            second = shop.sell(MUG)
            httpx.post(f"http://{address}/", content=BODY, headers=signed(BODY))
            eventually(lambda: second in orders())
        finally:
            stop.set()
            bell.set()
        working.result(10)
