"""One thread a lane in each process.

Messages about a lane that somebody works on already would otherwise fill all threads of a process, each waiting for the lane's lock,
while other lanes' messages lie behind them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class LaneDesk:
    """Hands each lane's messages to the thread that is at the lane; the others are free at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: dict[int, int] = {}
        self._taken: set[int] = set()

    @contextmanager
    def take(self, lane: int, batch_id: int) -> Iterator[Iterator[int]]:
        """Yields the batches to apply: none when another thread has the lane, which then gets this one too.

        A message that is handed over so is done for the broker. Should its thread fail, the batch still waits in the database and the
        relay announces it.
        """
        with self._lock:
            self._wanted[lane] = max(batch_id, self._wanted.get(lane, 0))
            is_ours = lane not in self._taken
            self._taken.add(lane)
        if not is_ours:
            yield iter(())
            return
        try:
            yield self._until_empty(lane)
        except BaseException:
            with self._lock:
                self._taken.discard(lane)
            raise

    def _until_empty(self, lane: int) -> Iterator[int]:
        while True:
            with self._lock:
                batch_id = self._wanted.pop(lane, None)
                if batch_id is None:
                    # Given back under the same lock, so that a message that comes now finds the lane free.
                    self._taken.discard(lane)
                    return
            yield batch_id
