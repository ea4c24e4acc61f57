"""The load generator: order events of many members, serialised before the clock starts, sent with a window of open calls."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import grpc

from plugin.errors import Unavailable
from pointbook.v1 import events_pb2, intake_pb2

MEMBERS = 100_000
SKUS = 2_000
SOURCE = "bench"
METHOD = "/pointbook.v1.IntakeService/RecordEvents"
WINDOW = 8


def order_event(number: int, rng: random.Random) -> events_pb2.Event:
    """Returns one confirmed order of one to five lines; members follow Zipf's law a little, as in a shop."""
    member = int(MEMBERS * rng.random() ** 2)
    order = events_pb2.Order(
        id=f"SO{number}",
        version=1,
        status=events_pb2.ORDER_STATUS_CONFIRMED,
        member=events_pb2.MemberRef(external_id=f"C{member}"),
        store=f"S{rng.randrange(20):02d}",
        channel="pos",
        currency_code="EUR",
        lines=[
            events_pb2.OrderLine(
                line_id=str(line),
                sku=f"SKU{rng.randrange(SKUS)}",
                category="GROCERY",
                quantity="1",
                amount_minor=rng.randrange(50, 5_000),
                tax_minor=10,
            )
            for line in range(1, rng.randrange(2, 7))
        ],
    )
    order.ordered_at.FromSeconds(1_767_225_600 + number * 25 % 25_000_000)
    return events_pb2.Event(event_id=f"order:{number}:1", order=order)


def requests(first: int, count: int, batch: int, seed: int = 7) -> Iterator[bytes]:
    """Yields serialised requests of ``batch`` events; one in twenty events is sent again, as ERPs do."""
    rng = random.Random(seed + first)  # noqa: S311  (load, not secrets)
    recent: list[events_pb2.Event] = []
    events: list[events_pb2.Event] = []
    for number in range(first, first + count):
        event = order_event(number, rng)
        recent.append(event)
        events.append(event)
        if len(events) == batch or number == first + count - 1:
            yield intake_pb2.RecordEventsRequest(source=SOURCE, events=events).SerializeToString()
            events = [rng.choice(recent) for _ in range(batch // 20)]
            recent = recent[-2_000:]


@dataclass(slots=True)
class Sender:
    """Sends serialised requests and counts what became of the events.

    Args:
        target: host:port of the server.
    """

    target: str
    accepted: int = 0
    other: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send_all(
        self,
        serialised: Sequence[bytes],
        answered: Callable[[int, float, bytes], None] | None = None,
    ) -> None:
        """Sends everything, at most eight calls open at once; returns when all are answered.

        Args:
            serialised: Requests.
            answered: Told of each answer: index, when it was sent (monotonic seconds), the answer's bytes.

        Raises:
            Unavailable: A call failed.
        """
        self.send_paced(serialised, 0.0, answered)

    def send_paced(
        self,
        serialised: Sequence[bytes],
        every_seconds: float,
        answered: Callable[[int, float, bytes], None] | None = None,
    ) -> None:
        """Sends a request every so many seconds, or as fast as the window allows when that is 0."""
        window = threading.Semaphore(WINDOW if not every_seconds else 256)
        failures: list[str] = []
        with grpc.insecure_channel(self.target) as channel:
            call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
            begins = time.monotonic()
            for index, request in enumerate(serialised):
                if every_seconds:
                    time.sleep(max(0.0, begins + index * every_seconds - time.monotonic()))
                window.acquire()
                if failures:
                    break
                sent_at = time.monotonic()
                future = call.future(request, timeout=60)
                future.add_done_callback(self._done(window, failures, index, sent_at, answered))
            for _ in range(WINDOW if not every_seconds else 256):
                window.acquire()
        if failures:
            raise Unavailable("LOAD_FAILED", f"a call failed: {failures[0]}")

    def _done(
        self,
        window: threading.Semaphore,
        failures: list[str],
        index: int,
        sent_at: float,
        answered: Callable[[int, float, bytes], None] | None,
    ) -> Callable[[grpc.Future[bytes]], None]:
        def done(future: grpc.Future[bytes]) -> None:
            try:
                answer = future.result()
                response = intake_pb2.RecordEventsResponse.FromString(answer)
                accepted = sum(
                    r.outcome == intake_pb2.EVENT_OUTCOME_ACCEPTED for r in response.results
                )
                with self._lock:
                    self.accepted += accepted
                    self.other += len(response.results) - accepted
                if answered is not None:
                    answered(index, sent_at, answer)
            except grpc.RpcError as error:
                failures.append(str(error))
            finally:
                window.release()

        return done
