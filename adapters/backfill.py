"""Moves an adapter's changes through the spool to Pointbook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from adapters.client import IntakeClient
from adapters.contract import Adapter
from adapters.spool import TAKEN, Answer, Outgoing, Spool
from pointbook.v1 import intake_pb2

OUTCOMES: dict[intake_pb2.EventOutcome, str] = {
    intake_pb2.EVENT_OUTCOME_ACCEPTED: "accepted",
    intake_pb2.EVENT_OUTCOME_DUPLICATE: "duplicate",
    intake_pb2.EVENT_OUTCOME_CONFLICT: "conflict",
    intake_pb2.EVENT_OUTCOME_REJECTED: "rejected",
}


@dataclass(frozen=True, slots=True)
class Destination:
    """Where events go: the source they belong to, the book (empty for the only one), events per call."""

    client: IntakeClient
    source: str
    book: str
    batch: int


def backfill(
    adapter: Adapter,
    spool: Spool,
    to: Destination,
    run: str,
    on_batch: Callable[[], None] = lambda: None,
) -> None:
    """Sends all changes of a run, from where an earlier attempt at the same run stopped.

    Each batch is in the spool before it is sent and leaves it with its answer; a kill at any point
    loses nothing.

    Args:
        adapter: Where changes come from.
        spool: Keeps events and cursor.
        to: Where they go.
        run: What is being read and where it goes; another run begins at the start.
        on_batch: Called after each batch, for progress.

    Raises:
        AdapterError: Pointbook, the source or the spool could not be used; start again to go on.
    """
    changes = adapter.changes(spool.begin(run))
    while True:
        send_waiting(spool, to)
        on_batch()
        kept = list(islice(changes, to.batch))
        if not kept:
            return
        spool.append(kept)


class Waiting(Protocol):
    """What waits to be sent, oldest first; a ``Spool``, or who owns one."""

    def take(self, events_max: int) -> list[Outgoing]:
        """See ``Spool.take``."""
        ...

    def mark_answered(self, taken: Sequence[Outgoing], answers: Sequence[Answer]) -> None:
        """See ``Spool.mark_answered``."""
        ...


def send_waiting(
    spool: Waiting, to: Destination, on_answers: Callable[[Sequence[Answer]], None] = lambda _: None
) -> None:
    """Sends what waits in the spool, batch by batch, until nothing does.

    Raises:
        AdapterError: Pointbook or the spool could not be used; what was not answered stays.
    """
    while taken := spool.take(to.batch):
        results = to.client.record(to.source, to.book, [each.event for each in taken], to.batch)
        answers = _answers(taken, results)
        spool.mark_answered(taken, answers)
        on_answers(answers)


def _answers(taken: Sequence[Outgoing], results: Sequence[intake_pb2.EventResult]) -> list[Answer]:
    return [
        Answer(each.event.event_id, *_said(result), each.file, each.row)
        for each, result in zip(taken, results, strict=True)
    ]


def _said(result: intake_pb2.EventResult) -> tuple[str, str, str, str]:
    outcome = OUTCOMES.get(result.outcome, "unknown")
    if outcome in TAKEN:  # their reasons, if a server sends any, are not ours to count
        return outcome, "", "", ""
    return outcome, result.reason, result.message, result.field
