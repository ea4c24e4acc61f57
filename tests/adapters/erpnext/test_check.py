"""``check`` says what is missing before anything needs it; webhooks are verified before they are heard."""

from __future__ import annotations

import base64
import hmac
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.contract import AdapterError
from adapters.erpnext.adapter import open_erp
from adapters.erpnext.webhook import hint, verify
from adapters.settings import Running
from tests.adapters.conformance.shop import Sold
from tests.adapters.erpnext.fake import SETTINGS, FakeShop

MUG = [Sold("MUG-01", Decimal(1), Decimal("9.99"))]


def test_a_site_that_has_everything(shop: FakeShop) -> None:
    shop.sell(MUG)
    assert list(shop.open().check()) == [
        "user pointbook@example.com",
        "Customer: can be read",
        "Item: can be read",
        "Sales Order: can be read",
        "Delivery Note: can be read",
        "Bin: can be read",
        "company Points Ltd: EUR",
        "time zone Europe/Berlin: no stamp is ahead of our clock",
        "warehouse MAIN is 'Stores - PL': has stock",
        "writing Sales Orders was not tried: 'Sales User' gives create, submit and cancel",
    ]


@pytest.mark.parametrize(
    ("doctype", "role"),
    [
        ("Customer", "Sales User"),
        ("Item", "Stock User"),
        ("Sales Order", "Sales User"),
        ("Delivery Note", "Stock User"),
        ("Bin", "Stock User"),
    ],
)
def test_a_missing_right_is_named_with_the_role_that_gives_it(
    shop: FakeShop, doctype: str, role: str
) -> None:
    shop.fake.forbidden.add(doctype)
    said = f"no right to read {doctype}: give the user the role '{role}'"
    with pytest.raises(AdapterError, match=said) as raised:
        shop.open().check()
    assert "<" not in str(raised.value)


def test_a_company_that_may_not_be_read_is_not_verified(shop: FakeShop) -> None:
    shop.fake.forbidden.add("Company")
    assert "company Points Ltd: not verified, the user may not read Company" in shop.open().check()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"company": "Nobody Ltd"}, "there is no company 'Nobody Ltd'"),
        ({"currency": "USD"}, r"keeps its books in EUR, not in USD: set \[erp\] company_currency"),
    ],
)
def test_settings_that_do_not_fit_the_site(
    shop: FakeShop, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(AdapterError, match=said):
        shop.open(**wrong).check()


def test_a_wrong_zone_shows_as_stamps_ahead_of_our_clock(shop: FakeShop) -> None:
    order = shop.sell(MUG)
    lines = shop.open(time_zone="America/New_York").check()
    (warning,) = [line for line in lines if line.startswith("WARNING")]
    assert order in warning
    assert "America/New_York" in warning
    shop.set_clock(timedelta(hours=2))
    shop.touch(order)
    assert any(line.startswith("WARNING") for line in shop.open().check())


def test_a_warehouse_that_is_not_there_is_warned_about(shop: FakeShop) -> None:
    lines = shop.open(warehouses={"MAIN": "Sotres - PL"}).check()
    assert any("'Sotres - PL': WARNING: no item was ever in it" in line for line in lines)
    assert any("no [erp.warehouses]" in line for line in shop.open(warehouses={}, skus=[]).check())


def test_no_key_is_said_before_anything_is_called() -> None:
    with pytest.raises(AdapterError, match="the variable ERPNEXT_NO_SUCH_KEY holds no API key"):
        open_erp(
            {"url": "http://erp.test", **SETTINGS, "api_key_env": "ERPNEXT_NO_SUCH_KEY"}, Running()
        )


# As a site sent it, with the secret that its webhook was set up with; the signature's beginning was noted.
BODY = (
    b'{"doctype": "Sales Order", "name": "SAL-ORD-2026-00004", "status": "Draft", "docstatus": 1, '
    b'"customer": "Customer 002", "grand_total": 9.99, "modified": "2026-11-23 11:34:05.854020"}'
)
SECRET = b"s3cret"
SIGNATURE_BEGINS = "2XSFma1UkMjH"
SIGNATURE = base64.b64encode(hmac.digest(SECRET, BODY, "sha256")).decode()


def test_a_signature_is_base64_of_hmac_sha256_of_the_raw_body() -> None:
    assert SIGNATURE.startswith(SIGNATURE_BEGINS)
    assert verify(SECRET, BODY, SIGNATURE)
    assert not verify(SECRET, BODY + b" ", SIGNATURE)
    assert not verify(b"another", BODY, SIGNATURE)
    assert not verify(SECRET, BODY, "")
    assert not verify(SECRET, BODY, "Müll")
    assert not verify(b"", BODY, base64.b64encode(hmac.digest(b"", BODY, "sha256")).decode())


def test_a_signature_of_rfc_4231_test_case_2() -> None:
    digest = bytes.fromhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    signature = base64.b64encode(digest).decode()
    assert verify(b"Jefe", b"what do ya want for nothing?", signature)


def test_a_webhook_names_a_document_and_no_more() -> None:
    assert hint(BODY) == ("Sales Order", "SAL-ORD-2026-00004")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"doctype":"Sales Order"}', b'{"doctype":1,"name":"x"}', b"\xff"]
)
def test_a_webhook_that_names_no_document_is_refused(body: bytes) -> None:
    with pytest.raises(AdapterError, match="a webhook whose"):
        hint(body)
