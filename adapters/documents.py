"""Shipments and returns of ERPs, of orders and of redemptions: four documents, one way to make them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from pointbook.v1 import events_pb2


class Goods(NamedTuple):
    """What goods that leave or come back have in common.

    Attributes:
        id: Number of the delivery.
        status: Its state.
        at: When they left or came back.
        order_id: Order they belong to.
        redemption_id: Redemption whose order it is; empty for none.
    """

    id: str
    status: events_pb2.DocumentStatus
    at: Timestamp
    order_id: str
    redemption_id: str


def shipped(goods: Goods, lines: Sequence[events_pb2.ShipmentLine]) -> events_pb2.Event:
    """Returns goods that left, as a shipment of their order or redemption."""
    if goods.redemption_id:
        of_redemption = events_pb2.RedemptionShipment(
            id=goods.id,
            status=goods.status,
            shipped_at=goods.at,
            redemption_id=goods.redemption_id,
            lines=lines,
        )
        return events_pb2.Event(redemption_shipment=of_redemption)
    of_order = events_pb2.Shipment(
        id=goods.id,
        status=goods.status,
        shipped_at=goods.at,
        order_id=goods.order_id,
        lines=lines,
    )
    return events_pb2.Event(shipment=of_order)


def returned(goods: Goods, lines: Sequence[events_pb2.ReturnLine]) -> events_pb2.Event:
    """Returns goods that came back, as a return of their order or redemption; of the latter only pieces count."""
    event = events_pb2.Event()
    if goods.redemption_id:
        of_redemption = events_pb2.RedemptionReturn(
            id=goods.id,
            status=goods.status,
            returned_at=goods.at,
            redemption_id=goods.redemption_id,
            lines=[
                events_pb2.ShipmentLine(line_id=line.line_id, quantity=line.quantity)
                for line in lines
            ],
        )
        event.redemption_return.CopyFrom(of_redemption)
        return event
    of_order = events_pb2.Return(
        id=goods.id,
        status=goods.status,
        returned_at=goods.at,
        order_id=goods.order_id,
        lines=lines,
    )
    getattr(event, "return").CopyFrom(of_order)  # a keyword of Python's, so no attribute syntax
    return event
