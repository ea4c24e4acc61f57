"""The example addon for Odoo, on a stand-in of Odoo's API and a real PostgreSQL.

What this shows is the addon's own code and its transaction. That Odoo has the methods and fields it uses is
taken from recordings and from what is known of Odoo; it has not been run there.
"""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from pointbook.v1 import events_pb2
from tests.adapters.outbox import odoo_standin
from tests.adapters.outbox.odoo_standin import ADDON, Environment

NOTHING = ()


def record(**values: Any) -> SimpleNamespace:
    return SimpleNamespace(**values)


EURO, DOLLAR = record(name="EUR"), record(name="USD")
COFFEE = record(id=5, default_code="COFFEE", categ_id=record(name="Drinks"))


@pytest.fixture(scope="module", autouse=True)
def addon() -> Iterator[None]:
    odoo_standin.EXTENSIONS.clear()
    loaded = odoo_standin.load_addon()
    yield
    for name in loaded:
        del sys.modules[name]


@pytest.fixture
def connect(empty_database_url: str) -> Iterator[Callable[[], Environment]]:
    """Opens transactions on a database in which the addon was installed."""
    opened: list[psycopg.Connection] = []

    def begin() -> Environment:
        connection = psycopg.connect(empty_database_url)
        opened.append(connection)
        return Environment(connection)

    env = begin()
    env.cr.execute("CREATE TABLE erp_record (name TEXT PRIMARY KEY, state TEXT)")
    for _ in range(2):  # installed, then updated
        env.records("sale.order").init()
    env.commit()
    yield begin
    for connection in opened:
        connection.close()


def line_row(number: int = 11) -> dict[str, Any]:
    return {
        "id": number,
        "display_type": False,
        "product_id": COFFEE,
        "product_uom_qty": 3.0,
        "price_subtotal": 23.7,
        "price_total": 28.44,
    }


def order_row(**values: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "name": "S00001",
        "state": "draft",
        "locked": False,
        "date_order": datetime(2026, 7, 1, 10, 30),  # noqa: DTZ001 - as Odoo has it
        "currency_id": EURO,
        "company_id": record(currency_id=EURO),
        "currency_rate": 1.0,
        "client_order_ref": False,
        "partner_id": record(id=42),
        "order_line": [record(**line_row())],
        **values,
    }


def rows(env: Environment, table: str) -> list[Any]:
    columns = {"erp_record": "name, state", "pointbook_outbox": "kind, document"}
    order = {"erp_record": "name", "pointbook_outbox": "number"}
    env.cr.execute(f"SELECT {columns[table]} FROM {table} ORDER BY {order[table]}")  # type: ignore[call-overload]
    return env.cr.fetchall()


def events(env: Environment) -> list[events_pb2.Event]:
    env.cr.execute("SELECT event FROM pointbook_outbox ORDER BY number")
    return [events_pb2.Event.FromString(event) for (event,) in env.cr.fetchall()]


def test_the_manifest_is_one_that_odoo_can_read() -> None:
    manifest = ast.literal_eval((ADDON / "__manifest__.py").read_text())
    assert manifest["depends"] == ["sale_stock"]


def test_an_order_confirmed_and_rolled_back_was_never_there(
    connect: Callable[[], Environment],
) -> None:
    env = connect()
    env.records("sale.order", order_row()).action_confirm()
    assert rows(env, "pointbook_outbox") == [("order", "S00001")]
    env.connection.rollback()
    assert rows(env, "erp_record") == rows(env, "pointbook_outbox") == []


def test_a_committed_order_is_in_the_outbox_whole(connect: Callable[[], Environment]) -> None:
    env = connect()
    env.records("sale.order", order_row()).action_confirm()
    env.commit()
    seen = connect()
    assert rows(seen, "erp_record") == [("S00001", "sale")]
    (event,) = events(seen)
    order = event.order
    assert (order.id, order.status) == ("S00001", events_pb2.ORDER_STATUS_CONFIRMED)
    assert order.ordered_at.ToJsonString() == "2026-07-01T10:30:00Z"
    assert (order.member.external_id, order.currency_code, order.rate_to_book) == ("42", "EUR", "")
    # 23.70 without tax and 28.44 with it.
    (line,) = order.lines
    assert (line.line_id, line.sku, line.category, line.quantity) == ("11", "COFFEE", "Drinks", "3")
    assert (line.amount_minor, line.tax_minor) == (2370, 474)


