"""Carries out what a redemption should have taken: points leave the member's wallet, or come back to it. No clock, no database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from plugin.decide import Posting
from plugin.facts import Against, FactKind, PointFact, Settles
from plugin.money import carrying_minor
from plugin.orders.entitlement import business_date
from plugin.points.holds import NewLot, capture, give_back, hold_again, release, settle_debt
from plugin.points.lots import Change, Wallet
from plugin.program.versions import Program
from plugin.redemption.life import PAYS_ORDERS, Kind, Redemption, Step, StepKind
from plugin.redemption.spending import SEPARATOR, Fulfilled, Spend, Taken

AGAINST: Mapping[Kind, Against] = {
    Kind.OFFSET: Against.OFFSET,
    Kind.CHECKOUT: Against.OFFSET,
    Kind.COUPON: Against.COUPON,
    Kind.DONATION: Against.DONATION,
}


@dataclass(slots=True)
class Fulfilment:
    """What carrying out made: facts with the slices they moved, and the recorded steps."""

    postings: list[Posting] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


class Circumstances(NamedTuple):
    """What carrying out needs to know: the pinned program, who numbers facts, and who asked for it and why."""

    program: Program
    next_id: Callable[[], int]
    actor: str = ""
    reason: str = ""


def carry_out(
    one: Redemption,
    wallet: Wallet,
    wanted: Sequence[Spend],
    how: Circumstances,
    fulfilled: Fulfilled | None = None,
) -> Fulfilment:
    """Takes and gives back what is wanted, then holds what may still be captured.

    Args:
        one: The redemption; changed.
        wallet: Its member's, with the lots it holds and has used, and others where the hold falls short; changed.
        wanted: Differences to post, what is given back first.
        how: Program and numbering.
        fulfilled: Pieces shipped and returned after this; None leaves them as they are.
    """
    done = Fulfilment()
    if fulfilled is not None:
        one.shipped, one.returned = fulfilled
    for spend in _in_order(one, wanted):
        released = _released(one, wallet)
        first = len(done.postings)
        before = one.posted.get(spend.key, Taken(0))
        points, face = spend.taken
        one.posted[spend.key] = Taken(before.points + points, before.face_minor + face)
        if one.kind in PAYS_ORDERS:
            _follow_posted(one)
        if points < 0:
            _give_back(one, wallet, spend, how, done)
        else:
            _take(one, wallet, spend, how, done)
        _reclassify(one, first, _released(one, wallet) - released, how, done)
    one.is_changed = True
    last = max((spend.business_at for spend in wanted), default=None)
    if last is not None:
        hold_what_is_open(one, wallet, last, how, done)
    return done


def _in_order(one: Redemption, wanted: Sequence[Spend]) -> list[Spend]:
    """Puts giving back first, but for what has to be taken before: no more can come back than was taken.

    An order of 100 of which 50 came back is cancelled: 50 is taken for the return that no longer counts, then 100 comes back.
    """
    taken = sum(one.hold.used.values()) + one.hold.debt
    first, last = [], []
    for spend in wanted:
        if -spend.taken.points > taken:
            last.append(spend)
        else:
            first.append(spend)
            taken += spend.taken.points
    return first + last


def hold_what_is_open(
    one: Redemption, wallet: Wallet, at: int, how: Circumstances, done: Fulfilment
) -> None:
    """Releases what can no longer be captured; freed points cure a debt first. Holds again what goods turn out to need after all.

    A piece that came back before it left has taken nothing, so that nothing comes back to be held when its shipment is undone. Free
    points are held instead, as far as there are any.
    """
    excess = one.hold.points - one.to_hold
    if excess > 0:
        release(wallet, one.hold, excess)
        settle(one.member_id, wallet, at, how, done, one)
    elif excess < 0 and one.kind is Kind.GOODS:
        now = max(at, one.requested_at)
        hold_again(wallet, one.hold, -excess, now, _date(now, how))


def settle(
    member_id: int,
    wallet: Wallet,
    at: int,
    how: Circumstances,
    done: Fulfilment,
    one: Redemption | None = None,
) -> None:
    """Lets a member's free points cure their debt."""
    if not wallet.debt:
        return
    fact_id = how.next_id()
    change = settle_debt(wallet, fact_id, _date(at, how))
    if change is None:
        return
    order_id = "" if one is None else one.public_id
    store = "" if one is None else one.store
    fact = PointFact(
        fact_id,
        FactKind.DEBT_SETTLED,
        member_id,
        0,
        change.lot_points,
        change.debt_points,
        change.amount_minor,
        at,
        "",
        order_id,
        f"release:{order_id}" if order_id else "merge",
        store,
        how.program.version,
        "",
        (),
    )
    done.postings.append(Posting(fact, change.uses))


def _released(one: Redemption, wallet: Wallet) -> int:
    """Returns what the points a redemption has used are carried at, each lot's rounded once."""
    return sum(
        carrying_minor(points, wallet.lots[lot_id].unit_cost_nano)
        for lot_id, points in one.hold.used.items()
    )


