"""``pointbook bench``: the whole pipeline beside the textbook design, in one run, on one machine, with the ratio."""

from __future__ import annotations

import os
import platform
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from pydantic import SecretStr
from sqlalchemy import Engine, create_engine

from accounting.gate import check_ledger
from accounting.ledger import LedgerWriter
from accounting.sample import insert_sample, sample_book
from plugin.errors import Unavailable
from plugin.store.books import apply_program, find_book
from plugin.store.schema import engine_url, migrate
from workers.bench import textbook
from workers.bench.cluster import Cluster, wait_for
from workers.bench.load import Sender, order_event
from workers.bench.pipeline import (
    PROGRAM,
    measure_latency,
    measure_throughput,
    wait_until_applied,
)
from workers.bench.rabbitmq import OwnRabbitMQ, find_rabbitmq
from workers.embedded_postgres import EmbeddedPostgres, PostgresSettings
from workers.settings import load_settings
from workers.show.output import console, print_json, print_table
from workers.telemetry import configure_logging
from workers.text import _

WARM_UP_EVENTS = 5_000
LATENCY_EVENTS = 50_000
GROWTH_SLICE = 20_000
YEAR_TRANSACTIONS = 8_760
STEP = 100_000_000
"""Order numbers of the parts of a run lie so far apart that they never meet."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a measurement runs on: databases and broker of its own."""

    folder: Path
    engine: Engine
    database_url: str
    broker_url: str


def run_bench(
    *, events: int, textbook_events: int, growth_events: int, processes: int, as_json: bool
) -> int:
    """Measures and prints; returns the exit status.

    Args:
        events: Order events for throughput.
        textbook_events: Order events for the textbook design.
        growth_events: Order events between the first and the last slice of the growth figure; 0 leaves it out.
        processes: Worker processes.
        as_json: Whether to print JSON.
    """
    configure_logging("warning")
    say: Callable[[str], None] = (lambda message: None) if as_json else console.print
    with ExitStack() as stack:
        machine = _machine(stack, say)
        answer = {
            "pipeline": _pipeline(machine, events, growth_events, processes, say),
            "textbook": _textbook(machine, textbook_events, processes, say),
            "ledger": _ledger(machine, say),
            "machine": _described(),
        }
    answer["ratio"] = round(
        answer["pipeline"]["events_per_s"] / answer["textbook"]["events_per_s"], 1
    )
    if as_json:
        print_json(answer)
    else:
        _show(answer)
    return 0


def _machine(stack: ExitStack, say: Callable[[str], None]) -> Machine:
    """Starts PostgreSQL and RabbitMQ: our own, or those that are set."""
    settings = load_settings()
    folder = Path(tempfile.mkdtemp(prefix="pointbook-bench-"))
    folder.chmod(0o755)  # PostgreSQL runs as another account when we are root.
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    broker = settings.broker_url
    if broker is None:
        program = find_rabbitmq()
        if program is None:
            raise Unavailable(
                "BROKER_MISSING",
                "the bench needs RabbitMQ: install rabbitmq-server or set POINTBOOK_BROKER_URL",
            )
        say(_("starting RabbitMQ"))
        (folder / "rabbitmq").mkdir()
        node = OwnRabbitMQ(program, folder / "rabbitmq")
        stack.callback(node.close)
        node.start()
        broker = SecretStr(node.url)
    url = settings.database_url
    if url is None:
        say(_("starting PostgreSQL, durable"))
        tuned = PostgresSettings(shared_buffers_mb=1024, max_wal_size_mb=8192)
        url = SecretStr(stack.enter_context(EmbeddedPostgres(folder / "postgres", tuned)).url())
    migrate(url.get_secret_value())
    engine = create_engine(engine_url(url.get_secret_value()))
    stack.callback(engine.dispose)
    with engine.begin() as connection:
        apply_program(connection, PROGRAM, "bench")
    return Machine(folder, engine, url.get_secret_value(), broker.get_secret_value())


