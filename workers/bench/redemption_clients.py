"""Client processes for measuring calls one by one: serialised requests, a window of open calls, how long each took and what it answered.

Processes, not threads: one Python process cannot send as many single calls as a server may answer.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import NamedTuple, Self, cast

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from plugin.errors import Unavailable
from pointbook.v1 import redemptions_pb2 as pb

SERVICE = "/pointbook.v1.RedemptionService/"
DONE = "done"
"""Outcome of a call that was answered without an error; others are named by their reason."""

CALL_SECONDS_MAX = 60.0
JOB_SECONDS_MAX = 600.0
PACED_WINDOW = 256


class Job(NamedTuple):
    """Calls for one client.

    Attributes:
        method: Name of the method.
        requests: Serialised, in the order in which they are sent.
        window: How many calls are open at once.
        every_seconds: Pause from one call to the next; 0: as fast as the window allows.
        captures: Points to capture of each hold that ``HoldPoints`` made; the two calls count as one. 0: none.
    """

    method: str
    requests: Sequence[bytes]
    window: int
    every_seconds: float = 0.0
    captures: int = 0


class Answers(NamedTuple):
    """What became of the calls of one client: when they began and ended, in monotonic seconds."""

    began: float
    ended: float
    milliseconds: list[float]
    outcomes: Counter[str]


@dataclass(frozen=True, slots=True)
class Measured:
    """Calls of all clients, from the first that was sent to the last that was answered."""

    seconds: float
    milliseconds: Sequence[float]
    outcomes: Counter[str]

    @property
    def calls(self) -> int:
        """How many calls were answered."""
        return len(self.milliseconds)

    @property
    def per_s(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds

    def percentile(self, share: float) -> float:
        """Returns the milliseconds within which a share of the calls was answered: 0.5 is the median."""
        return round(self.milliseconds[min(int(share * self.calls), self.calls - 1)], 1)


class Clients:
    """Client processes that share the work and begin at the same time.

    Args:
        target: host:port of the server.
        count: How many processes.
    """

    def __init__(self, target: str, count: int) -> None:
        self._target = target
        self._count = count
        self._running: list[tuple[BaseProcess, Connection]] = []

    @property
    def count(self) -> int:
        """How many processes there are."""
        return self._count

    @property
    def pids(self) -> list[int]:
        """Their process ids."""
        return [process.pid for process, _ in self._running if process.pid is not None]

    def run(self, jobs: Sequence[Job]) -> Measured:
        """Has each client do its job and returns what came of all of them.

        Raises:
            Unavailable: A client died, or was not done within ten minutes.
        """
        clients = [pipe for _, pipe in self._running]
        for client, job in zip(clients, jobs, strict=True):
            client.send(job)
        for client in clients:
            _receive(client)
        for client in clients:
            client.send(True)
        answers: list[Answers] = [_receive(client) for client in clients]
        return Measured(
            max(one.ended for one in answers) - min(one.began for one in answers),
            sorted(took for one in answers for took in one.milliseconds),
            sum((one.outcomes for one in answers), Counter[str]()),
        )

    def __enter__(self) -> Self:
        # Spawned, not forked: a fork would share the channels that this process may have.
        context = multiprocessing.get_context("spawn")
        for _ in range(self._count):
            mine, theirs = context.Pipe()
            process = context.Process(target=work, args=(theirs, self._target), daemon=True)
            process.start()
            theirs.close()
            self._running.append((process, mine))
        for _, pipe in self._running:
            _receive(pipe)
        return self

    def __exit__(self, *exception: object) -> None:
        for process, pipe in self._running:
            pipe.close()
            process.join(5)
            process.kill()
            process.join()
        self._running.clear()


def shared(
    method: str,
    requests: Sequence[bytes],
    clients: int,
    open_calls: int,
    calls_per_s: float = 0.0,
    captures: int = 0,
) -> list[Job]:
    """Returns the jobs that share requests among clients, every n-th to the n-th.

    Args:
        method: Name of the method.
        requests: Serialised.
        clients: How many clients there are.
        open_calls: How many calls are open at once, of all clients together.
        calls_per_s: Of all clients together; 0: as fast as the windows allow.
        captures: See `Job`.
    """
    every = clients / calls_per_s if calls_per_s else 0.0
    window = -(-open_calls // clients)
    return [
        Job(method, requests[first::clients], window, every, captures) for first in range(clients)
    ]


def work(pipe: Connection, target: str) -> None:
    """Does jobs until the other end is closed: the life of a client process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started us.
    with grpc.insecure_channel(target) as channel:
        grpc.channel_ready_future(channel).result(timeout=CALL_SECONDS_MAX)
        pipe.send(True)
        while True:
            try:
                job: Job = pipe.recv()
                pipe.send(True)
                pipe.recv()
            except EOFError:
                return
            pipe.send(_Calls(channel, job).all())


