"""Cases: the orders a batch touches, with their latest documents, their member and their program version."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from plugin.decide import OrderState
from plugin.events import Event, Order, Return, Shipment, decode
from plugin.orders.entitlement import ORDER, Documents
from plugin.program.versions import Program, effective_program
from plugin.store import documents as store
from plugin.store import members as store_members
from plugin.store.documents import DocumentKey, OrderKey, Snapshot
from plugin.store.parked import Parking
from workers.handlers.books import BookContext
from workers.handlers.records import MemberChanges
from workers.handlers.touched import Arrived, Touched


@dataclass(slots=True)
class Case:
    """One order to decide. ``caused_by`` maps a document to the event of this batch that brought it."""

    state: OrderState
    documents: Documents | None = None
    member_id: int | None = None
    program: Program | None = None
    tier: str = ""
    caused_by: dict[str, int] = field(default_factory=dict)

    @property
    def latest_seq(self) -> int | None:
        """The last event of this batch about the order; None when only its member's tier changed."""
        return max(self.caused_by.values(), default=None)


HoldRefusal = Callable[[str, Order], tuple[str, str] | None]
"""Tells reason and message when an order cannot be paid with the hold it carries."""

Candidates = Mapping[OrderKey, list[tuple[int, Order]]]
"""Order versions of the batch newer than what is stored, highest first, with their sequence."""


def open_cases(
    connection: Connection,
    touched: Touched,
    by_order: Mapping[OrderKey, list[Arrived]],
    members: MemberChanges,
) -> dict[OrderKey, Case]:
    """Locks the orders that the batch touches and opens a case for each."""
    again = store.orders_of_members(connection, members.to_decide_again)
    # By sequence: of two orders that want more of a hold than there is, the first gets it, as it would in batches of their own.
    keys = dict.fromkeys((*touched.orders, *by_order, *sorted(again)))
    states = store.lock_orders(connection, keys)
    cases = {key: Case(states.get(key) or OrderState(*key)) for key in keys}
    for key, arrived in by_order.items():
        for one in arrived:
            kind = "shipment" if isinstance(one.event, Shipment) else "return"
            cases[key].caused_by[f"{kind}:{one.event.id}"] = one.seq
    return cases


def newer_orders(touched: Touched, cases: Mapping[OrderKey, Case]) -> Candidates:
    """Returns the order versions that are newer than what is known; of equal versions the first to come stays."""
    found = {}
    for key, arrived in touched.orders.items():
        known = cases[key].state.version
        newer = [(a.seq, a.event) for a in arrived if isinstance(a.event, Order)]
        newer = [pair for pair in newer if pair[1].version > known]
        newer.sort(key=lambda pair: (-pair[1].version, pair[0]))
        found[key] = newer
    return found


def keys_to_enrol(
    connection: Connection, context: BookContext, touched: Touched, members: MemberChanges
) -> list[str]:
    """Looks up the members that orders name and returns those that any of their orders enrols.

    Superseded versions enrol, too. Had they come first they would have, and nobody is taken off the list again: this is the only
    rule under which who is a member does not depend on what came first, or together with what.
    """
    named: dict[str, set[int]] = {}
    for arrived in touched.orders.values():
        for one in arrived:
            order = one.event
            if isinstance(order, Order) and order.member and order.member not in members.by_key:
                named.setdefault(order.member, set()).add(order.ordered_at)
    members.by_key.update(store_members.resolve(connection, context.book.id, named))
    return [
        key
        for key, instants in named.items()
        if key not in members.by_key
        and not key.startswith("id:")
        and any(_enrols(context, at) for at in instants)
    ]


def _enrols(context: BookContext, at: int) -> bool:
    """Tells whether an order of some instant makes a member of whoever is unknown."""
    program = effective_program(context.programs, at)
    return program is not None and program.unknown_member == "enrol"


def choose_documents(
    connection: Connection,
    context: BookContext,
    cases: Mapping[OrderKey, Case],
    candidates: Candidates,
    by_order: Mapping[OrderKey, list[Arrived]],
    newer: Mapping[DocumentKey, Arrived],
    members: MemberChanges,
    refuses_hold: HoldRefusal,
) -> list[Parking]:
    """Gives every case its latest documents; returns the order versions that cannot be applied, with the reason."""
    parkings: list[Parking] = []
    known = [key for key, case in cases.items() if not case.state.is_new]
    snapshots = store.read_snapshots(connection, known)
    kept: dict[OrderKey, int] = {}
    orders: dict[OrderKey, Order] = {}
    for key, case in cases.items():
        found = candidates.get(key, ())
        order = _choose_order(case, found, context, members, parkings, refuses_hold)
        if order is not None:
            orders[key] = order
        elif case.state.seq is not None:
            kept[key] = case.state.seq
    contents = store.read_payloads(connection, list(kept.values()))
    for key, seq in kept.items():
        orders[key] = order = _decoded_order(contents[seq])
        case = cases[key]
        case.program = effective_program(context.programs, order.ordered_at)
        case.member_id = case.state.member_id
    for key, order in orders.items():
        cases[key].documents = _documents(
            key, order, snapshots.get(key, ()), by_order.get(key, ()), newer
        )
    return parkings


def _choose_order(
    case: Case,
    candidates: Iterable[tuple[int, Order]],
    context: BookContext,
    members: MemberChanges,
    parkings: list[Parking],
    refuses_hold: HoldRefusal,
) -> Order | None:
    """Takes the highest version that can be applied and parks higher ones that cannot."""
    for seq, order in candidates:
        program = effective_program(context.programs, order.ordered_at)
        if program is None:
            message = f"order {order.id}: no program version of book {context.book.code} is in force at its time"
            parkings.append(Parking(seq, "PROGRAM_MISSING", message))
            continue
        member_id = members.by_key.get(order.member)
        if order.member and member_id is None and program.unknown_member != "ignore":
            message = f"order {order.id}: its member is not known yet; it is applied when the member comes"
            parkings.append(Parking(seq, "MEMBER_UNKNOWN", message, order.member))
            continue
        refused = refuses_hold(case.state.source, order)
        if refused is not None:
            parkings.append(Parking(seq, *refused))
            continue
        case.program, case.member_id = program, member_id
        case.caused_by[ORDER] = seq
        case.state.version, case.state.seq = order.version, seq
        return order
    return None


def _documents(
    key: OrderKey,
    order: Order,
    stored: Iterable[Snapshot],
    arrived: Iterable[Arrived],
    newer: Mapping[DocumentKey, Arrived],
) -> Documents:
    """Puts an order together with its shipments and returns: arrived ones first, stored ones unless superseded."""
    parts: list[Event] = [
        a.event
        for a in arrived
        if isinstance(a.event, Shipment | Return) and a.event.order_id == key[1]
    ]
    parts.extend(
        decode(snapshot.payload)
        for snapshot in stored
        if (key[0], snapshot.kind, snapshot.document_id) not in newer
    )
    return Documents(
        order,
        [part for part in parts if isinstance(part, Shipment)],
        [part for part in parts if isinstance(part, Return)],
    )


def _decoded_order(payload: str) -> Order:
    order = decode(payload)
    assert isinstance(order, Order)
    return order
