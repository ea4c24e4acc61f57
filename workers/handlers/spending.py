"""Redemptions in a batch: shipments and returns of rewards, and orders that carry a hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from plugin.events import Kind as EventKind
from plugin.events import Order, OrderStatus, RedemptionReturn, RedemptionShipment
from plugin.orders.entitlement import ORDER, Documents, business_date
from plugin.points.lots import Lot, Wallet
from plugin.program.versions import Program
from plugin.redemption.fulfil import Circumstances, Fulfilment, carry_out, hold_what_is_open
from plugin.redemption.life import (
    GIVEN_UP,
    PAYS_ORDERS,
    Kind,
    Redemption,
    Status,
    Step,
    StepKind,
    parse_public_id,
)
from plugin.redemption.spending import (
    Fulfilled,
    Spend,
    Taken,
    captures_for,
    goods_steps,
    order_pays,
    order_prefix,
    order_steps,
    spends,
)
from plugin.stock.valuation import StockKind
from plugin.store import points as store_points
from plugin.store import redemptions as store
from plugin.store import reward_totals
from plugin.store import stock as store_stock
from plugin.store.documents import Collision, OrderKey
from plugin.store.parked import Parking
from plugin.store.redemptions import instant
from plugin.store.stock import StockRow
from workers.handlers.books import BookContext
from workers.handlers.cases import Candidates, Case
from workers.handlers.postings import Numbering
from workers.handlers.touched import Arrived, Versions, park_refused


class Wanted(NamedTuple):
    """What a redemption needs in this batch, and why."""

    redemption: Redemption
    spends: list[Spend]
    fulfilled: Fulfilled | None
    voided_at: int | None
    cause: str
    seqs: Mapping[str, int]

    @property
    def takes_elsewhere(self) -> int:
        """Points to take that are not held, or are kept for what is still to leave."""
        takes = sum(spend.taken.points for spend in self.spends if spend.taken.points > 0)
        return max(0, takes - max(0, self.redemption.hold.points - self._to_hold))

    @property
    def holds_again(self) -> int:
        """Points to set aside again, because fewer pieces left than it seemed."""
        return max(0, self._to_hold - self.redemption.hold.points)

    @property
    def _to_hold(self) -> int:
        return 0 if self.fulfilled is None else self.redemption.to_hold_for(self.fulfilled.shipped)


@dataclass(slots=True)
class Spendings:
    """Redemptions that a batch's documents are about, and which of them orders pay with.

    ``shipped`` are those that documents ship or bring back, now or until now; ``left_at`` is when the documents were that are
    stored about them, which an amendment may have taken to another redemption.
    """

    redemptions: dict[int, Redemption] = field(default_factory=dict)
    shipped: set[int] = field(default_factory=set)
    left_at: dict[int, int] = field(default_factory=dict)

    @property
    def member_ids(self) -> set[int]:
        """Everybody whose redemptions these are."""
        return {one.member_id for one in self.redemptions.values()}


@dataclass(slots=True)
class Carried(Fulfilment):
    """What a batch did to redemptions; ``totals`` are pieces by reward that were given up."""

    totals: dict[str, int] = field(default_factory=dict)


def shipped_redemptions(
    connection: Connection, book_id: int, versions: Versions
) -> tuple[Spendings, list[Parking]]:
    """Looks up the redemptions of shipments and returns; takes versions that name unknown ones out and says why."""
    names = {
        one.event.redemption_id
        for arrived in versions.values()
        for one in arrived
        if isinstance(one.event, RedemptionShipment | RedemptionReturn)
    }
    if not names:
        return Spendings(), []
    numbers = {name: parse_public_id(name) or 0 for name in names}
    read = store.read_redemptions(connection, book_id, filter(None, numbers.values()))
    known = {name: read[number] for name, number in numbers.items() if number in read}
    parkings = []
    found = Spendings()
    for key in list(versions):
        parkings += park_refused(versions, key, partial(_redemption_refusal, known))
        event = versions[key][0].event if key in versions else None
        if isinstance(event, RedemptionShipment | RedemptionReturn):
            one = known[event.redemption_id]
            found.redemptions[one.id] = one
            found.shipped.add(one.id)
    _add_until_now(connection, book_id, versions, found)
    return found, parkings


def _add_until_now(
    connection: Connection, book_id: int, versions: Versions, found: Spendings
) -> None:
    """Adds the redemptions that the documents were about until now: an amendment may name another one."""
    kinds = {
        EventKind.REDEMPTION_SHIPMENT: StockKind.SHIPPED,
        EventKind.REDEMPTION_RETURN: StockKind.RETURNED,
    }
    keys = [
        (source, int(kinds[EventKind(kind)]), document_id)
        for source, kind, document_id in versions
        if kind in kinds
    ]
    for lines in store_stock.find_lines(connection, book_id, keys).values():
        for _, line in lines:
            known_at = found.left_at.get(line.redemption_id, line.place.at)
            found.left_at[line.redemption_id] = max(known_at, line.place.at)
    missing = found.left_at.keys() - found.redemptions.keys()
    found.redemptions.update(store.read_redemptions(connection, book_id, missing))
    found.shipped |= found.left_at.keys()


def _redemption_refusal(
    known: Mapping[str, Redemption], arrived: Arrived
) -> tuple[str, str] | None:
    """Tells reason and message when a shipment or return is about no redemption of goods."""
    event = arrived.event
    if not isinstance(event, RedemptionShipment | RedemptionReturn):
        return None
    one = known.get(event.redemption_id)
    about = f"document {event.id}: redemption {event.redemption_id[:64]}"
    if one is None:
        return "REDEMPTION_UNKNOWN", f"{about} is not known"
    if one.kind is not Kind.GOODS:
        return "REDEMPTION_NOT_GOODS", f"{about} does not ship: it has no goods"
    return None


def known_holds(
    connection: Connection, book_id: int, candidates: Candidates
) -> dict[str, Redemption]:
    """Looks up the holds that arrived orders carry."""
    names = {order.hold_id for orders in candidates.values() for _, order in orders} - {""}
    if not names:
        return {}
    numbers = {name: number for name in names if (number := parse_public_id(name)) is not None}
    known = store.read_redemptions(connection, book_id, numbers.values())
    return {
        name: known[number]
        for name, number in numbers.items()
        if number in known and known[number].kind in PAYS_ORDERS
    }


@dataclass(slots=True)
class Holds:
    """The holds that arrived orders carry, and what orders of this batch claim of them."""

    known: Mapping[str, Redemption]
    book_currency: str
    claimed: dict[str, dict[str, int]] = field(default_factory=dict)

    def refusal(self, source: str, order: Order) -> tuple[str, str] | None:
        """Returns reason and message when an order cannot be paid with the hold it carries; otherwise claims what it needs."""
        if not order.hold_id:
            return None
        one = self.known.get(order.hold_id)
        if one is None:
            return "HOLD_UNKNOWN", f"order {order.id}: there is no hold {order.hold_id[:64]}"
        if order.status not in (OrderStatus.CONFIRMED, OrderStatus.COMPLETED):
            return None
        mine = order_prefix(source, order.id)
        paid = order_pays(order, Taken(one.points, one.face_minor), self.book_currency)
        claims = self.claimed.setdefault(order.hold_id, {})
        others = _taken_by_others(one, mine, order.id) + sum(
            n for key, n in claims.items() if key != mine
        )
        if paid.points > one.points - others:
            return (
                "HOLD_TOO_SMALL",
                f"order {order.id}: {paid.points} points pay {paid.face_minor} minor units of it; of the {one.points} points of"
                f" hold {one.public_id} other orders took {others}",
            )
        claims[mine] = paid.points
        return None


def _taken_by_others(one: Redemption, prefix: str, order_id: str) -> int:
    """Returns what other orders took of a hold; what a call captured for this one waits for it."""
    mine = captures_for(order_id)
    return sum(
        taken.points
        for key, taken in one.posted.items()
        if key not in mine and not key.startswith(prefix)
    )


def holds_of_cases(cases: Mapping[OrderKey, Case]) -> dict[OrderKey, set[int]]:
    """Returns the holds that orders carry now, or carried until now."""
    found = {}
    for key, case in cases.items():
        if case.documents is None:
            continue
        now = (
            parse_public_id(case.documents.order.hold_id) if case.documents.order.hold_id else None
        )
        numbers = {one for one in (case.state.hold_id, now) if one is not None}
        if numbers:
            found[key] = numbers
    return found


def add_holds(
    connection: Connection,
    book_id: int,
    spendings: Spendings,
    holds: Mapping[OrderKey, set[int]],
) -> None:
    """Looks up the redemptions of holds, to find out whom to lock."""
    numbers = set().union(*holds.values()) if holds else set()
    missing = numbers - spendings.redemptions.keys()
    spendings.redemptions.update(store.read_redemptions(connection, book_id, missing))


def read_locked(connection: Connection, book_id: int, spendings: Spendings) -> None:
    """Reads the redemptions again, now that their members are locked.

    Raises:
        Collision: One went to another member meanwhile.
    """
    if not spendings.redemptions:
        return
    again = store.read_redemptions(connection, book_id, spendings.redemptions)
    for number, one in again.items():
        if one.member_id != spendings.redemptions[number].member_id:
            raise Collision("redemption")
    spendings.redemptions = again


def lock_totals(connection: Connection, book_id: int, spendings: Spendings) -> None:
    """Locks the totals of rewards: what is freed counts no longer, what is shipped after that counts again."""
    rewards = {one.reward for one in spendings.redemptions.values()} - {""}
    reward_totals.lock_known_totals(connection, book_id, rewards)


def want(
    connection: Connection,
    context: BookContext,
    spendings: Spendings,
    cases: Mapping[OrderKey, Case],
    holds: Mapping[OrderKey, set[int]],
    seqs: Mapping[str, int],
) -> list[Wanted]:
    """Returns what every redemption needs; the stock lines of shipments are written.

    Args:
        connection: Open transaction.
        context: The book.
        spendings: The redemptions, locked.
        cases: The orders of the batch.
        holds: Which holds they carry.
        seqs: Event of the batch by key of what it brought.
    """
    found = []
    lines = (
        store_stock.lines_of_redemptions(connection, spendings.shipped) if spendings.shipped else {}
    )
    for number in sorted(spendings.shipped):
        one = spendings.redemptions[number]
        mine = lines.get(number, [])
        steps, fulfilled = goods_steps(mine, one.quantity, one.points)
        left_at = spendings.left_at.get(number, one.requested_at)
        latest = max((line.place.at for line in mine), default=left_at)
        differences = spends(steps, one.posted, latest)
        if differences or fulfilled != (one.shipped, one.returned):
            found.append(Wanted(one, differences, fulfilled, None, "", seqs))
    for key, numbers in sorted(holds.items()):
        case = cases[key]
        if case.documents is None:
            continue
        found += [
            _wanted_by_order(context, key, case, case.documents, spendings.redemptions[number])
            for number in sorted(numbers & spendings.redemptions.keys())
        ]
        now = case.documents.order.hold_id
        case.state.hold_id = parse_public_id(now) if now else None
    return found


def read_lots(
    connection: Connection,
    wallets: Mapping[int, Wallet],
    wanted: Sequence[Wanted],
    context: BookContext,
) -> None:
    """Adds the lots that redemptions hold and have used to their members' wallets, and others where a hold falls short."""
    if not wanted:
        return
    ids: set[int] = set()
    short: dict[int, int] = {}
    for one in wanted:
        hold, member_id = one.redemption.hold, one.redemption.member_id
        ids |= hold.slices.keys() | hold.used.keys()
        short[member_id] = short.get(member_id, 0) + one.takes_elsewhere + one.holds_again
    known = {lot_id for wallet in wallets.values() for lot_id in wallet.lots}
    found = store_points.read_lots(connection, ids - known, closed_too=True)
    # A member's redemptions share what is free, so that enough is read for all of them.
    needs = {
        (one.redemption.member_id, short[one.redemption.member_id], on)
        for one in wanted
        if one.takes_elsewhere
        for on in {business_date(spend.business_at, context.time_zone) for spend in one.spends}
    }
    found += store_points.read_lots_for(connection, sorted(needs))
    for one in wanted:
        if one.holds_again:
            found += _lots_to_hold(connection, one, short[one.redemption.member_id], context)
    for lot in found:
        wallets[lot.member_id].lots.setdefault(lot.id, lot)