def _reclassify(
    one: Redemption, first: int, released_minor: int, how: Circumstances, done: Fulfilment
) -> None:
    """Lets the expense of a redemption follow from what it has used, and not from what happened to its lots before.

    What points leave a lot at is a difference of two rounded amounts, so cents go to whoever comes first; and points that come back to
    cure a debt go to no lot at all. Where another account than the one of the accrual takes the difference, the facts say what the redemption's
    own points are carried at, and a fact of its own brings the liability to what the lots say. So sums of accounts do not depend on the order
    of arrival.

    Worked, unit cost 0.005: a lot of 3 points carries 0.02 (0.015, half up). The first point that leaves takes 0.01, the second 0.00, the last
    0.01; on their own each is carried at 0.01. A redemption that takes the second point is an expense of 0.01 all the same, and 0.01 is
    reclassified.
    """
    made = done.postings[first:]
    is_elsewhere = (
        how.program.redemption.presentation == "net"
        or how.program.deferral is not None
        or one.kind in AGAINST
    )
    if not made or not is_elsewhere or one.kind is Kind.COUPON:
        return
    moved = -sum(posting.fact.amount_minor for posting in made)
    difference = released_minor - moved
    if not difference:
        return
    fact = made[0].fact
    fixed = fact._replace(amount_minor=fact.amount_minor - difference)
    done.postings[first] = made[0]._replace(fact=fixed)
    reclassified = fact._replace(
        id=how.next_id(),
        kind=FactKind.RECLASSIFIED,
        points=0,
        lot_points=0,
        debt_points=0,
        amount_minor=difference,
        rules=(),
    )
    done.postings.append(Posting(reclassified, ()))


def coupon_carried(postings: Iterable[Posting]) -> int:
    """Returns what the points taken were carried at: what a coupon bought with them is carried at."""
    return -sum(posting.fact.amount_minor for posting in postings)


def _take(
    one: Redemption, wallet: Wallet, spend: Spend, how: Circumstances, done: Fulfilment
) -> None:
    fact_id = how.next_id()
    on = _date(spend.business_at, how)
    # What is still to leave keeps its points: those of this piece may have been freed, as one that came back before it left.
    keep = one.to_hold if one.kind is Kind.GOODS else 0
    change = (
        capture(wallet, one.hold, fact_id, spend.taken.points, on, keep)
        if spend.taken.points
        else Change(0, 0, 0)
    )
    face = spend.taken.face_minor
    if one.kind is Kind.COUPON:
        face = -change.amount_minor
    _record(one, spend, fact_id, -spend.taken.points, change, face, how, done)


def _give_back(
    one: Redemption, wallet: Wallet, spend: Spend, how: Circumstances, done: Fulfilment
) -> None:
    on = _date(spend.business_at, how)
    program = how.program
    fresh = NewLot(
        program.unit_cost_nano,
        program.version,
        one.store,
        spend.business_at,
        program.expiry.expires_on(on),
    )
    # Too much held again is released at the end: another document of the same batch may take it first.
    reversed_in_time = spend.kind is FactKind.REDEMPTION_REVERSED and one.is_open
    parts = give_back(
        wallet,
        one.hold,
        -spend.taken.points,
        on,
        how.next_id,
        fresh,
        program.redemption.grace_days,
        is_held_again=reversed_in_time,
    )
    face = spend.taken.face_minor
    for part in parts:
        _record(one, spend, part.fact_id, part.points, part.change, face, how, done)
        face = 0


def _record(
    one: Redemption,
    spend: Spend,
    fact_id: int,
    points: int,
    change: Change,
    face_minor: int,
    how: Circumstances,
    done: Fulfilment,
) -> None:
    source = spend.key.partition(SEPARATOR)[0] if SEPARATOR in spend.key else ""
    fact = PointFact(
        fact_id,
        spend.kind,
        one.member_id,
        points,
        change.lot_points,
        change.debt_points,
        change.amount_minor,
        spend.business_at,
        source,
        one.public_id,
        spend.cause,
        one.store,
        one.program_version,
        one.tier,
        ((one.reward or "hold", points),),
    )
    settles = Settles(
        AGAINST.get(one.kind, Against.NOTHING),
        face_minor,
        how.program.redemption.presentation == "net",
    )
    done.postings.append(Posting(fact, change.uses, settles))
    done.steps.append(
        Step(
            fact_id,
            one.id,
            _step_kind(one, spend),
            spend.business_at,
            how.actor,
            how.reason,
            spend.cause,
            one.shipped if spend.taken.points >= 0 else one.returned,
            points,
            face_minor,
        )
    )


def _follow_posted(one: Redemption) -> None:
    """Lets the state of what pays orders follow from what was captured and what came back."""
    one.posted = {key: taken for key, taken in one.posted.items() if taken != Taken(0)}
    one.shipped = one.quantity if one.posted else 0
    one.returned = one.quantity if one.posted and one.taken.points <= 0 else 0


def _step_kind(one: Redemption, spend: Spend) -> StepKind:
    if spend.kind is FactKind.REDEEMED:
        return StepKind.SHIPPED if one.kind is Kind.GOODS else StepKind.CAPTURED
    if spend.kind is FactKind.REDEMPTION_RETURNED:
        return StepKind.RETURNED
    return StepKind.REVERSED


def _date(at: int, how: Circumstances) -> date:
    return business_date(at, how.program.time_zone)
