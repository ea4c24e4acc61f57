"""``pointbook bench redemption``: redemption call by call, beside the textbook design, in one run, on one machine, with the ratio.

PostgreSQL and the server are real and durable. The members' orders and the stock are applied before the server starts, by the code that a
worker runs, in this process: RabbitMQ and workers play no part in redemption, so none run.
"""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Engine, create_engine, text

from plugin.store.books import find_book
from plugin.store.schema import engine_url, migrate
from workers.bench import redemption_textbook as textbook
from workers.bench.cluster import Cluster
from workers.bench.redemption_clients import DONE, Clients, Measured, shared
from workers.bench.redemption_shop import (
    BOOK,
    HOLD_POINTS,
    MANY_SKUS,
    OF_ALL,
    ONE_SKU,
    RACED,
    RICH,
    WHOLE,
    breaks,
    deadlocks,
    fill,
    hold_requests,
    request,
    requests,
    reserved,
)
from workers.clock import now_us
from workers.embedded_postgres import EmbeddedPostgres, PostgresSettings
from workers.handlers.books import Books
from workers.handlers.vouchers import generate_codes
from workers.show.output import FOUND_SOMETHING, console, errors, print_json, print_table
from workers.telemetry import configure_logging
from workers.text import _

WARM_UP = 500
OPEN_CALLS = 64
AT_ONCE = 20
NO_BROKER = "amqp://127.0.0.1:1/"
"""Redemption announces nothing, and a server connects to its broker when it first announces something."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        members: Members with three lots of 1,000 points each.
        redemptions: Requests on one SKU, and as many again on a hundred.
        textbook: Of those, how many the textbook design does.
        pairs: Holds at the checkout, each captured.
        codes: Coupon codes.
        racers: Members who race for a tenth as many pieces.
        clients: Client processes.
    """

    members: int = 10_000
    redemptions: int = 20_000
    textbook: int = 3_000
    pairs: int = 3_000
    codes: int = 100_000
    racers: int = 1_000
    clients: int = 4

    @property
    def pieces(self) -> int:
        """Pieces that are raced for."""
        return self.racers // 10

    @property
    def everybody(self) -> list[str]:
        """Names of the members."""
        return [RICH.format(number) for number in range(self.members)]