def _lots_to_hold(
    connection: Connection, one: Wanted, points: int, context: BookContext
) -> list[Lot]:
    """Returns free lots that may be held again, see `hold_what_is_open`."""
    redemption = one.redemption
    now = max([redemption.requested_at, *(spend.business_at for spend in one.spends)])
    today = business_date(now, context.time_zone)
    needs = [(redemption.member_id, points)]
    return store_points.read_spendable_lots(connection, needs, instant(now), today)


def carry_out_wanted(
    wanted: Iterable[Wanted],
    wallets: Mapping[int, Wallet],
    numbering: Numbering,
    programs: Mapping[int, Program],
    rows: Mapping[tuple[str, str], StockRow],
) -> Carried:
    """Takes points and gives them back, redemption by redemption, and frees what is no longer set aside."""
    total = Carried()
    for need in wanted:
        one = need.redemption
        wallet = wallets[one.member_id]
        before, was_given_up = one.reserved, one.status in GIVEN_UP
        seq = max(
            (need.seqs[s.key] for s in need.spends if s.key in need.seqs),
            default=need.seqs.get(need.cause),
        )
        how = Circumstances(programs[one.program_version], partial(numbering.next_id, seq))
        is_void = need.voided_at is not None and one.given_up is None
        if is_void:  # First: what comes back of it is not held again.
            one.given_up = Status.CANCELLED
        done = carry_out(one, wallet, need.spends, how, need.fulfilled)
        if not need.spends and need.fulfilled is not None:
            done.steps.append(_moved_step(one, need.fulfilled, how.next_id()))
            hold_what_is_open(one, wallet, one.requested_at, how, done)
        if is_void and need.voided_at is not None:
            done.steps.append(_void_step(one, need.voided_at, need.cause, how.next_id()))
            hold_what_is_open(one, wallet, need.voided_at, how, done)
        if was_given_up != (one.status in GIVEN_UP):
            pieces = one.quantity if was_given_up else -one.quantity
            total.totals[one.reward] = total.totals.get(one.reward, 0) + pieces
        if one.kind is Kind.GOODS and one.reserved != before:
            row = rows[one.sku, one.warehouse]
            row.reserved += one.reserved - before
            row.is_changed = True
        total.postings += done.postings
        total.steps += done.steps
    return total


