"""IntakeService: events in, durable when answered."""

from __future__ import annotations

import queue
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import NamedTuple

import grpc
from sqlalchemy import Engine

from plugin.errors import Rejected
from plugin.events import KINDS, content_hash, encode, lane_key
from plugin.services.collector import Collector
from plugin.services.fields import CODE_LENGTH_MAX, ID_LENGTH_MAX, require_id
from plugin.services.messages import event_message
from plugin.services.wire import to_event
from plugin.store.books import Book, choose_book
from plugin.store.inbox import Incoming, Outcome, Recorded
from plugin.store.lookup import EntriesOf, find_event, statuses
from pointbook.v1 import events_pb2, intake_pb2, intake_pb2_grpc

EVENTS_PER_CALL_MAX = 1_000
ANSWER_SECONDS_MAX = 60.0
STREAM_REQUESTS_AHEAD = 4


class _Pending(NamedTuple):
    """A call on its way: what was rejected already, and the future of the rest."""

    results: list[intake_pb2.EventResult | None]
    answer: Future[list[Recorded]] | None
    event_ids: list[str]


_Ahead = tuple[intake_pb2.RecordEventsRequest, _Pending] | Exception | None
"""A request that was handed over, an error in its turn, or the end of the stream."""


class IntakeService(intake_pb2_grpc.IntakeServiceServicer):
    """Checks, hands over, and answers once the events are committed.

    Args:
        engine: For reading events back.
        collector: Groups concurrent calls into commits.
        books: Returns the books there are, cached by the caller.
        lanes: Number of lanes events are spread over.
        entries_of: Reads journal entries for GetEvent; the books belong to another room.
    """

    def __init__(
        self,
        engine: Engine,
        collector: Collector,
        books: Callable[[], list[Book]],
        lanes: int,
        entries_of: EntriesOf,
    ) -> None:
        self._engine = engine
        self._collector = collector
        self._books = books
        self._lanes = lanes
        self._entries_of = entries_of

    def RecordEvents(
        self, request: intake_pb2.RecordEventsRequest, context: grpc.ServicerContext
    ) -> intake_pb2.RecordEventsResponse:
        """Records a batch of events."""
        pending = self._hand_over(request)
        return self._answer(request, pending, context.time_remaining())

    def StreamEvents(
        self,
        request_iterator: Iterator[intake_pb2.RecordEventsRequest],
        context: grpc.ServicerContext,
    ) -> Iterator[intake_pb2.RecordEventsResponse]:
        """Records batches as they come, a few ahead of the answers; not reading on is what slows the sender."""
        ahead: queue.Queue[_Ahead] = queue.Queue(STREAM_REQUESTS_AHEAD)
        ended = threading.Event()
        reader = threading.Thread(
            target=self._read_ahead,
            args=(request_iterator, ahead, ended),
            name="stream",
            daemon=True,
        )
        reader.start()
        try:
            while (item := ahead.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield self._answer(*item, context.time_remaining())
        finally:
            ended.set()

    def _read_ahead(
        self,
        requests: Iterator[intake_pb2.RecordEventsRequest],
        ahead: queue.Queue[_Ahead],
        ended: threading.Event,
    ) -> None:
        """Hands requests over while earlier ones are being answered; errors travel to the answering side in their turn."""
        item: _Ahead
        while True:
            try:
                request = next(requests, None)
                item = None if request is None else (request, self._hand_over(request))
            except Exception as error:  # noqa: BLE001  (the answering side raises it)
                item = error
            while not ended.is_set():
                try:
                    ahead.put(item, timeout=1.0)
                    break
                except queue.Full:
                    continue
            if ended.is_set() or item is None or isinstance(item, Exception):
                return

    def GetEvent(
        self, request: intake_pb2.GetEventRequest, context: grpc.ServicerContext
    ) -> intake_pb2.GetEventResponse:
        """Tells where an event is now and what it did."""
        require_id(request.source, "source", CODE_LENGTH_MAX)
        require_id(request.event_id, "event_id")
        with self._engine.connect() as connection:
            found = find_event(connection, request.source, request.event_id)
            return event_message(found, self._entries_of(connection, found.fact_ids))

    def _hand_over(self, request: intake_pb2.RecordEventsRequest) -> _Pending:
        source = require_id(request.source, "source", CODE_LENGTH_MAX)
        events = request.events
        if not 1 <= len(events) <= EVENTS_PER_CALL_MAX:
            raise Rejected(
                "BATCH_TOO_LARGE" if events else "FIELD_REQUIRED",
                f"a request carries 1 to {EVENTS_PER_CALL_MAX} events, not {len(events)}",
                "events",
            )
        book = choose_book(self._books(), request.book)
        results: list[intake_pb2.EventResult | None] = []
        incoming: list[Incoming] = []
        for event in events:
            try:
                incoming.append(self._incoming(event, source, book))
                results.append(None)
            except Rejected as error:
                results.append(_rejected(event.event_id, error))
        answer = self._collector.submit(incoming) if incoming else None
        return _Pending(results, answer, [event.event_id for event in incoming])

    def _incoming(self, message: events_pb2.Event, source: str, book: Book) -> Incoming:
        event = to_event(message, source, book.currency_code)
        content = encode(event)
        key = f"{source}\x1f{lane_key(event)}"
        return Incoming(
            book.id,
            zlib.crc32(key.encode()) % self._lanes,
            KINDS[type(event)].value,
            source,
            message.event_id,
            content,
            content_hash(content),
        )

    def _answer(
        self,
        request: intake_pb2.RecordEventsRequest,
        pending: _Pending,
        seconds_left: float | None,
    ) -> intake_pb2.RecordEventsResponse:
        recorded = _wait(pending.answer, seconds_left) if pending.answer is not None else []
        first = self._first_statuses(recorded)
        rest = iter(zip(pending.event_ids, recorded, strict=True))
        results = [
            result if result is not None else _result(*next(rest), first)
            for result in pending.results
        ]
        return intake_pb2.RecordEventsResponse(
            results=results, correlation_id=request.correlation_id
        )

    def _first_statuses(self, recorded: Sequence[Recorded]) -> dict[int, int]:
        """Reads where the first ones of duplicates are now."""
        seqs = [r.seq for r in recorded if r.outcome is Outcome.DUPLICATE]
        if not seqs:
            return {}
        with self._engine.connect() as connection:
            return statuses(connection, seqs)


def _wait(answer: Future[list[Recorded]], seconds_left: float | None) -> list[Recorded]:
    limit = ANSWER_SECONDS_MAX if seconds_left is None else min(seconds_left, ANSWER_SECONDS_MAX)
    try:
        return answer.result(timeout=max(limit, 0))
    except (FutureTimeout, CancelledError) as error:
        raise Rejected(
            "DEADLINE_EXCEEDED",
            "the deadline passed before the events were committed; send them again, whatever was committed is a duplicate",
        ) from error


def _rejected(event_id: str, error: Rejected) -> intake_pb2.EventResult:
    return intake_pb2.EventResult(
        event_id=event_id[:ID_LENGTH_MAX],
        outcome=intake_pb2.EVENT_OUTCOME_REJECTED,
        reason=error.reason,
        message=error.message,
        field=error.field,
    )


def _result(event_id: str, recorded: Recorded, first: dict[int, int]) -> intake_pb2.EventResult:
    if recorded.outcome is Outcome.ACCEPTED:
        return intake_pb2.EventResult(
            event_id=event_id, outcome=intake_pb2.EVENT_OUTCOME_ACCEPTED, sequence=recorded.seq
        )
    if recorded.outcome is Outcome.DUPLICATE:
        return intake_pb2.EventResult(
            event_id=event_id,
            outcome=intake_pb2.EVENT_OUTCOME_DUPLICATE,
            sequence=recorded.seq,
            first_status=first.get(recorded.seq, intake_pb2.EVENT_STATUS_WAITING),  # type: ignore[arg-type]
        )
    return intake_pb2.EventResult(
        event_id=event_id,
        outcome=intake_pb2.EVENT_OUTCOME_CONFLICT,
        sequence=recorded.seq,
        reason="CONTENT_DIFFERS",
        message=f"event {event_id} is known with other content; an event never changes, send a new one",
    )
