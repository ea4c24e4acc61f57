"""Shipments to customers and back: what is done, or cancelled, also goes into the outbox."""
# mypy: disable-error-code="import-not-found,import-untyped,metaclass,misc,no-untyped-call"

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trytond.pool import PoolMeta

from adapters.examples.tryton_pointbook.documents import (
    DOCUMENT_STATUS,
    return_events,
    shipment_events,
)
from adapters.examples.tryton_pointbook.outbox import put
from adapters.examples.tryton_pointbook.sale import today


class ShipmentOut(metaclass=PoolMeta):
    """``stock.shipment.out`` with an outbox."""

    __name__ = "stock.shipment.out"

    @classmethod
    def do(cls, shipments: list[Any]) -> None:
        """Completes shipments."""
        super().do(shipments)
        put_shipments(cls.browse(shipments))

    @classmethod
    def cancel(cls, shipments: list[Any]) -> None:
        """Cancels shipments, also ones that were done."""
        super().cancel(shipments)
        put_shipments(cls.browse(shipments))


class ShipmentOutReturn(metaclass=PoolMeta):
    """``stock.shipment.out.return`` with an outbox."""

    __name__ = "stock.shipment.out.return"

    @classmethod
    def do(cls, shipments: list[Any]) -> None:
        """Completes returns."""
        super().do(shipments)
        put_returns(cls.browse(shipments))

    @classmethod
    def cancel(cls, shipments: list[Any]) -> None:
        """Cancels returns, also ones that were done."""
        super().cancel(shipments)
        put_returns(cls.browse(shipments))


def put_shipments(shipments: Iterable[Any]) -> None:
    """Puts those that are done or cancelled into the outbox."""
    for shipment in shipments:
        if shipment.state in DOCUMENT_STATUS:
            put(shipment_events(shipment, today(shipment)))


def put_returns(shipments: Iterable[Any]) -> None:
    """Puts those that are done or cancelled into the outbox."""
    for shipment in shipments:
        if shipment.state in DOCUMENT_STATUS:
            put(return_events(shipment, today(shipment)))
