"""What runs in processes of its own: an ERP, an intake, a sender. What they spend is not the adapter's."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import psutil

START_SECONDS_MAX = 600.0  # a shop sells all it has before it opens
STOP_SECONDS_MAX = 20.0


def _nothing() -> None:
    """Answers a question that nobody asks."""


class Served(NamedTuple):
    """What a process offers.

    Attributes:
        said: What others need to know of it: an address, settings.
        answer: Called there when it is asked.
    """

    said: Any
    answer: Callable[[], Any] = _nothing


Server = Callable[..., AbstractContextManager[Served]]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A process that serves; see ``elsewhere``.

    Attributes:
        said: What it said when it was ready.
        pid: Its id.
    """

    said: Any
    pid: int
    _pipe: Connection

    def asked(self) -> Any:
        """Returns what it answers."""
        self._pipe.send(True)
        return self._pipe.recv()

    def spent(self) -> float:
        """Returns the seconds of processor time it has spent."""
        return processor_seconds(self.pid)


def processor_seconds(*pids: int) -> float:
    """Returns the seconds of processor time that processes and what they started have spent."""
    total = 0.0
    for pid in pids:
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = each.cpu_times()
                total += times.user + times.system
    return total


@contextmanager
def elsewhere(server: Server, *args: Any) -> Iterator[Elsewhere]:
    """Runs a server in another process until the end.

    Raises:
        RuntimeError: It does not start; what is wrong is on standard error.
    """
    # Spawned, not forked: a fork would share the channels that this process may have.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, server, args), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Elsewhere(_ready(ours, server), process.pid or 0, ours)
    finally:
        with suppress(OSError):
            ours.send(None)
        process.join(STOP_SECONDS_MAX)
        process.kill()
        process.join()
        ours.close()


def _ready(pipe: Connection, server: Server) -> Any:
    try:
        if pipe.poll(START_SECONDS_MAX):
            return pipe.recv()
    except (EOFError, OSError):
        pass
    raise RuntimeError(f"{server.__name__} does not start")


def _serve(pipe: Connection, server: Server, args: tuple[Any, ...]) -> None:
    with server(*args) as served:
        pipe.send(served.said)
        with suppress(EOFError):  # who asks is gone
            while pipe.recv() is not None:
                pipe.send(served.answer())
