"""The two designs of redemption, running side by side: a server, a database and client processes each, measured in turns.

In turns, because a machine's speed changes while it is measured: a slow minute slows both, and the ratio stays what it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine, text

from plugin.store.schema import engine_url
from workers.bench.cluster import Cluster
from workers.bench.redemption_clients import DONE, Clients, Measured, shared
from workers.embedded_postgres import EmbeddedPostgres

TURNS = 4
OPEN_CALLS = 64
NO_BROKER = "amqp://127.0.0.1:1/"
"""Redemption announces nothing, and a server connects to its broker when it first announces something."""


@dataclass(slots=True)
class Machine:
    """What is measured on.

    Attributes:
        folder: Where output goes.
        postgres: One server for both designs; each has a database of its own.
        clients: Client processes of each design.
        calls_waiting: How many calls may wait in a server.
        wrong: What was not as it has to be.
    """

    folder: Path
    postgres: EmbeddedPostgres
    clients: int
    calls_waiting: int
    wrong: list[str] = field(default_factory=list)

    def expect(self, what: str, found: object, expected: object) -> None:
        """Notes a count that is not what it has to be."""
        if found != expected:
            self.wrong.append(f"{what}: {found} instead of {expected}")


class Side:
    """One design, running from ``with`` on: its server, its clients, its database.

    Args:
        machine: What it runs on.
        module: The server's program.
        database: Name of its database, which is there. ``engine`` works before and after, too.
    """

    def __init__(self, machine: Machine, module: str, database: str) -> None:
        self._machine = machine
        self._module = module
        self._url = machine.postgres.url(database)
        self._stack = ExitStack()
        self._server_pid = 0
        self.clients = Clients("", 0)
        self.engine = create_engine(engine_url(self._url))

    def __enter__(self) -> Side:
        machine = self._machine
        extra = {"POINTBOOK_CALLS_WAITING_MAX": str(machine.calls_waiting)}
        cluster = Cluster(machine.folder, self._url, NO_BROKER, module=self._module, extra=extra)
        with ExitStack() as stack:
            stack.callback(cluster.stop)
            cluster.start_one("serve")
            cluster.wait_until_ready()
            self._server_pid = _find_server(self._module)
            self.clients = stack.enter_context(Clients(cluster.target, machine.clients))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def redeem(self, serialised: Sequence[bytes], calls_per_s: float = 0.0) -> Measured:
        """Sends requests that are all to be held."""
        jobs = shared("RequestRedemption", serialised, self.clients.count, OPEN_CALLS, calls_per_s)
        measured = self.clients.run(jobs)
        self._machine.expect("redemptions", dict(measured.outcomes), {DONE: len(serialised)})
        return measured

    def processor_seconds(self) -> dict[str, float]:
        """Returns how much processor time server, PostgreSQL and clients have used so far."""
        postgres_pid = self._machine.postgres.pid
        assert postgres_pid is not None
        return {
            "server": _seconds(self._server_pid),
            "postgresql": _seconds(postgres_pid),
            "clients": sum(map(_seconds, self.clients.pids)),
        }

    def tidy(self) -> None:
        """Brings statistics up to date, as they are in a shop that has been open for a while, and leaves no work to what comes next."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
            connection.execute(text("CHECKPOINT"))


@dataclass(slots=True)
class Turns:
    """What one side did in its turns."""

    side: Side
    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    used: dict[str, float] = field(default_factory=dict)

    def take(self, work: Callable[[], Measured]) -> Measured:
        """Measures one turn and returns what it gave."""
        before = self.side.processor_seconds()
        measured = work()
        after = self.side.processor_seconds()
        self.seconds += measured.seconds
        self.milliseconds += measured.milliseconds
        for name, seconds in after.items():
            self.used[name] = self.used.get(name, 0.0) + seconds - before[name]
        return measured

    @property
    def measured(self) -> Measured:
        """All turns together."""
        return Measured(self.seconds, sorted(self.milliseconds), Counter())

    def processor_us(self) -> dict[str, int]:
        """Returns microseconds of processor time a call, by who used them."""
        calls = len(self.milliseconds)
        return {name: round(seconds * 1e6 / calls) for name, seconds in self.used.items()}


def measure_in_turns(
    sides: Sequence[Side], serialised: Sequence[Sequence[bytes]], halves: Sequence[Sequence[bytes]]
) -> list[dict[str, Any]]:
    """Measures requests as fast as each side takes them, in turns, then others at half of its rate, where nothing queues.

    Args:
        sides: The designs.
        serialised: Requests of each.
        halves: Requests of each for half the rate.
    """
    turns = [Turns(side) for side in sides]
    for number in range(TURNS):
        for turn, requests in zip(turns, serialised, strict=True):
            size = -(-len(requests) // TURNS)
            part = requests[number * size : (number + 1) * size]
            turn.take(partial(turn.side.redeem, part))
    found = []
    for turn, requests in zip(turns, halves, strict=True):
        full = turn.measured
        half = turn.side.redeem(requests, full.per_s / 2)
        found.append(
            {
                "redemptions": full.calls,
                "redemptions_per_s": round(full.per_s, 1),
                "p50_ms": full.percentile(0.5),
                "p99_ms": full.percentile(0.99),
                "half_load_p50_ms": half.percentile(0.5),
                "half_load_p99_ms": half.percentile(0.99),
                "cpu_us": turn.processor_us(),
            }
        )
    return found


def _find_server(module: str) -> int:
    """Returns the process id of a server that this process started."""
    children = psutil.Process().children()
    return next(child.pid for child in children if {module, "serve"} <= set(child.cmdline()))


def _seconds(pid: int) -> float:
    """Returns processor time of a process and its children, also of those that have ended."""
    root = psutil.Process(pid)
    total = sum(root.cpu_times()[:4])
    for child in root.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # Ended meanwhile: the next look finds it in the root.
            total += sum(child.cpu_times()[:2])
    return float(total)
