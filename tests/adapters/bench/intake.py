"""A Pointbook that takes every event and counts what it took, by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager

import grpc

from pointbook.v1 import intake_pb2, intake_pb2_grpc
from tests.adapters.bench.elsewhere import Served

BYTES_MAX = 8 * 1024 * 1024


class _Accepting(intake_pb2_grpc.IntakeServiceServicer):
    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self._known: set[str] = set()

    def RecordEvents(
        self, request: intake_pb2.RecordEventsRequest, context: grpc.ServicerContext
    ) -> intake_pb2.RecordEventsResponse:
        for event in request.events:
            if event.event_id not in self._known:
                self._known.add(event.event_id)
                self.kinds[event.WhichOneof("payload") or ""] += 1
        accepted = intake_pb2.EVENT_OUTCOME_ACCEPTED
        return intake_pb2.RecordEventsResponse(
            results=[
                intake_pb2.EventResult(event_id=event.event_id, outcome=accepted)
                for event in request.events
            ]
        )


@contextmanager
def accepting() -> Iterator[Served]:
    """Serves on a free port, which it says; asked, it answers how many events it has by kind."""
    intake = _Accepting()
    options = [("grpc.max_receive_message_length", BYTES_MAX)]
    server = grpc.server(futures.ThreadPoolExecutor(1), options=options)
    intake_pb2_grpc.add_IntakeServiceServicer_to_server(intake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield Served(f"127.0.0.1:{port}", lambda: dict(intake.kinds))
    finally:
        server.stop(None).wait()
