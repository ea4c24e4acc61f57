"""Requests: whether a member may have a reward, what it costs them, and what is set aside for it."""

from __future__ import annotations

from typing import NamedTuple

from plugin.errors import Rejected
from plugin.program.rewards import Reward
from plugin.program.versions import Program
from plugin.redemption.life import KINDS, PAYS_ORDERS, Kind, Redemption, asks_approval

HOLD_US_MAX = 31 * 86_400_000_000
"""Longest life of a hold at the checkout that a call may ask for."""


class Key(NamedTuple):
    """What makes a repeated call harmless: the caller's key, and a hash of what was asked."""

    idempotency_key: str
    request_hash: bytes


class Ask(NamedTuple):
    """A request as it came: for pieces of a reward, or for a hold of points when ``reward`` is empty.

    ``total_minor`` is the total of the order that held points are to pay, 0 when it is not known.
    """

    member_key: str
    reward: str
    quantity: int
    points: int
    total_minor: int
    expires_at: int | None
    actor: str
    store: str
    key: Key


class Answered(NamedTuple):
    """What became of a request."""

    redemption: Redemption
    is_repeated: bool


class Asked(NamedTuple):
    """What a member asks for."""

    reward: str
    quantity: int
    actor: str
    store: str
    now: int


class Situation(NamedTuple):
    """What has to be known beside the program: the member's tier, what was redeemed before, what a piece of the goods costs.

    ``stock_available`` is None for a reward without stock.
    """

    tier: str
    member_pieces: int
    total_pieces: int
    stock_available: int | None
    cost_minor: int


def find_reward(program: Program, code: str) -> Reward:
    """Returns a reward of a program.

    Raises:
        Rejected: There is none with this code (``REWARD_UNKNOWN``).
    """
    reward = program.rewards.get(code)
    if reward is None:
        raise Rejected("REWARD_UNKNOWN", f"the program has no reward {code!r}", "reward")
    return reward


def draft(program: Program, asked: Asked, member_id: int, found: Situation) -> Redemption:
    """Returns the redemption that a request makes; its points are not set aside yet.

    Raises:
        Rejected: The reward, the member or the stock does not allow it; the message says which rule.
    """
    reward = find_reward(program, asked.reward)
    _check(reward, asked, found)
    price = reward.price_for(found.tier)
    rules, kind = program.redemption, KINDS[reward.kind]
    points = price.points * asked.quantity
    lapses_after = rules.lapse_after_us
    if kind in PAYS_ORDERS and program.offset is not None:
        lapses_after = program.offset.hold_us
    return Redemption(
        id=0,
        member_id=member_id,
        kind=kind,
        reward=reward.code,
        quantity=asked.quantity,
        points=points,
        amount_minor=price.amount_minor * asked.quantity,
        face_minor=reward.face_minor * asked.quantity,
        sku=reward.sku,
        warehouse=reward.warehouse,
        program_version=program.version,
        tier=found.tier,
        store=asked.store,
        requested_at=asked.now,
        requested_by=asked.actor,
        expires_at=None if lapses_after is None else asked.now + lapses_after,
        needs_approval=asks_approval(rules, points, found.cost_minor * asked.quantity),
    )


def draft_hold(
    program: Program,
    points: int,
    member_id: int,
    tier: str,
    asked: Asked,
    expires_at: int | None,
    total_minor: int = 0,
) -> Redemption:
    """Returns a hold for the checkout.

    ``total_minor`` is the order's total, of which the program lets points pay a share; 0 when it is not known.

    Raises:
        Rejected: The program lets points not pay orders, or not so few, or not this number; or it would lapse at once.
    """
    rules = program.offset
    if rules is None:
        raise Rejected("OFFSET_NOT_OFFERED", "the program does not let points pay orders")
    if points < rules.points_min:
        raise Rejected(
            "POINTS_TOO_FEW",
            f"at least {rules.points_min:,} points can pay, not {points:,}",
            "points",
        )
    if points % rules.multiple:
        raise Rejected(
            "POINTS_NOT_A_MULTIPLE",
            f"points pay in multiples of {rules.multiple:,}, not {points:,}",
            "points",
        )
    most_minor = int(total_minor * rules.share_max)
    if total_minor and rules.amount_minor(points) > most_minor:
        raise Rejected(
            "POINTS_TOO_MANY",
            f"points can pay at most {most_minor} of the order's {total_minor} minor units; {points:,} points are worth"
            f" {rules.amount_minor(points)}",
            "points",
        )
    if expires_at is not None and expires_at > asked.now + HOLD_US_MAX:
        raise Rejected(
            "HOLD_TOO_LONG", "a hold at the checkout lives for 31 days at most", "expires_at"
        )
    if expires_at is not None and expires_at <= asked.now:
        raise Rejected("HOLD_IN_THE_PAST", "the hold would lapse in the past", "expires_at")
    return Redemption(
        id=0,
        member_id=member_id,
        kind=Kind.CHECKOUT,
        reward="",
        quantity=1,
        points=points,
        amount_minor=0,
        face_minor=rules.amount_minor(points),
        sku="",
        warehouse="",
        program_version=program.version,
        tier=tier,
        store=asked.store,
        requested_at=asked.now,
        requested_by=asked.actor,
        expires_at=expires_at or asked.now + rules.hold_us,
    )


def _check(reward: Reward, asked: Asked, found: Situation) -> None:
    name, quantity = reward.code, asked.quantity
    if not 1 <= quantity <= reward.quantity_max:
        raise Rejected(
            "QUANTITY_INVALID",
            f"reward {name}: 1 to {reward.quantity_max} pieces at a time, not {quantity}",
            "quantity",
        )
    if (reward.valid_from is not None and asked.now < reward.valid_from) or (
        reward.valid_until is not None and asked.now >= reward.valid_until
    ):
        raise Rejected("REWARD_NOT_NOW", f"reward {name} cannot be had at this time", "reward")
    if reward.tiers and found.tier not in reward.tiers:
        raise Rejected(
            "REWARD_NOT_FOR_TIER",
            f"reward {name} is for tiers {', '.join(sorted(reward.tiers))}; the member's is {found.tier or 'none'}",
            "reward",
        )
    limit = reward.per_member_max
    if limit is not None and found.member_pieces + quantity > limit:
        raise Rejected(
            "REWARD_MEMBER_LIMIT",
            f"reward {name}: at most {limit} pieces for one member, {found.member_pieces} were redeemed",
            "quantity",
        )
    limit = reward.total_max
    if limit is not None and found.total_pieces + quantity > limit:
        raise Rejected(
            "REWARD_TOTAL_LIMIT",
            f"reward {name}: at most {limit} pieces in all, {max(0, limit - found.total_pieces)} are left",
            "quantity",
        )
    stock = found.stock_available
    if stock is not None and stock < quantity:
        raise Rejected(
            "STOCK_INSUFFICIENT",
            f"reward {name}: {quantity} pieces are wanted, {max(0, stock)} are available in warehouse {reward.warehouse}",
            "quantity",
        )
