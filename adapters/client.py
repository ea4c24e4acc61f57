"""Sends events to Pointbook: batches, deadlines, and retries when it is away or busy."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import grpc

from adapters.contract import AdapterError
from pointbook.v1 import events_pb2, intake_pb2, intake_pb2_grpc

EVENTS_PER_BATCH_MAX = 1_000
EVENTS_PER_BATCH = 500
BATCH_BYTES_MAX = 4 * 1024 * 1024  # intake takes 8 MiB; the rest is for what wraps the events
EVENT_BYTES_MAX = 8 * 1024 * 1024 - 4_096  # the rest is for source and book
EVENT_TOO_LARGE = "EVENT_TOO_LARGE"
ATTEMPTS_MAX = 25  # with the waits below, two minutes at the least
DELAY_SECONDS_FIRST = 0.25
DELAY_SECONDS_MAX = 15.0
DEADLINE_SECONDS = 30.0
RECONNECT_SECONDS_MAX = (
    2.0  # gRPC's own wait, up to 120 s otherwise: our attempts would not even connect
)

RETRIED = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    }
)


class Unavailable(AdapterError):
    """Pointbook did not answer, however often it was asked. Nothing is lost: send again later."""


class Refused(AdapterError):
    """Pointbook will not take the call as it is: wrong book, wrong key, a batch too large."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where Pointbook listens and how to get in.

    Attributes:
        address: Host and port.
        api_key: Sent as ``authorization: Bearer <key>``; empty for none.
        tls: Whether to speak TLS.
        ca: PEM certificates to trust; empty trusts the system's.
        certificate: PEM certificate of this client, for mTLS; empty for none.
        private_key: PEM key of that certificate.
    """

    address: str
    api_key: str = ""
    tls: bool = False
    ca: bytes = b""
    certificate: bytes = b""
    private_key: bytes = b""

    def channel(self) -> grpc.Channel:
        """Opens a channel; it connects with the first call."""
        options = [("grpc.max_reconnect_backoff_ms", int(RECONNECT_SECONDS_MAX * 1_000))]
        if not self.tls:
            return grpc.insecure_channel(self.address, options)
        credentials = grpc.ssl_channel_credentials(
            self.ca or None, self.private_key or None, self.certificate or None
        )
        return grpc.secure_channel(self.address, credentials, options)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Returns what goes along with every call."""
        return (("authorization", f"Bearer {self.api_key}"),) if self.api_key else ()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try, every number with a name.

    Attributes:
        attempts_max: Calls for one batch, the first included.
        delay_seconds_first: Longest wait before the second call; it doubles from call to call.
        delay_seconds_max: Longest wait before any call.
        deadline_seconds: How long one call may take.
    """

    attempts_max: int = ATTEMPTS_MAX
    delay_seconds_first: float = DELAY_SECONDS_FIRST
    delay_seconds_max: float = DELAY_SECONDS_MAX
    deadline_seconds: float = DEADLINE_SECONDS


def delay_seconds(patience: Patience, attempt: int, chance: float) -> float:
    """Returns the wait after a failed attempt (from 1): half of the step, and chance of the rest.

    The chance (0 to 1) keeps clients that failed together from coming back together. Worked, with
    0.25 s first and 15 s at most: attempt 1 waits 0.125 to 0.25 s, attempt 3 0.5 to 1 s,
    attempt 7 and later 7.5 to 15 s.
    """
    step = min(patience.delay_seconds_max, patience.delay_seconds_first * 2.0 ** (attempt - 1))
    return step / 2 + step / 2 * chance


class IntakeClient:
    """Calls ``IntakeService.RecordEvents`` until it answers. Use as a context manager.

    Sending a batch twice is harmless: Pointbook knows the event ids and answers DUPLICATE.
    """

    def __init__(
        self,
        target: Target,
        patience: Patience = Patience(),
        *,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._target = target
        self._patience = patience
        self._sleep = sleep
        self._chance = chance
        self._channel = target.channel()
        self._stub = intake_pb2_grpc.IntakeServiceStub(self._channel)  # type: ignore[no-untyped-call]

    def record(
        self,
        source: str,
        book: str,
        events: Sequence[events_pb2.Event],
        batch: int = EVENTS_PER_BATCH,
    ) -> list[intake_pb2.EventResult]:
        """Sends events in batches and returns one result per event, in order.

        An event of more than ``EVENT_BYTES_MAX`` bytes is not sent but REJECTED here: intake would
        refuse the call, and every later one with it.

        Raises:
            Unavailable: A batch got no answer in ``attempts_max`` calls; earlier ones are recorded.
            Refused: A batch was answered with an error that another try does not mend.
        """
        return [
            result
            for part in batches(events, batch)
            for result in self._record_batch(source, book, part)
        ]

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _record_batch(
        self, source: str, book: str, events: Sequence[events_pb2.Event]
    ) -> Sequence[intake_pb2.EventResult]:
        if events[0].ByteSize() > EVENT_BYTES_MAX:  # such an event is a batch of its own
            return [_too_large(events[0])]
        request = intake_pb2.RecordEventsRequest(source=source, book=book, events=events)
        response = self._call(request)
        if len(response.results) != len(events):
            raise Refused(
                f"{self._target.address} answered {len(response.results)} results for {len(events)} events"
            )
        return response.results

    def _call(self, request: intake_pb2.RecordEventsRequest) -> intake_pb2.RecordEventsResponse:
        for attempt in range(1, self._patience.attempts_max + 1):
            try:
                response: intake_pb2.RecordEventsResponse = self._stub.RecordEvents(
                    request,
                    timeout=self._patience.deadline_seconds,
                    metadata=self._target.metadata(),
                )
            except grpc.RpcError as error:
                self._judge(error, attempt)
                self._sleep(delay_seconds(self._patience, attempt, self._chance()))
            else:
                return response
        raise AssertionError("the last attempt returns or raises")

    def _judge(self, error: grpc.RpcError, attempt: int) -> None:
        """Returns when another try may help, and raises otherwise."""
        code, details = error.code(), error.details()
        said = f"{self._target.address} answered {code.name}: {details}"
        if code not in RETRIED:
            raise Refused(said) from error
        if attempt >= self._patience.attempts_max:
            raise Unavailable(f"{said} (after {attempt} attempts)") from error


def _too_large(event: events_pb2.Event) -> intake_pb2.EventResult:
    return intake_pb2.EventResult(
        event_id=event.event_id,
        outcome=intake_pb2.EVENT_OUTCOME_REJECTED,
        reason=EVENT_TOO_LARGE,
        message=f"the event has {event.ByteSize():,} bytes, at most {EVENT_BYTES_MAX:,} are taken",
    )


def batches(events: Sequence[events_pb2.Event], size: int) -> Iterator[Sequence[events_pb2.Event]]:
    """Cuts events into batches of a size, 1 to 1,000, and of at most ``BATCH_BYTES_MAX`` bytes.

    An event that alone is larger is a batch of its own.
    """
    if not 1 <= size <= EVENTS_PER_BATCH_MAX:
        raise ValueError(f"a batch has 1 to {EVENTS_PER_BATCH_MAX} events, not {size}")
    start = total = 0
    for index, event in enumerate(events):
        length = event.ByteSize()
        if index > start and (index - start >= size or total + length > BATCH_BYTES_MAX):
            yield events[start:index]
            start, total = index, 0
        total += length
    if start < len(events):
        yield events[start:]
