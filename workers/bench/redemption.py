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
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Engine

from plugin.errors import Rejected
from plugin.store.books import find_book
from plugin.store.schema import migrate
from workers.bench import redemption_textbook as textbook
from workers.bench.redemption_clients import DONE, Measured, shared
from workers.bench.redemption_shop import (
    BOOK,
    HOLD_POINTS,
    MANY_SKUS,
    OF_ALL,
    ONE_SKU,
    ORDERS,
    POINTS,
    POINTS_PER_ORDER,
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
from workers.bench.redemption_sides import OPEN_CALLS, Machine, Side, Turns, measure_in_turns
from workers.clock import now_us
from workers.embedded_postgres import DATABASE, EmbeddedPostgres, PostgresSettings
from workers.handlers.books import Books
from workers.handlers.vouchers import generate_codes
from workers.show.output import FOUND_SOMETHING, console, errors, print_json, print_table
from workers.telemetry import configure_logging
from workers.text import _

AT_ONCE = 20
TEXTBOOK_DATABASE = "textbook"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        members: Members with three lots of 1,000 points each.
        warm_up: Redemptions before anything is measured, of each design.
        redemptions: Requests on one SKU, and as many again on a hundred; a quarter more at half the rate.
        textbook: Requests that the textbook design gets instead.
        pairs: Holds at the checkout, each captured.
        codes: Coupon codes.
        racers: Members who race for a tenth as many pieces.
        clients: Client processes.
    """

    members: int = 10_000
    warm_up: int = 2_000
    redemptions: int = 10_000
    textbook: int = 2_000
    pairs: int = 2_000
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

    def check(self) -> None:
        """Refuses more redemptions than the members have points for.

        Raises:
            Rejected: They would run out.
        """
        parts = (self.warm_up, *[self.redemptions, self.redemptions // 4] * 2, self.racers)
        needed = sum(-(-part // self.members) for part in parts) * POINTS
        needed += -(-self.pairs // self.members) * HOLD_POINTS
        if needed > ORDERS * POINTS_PER_ORDER or self.racers > self.members:
            raise Rejected(
                "MEMBERS_TOO_FEW", f"{self.members:,} members are too few for so many redemptions"
            )


def run_redemption_bench(size: Size, *, as_json: bool) -> int:
    """Measures and prints; returns the exit status: 1 when a count is wrong or the numbers do not agree afterwards.

    Raises:
        Rejected: The members are too few.
    """
    size.check()
    configure_logging("warning")
    say: Say = (lambda message: None) if as_json else console.print
    with ExitStack() as stack:
        machine = _machine(stack, size, say)
        ours = Side(machine, "workers", DATABASE)
        theirs = Side(machine, "workers.bench.redemption_textbook", TEXTBOOK_DATABASE)
        stack.callback(ours.engine.dispose)
        stack.callback(theirs.engine.dispose)
        met = deadlocks(ours.engine)
        with ours, theirs:
            found = _measured(size, machine, ours, theirs, say)
        # A connection tells of its deadlocks when it ends, so this comes after the server.
        found["race"]["deadlocks"] = deadlocks(ours.engine) - met
        machine.expect("deadlocks", found["race"]["deadlocks"], 0)
        machine.wrong += breaks(ours.engine)
        say(_("{n:,} coupon codes").format(n=size.codes))
        found["coupons"] = _coupons(machine, ours.engine, size.codes)
        found["wrong"] = machine.wrong
        answer = {"redemption": found, "machine": _described(machine, ours.engine)}
    if as_json:
        print_json(answer)
    else:
        _show(found)
    for one in machine.wrong:
        errors.print(f"[bold red]{_('WRONG')}[/]", one, soft_wrap=True)
    return FOUND_SOMETHING if machine.wrong else 0


def _machine(stack: ExitStack, size: Size, say: Say) -> Machine:
    """Starts PostgreSQL and fills the databases."""
    folder = Path(tempfile.mkdtemp(prefix="pointbook-bench-"))
    folder.chmod(0o755)  # PostgreSQL runs as another account when we are root.
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    say(_("starting PostgreSQL, durable"))
    tuned = PostgresSettings(shared_buffers_mb=1024, max_wal_size_mb=8192)
    postgres = stack.enter_context(EmbeddedPostgres(folder / "postgres", tuned))
    say(_("{n:,} members earn their points").format(n=size.members))
    migrate(postgres.url())
    fill(postgres.url(), size.members, size.pieces)
    postgres.ensure_database(TEXTBOOK_DATABASE)
    textbook.fill(postgres.url(TEXTBOOK_DATABASE), size.members, size.pieces)
    # By default a server tells all callers above 256 to come again; the race wants every racer in.
    return Machine(folder, postgres, size.clients, max(256, 2 * size.racers))


def _measured(size: Size, machine: Machine, ours: Side, theirs: Side, say: Say) -> dict[str, Any]:
    """Measures all that needs the servers."""
    for side in (ours, theirs):
        side.redeem(requests("warm", size.everybody, MANY_SKUS, size.warm_up))
        side.tidy()
    found: dict[str, Any] = {"one_sku": {}, "hundred_skus": {}, "textbook": {}}
    for key, ratio, rewards in (
        ("one_sku", "ratio", (ONE_SKU,)),
        ("hundred_skus", "ratio_hundred_skus", MANY_SKUS),
    ):
        counts = (size.redemptions, size.textbook)
        said = _("SKUs: {m}, redemptions: {n:,}, by the textbook design: {k:,}")
        say(said.format(m=len(rewards), n=size.redemptions, k=size.textbook))
        full = [requests(key, size.everybody, rewards, count) for count in counts]
        half = [requests(f"{key}-half", size.everybody, rewards, n // 4, seed=11) for n in counts]
        found[key], found["textbook"][key] = measure_in_turns((ours, theirs), full, half)
        theirs_per_s = found["textbook"][key]["redemptions_per_s"]
        found[ratio] = round(found[key]["redemptions_per_s"] / theirs_per_s, 1)
    say(_("{n:,} members race for {m:,} pieces").format(n=size.racers, m=size.pieces))
    found["race"] = _race(size, machine, ours)
    say(_("{n:,} holds at the checkout, captured").format(n=size.pairs))
    found["holds"] = _holds(size, machine, ours)
    return found


def _race(size: Size, machine: Machine, ours: Side) -> dict[str, Any]:
    """Lets members race for the last pieces, then one member against themselves; all calls are open at once."""
    racers = [request(f"race-{name}", name, RACED) for name in size.everybody[: size.racers]]
    measured = _all_at_once(ours, racers)
    expected = {DONE: size.pieces, "STOCK_INSUFFICIENT": size.racers - size.pieces}
    machine.expect("the race", dict(measured.outcomes), expected)
    pieces, held = reserved(ours.engine, RACED)
    machine.expect("pieces set aside in the race", held, size.pieces)
    one = _all_at_once(ours, [request(f"all-{n}", WHOLE, OF_ALL) for n in range(AT_ONCE)])
    expected = {DONE: 1, "POINTS_INSUFFICIENT": AT_ONCE - 1}
    machine.expect("requests for one balance", dict(one.outcomes), expected)
    return {
        "members": size.racers,
        "pieces": size.pieces,
        **_counted(measured.outcomes),
        "oversold": max(0, held - pieces),
        "seconds": round(measured.seconds, 2),
        "one_balance": {"calls": AT_ONCE, **_counted(one.outcomes)},
    }


def _all_at_once(side: Side, serialised: Sequence[bytes]) -> Measured:
    jobs = shared("RequestRedemption", serialised, side.clients.count, len(serialised))
    return side.clients.run(jobs)


def _counted(outcomes: Counter[str]) -> dict[str, Any]:
    refused = {reason: count for reason, count in sorted(outcomes.items()) if reason != DONE}
    return {"held": outcomes[DONE], "refused": refused}


def _holds(size: Size, machine: Machine, ours: Side) -> dict[str, Any]:
    """Measures holds at the checkout, each captured as soon as it is there."""
    serialised = hold_requests(size.everybody, size.pairs)
    count = ours.clients.count
    jobs = shared("HoldPoints", serialised, count, OPEN_CALLS, captures=HOLD_POINTS)
    turns = Turns(ours)
    measured = turns.take(lambda: ours.clients.run(jobs))
    machine.expect("holds captured", dict(measured.outcomes), {DONE: size.pairs})
    return {
        "pairs": measured.calls,
        "pairs_per_s": round(measured.per_s, 1),
        "p50_ms": measured.percentile(0.5),
        "p99_ms": measured.percentile(0.99),
        "cpu_us": turns.processor_us(),
    }


def _coupons(machine: Machine, engine: Engine, count: int) -> dict[str, Any]:
    """Measures the generation of coupon codes, in one process as an operator does it."""
    with engine.connect() as connection:
        book_id = find_book(connection, BOOK).id
    key = secrets.token_bytes(32)
    began = time.perf_counter()
    codes = generate_codes(engine, Books(), book_id, "coffee", count, key, now_us())
    different = len({code for _, code in codes})
    seconds = time.perf_counter() - began
    machine.expect("different coupon codes", different, count)
    return {
        "codes": different,
        "seconds": round(seconds, 2),
        "codes_per_s": round(different / seconds),
    }


def _described(machine: Machine, engine: Engine) -> dict[str, Any]:
    names = ("server_version", "fsync", "synchronous_commit", "full_page_writes")
    with engine.connect() as connection:
        settings = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names}
    return {
        "cpus": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "python": platform.python_version(),
        "postgresql": settings,
        "clients": machine.clients,
        "open_calls": OPEN_CALLS,
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def _show(found: dict[str, Any]) -> None:
    race, one_balance = found["race"], found["race"]["one_balance"]
    rows: list[tuple[str, object, object]] = []
    for title, key in ((_("one SKU"), "one_sku"), (_("a hundred SKUs"), "hundred_skus")):
        for label, figure in (
            (_("{title}, redemptions/s").format(title=title), "redemptions_per_s"),
            (_("… p50, ms"), "p50_ms"),
            (_("… p99, ms"), "p99_ms"),
            (_("… p50 at half that rate, ms"), "half_load_p50_ms"),
            (_("… p99 at half that rate, ms"), "half_load_p99_ms"),
        ):
            rows.append((label, found[key][figure], found["textbook"][key][figure]))
    rows += [
        (_("ratio on one SKU"), found["ratio"], ""),
        (_("ratio on a hundred SKUs"), found["ratio_hundred_skus"], ""),
        (_("race for {n:,} pieces: held").format(n=race["pieces"]), race["held"], ""),
        (_("… refused"), sum(race["refused"].values()), ""),
        (_("… oversold"), race["oversold"], ""),
        (_("… until the last answer, s"), race["seconds"], ""),
        (_("deadlocks"), race["deadlocks"], ""),
        (_("one balance, all of it 20 times at once: held"), one_balance["held"], ""),
        (_("… refused"), sum(one_balance["refused"].values()), ""),
        (_("holds captured at the checkout, pairs/s"), found["holds"]["pairs_per_s"], ""),
        (_("coupon codes/s"), found["coupons"]["codes_per_s"], ""),
    ]
    columns = ("", _("Pointbook"), _("textbook"))
    print_table(_("Pointbook bench: redemption"), columns, rows, numbers=(1, 2))
