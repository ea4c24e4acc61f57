"""The thread that sends what waits in the spool. Pointbook may be away for as long as it likes."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence

from adapters.backfill import Destination, send_waiting
from adapters.client import Patience, delay_seconds
from adapters.contract import AdapterError
from adapters.health import Health
from adapters.spool import Answer, SpoolUnusable
from adapters.webhook.keeper import Keeper

LOG = logging.getLogger("adapters")
ONE_ATTEMPT = Patience(attempts_max=1)  # the waits are ours, so that a stop need not wait for them
WAITS = Patience()
IDLE_SECONDS = 5.0  # a look without being woken: for what a spool held from before
GATHER_SECONDS = (
    0.02  # so long deliveries gather: each alone would be a call and a commit of its own
)


class Sender:
    """Sends until it is stopped.

    Args:
        keeper: Owns the spool.
        to: Where events go; its client should have the patience ``ONE_ATTEMPT``.
        health: Told of everything.
        patience: How long to wait between failures.
        chance: 0 to 1, for the waits.
    """

    def __init__(
        self,
        keeper: Keeper,
        to: Destination,
        health: Health,
        patience: Patience = WAITS,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._keeper = keeper
        self._to = to
        self._health = health
        self._patience = patience
        self._chance = chance
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)

    def start(self) -> None:
        """Begins to send."""
        self._thread.start()

    def wake(self) -> None:
        """Tells that something waits."""
        self._wake.set()

    def stop(self) -> None:
        """Stops after the call that is under way; what was not answered stays in the spool."""
        self._stop.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._wake.clear()
            if self._send():
                failures = 0
                if self._wake.wait(IDLE_SECONDS):
                    self._stop.wait(GATHER_SECONDS)
            else:
                failures += 1
                attempt = min(failures, self._patience.attempts_max)
                self._stop.wait(delay_seconds(self._patience, attempt, self._chance()))

    def _send(self) -> bool:
        began_at = self._health.now()
        try:
            send_waiting(self._keeper, self._to, self._count)
            self._health.waiting(self._keeper.waiting())
        except AdapterError as error:
            part = "spool" if isinstance(error, SpoolUnusable) else "pointbook"
            self._health.failed(part, str(error))
            LOG.warning("%s: %s", part, error)
            return False
        self._health.fine("spool")
        self._health.fine("pointbook")
        self._health.complete(began_at)
        return True

    def _count(self, answers: Sequence[Answer]) -> None:
        for each in answers:
            self._health.answered(each.outcome)
            if each.is_refusal:
                LOG.warning(
                    "event %s %s: %s: %s", each.event_id, each.outcome, each.reason, each.message
                )
