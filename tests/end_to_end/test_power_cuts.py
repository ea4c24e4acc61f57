"""A power cut at each numbered step of docs/one-event.md: what was answered is applied, once.

A test holds a lock on the table that the next step writes to. Who arrives there stands still, is killed, and the lock is released:
the cut is at that step, every time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from adapters.client import ATTEMPTS_MAX, IntakeClient, Patience, Target
from adapters.contract import AdapterError
from pointbook.v1 import events_pb2, intake_pb2, intake_pb2_grpc
from workers.bench.cluster import wait_for
from workers.demo.run import DATA

PROGRAM = """\
[book]
code = "shop"
currency = "EUR"
time_zone = "Europe/Berlin"

[program]
code = "club"
effective_from = 2020-01-01

[accrual]
trigger = "confirmed"
unknown_member = "enrol"

[points]
unit_cost = "0.01"

[[rules]]
id = "base"
effect = { kind = "per_amount", points = 1, per = "1.00" }
"""


def _order(number: int, amount_minor: int = 1_000) -> events_pb2.Event:
    order = events_pb2.Order(
        id=f"SO-{number}",
        version=1,
        status=events_pb2.ORDER_STATUS_CONFIRMED,
        currency_code="EUR",
        member=events_pb2.MemberRef(external_id=f"C{number // 3}"),
        lines=[events_pb2.OrderLine(line_id="1", quantity="1", amount_minor=amount_minor)],
    )
    order.ordered_at.FromSeconds(1_790_000_000 + number)
    return events_pb2.Event(event_id=f"order:{number}", order=order)


def _stands_at(installation: Any, table: str) -> Callable[[], bool]:
    waiting = f"SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{table}'::regclass"
    return lambda: bool(installation.one(waiting))


def _assert_ten_points_each(installation: Any, orders: int) -> None:
    installation.wait_until_applied()
    assert installation.answers() == {
        "issued": 10 * orders,
        "reversed": 0,
        "parked": 0,
        "received": orders,
    }
    assert installation.trial_balance()["Liabilities:Loyalty:Points"] == {
        "EUR": f"-{orders / 10:.2f}"
    }
    installation.assert_books_are_right()


def test_step_1_an_adapter_killed_while_sending_goes_on_where_it_stopped(
    install: Callable[..., Any],
) -> None:
    installation = install((DATA / "program.toml").read_text())
    spool = installation.cluster.folder / "spool"
    command = [
        *(sys.executable, "-m", "adapters", "backfill", "csv", "--json", "--batch", "100"),
        *("--config", str(DATA / "orders.toml"), "--path", str(DATA / "orders.csv.xz")),
        *("--returns", str(DATA / "returns.csv")),
        *("--spool", str(spool), "--target", installation.cluster.target),
    ]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    assert wait_for(lambda: installation.answers()["received"] > 500, 60)
    killed.kill()
    assert killed.wait() == -9
    assert installation.answers()["received"] < 10_223
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["fine"]
    installation.wait_until_applied()
    assert installation.answers()["received"] == 10_073 + 150
    assert installation.answers()["issued"] == 284_123  # without tiers: the base rule alone


def test_step_4_a_server_killed_before_its_commit_answered_nobody_and_kept_nothing(
    install: Callable[..., Any], locked_table: Callable[[str], Any]
) -> None:
    installation = install(PROGRAM)
    for part, table in enumerate(("event_key", "inbox", "batch")):
        events = [_order(n) for n in range(part * 20, part * 20 + 20)]
        with (
            locked_table(table) as lock,
            grpc.insecure_channel(installation.cluster.target) as channel,
        ):
            stub = intake_pb2_grpc.IntakeServiceStub(channel)
            request = intake_pb2.RecordEventsRequest(source="erp", events=events)
            call = stub.RecordEvents.future(request, timeout=60, wait_for_ready=True)
            assert wait_for(_stands_at(installation, table), 30), table
            installation.cluster.kill9("serve")
            lock.rollback()
            assert call.exception().code() == grpc.StatusCode.UNAVAILABLE
        assert wait_for(lambda: not _stands_at(installation, table)(), 10)  # noqa: B023  (called at once)
        assert installation.one("SELECT count(*) FROM event_key") == part * 20, table
        installation.cluster.start_one("serve")
        installation.cluster.wait_until_ready()
        assert installation.send("erp", events) == 20
    _assert_ten_points_each(installation, 60)


def test_step_6_with_the_broker_away_events_are_taken_and_applied_when_it_is_back(
    install: Callable[..., Any], rabbitmq_server: Any
) -> None:
    installation = install(PROGRAM)
    assert installation.send("erp", [_order(n) for n in range(10)]) == 10
    installation.wait_until_applied()
    rabbitmq_server.stop()
    assert installation.send("erp", [_order(n) for n in range(10, 40)]) == 30
    installation.cluster.kill9("serve")  # It answered, and can tell no worker any more.
    assert installation.one("SELECT sum(events) FROM batch WHERE NOT is_applied") == 30
    rabbitmq_server.start()
    installation.cluster.start_one("serve")
    _assert_ten_points_each(installation, 40)


def test_steps_9_to_11_a_worker_killed_before_its_commit_did_nothing_and_another_does_all(
    install: Callable[..., Any], locked_table: Callable[[str], Any]
) -> None:
    installation = install(PROGRAM)
    for part, table in enumerate(("identity", "order_state", "lot", "point_fact", "entry")):
        with locked_table(table) as lock:
            events = [_order(n) for n in range(part * 50, part * 50 + 50)]
            assert installation.send("erp", events) == 50
            assert wait_for(_stands_at(installation, table), 30), table
            installation.cluster.kill9("work-0")
            installation.cluster.kill9("work-1")
            lock.rollback()
        assert wait_for(lambda: not _stands_at(installation, table)(), 10)  # noqa: B023  (called at once)
        assert installation.one("SELECT count(*) FROM point_fact") == part * 50, table
        installation.cluster.start_one("work-0")
        installation.cluster.start_one("work-1")
        installation.wait_until_applied()
    _assert_ten_points_each(installation, 250)


def test_with_postgresql_killed_while_events_come_in_what_was_answered_is_applied_once(
    install: Callable[..., Any], durable_postgres_server: Any
) -> None:
    installation = install(PROGRAM)
    patience = Patience(attempts_max=ATTEMPTS_MAX, deadline_seconds=10)
    client = IntakeClient(Target(installation.cluster.target), patience)
    taken = 0
    for part in range(12):
        if part == 6:
            durable_postgres_server.kill9()
            durable_postgres_server.start()
        try:
            results = client.record(
                "erp", "", [_order(n) for n in range(part * 10, part * 10 + 10)]
            )
        except AdapterError:
            pytest.fail(installation.cluster.output("serve"))
        taken += sum(result.outcome in (1, 2) for result in results)
    client.close()
    assert taken == 120
    _assert_ten_points_each(installation, 120)