@dataclass(slots=True)
class Bench:
    """What a measurement runs on, and what was found wrong in it."""

    size: Size
    say: Callable[[str], None]
    folder: Path
    postgres: EmbeddedPostgres
    engine: Engine
    wrong: list[str]

    def expect(self, what: str, found: object, expected: object) -> None:
        """Notes a count that is not what it has to be."""
        if found != expected:
            self.wrong.append(f"{what}: {found} instead of {expected}")

    def server(self, module: str) -> Cluster:
        """Returns a server that is not started: ours, or the textbook's.

        It may have as many calls waiting as there are racers; by default the ones above 256 would be told to come again.
        """
        waiting = str(max(256, 2 * self.size.racers))
        extra = {"POINTBOOK_CALLS_WAITING_MAX": waiting}
        return Cluster(self.folder, self.postgres.url(), NO_BROKER, module=module, extra=extra)

    def tidy(self) -> None:
        """Leaves no work of what was before to what is measured next."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
            connection.execute(text("CHECKPOINT"))


def run_redemption_bench(size: Size, *, as_json: bool) -> int:
    """Measures and prints; returns the exit status: 1 when a count is wrong or the books do not agree afterwards."""
    configure_logging("warning")
    say: Callable[[str], None] = (lambda message: None) if as_json else console.print
    with ExitStack() as stack:
        bench = _bench(stack, size, say)
        found = _pointbook(bench)
        bench.wrong += breaks(bench.engine)
        found["coupons"] = _coupons(bench)
        found["textbook"] = _textbook(bench)
        answer = {"redemption": found, "machine": _described(bench)}
    ours, theirs = found["one_sku"], found["textbook"]["one_sku"]
    found["ratio"] = round(ours["redemptions_per_s"] / theirs["redemptions_per_s"], 1)
    ours, theirs = found["hundred_skus"], found["textbook"]["hundred_skus"]
    found["ratio_hundred_skus"] = round(ours["redemptions_per_s"] / theirs["redemptions_per_s"], 1)
    found["wrong"] = bench.wrong
    if as_json:
        print_json(answer)
    else:
        _show(found)
    for one in bench.wrong:
        errors.print(f"[bold red]{_('WRONG')}[/]", one, soft_wrap=True)
    return FOUND_SOMETHING if bench.wrong else 0


def _bench(stack: ExitStack, size: Size, say: Callable[[str], None]) -> Bench:
    """Starts PostgreSQL and fills it."""
    folder = Path(tempfile.mkdtemp(prefix="pointbook-bench-"))
    folder.chmod(0o755)  # PostgreSQL runs as another account when we are root.
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    say(_("starting PostgreSQL, durable"))
    tuned = PostgresSettings(shared_buffers_mb=1024, max_wal_size_mb=8192)
    postgres = stack.enter_context(EmbeddedPostgres(folder / "postgres", tuned))
    migrate(postgres.url())
    engine = create_engine(engine_url(postgres.url()))
    stack.callback(engine.dispose)
    say(_("{n:,} members earn their points").format(n=size.members))
    fill(engine, size.members, size.pieces)
    return Bench(size, say, folder, postgres, engine, [])


def _pointbook(bench: Bench) -> dict[str, Any]:
    """Measures the server; deadlocks are counted once its connections have ended."""
    bench.tidy()
    met = deadlocks(bench.engine)
    size, say, everybody = bench.size, bench.say, bench.size.everybody
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        cluster = bench.server("workers")
        stack.callback(cluster.stop)
        cluster.start_one("serve")
        cluster.wait_until_ready()
        clients = stack.enter_context(Clients(cluster.target, size.clients))
        _measure(bench, clients, requests("warm", everybody, MANY_SKUS, WARM_UP))
        say(_("one SKU: {n:,} redemptions").format(n=size.redemptions))
        found["one_sku"] = _throughput(bench, clients, "one", [ONE_SKU], size.redemptions)
        say(_("a hundred SKUs: {n:,} redemptions").format(n=size.redemptions))
        found["hundred_skus"] = _throughput(bench, clients, "many", MANY_SKUS, size.redemptions)
        say(_("{n:,} members race for {m:,} pieces").format(n=size.racers, m=size.pieces))
        found["race"] = _race(bench, clients)
        say(_("{n:,} holds at the checkout, captured").format(n=size.pairs))
        found["holds"] = _holds(bench, clients)
    found["race"]["deadlocks"] = deadlocks(bench.engine) - met
    bench.expect("deadlocks", found["race"]["deadlocks"], 0)
    return found


def _textbook(bench: Bench) -> dict[str, Any]:
    """Measures the textbook design with the same calls."""
    bench.say(_("the textbook design: twice {n:,} redemptions").format(n=bench.size.textbook))
    textbook.create_tables(bench.engine)
    bench.tidy()
    count = bench.size.textbook
    with ExitStack() as stack:
        cluster = bench.server("workers.bench.redemption_textbook")
        stack.callback(cluster.stop)
        cluster.start_one("serve")
        cluster.wait_until_ready()
        clients = stack.enter_context(Clients(cluster.target, bench.size.clients))
        _measure(bench, clients, requests("warm", bench.size.everybody, MANY_SKUS, WARM_UP))
        return {
            "one_sku": _throughput(bench, clients, "one", [ONE_SKU], count),
            "hundred_skus": _throughput(bench, clients, "many", MANY_SKUS, count),
        }


def _throughput(
    bench: Bench, clients: Clients, name: str, rewards: Sequence[str], count: int
) -> dict[str, Any]:
    """Measures requests as fast as they are taken, then a quarter as many at half that rate, where nothing queues."""
    everybody = bench.size.everybody
    used = _Processors(bench, clients)
    measured = _measure(bench, clients, requests(name, everybody, rewards, count))
    microseconds = used.per_call(measured.calls)
    paced = requests(f"{name}-half", everybody, rewards, count // 4, seed=11)
    half = _measure(bench, clients, paced, measured.per_s / 2)
    return {
        "redemptions": measured.calls,
        "redemptions_per_s": round(measured.per_s, 1),
        "p50_ms": measured.percentile(0.5),
        "p99_ms": measured.percentile(0.99),
        "half_load_p50_ms": half.percentile(0.5),
        "half_load_p99_ms": half.percentile(0.99),
        "cpu_us": microseconds,
    }


def _measure(
    bench: Bench, clients: Clients, serialised: Sequence[bytes], calls_per_s: float = 0.0
) -> Measured:
    """Sends requests that are all to be held."""
    measured = clients.run(
        shared("RequestRedemption", serialised, clients.count, OPEN_CALLS, calls_per_s)
    )
    bench.expect("redemptions", dict(measured.outcomes), {DONE: len(serialised)})
    return measured


def _race(bench: Bench, clients: Clients) -> dict[str, Any]:
    """Lets members race for the last pieces, then one member against themselves; all calls are open at once."""
    size = bench.size
    racers = [request(f"race-{name}", name, RACED) for name in size.everybody[: size.racers]]
    measured = clients.run(shared("RequestRedemption", racers, clients.count, len(racers)))
    expected = {DONE: size.pieces, "STOCK_INSUFFICIENT": size.racers - size.pieces}
    bench.expect("the race", dict(measured.outcomes), expected)
    pieces, held = reserved(bench.engine, RACED)
    bench.expect("pieces set aside in the race", held, size.pieces)
    at_once = [request(f"all-{number}", WHOLE, OF_ALL) for number in range(AT_ONCE)]
    one = clients.run(shared("RequestRedemption", at_once, clients.count, AT_ONCE))
    expected = {DONE: 1, "POINTS_INSUFFICIENT": AT_ONCE - 1}
    bench.expect("requests for one balance", dict(one.outcomes), expected)
    return {
        "members": size.racers,
        "pieces": size.pieces,
        **_counted(measured.outcomes),
        "oversold": max(0, held - pieces),
        "seconds": round(measured.seconds, 2),
        "one_balance": {"calls": AT_ONCE, **_counted(one.outcomes)},
    }


def _counted(outcomes: Counter[str]) -> dict[str, Any]:
    refused = {reason: count for reason, count in sorted(outcomes.items()) if reason != DONE}
    return {"held": outcomes[DONE], "refused": refused}


def _holds(bench: Bench, clients: Clients) -> dict[str, Any]:
    """Measures holds at the checkout, each captured as soon as it is there."""
    used = _Processors(bench, clients)
    serialised = hold_requests(bench.size.everybody, bench.size.pairs)
    jobs = shared("HoldPoints", serialised, clients.count, OPEN_CALLS, captures=HOLD_POINTS)
    measured = clients.run(jobs)
    bench.expect("holds captured", dict(measured.outcomes), {DONE: bench.size.pairs})
    return {
        "pairs": measured.calls,
        "pairs_per_s": round(measured.per_s, 1),
        "p50_ms": measured.percentile(0.5),
        "p99_ms": measured.percentile(0.99),
        "cpu_us": used.per_call(measured.calls),
    }


def _coupons(bench: Bench) -> dict[str, Any]:
    """Measures the generation of coupon codes, which an operator's command does in a process of its own."""
    count = bench.size.codes
    bench.say(_("{n:,} coupon codes").format(n=count))
    with bench.engine.connect() as connection:
        book_id = find_book(connection, BOOK).id
    key = secrets.token_bytes(32)
    began = time.perf_counter()
    codes = generate_codes(bench.engine, Books(), book_id, "coffee", count, key, now_us())
    different = len({code for _, code in codes})
    seconds = time.perf_counter() - began
    bench.expect("different coupon codes", different, count)
    return {
        "codes": different,
        "seconds": round(seconds, 2),
        "codes_per_s": round(different / seconds),
    }


