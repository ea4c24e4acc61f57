"""What a batch touches: its events sorted out by document, each with the place its facts are numbered from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from plugin.events import (
    KINDS,
    Event,
    Kind,
    Member,
    MembersMerged,
    Order,
    Product,
    RedemptionReturn,
    RedemptionShipment,
    Return,
    Shipment,
    Stock,
    decode,
)
from plugin.store.documents import DocumentKey, DocumentRow, OrderKey
from plugin.store.inbox import InboxRow
from plugin.store.parked import Parking


class Arrived(NamedTuple):
    """An event of the batch with its sequence and source."""

    seq: int
    source: str
    event: Event


@dataclass(slots=True)
class Touched:
    """The events of a batch by what they are about."""

    orders: dict[OrderKey, list[Arrived]] = field(default_factory=dict)
    documents: dict[DocumentKey, list[Arrived]] = field(default_factory=dict)
    members: list[Arrived] = field(default_factory=list)
    products: list[Arrived] = field(default_factory=list)
    merges: list[Arrived] = field(default_factory=list)
    parkings: list[Parking] = field(default_factory=list)


def sort_out(rows: Sequence[InboxRow]) -> Touched:
    """Decodes events and sorts them by what they are about; several versions of a document stay together.

    Damaged content and kinds this release does not apply are parked: kept, and applied by a retry later.
    """
    touched = Touched()
    for row in rows:
        try:
            event = decode(row.payload)
        except msgspec.DecodeError as error:
            message = f"event {row.event_id}: its stored content cannot be read: {error}"
            touched.parkings.append(Parking(row.seq, "EVENT_UNREADABLE", message))
            continue
        _place(touched, Arrived(row.seq, row.source, event))
    return touched


def _place(touched: Touched, arrived: Arrived) -> None:
    match arrived.event:
        case Order() as order:
            touched.orders.setdefault((arrived.source, order.id), []).append(arrived)
        case (
            Shipment() | Return() | Stock() | RedemptionShipment() | RedemptionReturn() as document
        ):
            _keep(touched, arrived, document.id)
        case Product() as product:
            touched.products.append(arrived)
            _keep(touched, arrived, product.id)
        case MembersMerged():
            touched.merges.append(arrived)
        case Member() as member:
            touched.members.append(arrived)
            _keep(touched, arrived, member.id)
        case _ as other:
            kind = KINDS[type(other)].name.lower()
            message = f"{kind} {other.id}: this release keeps events of this kind but does not apply them yet"
            touched.parkings.append(Parking(arrived.seq, "KIND_NOT_APPLIED", message))


def _keep(touched: Touched, arrived: Arrived, document_id: str) -> None:
    key = (arrived.source, KINDS[type(arrived.event)].value, document_id)
    touched.documents.setdefault(key, []).append(arrived)


def document_row(key: DocumentKey, arrived: Arrived) -> DocumentRow:
    """Returns the row of a document other than an order."""
    event = arrived.event
    assert isinstance(
        event, Shipment | Return | Product | Member | Stock | RedemptionShipment | RedemptionReturn
    )
    order_id = event.order_id if isinstance(event, Shipment | Return) else ""
    return DocumentRow(*key, order_id, event.version, arrived.seq)


Versions = dict[DocumentKey, list[Arrived]]
"""Versions of documents that are newer than what is stored, highest first, at least one of each."""


def newer_versions(touched: Touched, stored: Mapping[DocumentKey, DocumentRow]) -> Versions:
    """Returns the arrived versions that are newer than what is stored; the rest is superseded.

    Of equal versions the first to come goes first.
    """
    found = {}
    for key, arrived in touched.documents.items():
        newer = [one for one in arrived if key not in stored or _version(one) > stored[key].version]
        if newer:
            found[key] = sorted(newer, key=_version, reverse=True)
    return found


def park_refused(
    versions: Versions, key: DocumentKey, refusal: Callable[[Arrived], tuple[str, str] | None]
) -> list[Parking]:
    """Parks the versions of a document above the highest that can be applied; a document without any is taken out.

    A version that is refused does not count, so it supersedes nothing: the one below it counts as if it had come alone.
    """
    arrived = versions[key]
    parkings = []
    while arrived and (refused := refusal(arrived[0])) is not None:
        parkings.append(Parking(arrived.pop(0).seq, *refused))
    if not arrived:
        del versions[key]
    return parkings


def _version(arrived: Arrived) -> int:
    return arrived.event.version  # type: ignore[union-attr]


def orders_of(
    newer: Mapping[DocumentKey, Arrived], stored: Mapping[DocumentKey, DocumentRow]
) -> dict[OrderKey, list[Arrived]]:
    """Returns the orders that shipments and returns belong to, now or until now, and what touches each."""
    found: dict[OrderKey, list[Arrived]] = {}
    for key, arrived in newer.items():
        if key[1] not in (Kind.SHIPMENT, Kind.RETURN):
            continue
        row = document_row(key, arrived)
        before = stored[key].order_id if key in stored else ""
        for order_id in {row.order_id, before} - {""}:
            found.setdefault((arrived.source, order_id), []).append(arrived)
    return found
