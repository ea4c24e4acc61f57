"""The outbox in Tryton's own database, reached through Tryton's own transaction."""
# mypy: disable-error-code="import-not-found,import-untyped"

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from trytond import backend
from trytond.transaction import Transaction

from adapters.outbox.table import Dialect, Outbox, first_number
from pointbook.v1 import events_pb2


def outbox() -> Outbox:
    """Returns the outbox for the database Tryton runs on: ``postgresql`` or ``sqlite``."""
    return Outbox(Dialect(backend.name))


def create_table() -> None:
    """Makes the table, when the module is activated or updated."""
    with Transaction().connection.cursor() as cursor:
        outbox().create(cursor, first_number(datetime.now(UTC)))


def put(events: Iterable[events_pb2.Event | None]) -> None:
    """Puts documents into the outbox; they are sent if, and only if, the current transaction commits."""
    with Transaction().connection.cursor() as cursor:
        for event in events:
            if event is not None:
                outbox().put(cursor, event)