def _pipeline(
    machine: Machine, events: int, growth_events: int, processes: int, say: Callable[[str], None]
) -> dict[str, Any]:
    engine = machine.engine
    with Cluster(
        machine.folder, machine.database_url, machine.broker_url, "bench", processes
    ) as cluster:
        measure_throughput(cluster.target, engine, 0, WARM_UP_EVENTS)
        answer: dict[str, Any] = {}
        if growth_events:
            say(_("growth: the first {n:,} events").format(n=GROWTH_SLICE))
            first = measure_throughput(cluster.target, engine, STEP, GROWTH_SLICE)
        say(_("throughput: {n:,} order events").format(n=events))
        measured = measure_throughput(cluster.target, engine, 2 * STEP, events)
        answer["events"] = events
        answer["events_per_s"] = round(measured.events_per_s)
        say(_("latency at half that load"))
        half = measured.events_per_s / 2
        latency = measure_latency(cluster.target, engine, 3 * STEP, LATENCY_EVENTS, half)
        answer |= {
            "p50_ms": latency.p50_ms,
            "p99_ms": latency.p99_ms,
            "latency_events_per_s": round(half),
        }
        if growth_events:
            say(
                _("growth: {n:,} events on, then the last {m:,}").format(
                    n=growth_events, m=GROWTH_SLICE
                )
            )
            done = 0
            while done < growth_events:
                part = min(100_000, growth_events - done)
                measure_throughput(cluster.target, engine, 4 * STEP + done, part)
                done += part
            last = measure_throughput(cluster.target, engine, 5 * STEP, GROWTH_SLICE)
            answer["growth"] = {
                "events": WARM_UP_EVENTS
                + 2 * GROWTH_SLICE
                + events
                + LATENCY_EVENTS
                + growth_events,
                "first_seconds": round(first.seconds, 2),
                "last_seconds": round(last.seconds, 2),
                "last_to_first": round(last.seconds / first.seconds, 2),
            }
        answer["worker_mb_max"] = round(max(cluster.worker_bytes()) / 1e6)
        wait_until_applied(engine)
    return answer


def _textbook(
    machine: Machine, events: int, processes: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Measures the textbook design with the same orders, one per call."""
    say(_("the textbook design: {n:,} order events").format(n=events))
    textbook.create_tables(machine.database_url)
    rng = random.Random(7)  # noqa: S311  (load, not secrets)
    prepared = [textbook.request_of(order_event(6 * STEP + n, rng)) for n in range(events)]
    cluster = Cluster(
        machine.folder,
        machine.database_url,
        machine.broker_url,
        "bench",
        processes,
        module="workers.bench.textbook",
    )
    with cluster:
        Sender(cluster.target).send_all(prepared[:50])
        if not wait_for(lambda: textbook.applied(machine.engine) >= 50, 60):
            raise Unavailable("TEXTBOOK_FAILED", cluster.output("work-0"))
        begins = time.perf_counter()
        Sender(cluster.target).send_all(prepared[50:])
        if not wait_for(lambda: textbook.applied(machine.engine) >= events, 600):
            raise Unavailable("TEXTBOOK_FAILED", cluster.output("work-0"))
        seconds = time.perf_counter() - begins
    return {"events": events - 50, "events_per_s": round((events - 50) / seconds, 1)}


def _ledger(machine: Machine, say: Callable[[str], None]) -> dict[str, Any]:
    """Measures the ledger writer on the entries just made, and how long a year's main ledger loads."""
    say(_("the ledger writer"))
    with machine.engine.connect() as connection:
        book = find_book(connection, "bench")
    folder = machine.folder / "books" / book.code
    begins = time.perf_counter()
    written = LedgerWriter(machine.engine, book, folder).write(waits=True)
    seconds = time.perf_counter() - begins
    say(_("a year of daily summaries in Beancount"))
    with machine.engine.begin() as connection:
        year = sample_book(connection, "year")
        first_day = (datetime.now(UTC) - timedelta(days=365)).date()
        insert_sample(connection, year.id, YEAR_TRANSACTIONS * 3, first_day, 365, 16)
    LedgerWriter(machine.engine, year, machine.folder / "books" / "year").write(waits=True)
    begins = time.perf_counter()
    checked = check_ledger(machine.folder / "books" / "year" / "main.beancount")
    load = time.perf_counter() - begins
    if not checked.holds:
        raise Unavailable("LEDGER_NOT_CLEAN", "; ".join(checked.errors[:3]))
    return {
        "entries": written.entries,
        "entries_per_s": round(written.entries / seconds),
        "year_transactions": checked.transactions,
        "year_check_seconds": round(load, 2),
    }


def _described() -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "python": platform.python_version(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def _show(answer: dict[str, Any]) -> None:
    pipeline, book, ledger = answer["pipeline"], answer["textbook"], answer["ledger"]
    rows: list[tuple[str, object]] = [
        (_("pipeline, events/s"), pipeline["events_per_s"]),
        (_("textbook design, events/s"), book["events_per_s"]),
        (_("ratio"), answer["ratio"]),
        (_("p50 from submit to applied at half load, ms"), pipeline["p50_ms"]),
        (_("p99 from submit to applied at half load, ms"), pipeline["p99_ms"]),
        (_("largest worker process, MB"), pipeline["worker_mb_max"]),
        (_("ledger writer, entries/s"), ledger["entries_per_s"]),
        (_("a year's main ledger, transactions"), ledger["year_transactions"]),
        (_("… checked by Beancount in, s"), ledger["year_check_seconds"]),
    ]
    if "growth" in pipeline:
        rows.append((_("last 20,000 events to first 20,000"), pipeline["growth"]["last_to_first"]))
    print_table(_("Pointbook bench"), ("", ""), rows, numbers=(1,))
