"""Runs the web application, the spool's thread and the sender together."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from adapters.backfill import Destination
from adapters.client import IntakeClient, Patience
from adapters.contract import AdapterError
from adapters.health import Health, served
from adapters.json_mapping.refused import RefusedFolder
from adapters.spool import spool_name
from adapters.webhook.app import Receiver, webhook_app
from adapters.webhook.keeper import Keeper
from adapters.webhook.sending import IDLE_SECONDS, ONE_ATTEMPT, WAITS, Sender
from adapters.webhook.settings import WebhookFile, open_hooks
from pointbook.v1 import events_pb2

LOG = logging.getLogger("adapters")
GRACE_SECONDS = 10
REFUSED_FOLDER = "refused"

OnHint = Callable[[str, bytes], None]


def _log_hint(name: str, body: bytes) -> None:
    LOG.info("hook %s: a hint of %d bytes", name, len(body))


@dataclass(frozen=True, slots=True)
class Listening:
    """A webhook server that is set up.

    Attributes:
        address: Host and port it listens on.
        server: Runs until told otherwise.
        sockets: What it listens on.
    """

    address: str
    server: uvicorn.Server
    sockets: list[socket.socket]

    def run(self) -> None:
        """Serves until SIGINT or SIGTERM, or ``server.should_exit``."""
        self.server.run(sockets=self.sockets)


def spool_file(file: WebhookFile) -> Path:
    """Returns the spool's file: each source, book and target has its own."""
    name = spool_name(file.source, file.pointbook.book, file.pointbook.address)
    return file.spool / f"webhook-{name}.sqlite3"


def serve(file: WebhookFile, on_hint: OnHint = _log_hint) -> None:
    """Serves until SIGINT or SIGTERM. What was answered with 202 is sent, now or by the next start.

    Raises:
        AdapterError: A setting is wrong, the spool is in use, or the address cannot be listened on.
    """
    with prepared(file, on_hint) as listening:
        LOG.info("listening on %s", listening.address)
        listening.run()


@contextmanager
def prepared(
    file: WebhookFile, on_hint: OnHint = _log_hint, patience: Patience = WAITS
) -> Iterator[Listening]:
    """Sets everything up and starts the sender.

    Raises:
        AdapterError: As ``serve``.
    """
    hooks = open_hooks(file.hooks)
    health = Health(IDLE_SECONDS)
    with (
        Keeper(spool_file(file)) as keeper,
        IntakeClient(file.pointbook.target(), ONE_ATTEMPT) as client,
        served(health, file.health_address),
    ):
        keeper.open()
        to = Destination(client, file.source, file.pointbook.book, file.pointbook.batch)
        sender = Sender(keeper, to, health, patience)

        def kept(events: Sequence[events_pb2.Event]) -> None:
            for each in events:
                health.kept(each.WhichOneof("payload") or "")
            sender.wake()

        receiver = Receiver(
            hooks,
            keeper,
            RefusedFolder(file.spool / REFUSED_FOLDER),
            kept,
            on_hint,
            file.body_bytes_max,
        )
        with _bound(file.listen) as listener:
            server = uvicorn.Server(_config(receiver, file.connections_max))
            host, port = listener.getsockname()[:2]
            sender.start()
            try:
                yield Listening(f"{host}:{port}", server, [listener])
            finally:
                sender.stop()


def _config(receiver: Receiver, connections_max: int) -> uvicorn.Config:
    return uvicorn.Config(
        webhook_app(receiver),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=connections_max,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


@contextmanager
def _bound(address: str) -> Iterator[socket.socket]:
    host, _, port = address.rpartition(":")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host.strip("[]"), int(port)), family=family)
    except (OSError, ValueError, OverflowError) as error:
        raise AdapterError(f"listen {address}: {error}") from error
    # Inherited by connections. Without it the body of an answer waits for the receiver's delayed acknowledgement of its
    # head, 40 ms; asyncio sets it only on sockets that say TCP, which those of create_server do not.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with listener:
        yield listener