@dataclass(slots=True)
class _Calls:
    """The calls of one job."""

    channel: grpc.Channel
    job: Job
    window: threading.Semaphore = field(init=False)
    milliseconds: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def all(self) -> Answers:
        """Sends everything and waits for the last answer."""
        job = self.job
        size = PACED_WINDOW if job.every_seconds else job.window
        self.window = threading.Semaphore(size)
        first, then = self._call(job.method), self._call("CaptureHold")
        began = time.monotonic()
        for index, request in enumerate(job.requests):
            if job.every_seconds:
                time.sleep(max(0.0, began + index * job.every_seconds - time.monotonic()))
            self.window.acquire()
            sent_at = time.monotonic()
            call = first.future(request, timeout=CALL_SECONDS_MAX)
            if job.captures:
                call.add_done_callback(self._capturing(sent_at, then))
            else:
                call.add_done_callback(self._done(sent_at))
        for _ in range(size):
            self.window.acquire()
        return Answers(began, time.monotonic(), self.milliseconds, self.outcomes)

    def _call(self, method: str) -> grpc.UnaryUnaryMultiCallable[bytes, bytes]:
        return self.channel.unary_unary(SERVICE + method)

    def _done(self, sent_at: float) -> Callable[[grpc.Future[bytes]], None]:
        def done(call: grpc.Future[bytes]) -> None:
            took = (time.monotonic() - sent_at) * 1000
            with self.lock:
                self.milliseconds.append(took)
                self.outcomes[outcome(call)] += 1
            self.window.release()

        return done

    def _capturing(
        self, sent_at: float, then: grpc.UnaryUnaryMultiCallable[bytes, bytes]
    ) -> Callable[[grpc.Future[bytes]], None]:
        """Captures the hold that a call has made; a call that was refused ends there."""
        done = self._done(sent_at)

        def held(call: grpc.Future[bytes]) -> None:
            if outcome(call) != DONE:
                done(call)
                return
            hold = pb.HoldResponse.FromString(call.result())
            request = pb.CaptureHoldRequest(
                hold_id=hold.hold_id, points=self.job.captures, order_id=f"SO-{hold.hold_id}"
            )
            capture = then.future(request.SerializeToString(), timeout=CALL_SECONDS_MAX)
            capture.add_done_callback(done)

        return held


def outcome(call: grpc.Future[bytes]) -> str:
    """Returns what became of a call: done, the reason of one of our errors, or the name of its status."""
    try:
        call.result()
    except grpc.RpcError as error:
        failed = cast("grpc.Call", error)
    else:
        return DONE
    status = rpc_status.from_call(failed)
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info.reason
    return failed.code().name


def _receive(pipe: Connection) -> Answers:
    try:
        if pipe.poll(JOB_SECONDS_MAX):
            received: Answers = pipe.recv()
            return received
    except (EOFError, OSError):
        pass
    raise Unavailable("CLIENT_FAILED", "a client process of the measurement died or hangs")
