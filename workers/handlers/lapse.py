"""What time does to redemptions: they lapse, are escalated, coupons expire. Idempotent, in transactions of a bounded size."""

from __future__ import annotations

import json
from collections.abc import Callable

from sqlalchemy import Connection, Engine

from plugin.facts import CouponFact, FactKind
from plugin.redemption.coupons import CouponStatus
from plugin.redemption.life import Status, StepKind
from plugin.store import coupons as store_coupons
from plugin.store import redemptions as store
from plugin.store.inbox import new_job_batch
from plugin.store.redemptions import instant
from plugin.store.tables import job_run
from workers.handlers.books import Books
from workers.handlers.desk import open_desk
from workers.handlers.postings import Numbering, write_coupon_facts
from workers.handlers.trying import attempt

AT_ONCE_MAX = 200


def lapse_redemptions(engine: Engine, books: Books, book_id: int, now: int) -> int:
    """Gives up every open redemption and hold whose time is over; returns how many."""
    return _until_none(engine, lambda c: _lapse_some(c, books, book_id, now), book_id, "lapse", now)


def expire_coupons(engine: Engine, books: Books, book_id: int, now: int) -> int:
    """Expires every issued coupon whose time is over: what it was carried at is released; returns how many."""
    return _until_none(
        engine, lambda c: _expire_some(c, books, book_id, now), book_id, "coupons", now
    )


def escalate_approvals(engine: Engine, books: Books, book_id: int, now: int) -> int:
    """Lets the next level decide on what waited for approval too long; returns how many."""
    return attempt(engine, lambda connection: _escalate(connection, books, book_id, now))


def _until_none(
    engine: Engine, some: Callable[[Connection], int], book_id: int, name: str, now: int
) -> int:
    total = 0
    while done := attempt(engine, some):
        total += done
    if total:
        with engine.begin() as connection:
            connection.execute(
                job_run.insert().values(
                    book_id=book_id,
                    name=name,
                    as_of=instant(now).isoformat(),
                    outcome=json.dumps({"count": total}),
                )
            )
    return total


def _lapse_some(connection: Connection, books: Books, book_id: int, now: int) -> int:
    found = store.due(connection, book_id, instant(now), AT_ONCE_MAX)
    if not found:
        return 0
    desk = open_desk(connection, books.context(connection, book_id), now)
    lapsed = 0
    for one in desk.open_redemptions([number for number, _ in found]).values():
        if one.is_open and one.expires_at is not None and one.expires_at <= now:
            desk.give_up(one, Status.LAPSED, StepKind.LAPSED, "", "its time is over")
            lapsed += 1
    desk.write()
    return lapsed


def _escalate(connection: Connection, books: Books, book_id: int, now: int) -> int:
    context = books.context(connection, book_id)
    waiting = store.waiting_for_approval(connection, book_id, AT_ONCE_MAX)
    desk = open_desk(connection, context, now)
    late = []
    for one in waiting:
        after = desk.program_of(one).redemption.escalate_after_us
        if after is not None and one.requested_at + after <= now:
            late.append(one.id)
    if not late:
        return 0
    escalated = 0
    for one in desk.open_redemptions(late).values():
        if one.status is Status.REQUESTED and one.escalated_at is None:
            one.escalated_at = now
            desk.step(one, StepKind.ESCALATED)
            escalated += 1
    desk.write()
    return escalated


def _expire_some(connection: Connection, books: Books, book_id: int, now: int) -> int:
    context = books.context(connection, book_id)
    coupons = store_coupons.lock_expired(connection, book_id, instant(now), AT_ONCE_MAX)
    numbering = Numbering(lambda: new_job_batch(connection, book_id, 0))
    facts: list[tuple[CouponFact, int | None]] = []
    for coupon in coupons:
        assert coupon.expires_at is not None
        coupon.status = CouponStatus.EXPIRED
        fact = CouponFact(
            numbering.next_id(None),
            FactKind.COUPON_EXPIRED,
            coupon.id,
            coupon.member_id or 0,
            -coupon.carried_minor,
            0,
            coupon.expires_at,
            "",
            "its time is over",
            "",
            coupon.store,
            coupon.program_version,
        )
        facts.append((fact, coupon.redemption_id))
        coupon.carried_minor = 0
    if facts:
        store_coupons.write_coupons(connection, coupons)
        write_coupon_facts(connection, context, facts)
    return len(facts)
