"""Sends what waits in an outbox. Runs outside of the ERP, as often and as many times at once as one likes.

Killed at any point, it loses nothing: a row leaves the table only in the transaction that follows
Pointbook's answer. Killed between the two, the row is sent again and answered DUPLICATE.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import NamedTuple, Protocol

from adapters.client import IntakeClient, Unavailable
from adapters.outbox.table import Cursor, Outbox, Refusal, Waiting
from pointbook.v1 import intake_pb2

ROWS_PER_ROUND = 200
ROUNDS_MAX = 1_000  # of one call; the next one goes on

TAKEN = frozenset({intake_pb2.EVENT_OUTCOME_ACCEPTED, intake_pb2.EVENT_OUTCOME_DUPLICATE})

log = logging.getLogger(__name__)


class Connection(Protocol):
    """What is used of a DB-API connection, opened without autocommit."""

    def cursor(self) -> Cursor:
        """Returns a cursor; the first statement begins a transaction."""

    def commit(self) -> None:
        """Ends the transaction and keeps it."""

    def rollback(self) -> None:
        """Ends the transaction and drops it."""

    def close(self) -> None:
        """Closes the connection."""


class Sent(NamedTuple):
    """What came of looking once: rows Pointbook has, and rows it refused."""

    taken: int = 0
    refused: int = 0


def send_waiting(
    connect: Callable[[], Connection],
    client: IntakeClient,
    outbox: Outbox,
    source: str,
    book: str,
    *,
    rows_max: int = ROWS_PER_ROUND,
) -> Sent:
    """Sends all committed rows, in small transactions, and returns how many were taken and refused.

    Each transaction spans one call to Pointbook, so give the client little patience.

    Raises:
        Unavailable: Pointbook did not answer; what is left stays, send again later.
        Refused: Pointbook will not take any call as it is, for example for its key; all rows stay.
    """
    total = Sent()
    with closing(connect()) as connection:
        for _ in range(ROUNDS_MAX):
            with _transaction(connection) as cursor:
                rows = outbox.take(cursor, rows_max)
                if not rows:
                    break
                results = client.record(source, book, [row.event for row in rows], rows_max)
                taken, refusals = _sorted_out(rows, results)
                outbox.mark_taken(cursor, taken)
                outbox.mark_refused(cursor, refusals)
            total = Sent(total.taken + len(taken), total.refused + len(refusals))
    return total


@contextmanager
def _transaction(connection: Connection) -> Iterator[Cursor]:
    try:
        yield connection.cursor()
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _sorted_out(
    rows: Sequence[Waiting], results: Sequence[intake_pb2.EventResult]
) -> tuple[list[int], list[Refusal]]:
    taken, refusals = [], []
    for row, result in zip(rows, results, strict=True):
        if result.outcome in TAKEN:
            taken.append(row.number)
        else:
            said = f"{result.field}: {result.message}" if result.field else result.message
            refusals.append(Refusal(row.number, result.reason, said))
    return taken, refusals


def keep_sending(
    send: Callable[[], Sent],
    interval_seconds: float,
    stopping: threading.Event,
    database_errors: tuple[type[Exception], ...],
) -> None:
    """Sends what waits, again and again, until told to stop.

    Args:
        send: Looks once, as ``send_waiting`` does.
        interval_seconds: Wait between two looks.
        stopping: Set to stop after the current look.
        database_errors: What the driver raises when the ERP's database is away; the next look tries again.
    """
    passing: tuple[type[Exception], ...] = (Unavailable, *database_errors)
    while not stopping.is_set():
        try:
            sent = send()
        except passing as error:
            log.warning("outbox: %s; rows stay, next look in %s s", error, interval_seconds)
        else:
            if sent != Sent():
                log.info("outbox: %d sent, %d refused", sent.taken, sent.refused)
        stopping.wait(interval_seconds)