class _Processors:
    """Processor time of server, PostgreSQL and clients since this was made."""

    def __init__(self, bench: Bench, clients: Clients) -> None:
        server = next(
            child.pid for child in psutil.Process().children() if "serve" in child.cmdline()
        )
        assert bench.postgres.pid is not None
        self._roots = {
            "server": [server],
            "postgresql": [bench.postgres.pid],
            "clients": clients.pids,
        }
        self._before = self._read()

    def per_call(self, calls: int) -> dict[str, int]:
        """Returns microseconds a call, by who used them."""
        now = self._read()
        return {name: round((now[name] - self._before[name]) * 1e6 / calls) for name in now}

    def _read(self) -> dict[str, float]:
        return {name: sum(map(_seconds, pids)) for name, pids in self._roots.items()}


def _seconds(pid: int) -> float:
    """Returns processor time of a process and its children, also of those that have ended."""
    root = psutil.Process(pid)
    total = sum(root.cpu_times()[:4])
    for child in root.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # Ended meanwhile: the next look finds it in the root.
            total += sum(child.cpu_times()[:2])
    return float(total)


def _described(bench: Bench) -> dict[str, Any]:
    names = ("server_version", "fsync", "synchronous_commit", "full_page_writes")
    with bench.engine.connect() as connection:
        settings = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names}
    return {
        "cpus": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "python": platform.python_version(),
        "postgresql": settings,
        "clients": bench.size.clients,
        "open_calls": OPEN_CALLS,
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def _show(found: dict[str, Any]) -> None:
    book, race = found["textbook"], found["race"]
    rows: list[tuple[str, object, object]] = []
    for name, key in ((_("one SKU"), "one_sku"), (_("a hundred SKUs"), "hundred_skus")):
        ours, theirs = found[key], book[key]
        rows += [
            (
                _("{what}: redemptions/s").format(what=name),
                *_pair(ours, theirs, "redemptions_per_s"),
            ),
            (_("… p50, ms").format(what=name), *_pair(ours, theirs, "p50_ms")),
            (_("… p99, ms").format(what=name), *_pair(ours, theirs, "p99_ms")),
            (_("… at half that rate, p50, ms"), *_pair(ours, theirs, "half_load_p50_ms")),
            (_("… at half that rate, p99, ms"), *_pair(ours, theirs, "half_load_p99_ms")),
        ]
    rows += [
        (_("ratio, one SKU"), found["ratio"], ""),
        (_("ratio, a hundred SKUs"), found["ratio_hundred_skus"], ""),
        (_("race: pieces held"), race["held"], ""),
        (_("race: refused"), sum(race["refused"].values()), ""),
        (_("race: oversold"), race["oversold"], ""),
        (_("race: until the last answer, s"), race["seconds"], ""),
        (_("deadlocks"), race["deadlocks"], ""),
        (_("one balance: held"), race["one_balance"]["held"], ""),
        (_("one balance: refused"), sum(race["one_balance"]["refused"].values()), ""),
        (_("holds captured, pairs/s"), found["holds"]["pairs_per_s"], ""),
        (_("coupon codes/s"), found["coupons"]["codes_per_s"], ""),
    ]
    columns = ("", _("Pointbook"), _("textbook"))
    print_table(_("Pointbook bench: redemption"), columns, rows, numbers=(1, 2))


def _pair(ours: dict[str, Any], theirs: dict[str, Any], key: str) -> tuple[object, object]:
    return ours[key], theirs[key]
