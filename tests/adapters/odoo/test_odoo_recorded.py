"""Answers of live servers, as they were recorded, and the documents they become."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from adapters.odoo import mapping
from adapters.odoo.mapping import Surroundings, reference_id
from adapters.odoo.settings import OdooSettings
from adapters.settings import validated
from pointbook.v1 import events_pb2
from tests.adapters.odoo.recorded import ADDITIONS, RECORDINGS, Call, calls

VERSIONS = ("17", "19")
SKUS = {4: "COF-250", 5: "COF-1000", 6: "MUG-01", 7: "DELIV"}
PRODUCTS = {number: {"default_code": sku, "categ_id": False} for number, sku in SKUS.items()}


def settings() -> OdooSettings:
    said = {
        "url": "https://odoo.example.com",
        "database": "shop",
        "user": "admin",
        "secret_env": "ODOO_KEY",
        "currency": "USD",
    }
    return validated(OdooSettings, said, "test")


def exact(version: str) -> Iterator[Call]:
    """Yields the recorded calls, their answers' numbers as the adapter reads them."""
    lines = (RECORDINGS / f"trace{version}.jsonl").read_text(encoding="utf-8").splitlines()
    answers = [json.loads(line) for line in lines]
    heard = [
        json.loads(each["response"], parse_float=Decimal).get("result")
        for each in answers
        if json.loads(each["request"])["params"]["method"] == "execute_kw"
    ]
    for call, result in zip(calls(version), heard, strict=True):
        yield call._replace(result=result)


def last(version: str, model: str, wanted: str) -> Any:
    """Returns the last recorded answer about a model that has some field."""
    return [
        call.result
        for call in exact(version)
        if call.model == model and call.method in ("read", "search_read") and wanted in call.args[1]
    ][-1]


def headers(version: str) -> list[dict[str, Any]]:
    """Returns all recorded states of orders; the reference of S00001 was sent, but not read."""
    return [
        row | {"client_order_ref": "EXT-1" if row["name"] == "S00001" else False}
        for call in exact(version)
        if call.model == "sale.order" and call.method == "read" and "state" in call.args[1]
        for row in call.result
    ]


def lines(version: str) -> list[dict[str, Any]]:
    """Returns the recorded lines of S00001; none was a section, and the domain named the order."""
    found = last(version, "sale.order.line", "price_subtotal")
    return [row | {"display_type": False, "order_id": [1, "S00001"]} for row in found]


def goods(version: str, step: str) -> list[events_pb2.Event]:
    """Returns what the recorded picking and moves of a step say."""
    recorded = {
        (call.model): call.result
        for call in exact(version)
        if call.step == step and call.model in ("stock.picking", "stock.move")
    }
    (picking,) = recorded["stock.picking"]
    # The return's date was not among the fields that were read: it is its moves' stamp.
    picking.setdefault("date_done", recorded["stock.move"][0]["write_date"])
    orders = {1: headers(version)[0]}
    around = Surroundings({line["id"]: line for line in lines(version)}, orders, {})
    return mapping.picking_events(picking, recorded["stock.move"], around)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_recorded_sale_is_48_58(version: str) -> None:
    found = mapping.order_event(headers(version)[1], lines(version), PRODUCTS, settings()).order
    assert found.id == "S00001"
    assert found.status == events_pb2.ORDER_STATUS_CONFIRMED
    said = [(line.sku, line.quantity, line.amount_minor, line.tax_minor) for line in found.lines]
    assert said == [("COF-250", "3", 2370, 0), ("MUG-01", "2", 1998, 0), ("DELIV", "1", 490, 0)]
    assert sum(line.amount_minor for line in found.lines) == 4858


@pytest.mark.parametrize("version", VERSIONS)
def test_the_recorded_states_are_read_in_their_order(version: str) -> None:
    states = [
        (row["name"], mapping.order_event(row, [], {}, settings()).order.status)
        for row in headers(version)
    ]
    draft, confirmed, cancelled = 1, 2, 4
    assert states == [
        ("S00001", draft),
        ("S00001", confirmed),
        ("S00001", confirmed),  # shipped
        ("S00001", confirmed),  # returned: the order does not change
        ("S00002", confirmed),
        ("S00002", cancelled),
        ("S00004", confirmed),
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_recorded_delivery_is_a_shipment_of_three_and_two(version: str) -> None:
    (event,) = goods(version, "picking.read")
    assert (event.shipment.id, event.shipment.order_id) == ("WH/OUT/00001", "S00001")
    said = [(line.line_id, line.quantity) for line in event.shipment.lines]
    assert said == [("1", "3"), ("2", "2")]  # the delivery fee is no goods


@pytest.mark.parametrize("version", VERSIONS)
def test_the_recorded_return_is_of_one_coffee(version: str) -> None:
    (event,) = goods(version, "return.read")
    document = getattr(event, "return")
    assert (document.id, document.order_id) == ("WH/IN/00001", "S00001")
    assert [(line.line_id, line.quantity) for line in document.lines] == [("1", "1")]


@pytest.mark.parametrize("version", VERSIONS)
def test_recorded_references_and_empty_values_are_told_apart(version: str) -> None:
    moves = last(version, "stock.move", "origin_returned_move_id")
    assert [reference_id(row["origin_returned_move_id"]) for row in moves] == [4]
    (picking,) = [
        call.result[0]
        for call in exact(version)
        if call.step == "picking.read" and (call.model == "stock.picking")
    ]
    assert reference_id(picking["return_id"]) == 0


def test_every_addition_to_the_recordings_has_a_reason() -> None:
    assert all(each.reason for each in ADDITIONS)


@pytest.mark.parametrize("version", VERSIONS)
def test_no_addition_is_in_the_recordings_already(version: str) -> None:
    recorded_fields = {
        (call.model, name)
        for call in calls(version)
        if call.method in ("read", "search_read")
        for name in call.args[1]
    }
    doubled = [
        each
        for each in ADDITIONS
        if each.kind == "field" and (each.model, each.name) in recorded_fields
    ]
    assert doubled == []
