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
    """A thread that sends small messages about new batches, off the path of the answering call.

    Args:
        send: Sends (lane, batch id); blocks until the broker confirms.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: queue.Queue[NewBatch | None] = queue.Queue(WAITING_MAX)
        self._is_ending = False
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
        while (newest := self._next()) is not None:
            if time.monotonic() < away_until:
                continue  # The relay announces it once the broker is back.
            try:
                for lane, batch_id in newest.items():
                    self._send(lane, batch_id)
            except Exception as error:  # noqa: BLE001  (whatever the broker client raises: intake goes on)
                away_until = time.monotonic() + PAUSE_SECONDS
                logger.warning(
                    "the broker is away (%s); events stay safe in the inbox and the relay announces them",
                    type(error).__name__,
                )

    def _next(self) -> dict[int, int] | None:
        """Waits for batches and returns the newest of each lane, None at the end.

        Whoever takes the message of a batch applies everything in its lane up to it, so what gathered while the last messages were
        confirmed costs one message a lane. A message with its confirm costs as much as receiving fifty events.
        """
        if self._is_ending:
            return None
        newest: dict[int, int] = {}
        batch = self._waiting.get()
        while batch is not None:
            newest[batch.lane] = max(batch.id, newest.get(batch.lane, 0))
            try:
                batch = self._waiting.get_nowait()
            except queue.Empty:
                return newest
        self._is_ending = True
        return newest