def _wanted_by_order(
    context: BookContext, key: OrderKey, case: Case, documents: Documents, one: Redemption
) -> Wanted:
    """Returns what an order needs of a hold.

    Raises:
        Collision: Another order took of it meanwhile and too little is left; tried again, this one is refused.
    """
    order = documents.order
    prefix, cause = order_prefix(key[0], order.id), f"order:{order.id}"
    if order.status != OrderStatus.DRAFT:
        for captured in captures_for(order.id):  # What a call captured was captured for this order.
            if captured in one.posted:
                one.posted[prefix + cause] = one.posted.pop(captured)
    carries = order.hold_id == one.public_id
    others = _taken_by_others(one, prefix, order.id)
    steps = []
    if carries:
        # What was captured for it already is what it was paid with, unless it says otherwise.
        held = one.posted.get(prefix + cause, Taken(one.points, one.face_minor))
        if order.points_paid_minor:
            held = Taken(one.points, one.face_minor)
        paid = order_pays(order, held, context.book.currency_code)
        steps = order_steps(key[0], order, documents.returns, paid)
        if steps and paid.points > one.points - others:
            raise Collision("hold")
    posted = {k: taken for k, taken in one.posted.items() if k.startswith(prefix)}
    corrected_at = order.ordered_at if order.changed_at is None else order.changed_at
    differences = spends(steps, posted, corrected_at)
    is_void = carries and order.status == OrderStatus.CANCELLED and not others
    seqs = {prefix + name: seq for name, seq in case.caused_by.items()}
    if case.latest_seq is not None:
        seqs[cause] = case.latest_seq
    if ORDER in case.caused_by:
        seqs[prefix + cause] = case.caused_by[ORDER]
    return Wanted(one, differences, None, corrected_at if is_void else None, cause, seqs)


def _void_step(one: Redemption, at: int, cause: str, step_id: int) -> Step:
    """Records that an order's cancellation freed its hold."""
    held = one.hold.points
    return Step(step_id, one.id, StepKind.CANCELLED, at, "", "order cancelled", cause, 0, held, 0)


def _moved_step(one: Redemption, fulfilled: Fulfilled, step_id: int) -> Step:
    """Records that pieces moved although no points did: a reward for money alone, or more pieces than were redeemed."""
    is_return = fulfilled.returned > 0
    kind = StepKind.RETURNED if is_return else StepKind.SHIPPED
    pieces = fulfilled.returned if is_return else fulfilled.shipped
    return Step(step_id, one.id, kind, one.requested_at, "", "", "shipment", pieces, 0, 0)
