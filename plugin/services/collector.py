"""Groups what concurrent calls hand over into one commit.

While one commit is under way everything that arrives waits and makes the next, larger one: the linger adapts to the backlog by
itself, and a lone call waits for nobody. Calls are answered after the commit; only then are the batches published.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from plugin.errors import Rejected, Unavailable
from plugin.services.errors import of_database
from plugin.store.inbox import Incoming, NewBatch, Recorded, record_events

logger = logging.getLogger(__name__)

GROUP_EVENTS_MAX = 4_000
WAITING_EVENTS_MAX = 100_000
DEADLOCK_TRIES_MAX = 3

Publish = Callable[[Sequence[NewBatch]], None]


@dataclass(slots=True)
class _Submission:
    events: Sequence[Incoming]
    answer: Future[list[Recorded]] = field(default_factory=Future)


class Collector:
    """One thread that turns waiting submissions into commits.

    Args:
        engine: The database.
        publish: Told of new batches after their commit; must not block or raise.
    """

    def __init__(self, engine: Engine, publish: Publish) -> None:
        self._engine = engine
        self._publish = publish
        self._waiting: deque[_Submission] = deque()
        self._waiting_events = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="collector", daemon=True)
        self._thread.start()

    def submit(self, events: Sequence[Incoming]) -> Future[list[Recorded]]:
        """Hands events over; the future holds one result per event once they are committed.

        Raises:
            Rejected: Too much waits already (``TOO_MANY_WAITING``).
            Unavailable: The server is stopping.
        """
        submission = _Submission(events)
        with self._changed:
            if self._stopping:
                raise Unavailable(
                    "SERVER_STOPPING", "the server is stopping; send again to another or later"
                )
            if self._waiting_events + len(events) > WAITING_EVENTS_MAX:
                raise Rejected(
                    "TOO_MANY_WAITING",
                    f"more than {WAITING_EVENTS_MAX} events wait for the database; slow down",
                )
            self._waiting.append(submission)
            self._waiting_events += len(events)
            self._changed.notify()
        return submission.answer

    def stop(self) -> None:
        """Takes nothing more, commits what was handed over, and ends."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            live = [s for s in group if s.answer.set_running_or_notify_cancel()]
            if live:
                self._commit(live)

    def _next_group(self) -> list[_Submission]:
        """Waits for work; returns at most one commit's worth, nothing when stopped and empty."""
        with self._changed:
            while not self._waiting and not self._stopping:
                self._changed.wait()
            group: list[_Submission] = []
            size = 0
            while self._waiting and (
                not group or size + len(self._waiting[0].events) <= GROUP_EVENTS_MAX
            ):
                submission = self._waiting.popleft()
                size += len(submission.events)
                group.append(submission)
            self._waiting_events -= size
            return group

    def _commit(self, group: list[_Submission]) -> None:
        events = [event for submission in group for event in submission.events]
        try:
            recorded, batches = self._record(events)
        except Exception as error:  # noqa: BLE001  (whatever it is, each caller is told and the thread goes on)
            # Nothing was committed; who sends again loses nothing.
            logger.warning("recording %s events failed: %s", len(events), type(error).__name__)
            told = of_database(error) if isinstance(error, DBAPIError | psycopg.Error) else error
            for submission in group:
                submission.answer.set_exception(told)
            return
        start = 0
        for submission in group:
            end = start + len(submission.events)
            submission.answer.set_result(recorded[start:end])
            start = end
        self._publish(batches)

    def _record(self, events: list[Incoming]) -> tuple[list[Recorded], list[NewBatch]]:
        for attempt in range(DEADLOCK_TRIES_MAX):
            try:
                with self._engine.begin() as connection:
                    return record_events(connection, events)
            except psycopg.errors.DeadlockDetected:
                if attempt == DEADLOCK_TRIES_MAX - 1:
                    raise
        raise AssertionError("unreachable")
