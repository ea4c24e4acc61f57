"""Coupon codes: generated in bulk, redeemed for an order, given back when the order is. Each step happens once."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, Engine

from plugin.errors import Rejected
from plugin.facts import CouponFact, FactKind
from plugin.program.versions import effective_program
from plugin.redemption.coupons import (
    CouponStatus,
    check_can,
    coupon_codes,
    coupon_hash,
    formatted,
)
from plugin.redemption.request import find_reward
from plugin.store import coupons as store
from plugin.store.coupons import Coupon
from plugin.store.inbox import new_job_batch
from workers.handlers.books import BookContext, Books
from workers.handlers.desk import require_coupon_key
from workers.handlers.postings import Numbering, write_coupon_facts

CODES_MAX = 1_000_000
CODES_AT_ONCE = 20_000


def generate_codes(
    engine: Engine, books: Books, book_id: int, reward: str, count: int, key: bytes, now: int
) -> Iterator[tuple[int, str]]:
    """Generates codes of a coupon reward and yields (serial, code) as they are stored; the codes are told this once.

    Raises:
        Rejected: The program has no such coupon, or the count is out of range.
    """
    if not 1 <= count <= CODES_MAX:
        raise Rejected(
            "COUNT_OUT_OF_RANGE", f"1 to {CODES_MAX:,} codes at a time, not {count:,}", "count"
        )
    left = count
    while left:
        part = min(left, CODES_AT_ONCE)
        with engine.begin() as connection:
            context = books.context(connection, book_id)
            program = effective_program(context.programs, now)
            if program is None:
                raise Rejected("PROGRAM_MISSING", "no program version is in force now")
            found = find_reward(program, reward)
            if found.kind != "coupon":
                raise Rejected(
                    "REWARD_NOT_A_COUPON", f"reward {reward} is of kind {found.kind}", "reward"
                )
            first = store.new_serials(connection, part)
            made = list(coupon_codes(key, book_id, first, part))
            store.add_codes(
                connection,
                book_id,
                reward,
                found.face_minor,
                ((serial, digest) for serial, _, digest in made),
            )
        for serial, code, _ in made:
            yield serial, formatted(code)
        left -= part


def read_coupon(
    connection: Connection, context: BookContext, code: str, key: bytes | None
) -> Coupon:
    """Returns the coupon with a code.

    Raises:
        Rejected: The code is mistyped (its check character says so) or not one of ours.
    """
    digest = coupon_hash(require_coupon_key(key), code)
    coupon = store.read_by_hash(connection, context.book.id, digest)
    if coupon is None:
        raise _unknown()
    return coupon


def redeem_coupon(
    connection: Connection,
    context: BookContext,
    code: str,
    order_id: str,
    actor: str,
    now: int,
    key: bytes | None,
) -> Coupon:
    """Redeems a coupon for an order. The same coupon for the same order again answers the same.

    Raises:
        Rejected: The code is not known, not given out, used, expired or taken back.
    """
    coupon = _locked(connection, context, code, key)
    if coupon.status is CouponStatus.REDEEMED and coupon.order_id == order_id:
        return coupon
    check_can("redeem", coupon.status, coupon.expires_at, now)
    coupon.status, coupon.order_id = CouponStatus.REDEEMED, order_id
    kind, carried, face = FactKind.COUPON_REDEEMED, -coupon.carried_minor, coupon.face_minor
    _record(connection, context, coupon, kind, carried, face, now, actor, "", order_id)
    return coupon


def reverse_coupon(
    connection: Connection,
    context: BookContext,
    code: str,
    order_id: str,
    actor: str,
    reason: str,
    now: int,
    key: bytes | None,
) -> Coupon:
    """Takes the redemption of a coupon for an order back: the coupon can be used again until it expires.

    The same reversal again answers the same, as long as the coupon was not used once more.

    Raises:
        Rejected: The code is not known, or was not redeemed for this order.
    """
    coupon = _locked(connection, context, code, key)
    if coupon.status is CouponStatus.ISSUED and order_id == store.reversed_for(
        connection, coupon.id
    ):
        return coupon
    check_can("reverse", coupon.status, coupon.expires_at, now)
    if coupon.order_id != order_id:
        raise Rejected(
            "COUPON_ORDER_DIFFERS", "the coupon was redeemed for another order", "order_id"
        )
    coupon.status, coupon.order_id = CouponStatus.ISSUED, ""
    kind, carried, face = FactKind.COUPON_REVERSED, coupon.carried_minor, -coupon.face_minor
    _record(connection, context, coupon, kind, carried, face, now, actor, reason, order_id)
    return coupon


def _locked(connection: Connection, context: BookContext, code: str, key: bytes | None) -> Coupon:
    digest = coupon_hash(require_coupon_key(key), code)
    coupon = store.lock_by_hash(connection, context.book.id, digest)
    if coupon is None:
        raise _unknown()
    return coupon


def _unknown() -> Rejected:
    # The code is worth money: it is not repeated.
    return Rejected("COUPON_NOT_FOUND", "no coupon has this code", "code")


def _record(
    connection: Connection,
    context: BookContext,
    coupon: Coupon,
    kind: FactKind,
    carried: int,
    face: int,
    now: int,
    actor: str,
    reason: str,
    order_id: str,
) -> None:
    numbering = Numbering(lambda: new_job_batch(connection, context.book.id, 1))
    fact = CouponFact(
        numbering.next_id(None),
        kind,
        coupon.id,
        coupon.member_id or 0,
        carried,
        face,
        now,
        actor,
        reason,
        order_id,
        coupon.store,
        coupon.program_version,
    )
    store.write_coupons(connection, [coupon])
    write_coupon_facts(connection, context, [(fact, coupon.redemption_id)])
