"""OperationsService: what waits, what is parked, how far behind."""

from __future__ import annotations

import logging
from collections.abc import Callable
from zoneinfo import ZoneInfo

import grpc
import pika
from dramatiq.common import dq_name, xq_name
from sqlalchemy import Engine

from plugin.errors import Rejected, Unavailable
from plugin.services.paging import (
    page_after,
    page_size,
    page_token,
    text_page_after,
    text_page_token,
)
from plugin.services.received import document_message, to_wanted
from plugin.store import parked
from plugin.store.books import Book, choose_book
from plugin.store.counts import inbox_counts, lag
from plugin.store.received import list_received
from pointbook.v1 import operations_pb2, operations_pb2_grpc
from workers.actors import Actors
from workers.settings import Settings

logger = logging.getLogger(__name__)

RETRY_MAX = 1_000
REASON_LENGTH_MAX = 512
BROKER_SECONDS_MAX = 3.0
DOCUMENTS_DEFAULT = 1_000
DOCUMENTS_MAX = 5_000
"""Documents on a page: more than of other lists, because whoever reconciles reads them all."""


class OperationsService(operations_pb2_grpc.OperationsServiceServicer):
    """For the operator.

    Args:
        engine: The database.
        books: Returns the books there are.
        actors: For sending parked events to the workers again.
        settings: Where the broker is.
    """

    def __init__(
        self, engine: Engine, books: Callable[[], list[Book]], actors: Actors, settings: Settings
    ) -> None:
        self._engine = engine
        self._books = books
        self._actors = actors
        self._settings = settings

    def GetQueues(
        self, request: operations_pb2.GetQueuesRequest, context: grpc.ServicerContext
    ) -> operations_pb2.GetQueuesResponse:
        """Counts events and messages."""
        book_id = self._book_id(request.book)
        with self._engine.connect() as connection:
            counts = inbox_counts(connection, book_id)
        queues = broker_queues(self._settings)
        return operations_pb2.GetQueuesResponse(
            inbox=operations_pb2.InboxCounts(
                received=counts.received,
                applied=counts.applied,
                waiting=counts.waiting,
                parked=counts.parked,
                discarded=counts.discarded,
                orders_awaited=counts.orders_awaited,
            ),
            lanes=[
                operations_pb2.LaneCount(lane=lane, events=events)
                for lane, events in sorted(counts.lanes.items())
            ],
            queues=queues or [],
            broker_reachable=queues is not None,
        )

    def ListParked(
        self, request: operations_pb2.ListParkedRequest, context: grpc.ServicerContext
    ) -> operations_pb2.ListParkedResponse:
        """Lists parked events."""
        size, after = page_size(request.page_size), page_after(request.page_token)
        book = choose_book(self._books(), request.book)
        with self._engine.connect() as connection:
            rows = parked.list_parked(connection, book.id, after, size + 1)
        return operations_pb2.ListParkedResponse(
            events=[_parked_message(row) for row in rows[:size]],
            next_page_token=page_token(rows[size - 1].seq) if len(rows) > size else "",
        )

    def RetryParked(
        self, request: operations_pb2.RetryParkedRequest, context: grpc.ServicerContext
    ) -> operations_pb2.RetryParkedResponse:
        """Sends parked events to the workers again."""
        if len(request.sequences) > RETRY_MAX:
            raise Rejected("BATCH_TOO_LARGE", f"at most {RETRY_MAX} sequences a call", "sequences")
        book = choose_book(self._books(), request.book)
        return operations_pb2.RetryParkedResponse(
            sent=send_retries(self._engine, self._actors, book.id, list(request.sequences))
        )

    def DiscardParked(
        self, request: operations_pb2.DiscardParkedRequest, context: grpc.ServicerContext
    ) -> operations_pb2.DiscardParkedResponse:
        """Gives a parked event up."""
        discard_parked(self._engine, request.sequence, request.reason)
        return operations_pb2.DiscardParkedResponse()

    def GetLag(
        self, request: operations_pb2.GetLagRequest, context: grpc.ServicerContext
    ) -> operations_pb2.GetLagResponse:
        """Tells how far behind applying and the ledger are."""
        book_id = self._book_id(request.book)
        with self._engine.connect() as connection:
            behind = lag(connection, book_id)
        return operations_pb2.GetLagResponse(
            seconds=behind.seconds,
            batches_waiting=behind.batches_waiting,
            batches_not_in_ledger=behind.batches_not_in_ledger,
        )

    def ListDocuments(
        self, request: operations_pb2.ListDocumentsRequest, context: grpc.ServicerContext
    ) -> operations_pb2.ListDocumentsResponse:
        """Lists what a source sent, for comparing it with what the ERP holds."""
        size = page_size(request.page_size, DOCUMENTS_DEFAULT, DOCUMENTS_MAX)
        after = text_page_after(request.page_token)
        book = choose_book(self._books(), request.book)
        wanted = to_wanted(request, book)
        with self._engine.connect() as connection:
            page = list_received(connection, wanted, after, size)
        zone = ZoneInfo(book.time_zone)
        return operations_pb2.ListDocumentsResponse(
            documents=[document_message(wanted.kind, one, zone) for one in page.documents],
            next_page_token="" if page.next_after is None else text_page_token(page.next_after),
        )

    def _book_id(self, code: str) -> int | None:
        return choose_book(self._books(), code).id if code else None


