"""Reconciliation 5: what the ERP holds of some days against what Pointbook received, document by document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import grpc

from adapters.client import RETRIED, Refused, Target, Unavailable
from adapters.contract import Erp
from adapters.numbering import Identity, identity
from adapters.wire_values import quantity_text
from pointbook.v1 import events_pb2, intake_pb2, operations_pb2, operations_pb2_grpc

KINDS = ("order", "shipment", "return", "redemption_shipment", "redemption_return")
MISSING, DIFFERENT, EXTRA = "missing", "different", "only in Pointbook"
NOT_APPLIED = "not applied"
PAGE = 5_000
DEADLINE_SECONDS = 60.0
MARGIN = timedelta(days=2)  # zones differ by a day at most; a document may stand on either side

_ORDER = {1: "draft", 2: "confirmed", 3: "completed", 4: "cancelled"}
_DOCUMENT = {1: "draft", 2: "done", 3: "cancelled"}
_APPLIED = intake_pb2.EVENT_STATUS_APPLIED


class Figures(NamedTuple):
    """What is compared: state, amount without tax in minor units (orders), quantity in its shortest form."""

    state: str
    amount_minor: int
    quantity: str

    def __str__(self) -> str:
        return f"{self.state}, {self.quantity} pieces, {self.amount_minor} minor"


@dataclass(frozen=True, slots=True)
class Difference:
    """A document that is not the same on both sides.

    Attributes:
        what: "missing", "different", "only in Pointbook", "not applied".
        document: Which one.
        erp: What the ERP says; None when it does not know it.
        pointbook: What Pointbook received; None when it received nothing.
        reason: Why it is not applied; empty otherwise.
    """

    what: str
    document: Identity
    erp: Figures | None
    pointbook: Figures | None
    reason: str = ""


@dataclass(slots=True)
class Totals:
    """Sums of a day and kind, the ERP's and Pointbook's."""

    documents: list[int]
    amount_minor: list[int]
    quantity: list[Decimal]

    @classmethod
    def none(cls) -> Totals:
        """Returns sums of nothing."""
        return cls([0, 0], [0, 0], [Decimal(0), Decimal(0)])

    def add(self, side: int, figures: Figures) -> None:
        """Counts a document on a side: 0 the ERP, 1 Pointbook."""
        self.documents[side] += 1
        self.amount_minor[side] += figures.amount_minor
        self.quantity[side] += Decimal(figures.quantity)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides of some days.

    Attributes:
        days: Sums by day and kind; a document the ERP alone has counts on its UTC day.
        differences: What is not the same, by kind and number.
        repairs: Events that would mend it, each with the version it must be above.
    """

    days: Mapping[tuple[str, str], Totals]
    differences: list[Difference]
    repairs: list[tuple[events_pb2.Event, int]]


def compare(
    erp: Iterable[events_pb2.Event],
    received: Iterable[operations_pb2.Document],
    from_on: date,
    until_on: date,
) -> Comparison:
    """Compares documents of both sides by kind and number.

    Args:
        erp: The ERP's, of these days and maybe more; a document told twice counts as told last.
        received: Pointbook's, of these days and ``MARGIN`` around them.
        from_on: First day.
        until_on: The day after the last one.
    """
    theirs = {
        at: event for at, event in ((identity(each), each) for each in erp) if at.kind in KINDS
    }
    ours = {Identity(each.kind, each.id): each for each in received}
    days: dict[tuple[str, str], Totals] = {}
    differences: list[Difference] = []
    repairs: list[tuple[events_pb2.Event, int]] = []
    for at in sorted({*theirs, *ours}):
        event, document = theirs.get(at), ours.get(at)
        on = document.on if document is not None else _utc_day(event, at.kind)
        if not from_on.isoformat() <= on < until_on.isoformat():
            continue
        said = None if event is None else figures_of(event)
        known = None if document is None else _received(document)
        totals = days.setdefault((on, at.kind), Totals.none())
        for side, figures in enumerate((said, known)):
            if figures is not None:
                totals.add(side, figures)
        what = _what(said, known)
        if what:
            differences.append(Difference(what, at, said, known))
            if event is not None:
                repairs.append((event, document.version + 1 if document is not None else 1))
        elif document is not None and document.status != _APPLIED:
            differences.append(
                Difference(NOT_APPLIED, at, said, known, document.reason or "WAITING")
            )
    return Comparison(dict(sorted(days.items())), differences, repairs)


def figures_of(event: events_pb2.Event) -> Figures:
    """Returns what is compared of the ERP's document."""
    kind, _ = identity(event)
    document = getattr(event, kind)
    states = _ORDER if kind == "order" else _DOCUMENT
    quantity = sum((Decimal(line.quantity or 0) for line in document.lines), Decimal(0))
    amount = 0
    if kind in ("order", "return"):
        amount = sum(line.amount_minor for line in document.lines)
    return Figures(states[document.status], amount, quantity_text(quantity))


def received_documents(
    target: Target, source: str, book: str, from_on: date, until_on: date
) -> Iterator[operations_pb2.Document]:
    """Yields what Pointbook received of a source, of these days and ``MARGIN`` around them.

    Raises:
        Unavailable: Pointbook does not answer.
        Refused: It will not tell.
    """
    with target.channel() as channel:
        stub = operations_pb2_grpc.OperationsServiceStub(channel)  # type: ignore[no-untyped-call]
        for kind in KINDS:
            request = operations_pb2.ListDocumentsRequest(
                book=book,
                source=source,
                kind=kind,
                from_on=(from_on - MARGIN).isoformat(),
                until_on=(until_on + MARGIN).isoformat(),
                page_size=PAGE,
            )
            yield from _pages(stub, request, target)


def reconcile(
    erp: Erp, target: Target, source: str, book: str, from_on: date, until_on: date
) -> Comparison:
    """Reads both sides and compares them."""
    theirs = list(erp.documents(from_on - timedelta(days=1), until_on + timedelta(days=1)))
    ours = received_documents(target, source, book, from_on, until_on)
    return compare(theirs, ours, from_on, until_on)


def _pages(
    stub: Any, request: operations_pb2.ListDocumentsRequest, target: Target
) -> Iterator[operations_pb2.Document]:
    while True:
        try:
            page = stub.ListDocuments(request, timeout=DEADLINE_SECONDS, metadata=target.metadata())
        except grpc.RpcError as error:
            said = f"{target.address} answered {error.code().name}: {error.details()}"
            raise (Unavailable if error.code() in RETRIED else Refused)(said) from error
        yield from page.documents
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def _received(document: operations_pb2.Document) -> Figures:
    return Figures(document.document_status, document.amount_minor, document.quantity)


def _what(erp: Figures | None, pointbook: Figures | None) -> str:
    if erp is None:
        return EXTRA
    if pointbook is None:
        return MISSING
    return DIFFERENT if erp != pointbook else ""


def _utc_day(event: events_pb2.Event | None, kind: str) -> str:
    assert event is not None, "a document is known to one side at least"
    document = getattr(event, kind)
    names = {"order": "ordered_at", "return": "returned_at", "redemption_return": "returned_at"}
    at = getattr(document, names.get(kind, "shipped_at"))
    return str(at.ToDatetime().date().isoformat())
