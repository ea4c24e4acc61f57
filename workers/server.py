"""The gRPC server: assembles the services, TLS, keys, health and reflection; stops without losing anything."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status
from sqlalchemy import Engine

from accounting.chart import chart_names
from accounting.entries import entry_messages
from accounting.service import LedgerService
from plugin.errors import Rejected
from plugin.services.collector import Collector
from plugin.services.errors import ErrorInterceptor, to_status
from plugin.services.intake import IntakeService
from plugin.services.members import MemberService
from plugin.services.redemptions import RedemptionService
from plugin.store.books import Book, list_books
from pointbook.v1 import (
    intake_pb2,
    intake_pb2_grpc,
    ledger_pb2,
    ledger_pb2_grpc,
    members_pb2,
    members_pb2_grpc,
    operations_pb2,
    operations_pb2_grpc,
    programs_pb2,
    programs_pb2_grpc,
    redemptions_pb2,
    redemptions_pb2_grpc,
)
from workers.actors import Actors
from workers.counter import Counter
from workers.database import make_hot_engine
from workers.operations import OperationsService
from workers.publisher import Publisher
from workers.settings import Settings

logger = logging.getLogger(__name__)

MESSAGE_BYTES_MAX = 8 * 1024 * 1024
BOOKS_FRESH_SECONDS = 5.0
_OPEN_METHODS = ("/grpc.health.v1.Health/", "/grpc.reflection.")


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that takes calls. ``port`` is the one it listens on, also when 0 was asked for."""

    port: int
    _server: grpc.Server
    _health: health.HealthServicer
    _collector: Collector
    _counter: Counter
    _engines: tuple[Engine, ...]
    _publisher: Publisher
    _stop_seconds_max: float

    def stop(self) -> None:
        """Takes no new calls, lets running ones end, commits and announces what was taken."""
        self._health.enter_graceful_shutdown()
        self._server.stop(self._stop_seconds_max).wait()
        self._collector.stop()
        self._counter.stop()
        self._publisher.stop()
        for engine in self._engines:
            engine.dispose()


def start_server(settings: Settings, engine: Engine, actors: Actors) -> RunningServer:
    """Starts the server and returns when it takes calls.

    Raises:
        OSError: The address is taken or cannot be listened on.
    """
    publisher = Publisher(actors.apply_batch.send)
    intake_engine = make_hot_engine(settings, 1)
    collector = Collector(intake_engine, publisher.publish)
    request_engine = make_hot_engine(settings, 1)
    counter = Counter(engine, request_engine, settings.coupon_key_bytes)
    server = grpc.server(
        ThreadPoolExecutor(settings.server_threads, thread_name_prefix="grpc"),
        interceptors=[
            *([KeyInterceptor(settings)] if settings.api_keys else []),
            ErrorInterceptor(),
        ],
        maximum_concurrent_rpcs=settings.calls_waiting_max,
        options=[
            ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
            ("grpc.so_reuseport", 0),
        ],
    )
    _add_services(server, settings, engine, actors, collector, counter)
    status = _add_health(server)
    port = _listen(server, settings)
    server.start()
    logger.info("listening on port %s", port)
    return RunningServer(
        port,
        server,
        status,
        collector,
        counter,
        (intake_engine, request_engine),
        publisher,
        settings.stop_seconds_max,
    )


class KeyInterceptor(grpc.ServerInterceptor):
    """Asks every call for ``authorization: Bearer <key>``; health and reflection stay open.

    Keys are compared in constant time against every client's, and never logged.
    """

    def __init__(self, settings: Settings) -> None:
        self._keys = [key.get_secret_value().encode() for key in settings.api_keys.values()]

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Lets a call with a known key pass."""
        handler = continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith(_OPEN_METHODS):
            return handler
        given = dict(handler_call_details.invocation_metadata).get("authorization", "")
        token = str(given).removeprefix("Bearer ").encode()
        matches = [hmac.compare_digest(token, key) for key in self._keys]
        if any(matches):
            return handler
        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(_refuse)
        if handler.stream_unary is not None:
            return grpc.stream_unary_rpc_method_handler(_refuse)
        return grpc.unary_unary_rpc_method_handler(_refuse)


def _refuse(request: Any, context: grpc.ServicerContext) -> Any:
    error = Rejected(
        "UNAUTHENTICATED", "send a known API key as metadata: authorization: Bearer <key>"
    )
    context.abort_with_status(rpc_status.to_status(to_status(error)))


def _add_services(
    server: grpc.Server,
    settings: Settings,
    engine: Engine,
    actors: Actors,
    collector: Collector,
    counter: Counter,
) -> None:
    books = fresh_books(engine)
    names = chart_names(settings.accounts)
    intake_pb2_grpc.add_IntakeServiceServicer_to_server(
        IntakeService(
            engine, collector, books, settings.lanes, partial(entry_messages, names=names)
        ),
        server,
    )
    members_pb2_grpc.add_MemberServiceServicer_to_server(MemberService(engine, books), server)
    ledger_pb2_grpc.add_LedgerServiceServicer_to_server(
        LedgerService(engine, settings.books_dir, names), server
    )
    operations_pb2_grpc.add_OperationsServiceServicer_to_server(
        OperationsService(engine, books, actors, settings), server
    )
    redemptions_pb2_grpc.add_RedemptionServiceServicer_to_server(
        RedemptionService(engine, books, counter, settings.coupon_key_bytes), server
    )
    # Its methods answer UNIMPLEMENTED until its room is built.
    programs_pb2_grpc.add_ProgramServiceServicer_to_server(
        programs_pb2_grpc.ProgramServiceServicer(), server
    )


def service_names() -> Sequence[str]:
    """Returns the full names of the services, for health and reflection."""
    files = (intake_pb2, members_pb2, redemptions_pb2, programs_pb2, ledger_pb2, operations_pb2)
    return [
        service.full_name for file in files for service in file.DESCRIPTOR.services_by_name.values()
    ]


def _add_health(server: grpc.Server) -> health.HealthServicer:
    status = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    for name in ("", *service_names()):
        status.set(name, health_pb2.HealthCheckResponse.SERVING)
    names = (*service_names(), health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    return status


def _listen(server: grpc.Server, settings: Settings) -> int:
    try:
        if settings.tls_certificate is None or settings.tls_key is None:
            return server.add_insecure_port(settings.listen)
        ca = settings.tls_client_ca.read_bytes() if settings.tls_client_ca else None
        credentials = grpc.ssl_server_credentials(
            [(settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes())],
            root_certificates=ca,
            require_client_auth=ca is not None,
        )
        return server.add_secure_port(settings.listen, credentials)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {settings.listen}: {error}") from error


def fresh_books(engine: Engine) -> Callable[[], list[Book]]:
    """Returns a function that lists the books, from the database at most every few seconds."""
    known: list[Book] = []
    read_at = 0.0

    def books() -> list[Book]:
        nonlocal known, read_at
        if not known or time.monotonic() - read_at > BOOKS_FRESH_SECONDS:
            with engine.connect() as connection:
                known = list_books(connection)
            read_at = time.monotonic()
        return known

    return books
