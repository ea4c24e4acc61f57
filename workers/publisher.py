"""Announces new batches to the workers. What is lost here is found by the relay; nothing waits for the broker."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

from plugin.store.inbox import NewBatch

logger = logging.getLogger(__name__)

WAITING_MAX = 10_000
PAUSE_SECONDS = 2.0
Send = Callable[[int, int], object]


class Publisher:
    """A thread that sends one small message per batch, off the path of the answering call.

    Args:
        send: Sends (lane, batch id); blocks until the broker confirms.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: queue.Queue[NewBatch | None] = queue.Queue(WAITING_MAX)
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def publish(self, batches: Sequence[NewBatch]) -> None:
        """Takes batches to announce; when too many wait the rest is left to the relay."""
        for batch in batches:
            try:
                self._waiting.put_nowait(batch)
            except queue.Full:
                return

    def stop(self) -> None:
        """Announces what waits and ends."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        away_until = 0.0
        while (batch := self._waiting.get()) is not None:
            if time.monotonic() < away_until:
                continue  # The relay announces it once the broker is back.
            try:
                self._send(batch.lane, batch.id)
            except Exception as error:  # noqa: BLE001  (the thread must survive; the relay does what it missed)
                away_until = time.monotonic() + PAUSE_SECONDS
                logger.warning(
                    "the broker is away (%s); events stay safe in the inbox and the relay announces them",
                    type(error).__name__,
                )
