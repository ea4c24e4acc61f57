"""A Pointbook that only takes events: in this process, on a port of its own, as moody as a test wants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
import pytest

from pointbook.v1 import events_pb2, intake_pb2, intake_pb2_grpc

Mood = Callable[[int, grpc.ServicerContext], None]


def _cheerful(call: int, context: grpc.ServicerContext) -> None:
    """Lets every call through."""


@dataclass
class FakeIntake(intake_pb2_grpc.IntakeServiceServicer):
    """Keeps events by id. ``mood`` sees each call, numbered from 1, before it counts; it may abort it.

    ``refuse`` maps event ids to reasons for REJECTED.
    """

    events: dict[str, events_pb2.Event] = field(default_factory=dict)
    requests: list[intake_pb2.RecordEventsRequest] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    mood: Mood = _cheerful
    address: str = ""
    calls: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def RecordEvents(
        self, request: intake_pb2.RecordEventsRequest, context: grpc.ServicerContext
    ) -> intake_pb2.RecordEventsResponse:
        with self.lock:
            self.calls += 1
            self.metadata.append(dict(context.invocation_metadata()))
            self.mood(self.calls, context)
            self.requests.append(request)
            return intake_pb2.RecordEventsResponse(results=[self._take(e) for e in request.events])

    def _take(self, event: events_pb2.Event) -> intake_pb2.EventResult:
        if reason := self.refuse.get(event.event_id):
            return intake_pb2.EventResult(
                event_id=event.event_id,
                outcome=intake_pb2.EVENT_OUTCOME_REJECTED,
                reason=reason,
                message=f"{event.event_id} was refused",
                field="order.id",
            )
        known = self.events.setdefault(event.event_id, event)
        if known is event:
            outcome = intake_pb2.EVENT_OUTCOME_ACCEPTED
        elif known == event:
            outcome = intake_pb2.EVENT_OUTCOME_DUPLICATE
        else:
            return intake_pb2.EventResult(
                event_id=event.event_id,
                outcome=intake_pb2.EVENT_OUTCOME_CONFLICT,
                reason="EVENT_CONFLICT",
            )
        return intake_pb2.EventResult(event_id=event.event_id, outcome=outcome)


@pytest.fixture
def intake() -> Iterator[FakeIntake]:
    """A running fake; ``address`` says where."""
    with _running() as fake:
        yield fake


@pytest.fixture
def other_intake() -> Iterator[FakeIntake]:
    """Another one, which knows nothing of the first."""
    with _running() as fake:
        yield fake


@contextmanager
def _running() -> Iterator[FakeIntake]:
    fake = FakeIntake()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    intake_pb2_grpc.add_IntakeServiceServicer_to_server(fake, server)
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield fake
    finally:
        server.stop(None).wait()