def send_retries(engine: Engine, actors: Actors, book_id: int, seqs: list[int]) -> int:
    """Sends parked events of a book to the workers again, all of them when none is named; returns how many.

    Raises:
        Unavailable: The broker is away.
    """
    with engine.connect() as connection:
        chosen = [row.seq for row in parked.list_parked(connection, book_id, limit=RETRY_MAX)]
    if seqs:
        with engine.begin() as connection:
            chosen = parked.lock_open(connection, seqs)
    if not chosen:
        return 0
    try:
        actors.retry_events.send(chosen)
    except Exception as error:
        raise Unavailable(
            "BROKER_UNAVAILABLE",
            f"the broker cannot be reached ({type(error).__name__}); try again",
        ) from error
    return len(chosen)


def discard_parked(engine: Engine, seq: int, reason: str) -> None:
    """Gives a parked event up for a reason.

    Raises:
        Rejected: There is no open parked event of that sequence, or no reason.
    """
    if not 1 <= len(reason) <= REASON_LENGTH_MAX or "\x00" in reason:
        raise Rejected(
            "REASON_REQUIRED",
            f"a reason of 1 to {REASON_LENGTH_MAX} characters is required",
            "reason",
        )
    with engine.begin() as connection:
        if not parked.discard(connection, seq, reason):
            raise Rejected("PARKED_NOT_FOUND", f"no event {seq} is parked", "sequence")


def broker_queues(settings: Settings) -> list[operations_pb2.BrokerQueue] | None:
    """Returns the broker's queues, an empty list for the in-process one, None when the broker is away.

    Asked over AMQP on a connection of its own, so that it needs neither the management plugin nor its rights.
    """
    if settings.broker_url is None:
        return []
    parameters = pika.URLParameters(settings.broker_url.get_secret_value())
    parameters.blocked_connection_timeout = parameters.socket_timeout = BROKER_SECONDS_MAX
    try:
        connection = pika.BlockingConnection(parameters)
    except pika.exceptions.AMQPError as error:
        logger.warning("the broker does not answer: %s", type(error).__name__)
        return None
    with connection:
        found = []
        for name in (settings.queue, dq_name(settings.queue), xq_name(settings.queue)):
            channel = connection.channel()
            try:
                declared = channel.queue_declare(name, passive=True).method
            except pika.exceptions.ChannelClosedByBroker:
                continue  # Declared with the first message or worker.
            found.append(
                operations_pb2.BrokerQueue(
                    name=name, messages=declared.message_count, consumers=declared.consumer_count
                )
            )
            channel.close()
    return found


def _parked_message(row: parked.ParkedRow) -> operations_pb2.ParkedEvent:
    message = operations_pb2.ParkedEvent(
        sequence=row.seq,
        source=row.source,
        event_id=row.event_id,
        reason=row.reason,
        message=row.message,
    )
    message.parked_at.FromDatetime(row.parked_at)
    return message
