"""The example module in a real Tryton 8.2: its transactions decide what is sent, whatever is killed when."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from pointbook.v1 import events_pb2

pytestmark = pytest.mark.timeout(600)  # the first run installs Tryton

Relay = Callable[..., subprocess.CompletedProcess[str]]


def waiting(tryton: Any) -> list[tuple[str, str]]:
    """Returns what is in the outbox, as kind and document."""
    with closing(sqlite3.connect(tryton.file)) as database:
        return database.execute(
            "SELECT kind, document FROM pointbook_outbox ORDER BY number"
        ).fetchall()


def sent(intake: Any, kind: str) -> list[Any]:
    """Returns the documents of a kind that Pointbook has, oldest version first."""
    documents = [
        getattr(event, kind)
        for event in intake.events.values()
        if event.WhichOneof("payload") == kind
    ]
    return sorted(documents, key=lambda document: document.version)


def test_a_sale_confirmed_and_rolled_back_was_never_in_the_outbox(
    tryton: Any, relay: Relay, intake: Any
) -> None:
    assert tryton.does("rolled_back")["seen_before"] == 1
    assert waiting(tryton) == []
    assert relay(tryton.url).stdout == "0 sent, 0 refused\n"
    assert intake.events == {}


def test_a_confirmed_sale_is_sent_whole_and_once(tryton: Any, relay: Relay, intake: Any) -> None:
    (number,) = tryton.does("confirmed")["sales"]
    assert waiting(tryton) == [("order", number)]
    assert relay(tryton.url).stdout == "1 sent, 0 refused\n"
    assert waiting(tryton) == []
    assert relay(tryton.url).stdout == "0 sent, 0 refused\n"
    (order,) = sent(intake, "order")
    assert (order.id, order.status) == (number, events_pb2.ORDER_STATUS_CONFIRMED)
    assert (order.member.external_id, order.currency_code, order.rate_to_book) == ("C-1", "EUR", "")
    # 1 July begins in Berlin at 22:00 UTC of the day before.
    assert order.ordered_at.ToJsonString() == "2026-06-30T22:00:00Z"
    # 3 × 7.90 = 23.70 and 20 % of it 4.74; 2 × 9.99 = 19.98 and 20 % of it 3.996.
    assert [
        (line.sku, line.category, line.quantity, line.amount_minor, line.tax_minor)
        for line in order.lines
    ] == [("COFFEE", "Drinks", "3", 2370, 474), ("MUG", "Drinks", "2", 1998, 400)]


def test_a_sale_in_another_currency_carries_the_rate_of_its_day(
    tryton: Any, relay: Relay, intake: Any
) -> None:
    tryton.does("confirmed", "1", "USD")
    relay(tryton.url)
    (order,) = sent(intake, "order")
    # 1 EUR is 1.25 USD, so 1 USD is 0.80 EUR.
    assert (order.currency_code, order.rate_to_book) == ("USD", "0.8000000000")


def test_killed_between_commit_and_send_nothing_is_lost(
    tryton: Any, relay: Relay, intake: Any
) -> None:
    (number,) = tryton.does("confirmed!")["sales"]
    assert relay(tryton.url).stdout == "1 sent, 0 refused\n"
    assert [order.id for order in sent(intake, "order")] == [number]


def test_many_sales_of_one_transaction_are_all_sent(tryton: Any, relay: Relay, intake: Any) -> None:
    numbers = tryton.does("confirmed", "25")["sales"]
    assert relay(tryton.url).stdout == "25 sent, 0 refused\n"
    assert [order.id for order in sent(intake, "order")] == numbers


def test_two_relays_at_once_have_the_effect_of_one(
    tryton: Any, relays: Callable[[str], object], intake: Any, eventually: Any
) -> None:
    numbers = tryton.does("confirmed", "25")["sales"]
    relays(tryton.url)
    relays(tryton.url)
    eventually(lambda: waiting(tryton) == [], within=30)
    assert sorted(order.id for order in sent(intake, "order")) == sorted(numbers)


def test_a_relay_that_finds_nobody_leaves_the_rows(tryton: Any, relay: Relay, intake: Any) -> None:
    tryton.does("confirmed")
    done = relay(tryton.url, "--target", "127.0.0.1:1")
    assert done.returncode == 2
    assert "UNAVAILABLE" in done.stderr
    assert len(waiting(tryton)) == 1


def test_deliveries_returns_and_cancellations_are_documents_with_rising_versions(
    tryton: Any, relay: Relay, intake: Any
) -> None:
    (number,) = tryton.does("confirmed")["sales"]
    (shipment,) = tryton.does("processed", number)["shipments"]
    assert waiting(tryton) == [("order", number)]  # processing says nothing new
    tryton.does("shipped", shipment)
    tryton.does("returned", number)
    tryton.does("unshipped", shipment)
    (other,) = tryton.does("cancelled")["sales"]
    assert relay(tryton.url).returncode == 0

    orders = {order.id: order for order in sent(intake, "order")}
    coffee, mug = (line.line_id for line in orders[number].lines)
    assert orders[other].status == events_pb2.ORDER_STATUS_CANCELLED
    assert set(orders) == {number, other}  # the sale that takes back is no order
    done, undone = sent(intake, "shipment")
    assert done.order_id == undone.order_id == number
    assert [(line.line_id, line.quantity) for line in done.lines] == [(coffee, "3"), (mug, "2")]
    assert done.status == events_pb2.DOCUMENT_STATUS_DONE
    assert undone.status == events_pb2.DOCUMENT_STATUS_CANCELLED
    assert done.id == undone.id
    (back,) = sent(intake, "return")
    assert (back.order_id, back.status) == (number, events_pb2.DOCUMENT_STATUS_DONE)
    assert [(line.line_id, line.quantity, line.amount_minor) for line in back.lines] == [
        (coffee, "1", 790)
    ]
