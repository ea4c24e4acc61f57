"""Measures the whole pipeline: server, RabbitMQ, PostgreSQL, workers and journal rows, all on this machine."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass, field

from sqlalchemy import Engine, text

from plugin.errors import Unavailable
from pointbook.v1 import intake_pb2
from workers.bench.cluster import wait_for
from workers.bench.load import Sender, requests

BATCH = 500
PACED_BATCH = 500
APPLY_SECONDS_MAX = 600.0
POLL_SECONDS = 0.01

PROGRAM = """\
[book]
code = "bench"
currency = "EUR"
time_zone = "Europe/Berlin"

[program]
code = "club"
effective_from = 2020-01-01

[accrual]
trigger = "confirmed"
unknown_member = "enrol"
exclude_categories = ["TOBACCO"]

[points]
unit_cost = "0.008"

[expiry]
kind = "months"
months = 24

[[tiers]]
code = "basic"

[[tiers]]
code = "gold"

[[rules]]
id = "base"
effect = { kind = "per_amount", points = 1, per = "1.00" }

[[rules]]
id = "gold"
when = { "member.tier" = ["gold"] }
effect = { kind = "multiplier", factor = "1.5" }
"""


@dataclass(frozen=True, slots=True)
class Throughput:
    """Events from the first call to the last commit."""

    events: int
    seconds: float

    @property
    def events_per_s(self) -> float:
        """Events a second, everything included."""
        return self.events / self.seconds


@dataclass(frozen=True, slots=True)
class Latency:
    """From handing a batch over to seeing it applied, in milliseconds."""

    p50_ms: float
    p99_ms: float
    batches: int


def measure_throughput(target: str, engine: Engine, first: int, count: int) -> Throughput:
    """Sends ``count`` order events as fast as they are taken, and waits until the last one is applied.

    Raises:
        Unavailable: They were not applied in ten minutes.
    """
    prepared = list(requests(first, count, BATCH))
    begins = time.perf_counter()
    sender = Sender(target)
    sender.send_all(prepared)
    wait_until_applied(engine)
    seconds = time.perf_counter() - begins
    if sender.accepted != count:
        raise Unavailable(
            "LOAD_FAILED", f"{sender.accepted} events were accepted instead of {count}"
        )
    return Throughput(count, seconds)


def wait_until_applied(engine: Engine) -> None:
    """Waits until no batch waits."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        waiting = text("SELECT EXISTS (SELECT FROM batch WHERE NOT is_applied)")
        if not wait_for(
            lambda: not connection.execute(waiting).scalar(), APPLY_SECONDS_MAX, POLL_SECONDS
        ):
            raise Unavailable(
                "NOT_APPLIED", f"events are still waiting after {APPLY_SECONDS_MAX} s"
            )


@dataclass(slots=True)
class _Watch:
    """Sees when batches become applied, by looking from outside every few milliseconds."""

    engine: Engine
    sent: dict[int, float] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_over: threading.Event = field(default_factory=threading.Event)

    def answered(self, index: int, sent_at: float, answer: bytes) -> None:
        """Remembers when the batches of an answer were sent."""
        response = intake_pb2.RecordEventsResponse.FromString(answer)
        with self.lock:
            for result in response.results:
                if result.outcome == intake_pb2.EVENT_OUTCOME_ACCEPTED:
                    self.sent.setdefault(result.sequence >> 18, sent_at)

    def run(self) -> None:
        """Looks until told that it is over and nothing is open."""
        applied = text("SELECT id FROM batch WHERE id = ANY(CAST(:ids AS bigint[])) AND is_applied")
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not (self.is_over.is_set() and not self.sent):
                with self.lock:
                    ids = list(self.sent)
                done = connection.execute(applied, {"ids": ids}).scalars().all() if ids else []
                now = time.monotonic()
                with self.lock:
                    self.latencies += [(now - self.sent.pop(batch_id)) * 1000 for batch_id in done]
                time.sleep(POLL_SECONDS)


def measure_latency(
    target: str, engine: Engine, first: int, count: int, events_per_s: float
) -> Latency:
    """Sends events at a steady rate in calls of five hundred and watches from outside when each batch is applied."""
    prepared = list(requests(first, count, PACED_BATCH, seed=11))
    watch = _Watch(engine)
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    Sender(target).send_paced(prepared, PACED_BATCH / events_per_s, watch.answered)
    watch.is_over.set()
    thread.join(APPLY_SECONDS_MAX)
    cuts = statistics.quantiles(watch.latencies, n=100)
    return Latency(round(cuts[49], 1), round(cuts[98], 1), len(watch.latencies))
