"""What the adapter says when Odoo, or something in front of it, does not answer as it should."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.client import Patience
from adapters.contract import AdapterError, SourceAway
from adapters.odoo.rpc import AccessRefused, LoginRefused, Odoo, connect
from adapters.odoo.settings import OdooSettings
from adapters.settings import validated
from adapters.web import Web

HTML = "<!doctype html><title>Bad Gateway</title>"
PATIENCE = Patience(attempts_max=3, delay_seconds_max=0.1, deadline_seconds=1.0)

Answers = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODOO_KEY", "secret")


def settings(api: str = "jsonrpc", **more: Any) -> OdooSettings:
    said = {
        "url": "https://odoo.example.com",
        "database": "shop",
        "user": "adapter",
        "secret_env": "ODOO_KEY",
        "api": api,
        "currency": "EUR",
    }
    return validated(OdooSettings, said | more, "test")


def odoo(answers: Answers, api: str = "jsonrpc", **more: Any) -> Odoo:
    transport = httpx.MockTransport(answers)
    web = Web("https://odoo.example.com", None, PATIENCE, transport=transport, sleep=lambda _: None)
    return connect(settings(api, **more), web)


def rpc(result: Any) -> httpx.Response:
    return httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, "result": result})


def rpc_error(name: str, message: str) -> httpx.Response:
    data = {"name": name, "message": message, "debug": "Traceback (most recent call last): secret"}
    error = {"code": 200, "message": "Odoo Server Error", "data": data}
    return httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, "error": error})


def after_login(answer: httpx.Response) -> Answers:
    def answers(request: httpx.Request) -> httpx.Response:
        return rpc(2) if b'"login"' in request.content else answer

    return answers


def test_a_search_is_asked_as_recorded_and_its_numbers_are_exact() -> None:
    asked: list[Any] = []

    def answers(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["params"])
        if asked[-1]["method"] == "login":
            return rpc(2)
        return httpx.Response(200, content=b'{"result": [{"id": 1, "amount_total": 48.58}]}')

    found = odoo(answers).rows("sale.order", [["id", "=", 1]], ["amount_total"], limit=1)
    assert found == [{"id": 1, "amount_total": Decimal("48.58")}]
    assert asked[0] == {
        "service": "common",
        "method": "login",
        "args": ["shop", "adapter", "secret"],
    }
    search = ["sale.order", "search_read", [[["id", "=", 1]], ["amount_total"]], {"limit": 1}]
    assert asked[1]["args"] == ["shop", 2, "secret", *search]


def test_json_2_names_its_arguments() -> None:
    asked: list[httpx.Request] = []

    def answers(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=[])

    odoo(answers, "json2").rows("sale.order", [["id", ">", 0]], ["name"], order="id asc", limit=2)
    assert asked[0].url.path == "/json/2/sale.order/search_read"
    assert json.loads(asked[0].content) == {
        "domain": [["id", ">", 0]],
        "fields": ["name"],
        "order": "id asc",
        "limit": 2,
    }


@pytest.mark.parametrize("api", ["jsonrpc", "json2"])
def test_a_company_that_is_named_is_the_only_one_allowed(api: str) -> None:
    bodies: list[Any] = []

    def answers(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content.decode())
        return rpc(2) if "login" in bodies[-1] else httpx.Response(200, json={"result": []})

    if api == "json2":
        with pytest.raises(AdapterError, match="no list"):
            odoo(answers, api, company_id=3).rows("sale.order", [], ["name"])
    else:
        odoo(answers, api, company_id=3).rows("sale.order", [], ["name"])
    assert '"context":{"allowed_company_ids":[3]}' in bodies[-1]


def test_a_reply_without_result_is_nothing() -> None:
    silent = httpx.Response(200, json={"jsonrpc": "2.0", "id": 17})
    assert odoo(after_login(silent)).act("sale.order", "action_confirm", [1], {}) is None


def test_a_wrong_secret_is_named_by_its_variable() -> None:
    with pytest.raises(LoginRefused, match=r"login of 'adapter' to database 'shop'.*ODOO_KEY"):
        odoo(lambda _: rpc(False)).rows("sale.order", [], ["name"])


def test_a_wrong_api_key_is_named_by_its_variable() -> None:
    said = {"name": "werkzeug.exceptions.Unauthorized", "message": "Invalid apikey"}
    with pytest.raises(LoginRefused, match=r"API key.*ODOO_KEY.*Invalid apikey"):
        odoo(lambda _: httpx.Response(401, json=said), "json2").rows("sale.order", [], ["name"])


def test_401_of_something_in_front_of_odoo_is_a_refusal() -> None:
    with pytest.raises(LoginRefused, match="answered 401 to login"):
        odoo(lambda _: httpx.Response(401, text=HTML)).rows("sale.order", [], ["name"])


def test_a_missing_right_is_told_apart() -> None:
    refusal = rpc_error("odoo.exceptions.AccessError", "You are not allowed to access 'Sales'")
    with pytest.raises(AccessRefused, match=r"sale\.order\.search_read: You are not allowed"):
        odoo(after_login(refusal)).rows("sale.order", [], ["name"])


def test_an_error_says_its_message_and_not_its_traceback() -> None:
    error = rpc_error("odoo.exceptions.UserError", "Please define\n a price list")
    with pytest.raises(AdapterError, match="Please define a price list") as raised:
        odoo(after_login(error)).create("sale.order", {})
    assert "Traceback" not in str(raised.value)
    assert not isinstance(raised.value, SourceAway)


def test_500_with_a_traceback_says_its_message_and_not_its_traceback() -> None:
    said = {
        "name": "builtins.ValueError",
        "message": "Invalid field 'nope'",
        "debug": "Traceback (most recent call last)",
    }
    with pytest.raises(AdapterError, match="Invalid field 'nope'") as raised:
        odoo(lambda _: httpx.Response(500, json=said), "json2").rows("sale.order", [], ["nope"])
    assert "Traceback" not in str(raised.value)


@pytest.mark.parametrize("api", ["jsonrpc", "json2"])
@pytest.mark.parametrize("status", [200, 404, 500])
def test_html_is_said_to_be_none_of_odoos_answers(api: str, status: int) -> None:
    with pytest.raises(AdapterError, match=f"answered {status} and no JSON: <!doctype"):
        odoo(lambda _: httpx.Response(status, text=HTML), api).rows("sale.order", [], ["name"])


@pytest.mark.parametrize("api", ["jsonrpc", "json2"])
def test_a_conflict_of_transactions_passes(api: str) -> None:
    name, message = "psycopg2.errors.SerializationFailure", "could not serialize access"
    conflict = (
        rpc_error(name, message)
        if api == "jsonrpc"
        else httpx.Response(500, json={"name": name, "message": message})
    )
    with pytest.raises(SourceAway, match="could not serialize access"):
        odoo(after_login(conflict), api).act("sale.order", "action_confirm", [1], {})


@pytest.mark.parametrize("api", ["jsonrpc", "json2"])
def test_a_read_that_times_out_is_repeated_and_a_write_is_not(api: str) -> None:
    asked: list[bytes] = []

    def answers(request: httpx.Request) -> httpx.Response:
        if b'"login"' in request.content:
            return rpc(2)
        asked.append(request.content)
        raise httpx.ReadTimeout("timed out")

    connection = odoo(answers, api)
    with pytest.raises(SourceAway, match="timed out"):
        connection.rows("sale.order", [], ["name"])
    assert len(asked) == 3
    with pytest.raises(SourceAway, match="timed out"):
        connection.create("sale.order", {})
    assert len(asked) == 4


def test_an_empty_variable_is_named() -> None:
    with pytest.raises(AdapterError, match="NO_KEY holds no password or API key"):
        connect(settings(secret_env="NO_KEY"))


def test_a_price_is_sent_as_it_is_written() -> None:
    bodies: list[str] = []

    def answers(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content.decode())
        return httpx.Response(200, json=[5])

    assert odoo(answers, "json2").create("sale.order", {"price_unit": Decimal("3.34")}) == 5
    assert '"price_unit":3.34' in bodies[0]
