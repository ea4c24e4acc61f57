"""Keeps Pointbook up to date with a live ERP: look, keep, send, write back, wait, and again.

The ERP and Pointbook may be away independently: what was read waits in the spool, what was not is read later.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Event as Flag

from adapters.backfill import Destination, send_waiting
from adapters.contract import AdapterError, Change, Erp
from adapters.health import Health
from adapters.spool import Answer, Spool, SpoolUnusable
from adapters.write_back import RedemptionClient, write_back

LOG = logging.getLogger("adapters")
HINT_SECONDS_MIN = 1.0
SOURCE, POINTBOOK, SPOOL, WRITE_BACK = "source", "pointbook", "spool", "write_back"


@dataclass(frozen=True, slots=True)
class Follower:
    """One ERP, its spool and where it goes.

    Attributes:
        erp: What is read.
        spool: Keeps events and cursor.
        to: Where events go.
        redemptions: For writing back; None for not doing so.
        health: Told of everything.
        interval_seconds: Wait between two looks.
    """

    erp: Erp
    spool: Spool
    to: Destination
    redemptions: RedemptionClient | None
    health: Health
    interval_seconds: float

    def run(self, stop: Flag, bell: Flag) -> None:
        """Goes on until it is told to stop. What fails is logged, counted and tried again.

        Args:
            stop: Set once, and the bell after it.
            bell: Set when it should look now, and not when its interval is over; at most once a second.
        """
        while not stop.is_set():
            bell.clear()
            self.look()
            bell.wait(self.interval_seconds)
            if bell.is_set():
                stop.wait(min(HINT_SECONDS_MIN, self.interval_seconds))

    def look(self) -> bool:
        """Looks once; returns whether everything worked and nothing waits."""
        began_at = self.health.now()
        steps = (
            (SOURCE, self._read),
            (POINTBOOK, self._send),
            (WRITE_BACK, self._write_back),
        )
        went = [self._tried(part, step) for part, step in steps]
        if went[0] and went[1]:
            self.health.complete(began_at)
        return all(went)

    def _tried(self, part: str, step: Callable[[], None]) -> bool:
        try:
            step()
        except AdapterError as error:
            part = SPOOL if isinstance(error, SpoolUnusable) else part
            self.health.failed(part, str(error))
            LOG.warning("%s: %s", part, error)
            return False
        self.health.fine(part)
        return True

    def _read(self) -> None:
        """Reads one pass into the spool; sends between batches, as long as Pointbook listens."""
        is_heard = True
        changes = self.erp.changes(self.spool.cursor())
        while batch := list(islice(changes, self.to.batch)):
            self._keep(batch)
            if is_heard:
                is_heard = self._tried(POINTBOOK, self._send)
        self.health.fine(SPOOL)

    def _keep(self, batch: Sequence[Change]) -> None:
        kinds = Counter(event.WhichOneof("payload") or "" for event in self.spool.append(batch))
        for kind, documents in kinds.items():
            self.health.kept(kind, documents)
        self.health.waiting(self.spool.waiting())

    def _send(self) -> None:
        try:
            send_waiting(self.spool, self.to, self._count)
        finally:
            self.health.waiting(self.spool.waiting())

    def _count(self, answers: Sequence[Answer]) -> None:
        for outcome, events in Counter(each.outcome for each in answers).items():
            self.health.answered(outcome, events)
        for each in answers:
            if each.is_refusal:
                LOG.warning(
                    "event %s %s: %s: %s", each.event_id, each.outcome, each.reason, each.message
                )

    def _write_back(self) -> None:
        if self.redemptions is None:
            return
        problems: list[str] = []
        for done in write_back(self.erp, self.redemptions, self.to.source):
            self.health.task("failed" if done.problem else done.task)
            if done.problem:
                problems.append(f"redemption {done.redemption_id}: {done.problem}")
            else:
                LOG.info("redemption %s: %s %s", done.redemption_id, done.task, done.order_id)
        if problems:
            raise AdapterError("; ".join(problems))