def test_every_state_an_order_can_get_into_is_said(connect: Callable[[], Environment]) -> None:
    env = connect()
    order = env.records("sale.order", order_row())
    for step in (
        "action_confirm",
        "action_lock",
        "action_unlock",
        "_action_cancel",
        "action_draft",
    ):
        getattr(order, step)()
    env.commit()
    assert [event.order.status for event in events(connect())] == [
        events_pb2.ORDER_STATUS_CONFIRMED,
        events_pb2.ORDER_STATUS_COMPLETED,
        events_pb2.ORDER_STATUS_CONFIRMED,
        events_pb2.ORDER_STATUS_CANCELLED,
        events_pb2.ORDER_STATUS_DRAFT,
    ]


def test_amending_counts_on_confirmed_orders_only(connect: Callable[[], Environment]) -> None:
    env = connect()
    order = env.records("sale.order", order_row())
    line = env.records("sale.order.line", {**line_row(), "order_id": order})
    line.write({"product_uom_qty": 2.0})
    assert events(env) == []
    order.action_confirm()
    line.write({"name": "another text"})
    line.write({"product_uom_qty": 1.0})
    line.create([{**line_row(12), "order_id": order}])
    assert [len(event.order.lines) for event in events(env)] == [1, 1, 2]


def test_another_currency_carries_its_rate(connect: Callable[[], Environment]) -> None:
    env = connect()
    # 1 EUR is 1.25 USD, so 1 USD is 0.80 EUR.
    env.records("sale.order", order_row(currency_id=DOLLAR, currency_rate=1.25)).action_confirm()
    assert events(env)[0].order.rate_to_book == "0.8000000000"


def picking_row(code: str, order: Any, **move: Any) -> dict[str, Any]:
    line = record(id=11, product_id=COFFEE, order_id=order)
    goods = {
        "sale_line_id": line,
        "origin_returned_move_id": NOTHING,
        "product_id": COFFEE,
        "quantity": 3.0,
        "state": "done",
    }
    return {
        "name": f"WH/{code}/1",
        "state": "assigned",
        "picking_type_code": code,
        "sale_id": order,
        "date_done": datetime(2026, 7, 2, 9, 0),  # noqa: DTZ001 - as Odoo has it
        "move_ids": [record(**{**goods, **move})],
    }


def test_goods_that_leave_and_come_back_are_documents_of_their_order(
    connect: Callable[[], Environment],
) -> None:
    env = connect()
    order = record(id=1, name="S00001", client_order_ref=False)
    out, back, purchase = (
        picking_row("outgoing", order),
        picking_row(
            "incoming", order, quantity=1.0,
            sale_line_id=NOTHING,
            origin_returned_move_id=record(
                sale_line_id=record(id=11, product_id=COFFEE, order_id=order)
            ),
        ),
        picking_row("incoming", order),
    )  # fmt: skip
    env.records("stock.picking", out, back, purchase)._action_done()
    shipment, returned = events(env)
    assert (shipment.shipment.order_id, shipment.shipment.lines[0].quantity) == ("S00001", "3")
    came_back = getattr(returned, "return")
    assert (came_back.order_id, came_back.lines[0].line_id) == ("S00001", "11")
    assert came_back.lines[0].quantity == "1"


def test_rewards_that_leave_are_shipments_of_their_redemption(
    connect: Callable[[], Environment],
) -> None:
    env = connect()
    order = record(id=1, name="S00001", client_order_ref="pointbook:R17")
    env.records("stock.picking", picking_row("outgoing", order))._action_done()
    (event,) = events(env)
    assert event.redemption_shipment.redemption_id == "R17"


def test_of_two_transactions_on_one_order_the_later_has_the_higher_number(
    connect: Callable[[], Environment], eventually: Any
) -> None:
    first, second, watcher = connect(), connect(), connect()
    first.records("sale.order", order_row()).action_confirm()
    later = threading.Thread(
        target=lambda: (
            second.records("sale.order", order_row(state="sale"))._action_cancel(),
            second.commit(),
        )
    )
    later.start()
    pid = second.connection.info.backend_pid

    def waits() -> Any:
        watcher.cr.execute("SELECT cardinality(pg_blocking_pids(%s))", (pid,))
        return watcher.cr.fetchone()[0]  # type: ignore[index]

    eventually(waits)
    first.commit()
    later.join(30)
    assert [event.order.status for event in events(connect())] == [
        events_pb2.ORDER_STATUS_CONFIRMED,
        events_pb2.ORDER_STATUS_CANCELLED,
    ]
