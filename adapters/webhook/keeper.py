"""The thread that owns a spool. Others ask it and wait: SQLite's connection belongs to one thread.

A spool that failed is opened anew for the next question, so that a disk that has room again is used again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from adapters.contract import Change
from adapters.spool import Answer, Outgoing, Spool, SpoolUnusable
from pointbook.v1 import events_pb2

Result = TypeVar("Result")


class Keeper:
    """Keeps what is asked to be kept. Use as a context manager.

    Args:
        path: The spool's file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._spool: Spool | None = None
        self._appending: deque[tuple[Sequence[Change], Future[list[events_pb2.Event]]]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")

    def open(self) -> None:
        """Opens the spool, to find out at once whether it can be used.

        Raises:
            SpoolUnusable: It cannot.
        """
        self._asked(Spool.waiting).result()

    def append(self, changes: Sequence[Change]) -> Future[list[events_pb2.Event]]:
        """Keeps changes; see ``Spool.append``. The future's result means they are on disk.

        What others asked for meanwhile is kept with the same commit, which on most disks is what takes long.
        """
        kept: Future[list[events_pb2.Event]] = Future()
        self._appending.append((changes, kept))
        self._thread.submit(self._append)
        return kept

    def take(self, events_max: int) -> list[Outgoing]:
        """See ``Spool.take``."""
        return self._asked(lambda spool: spool.take(events_max)).result()

    def mark_answered(self, taken: Sequence[Outgoing], answers: Sequence[Answer]) -> None:
        """See ``Spool.mark_answered``."""
        self._asked(lambda spool: spool.mark_answered(taken, answers)).result()

    def waiting(self) -> int:
        """See ``Spool.waiting``."""
        return self._asked(Spool.waiting).result()

    def close(self) -> None:
        """Finishes what was asked and closes the spool."""
        self._thread.submit(self._close).result()
        self._thread.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _asked(self, question: Callable[[Spool], Result]) -> Future[Result]:
        return self._thread.submit(self._answer, question)

    def _append(self) -> None:
        waiting = [self._appending.popleft() for _ in range(len(self._appending))]
        asking = [each for each in waiting if each[1].set_running_or_notify_cancel()]
        if not asking:
            return  # kept with those before, or nobody wants it any more
        try:
            kept = self._answer(lambda spool: _append_together(spool, [each[0] for each in asking]))
        except BaseException as error:
            for _, future in asking:
                future.set_exception(error)
            raise
        for (_, future), events in zip(asking, kept, strict=True):
            future.set_result(events)

    def _answer(self, question: Callable[[Spool], Result]) -> Result:
        try:
            if self._spool is None:
                self._spool = Spool(self._path)
            return question(self._spool)
        except SpoolUnusable:
            self._close()
            raise

    def _close(self) -> None:
        spool, self._spool = self._spool, None
        if spool is not None:
            spool.close()


def _append_together(
    spool: Spool, parts: Sequence[Sequence[Change]]
) -> list[list[events_pb2.Event]]:
    with spool.together():
        return [spool.append(changes) for changes in parts]
