"""What Frappe refuses becomes one sentence, and what it withholds is not taken for empty."""

from __future__ import annotations

import json

import pytest

from adapters.contract import AdapterError, SourceAway
from adapters.erpnext.rest import BY_NAME, Frappe, Refusal, answered_key
from adapters.web import Web
from tests.adapters.erpnext import strict
from tests.adapters.erpnext.fake import TOKEN, FakeShop, Fault, serve
from tests.adapters.erpnext.site import Site

LIST = ("Customer", ("name", "modified"), [], 20)


@pytest.fixture
def frappe(shop: FakeShop):
    web = Web(shop.fake.url, {"authorization": TOKEN})
    yield Frappe(web)
    web.close()


def refused(shop: FakeShop, frappe: Frappe, status: int, body: object) -> Refusal:
    text = body if isinstance(body, str) else json.dumps(body)
    shop.fake.faults.append(Fault("POST", "frappe.client.cancel", status, text))
    with pytest.raises(Refusal) as raised:
        frappe.cancel("Sales Order", "SAL-ORD-2026-00003")
    assert "Traceback" not in str(raised.value)
    return raised.value


def test_a_refused_cancellation_says_what_stands_in_the_way(shop: FakeShop, frappe: Frappe) -> None:
    error = refused(shop, frappe, 417, strict.refusal("cancel.refused"))
    assert str(error) == (
        "ERPNext refused cancelling SAL-ORD-2026-00003 (417 LinkExistsError): Cannot delete or cancel because "
        "Sales Order SAL-ORD-2026-00003 is linked with Delivery Note MAT-DN-2026-00003"
    )
    assert (error.status, error.kind) == (417, "LinkExistsError")


def test_a_failed_validation_is_its_first_line(shop: FakeShop, frappe: Frappe) -> None:
    error = refused(shop, frappe, 417, strict.refusal("close.dncancel"))
    assert str(error).endswith("(417 ValidationError): Sales Order SAL-ORD-2026-00003 is Closed")
    lines = {
        "exc_type": "MandatoryError",
        "exception": "frappe.exceptions.MandatoryError: [x]: a\nTraceback: b",
    }
    assert str(refused(shop, frappe, 417, lines)).endswith("(417 MandatoryError): [x]: a")


def test_what_is_html_loses_its_tags(shop: FakeShop, frappe: Frappe) -> None:
    page = "<html><body><h1>Sorry!</h1> We&#39;ll be\n back</body></html>"
    assert str(refused(shop, frappe, 500, page)).endswith("(500): Sorry! We'll be back")
    assert str(refused(shop, frappe, 500, [1])).endswith("(500): [1]")


def test_a_document_that_is_not_there(shop: FakeShop, frappe: Frappe) -> None:
    with pytest.raises(Refusal, match=r"\(404 DoesNotExistError\): Sales Order SO-1 not found"):
        frappe.submit("Sales Order", "SO-1")


def test_a_wrong_key_and_no_key(shop: FakeShop) -> None:
    for headers, said in (
        ({"authorization": "token a:b"}, "401 AuthenticationError.*is the API key right"),
        ({}, "403 PermissionError.*Login to access"),
    ):
        web = Web(shop.fake.url, headers)
        with pytest.raises(Refusal, match=said):
            Frappe(web).rows(*LIST)
        web.close()


def test_a_site_that_answers_no_json_is_no_frappe(shop: FakeShop, frappe: Frappe) -> None:
    shop.fake.faults.append(Fault("GET", "Customer", 200, "<html>Welcome to nginx!</html>"))
    with pytest.raises(AdapterError, match="answered 200 and no JSON"):
        frappe.rows(*LIST)
    shop.fake.faults.append(Fault("GET", "Customer", 200, '{"home_page": "/app"}'))
    with pytest.raises(AdapterError, match="answered without 'data'"):
        frappe.rows(*LIST)


def test_a_list_is_asked_again_when_the_site_is_busy(shop: FakeShop, frappe: Frappe) -> None:
    shop.fake.faults.append(Fault("GET", "Customer", 503))
    assert len(frappe.rows(*LIST)) == 3


def test_what_changes_something_is_tried_once(shop: FakeShop, frappe: Frappe) -> None:
    shop.fake.faults.append(Fault("POST", "frappe.client.cancel", 503))
    with pytest.raises(SourceAway, match="answered 503"):
        frappe.cancel("Sales Order", "SO-1")
    assert len(shop.fake.calls) == 1


def test_a_withheld_field_is_an_error(shop: FakeShop, frappe: Frappe) -> None:
    shop.fake.withheld.add("modified")
    with pytest.raises(AdapterError, match="ERPNext withholds modified of Customer"):
        frappe.rows(*LIST)


def test_keys_of_answers() -> None:
    fields = ("name", "items.qty", "items.name as line")
    assert [answered_key(each) for each in fields] == ["name", "qty", "line"]
    assert BY_NAME == "name asc"


@pytest.mark.parametrize(
    "call",
    [
        ("Sales Invoice", ("name",), [], 1),
        ("Sales Order", ("colour",), [], 1),
        ("Sales Order", ("name",), [["name", "like", "S%"]], 1),
        ("Sales Order", ("name",), [], 1, "status asc"),
        ("Sales Order", ("name", "items.name"), [], 1),
    ],
)
def test_the_fake_fails_the_test_on_what_was_never_recorded(call: tuple) -> None:
    with pytest.raises(strict.Unheard):
        call_served(call)


def call_served(call: tuple) -> None:
    with serve(Site()) as fake:
        web = Web(fake.url, {"authorization": TOKEN})
        with pytest.raises(Refusal):
            Frappe(web).rows(*call)
        web.close()
