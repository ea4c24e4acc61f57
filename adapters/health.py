"""How an adapter is: figures for Prometheus and one page for whoever has to decide whether to restart it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, make_wsgi_app

from adapters.small_server import StartResponse, listening

LATE_INTERVALS = 6  # that many looks may fail before the adapter calls itself unwell
LATE_SECONDS_MIN = 60.0


class Health:
    """Counts what an adapter does. Safe to read from another thread.

    Args:
        interval_seconds: How often the adapter means to look.
        clock: Seconds since 1970.
    """

    def __init__(self, interval_seconds: float, clock: Callable[[], float] = time.time) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        self._late_seconds = max(LATE_SECONDS_MIN, LATE_INTERVALS * interval_seconds)
        self._complete_at = clock()
        self._lock = threading.Lock()
        self._problems: dict[str, str] = {}
        self._kept = self._counter("documents_kept", "Documents kept in the spool", ["kind"])
        self._answers = self._counter("answers", "Events by what Pointbook said", ["outcome"])
        self._failures = self._counter("failures", "Looks or sends that failed", ["part"])
        self._tasks = self._counter("redemption_tasks", "Redemptions written back", ["outcome"])
        self._waiting = self._gauge("spool_events", "Events in the spool that wait to be sent")
        self._lag = self._gauge(
            "lag_seconds", "Since the beginning of the last look whose documents were all sent"
        )
        self._lag.set_function(lambda: self._clock() - self._complete_at)

    def kept(self, kind: str, documents: int = 1) -> None:
        """Counts documents of a kind."""
        self._kept.labels(kind).inc(documents)

    def answered(self, outcome: str, events: int = 1) -> None:
        """Counts answers."""
        self._answers.labels(outcome).inc(events)

    def task(self, outcome: str) -> None:
        """Counts a redemption."""
        self._tasks.labels(outcome).inc()

    def waiting(self, events: int) -> None:
        """Tells how many events wait."""
        self._waiting.set(events)

    def fine(self, part: str) -> None:
        """Tells that a part works (again)."""
        with self._lock:
            self._problems.pop(part, None)

    def failed(self, part: str, why: str) -> None:
        """Tells that a part does not work, and why."""
        self._failures.labels(part).inc()
        with self._lock:
            self._problems[part] = why

    def complete(self, began_at: float) -> None:
        """Tells that everything a look found has been sent.

        Args:
            began_at: When that look began, seconds since 1970.
        """
        self._complete_at = began_at

    def now(self) -> float:
        """Returns seconds since 1970."""
        return self._clock()

    def said(self) -> dict[str, Any]:
        """Returns the page: whether all is well, how far behind, and what does not work."""
        lag = self._clock() - self._complete_at
        with self._lock:
            problems = dict(self._problems)
        return {
            "fine": lag <= self._late_seconds,
            "lag_seconds": round(lag, 1),
            "late_after_seconds": self._late_seconds,
            "problems": problems,
        }

    def _counter(self, name: str, text: str, labels: Sequence[str]) -> Counter:
        return Counter(f"pointbook_adapter_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"pointbook_adapter_{name}", text, registry=self.registry)


@contextmanager
def served(health: Health, address: str) -> Iterator[str]:
    """Serves ``/healthz`` (200, or 503 when late) and ``/metrics`` for a while; yields the address.

    Args:
        health: What is shown.
        address: Host and port, port 0 for any; empty for no server.

    Raises:
        AdapterError: The address cannot be listened on.
    """
    if not address:
        yield ""
        return
    with listening(address, _app(health), "health") as where:
        yield where


def _app(health: Health) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    metrics = make_wsgi_app(health.registry)

    def app(environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            answer: Iterable[bytes] = metrics(environ, start)
            return answer
        if path != "/healthz":
            start("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return [b"there is /healthz and /metrics\n"]
        said = health.said()
        status = "200 OK" if said["fine"] else "503 Service Unavailable"
        start(status, [("Content-Type", "application/json")])
        return [json.dumps(said).encode()]

    return app
