"""``check`` says what is missing before anything needs it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.contract import AdapterError
from adapters.erpnext.adapter import open_erp
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
