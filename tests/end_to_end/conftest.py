"""The distributed installation for end-to-end tests: real processes, real PostgreSQL, real RabbitMQ."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, create_engine

from accounting.balances import trial_balance
from accounting.chart import chart_names
from accounting.gate import check_ledger
from accounting.ledger import LedgerWriter
from accounting.reconcile import reconcile
from adapters.client import IntakeClient, Target
from adapters.contract import Change
from adapters.table.adapter import TableAdapter
from adapters.table.mapping import load_mapping
from plugin.store.books import apply_program, find_book
from plugin.store.schema import engine_url
from pointbook.v1 import events_pb2
from workers.bench.cluster import Cluster, wait_for

APPLY_SECONDS_MAX = 300.0


class Installation:
    """A running cluster with its database, and what tests ask of it."""

    def __init__(self, cluster: Cluster, engine: Engine, book_code: str) -> None:
        self.cluster = cluster
        self.engine = engine
        with engine.connect() as connection:
            self.book = find_book(connection, book_code)

    def send(self, source: str, events: Sequence[events_pb2.Event], batch: int = 500) -> int:
        """Sends events like an adapter, which tries again when nobody answers; returns how many were accepted."""
        with closing(IntakeClient(Target(self.cluster.target))) as client:
            results = client.record(source, "", events, batch)
        unexpected = [r for r in results if r.outcome not in (1, 2)]
        assert not unexpected, unexpected[:3]
        return sum(r.outcome == 1 for r in results)

    def one(self, statement: str) -> Any:
        """Returns the single value of a query."""
        with self.engine.connect() as connection:
            return connection.exec_driver_sql(statement).scalar_one()

    def wait_until_applied(self) -> None:
        """Waits until no batch waits."""
        waiting = "SELECT count(*) FROM batch WHERE NOT is_applied"

        def done() -> bool:
            try:
                return bool(self.one(waiting) == 0)
            except Exception:  # noqa: BLE001  (PostgreSQL may be starting again)
                return False

        assert wait_for(done, APPLY_SECONDS_MAX, 0.1), self.cluster.output("work-0")

    def answers(self) -> dict[str, int]:
        """Returns points issued and reversed, orders with points or without that count, and what is parked."""
        sums = "SELECT coalesce(sum(points), 0)::bigint FROM point_fact WHERE kind"
        return {
            "issued": self.one(f"{sums} IN (1, 2)"),
            "reversed": -self.one(f"{sums} IN (3, 4)"),
            "parked": self.one("SELECT count(*) FROM parked WHERE resolution = 'open'"),
            "received": self.one("SELECT count(*) FROM event_key"),
        }

    def trial_balance(self) -> dict[str, dict[str, str]]:
        """Returns the trial balance of all entries."""
        with self.engine.connect() as connection:
            balance = trial_balance(connection, self.book, chart_names({}))
        return {account: dict(amounts) for account, amounts in balance.accounts.items()}

    def assert_books_are_right(self) -> None:
        """Writes the ledger, checks it with Beancount and runs every reconciliation."""
        folder = self.cluster.folder / "books" / self.book.code
        LedgerWriter(self.engine, self.book, folder).write(waits=True)
        checked = check_ledger(folder / "main.beancount", details=False)
        assert checked.holds, checked.errors
        result = reconcile(self.engine, self.book, folder)
        assert result.holds, result.as_json()


@pytest.fixture
def install(
    durable_database_url: str, amqp_url: str, queue_prefix: str
) -> Iterator[Callable[..., Installation]]:
    """Returns a function that starts an installation with a program; it is stopped after the test."""
    folder = Path(tempfile.mkdtemp(prefix="pb-e2e-", dir="/tmp"))
    engine = create_engine(engine_url(durable_database_url), pool_pre_ping=True)
    started: list[Cluster] = []

    def start(program: str, **options: Any) -> Installation:
        with engine.begin() as connection:
            book = apply_program(connection, program, "test").book
        extra = {
            "POINTBOOK_RELAY_AFTER_SECONDS": "2",
            "POINTBOOK_RELAY_EVERY_SECONDS": "1",
            "POINTBOOK_COUPON_KEY": "a key for tests that is long enough",
        }
        cluster = Cluster(
            folder,
            durable_database_url,
            amqp_url,
            queue_prefix,
            processes=1,
            workers=2,
            extra=extra,
            **options,
        )
        started.append(cluster)
        return Installation(cluster.start(), engine, book.code)

    try:
        yield start
    finally:
        for cluster in started:
            cluster.stop()
        engine.dispose()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def read_events() -> Callable[..., list[events_pb2.Event]]:
    """Returns a function that reads all events of tables through the CSV adapter's mapping."""

    def read(mapping: Path, main: Path, returns: Path | None = None) -> list[events_pb2.Event]:
        paths: dict[Any, Path] = {"main": main}
        if returns is not None:
            paths["returns"] = returns
        adapter = TableAdapter(load_mapping(mapping), paths, _refuse_errors)
        return [
            change.event
            for change in adapter.changes("")
            if isinstance(change, Change) and change.event
        ]

    return read


@pytest.fixture
def shuffled() -> Callable[..., list[events_pb2.Event]]:
    """Returns a function that shuffles events and sends one in ten twice."""

    def shuffle(events: Sequence[events_pb2.Event], seed: int) -> list[events_pb2.Event]:
        rng = random.Random(seed)
        mixed = [*events, *rng.sample(list(events), len(events) // 10)]
        rng.shuffle(mixed)
        return mixed

    return shuffle


@pytest.fixture
def locked_table(durable_database_url: str) -> Callable[[str], psycopg.Connection]:
    """Returns a function that locks a table, so that who writes to it next stands still at that step."""

    def lock(table: str) -> psycopg.Connection:
        connection = psycopg.connect(durable_database_url)
        connection.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
        return connection

    return lock


def _refuse_errors(*error: object) -> None:
    raise AssertionError(error)
