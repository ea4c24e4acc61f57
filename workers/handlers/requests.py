"""Requests for rewards and holds at the checkout: many calls in one transaction, each with an answer of its own.

Points and stock are set aside together or not at all. Calls that arrive together are decided one after the other on the same locks, so a
rush on one reward costs one lock and one commit for many, and nobody waits for anybody in a circle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from plugin.errors import Conflict, PointbookError, Rejected
from plugin.points.holds import set_aside
from plugin.program.rewards import Reward
from plugin.program.tiers import tier_at
from plugin.program.versions import Program, effective_program
from plugin.redemption.life import Redemption, StepKind
from plugin.redemption.request import (
    Answered,
    Ask,
    Asked,
    Situation,
    draft,
    draft_hold,
    find_reward,
)
from plugin.store import members as store_members
from plugin.store import points as store_points
from plugin.store import redemptions as store
from plugin.store import reward_totals
from plugin.store import stock as store_stock
from plugin.store.redemptions import instant
from workers.handlers.books import BookContext
from workers.handlers.desk import Desk, open_desk, require_coupon_key

Answer = Answered | PointbookError


def request_all(
    connection: Connection,
    context: BookContext,
    asks: Sequence[Ask],
    now: int,
    coupon_key: bytes | None = None,
) -> list[Answer]:
    """Decides on requests of one book; the caller commits.

    Args:
        connection: Open transaction.
        context: The book.
        asks: The requests, in the order in which they came.
        now: The instant of the request, microseconds UTC.
        coupon_key: Secret for coupon codes.

    Returns:
        One answer for each: the redemption, or the error the caller is to be told. A refused request writes nothing.

    Raises:
        Collision: Another transaction took the same key or merged a member; roll back and try again.
    """
    book_id = context.book.id
    desk = open_desk(connection, context, now, coupon_key)
    members = store_members.resolve(connection, book_id, {ask.member_key for ask in asks})
    desk.lock_members(set(members.values()))
    # Looked up under the locks: the same request on another server has committed by now, or waits for us.
    known = store.find_by_keys(connection, book_id, [ask.key.idempotency_key for ask in asks])
    repeated = store.read_redemptions(
        connection, book_id, [k.redemption_id for k in known.values()]
    )
    fresh = [ask for ask in asks if ask.key.idempotency_key not in known]
    program = effective_program(context.programs, now)
    room = _room(desk, program, fresh, members) if program is not None else None
    ids = iter(store.new_ids(connection, len(fresh)) if fresh else ())
    answers: list[Answer] = []
    mine: dict[str, tuple[Ask, Redemption]] = {}
    for ask in asks:
        name = ask.key.idempotency_key
        try:
            if name in known:
                _same_request(ask, known[name].request_hash)
                answers.append(Answered(repeated[known[name].redemption_id], is_repeated=True))
            elif name in mine:
                _same_request(ask, mine[name][0].key.request_hash)
                answers.append(Answered(mine[name][1], is_repeated=True))
            else:
                one = _decide(desk, program, room, ask, members, ids.__next__)
                mine[name] = (ask, one)
                answers.append(Answered(one, is_repeated=False))
        except PointbookError as error:
            answers.append(error)
    if desk.made:
        desk.write()
    return answers


class _Room(NamedTuple):
    """What there is to give, counted down while requests are decided."""

    rewards: Mapping[str, Reward]
    member_pieces: dict[tuple[int, str], int]
    total_pieces: dict[str, int]
    unit_costs: Mapping[str, int]


def _room(desk: Desk, program: Program, asks: Sequence[Ask], members: Mapping[str, int]) -> _Room:
    """Locks and reads everything that some requests may take."""
    connection, book_id = desk.connection, desk.context.book.id
    rewards = {a.reward: program.rewards[a.reward] for a in asks if a.reward in program.rewards}
    total = [code for code, reward in rewards.items() if reward.total_max is not None]
    totals = reward_totals.lock_totals(connection, book_id, total)
    lotteries = [code for code, reward in rewards.items() if reward.kind == "lottery"]
    if lotteries:
        desk.open_draws(lotteries)
    goods = {(r.sku, r.warehouse) for r in rewards.values() if r.kind == "goods"}
    desk.rows = store_stock.lock_stock(connection, book_id, goods)
    limited = [
        (members[ask.member_key], ask.reward)
        for ask in asks
        if ask.member_key in members
        and ask.reward in rewards
        and rewards[ask.reward].per_member_max is not None
    ]
    pieces = reward_totals.pieces_of_members(connection, book_id, limited)
    needs: dict[int, int] = {}
    for ask in asks:
        if ask.member_key in members:
            member_id = members[ask.member_key]
            needs[member_id] = needs.get(member_id, 0) + _points_at_most(rewards, ask)
    lots = store_points.read_spendable_lots(
        connection, sorted(needs.items()), instant(desk.now), desk.today
    )
    for lot in lots:
        desk.wallets[lot.member_id].lots[lot.id] = lot
    costs = store_stock.unit_costs(connection, book_id, [sku for sku, _ in goods])
    latest = {sku: known[-1][1] for sku, known in costs.items()}
    return _Room(rewards, pieces, totals, latest)


def _points_at_most(rewards: Mapping[str, Reward], ask: Ask) -> int:
    if not ask.reward:
        return max(ask.points, 0)
    reward = rewards.get(ask.reward)
    if reward is None or not 1 <= ask.quantity <= reward.quantity_max:
        return 0
    prices = (reward.price, *reward.tier_prices.values())
    return max(price.points for price in prices) * ask.quantity


def _same_request(ask: Ask, request_hash: bytes) -> None:
    if ask.key.request_hash != request_hash:
        raise Conflict(
            "IDEMPOTENCY_KEY_REUSED",
            f"idempotency_key {ask.key.idempotency_key} was used for another request",
            "idempotency_key",
        )


def _decide(
    desk: Desk,
    program: Program | None,
    room: _Room | None,
    ask: Ask,
    members: Mapping[str, int],
    next_number: Callable[[], int],
) -> Redemption:
    member_id = members.get(ask.member_key)
    if member_id is None:
        raise Rejected("MEMBER_NOT_FOUND", "no member is known by this reference", "member")
    if program is None or room is None:
        raise Rejected("PROGRAM_MISSING", "no program version is in force now")
    row = desk.members[member_id]
    if not row.is_active:
        raise Rejected("MEMBER_CLOSED", f"member {member_id} is closed and cannot redeem", "member")
    tier = tier_at(row.tiers, desk.now, program.first_tier)
    asked = Asked(ask.reward, ask.quantity, ask.actor, ask.store, desk.now)
    if ask.reward:
        reward = find_reward(program, ask.reward)
        situation = _situation(desk, room, reward, member_id, tier)
        one = draft(program, asked, member_id, situation)
        if reward.kind == "coupon":
            require_coupon_key(desk.coupon_key)
        if reward.kind == "lottery" and reward.code not in desk.draws:
            raise Rejected(
                "DRAW_NOT_OPEN",
                f"reward {reward.code}: no draw is open; tickets are given out once its commitment is published",
                "reward",
            )
    else:
        one = draft_hold(
            program, ask.points, member_id, tier, asked, ask.expires_at, ask.total_minor
        )
    set_aside(desk.wallets[member_id], one.hold, one.points, desk.now, desk.today)
    one.id = next_number()
    _take_room(desk, room, one)
    desk.redemptions[one.id] = one
    desk.made.append((one, ask.key))
    desk.step(one, StepKind.REQUESTED, ask.actor, points=one.points)
    if one.needs_approval:
        desk.step(one, StepKind.APPROVAL_ASKED)
    else:
        desk.begin(one, ask.actor)
    return one


def _situation(desk: Desk, room: _Room, reward: Reward, member_id: int, tier: str) -> Situation:
    available = None
    cost = 0
    if reward.kind == "goods":
        row = desk.rows.get((reward.sku, reward.warehouse))
        available = 0 if row is None else row.available
        if row is not None and row.on_hand:
            cost = -(-row.value_minor // row.on_hand)
        else:
            cost = room.unit_costs.get(reward.sku, 0)
    return Situation(
        tier,
        room.member_pieces.get((member_id, reward.code), 0),
        room.total_pieces.get(reward.code, 0),
        available,
        cost,
    )


def _take_room(desk: Desk, room: _Room, one: Redemption) -> None:
    pieces = (one.member_id, one.reward)
    room.member_pieces[pieces] = room.member_pieces.get(pieces, 0) + one.quantity
    if one.reward in room.total_pieces:
        room.total_pieces[one.reward] += one.quantity
        desk.totals[one.reward] = desk.totals.get(one.reward, 0) + one.quantity
    if one.reserved:
        row = desk.rows[one.sku, one.warehouse]
        row.reserved += one.reserved
        row.is_changed = True
