"""Rewards as messages: what a member can have now, at which price, and how many are left."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from plugin.program.rewards import Reward
from plugin.store import draws as store_draws
from plugin.store import reward_totals
from plugin.store import stock as store_stock
from plugin.store.books import Book
from pointbook.v1 import redemptions_pb2 as pb


def reward_messages(
    connection: Connection, book: Book, member_id: int, tier: str, rewards: list[Reward]
) -> list[pb.Reward]:
    """Returns rewards with a member's prices and what is left for them."""
    levels = {(row.sku, row.warehouse): row for row in store_stock.list_stock(connection, book.id)}
    limited = [(member_id, r.code) for r in rewards if r.per_member_max is not None]
    mine = reward_totals.pieces_of_members(connection, book.id, limited)
    capped = [r.code for r in rewards if r.total_max is not None]
    totals = reward_totals.read_totals(connection, book.id, capped)
    lotteries = [r.code for r in rewards if r.kind == "lottery"]
    draws = store_draws.open_draws(connection, book.id, lotteries)
    found = []
    for reward in rewards:
        price = reward.price_for(tier)
        row = levels.get((reward.sku, reward.warehouse))
        left = _left(reward, row, mine.get((member_id, reward.code), 0), totals)
        message = pb.Reward(
            code=reward.code,
            name=reward.name,
            points=price.points,
            amount_minor=price.amount_minor,
            available=left,
            kind=reward.kind,
            sku=reward.sku,
            warehouse=reward.warehouse,
            face_minor=reward.face_minor,
            draw_commitment=draws[reward.code].commitment if reward.code in draws else "",
        )
        if reward.valid_from is not None:
            message.valid_from.FromMicroseconds(reward.valid_from)
        if reward.valid_until is not None:
            message.valid_until.FromMicroseconds(reward.valid_until)
        found.append(message)
    return found


def _left(
    reward: Reward, row: store_stock.StockRow | None, mine: int, totals: Mapping[str, int]
) -> int:
    """Returns how many pieces a member can have; -1 without limit."""
    limits = []
    if reward.kind == "goods":
        limits.append(0 if row is None else row.available)
    if reward.per_member_max is not None:
        limits.append(reward.per_member_max - mine)
    if reward.total_max is not None:
        limits.append(reward.total_max - totals.get(reward.code, 0))
    return max(0, min(limits)) if limits else -1


def can_be_had(reward: Reward, tier: str, now: int) -> bool:
    """Tells whether a reward is for a tier and can be had at an instant."""
    return (
        (reward.valid_from is None or reward.valid_from <= now)
        and (reward.valid_until is None or now < reward.valid_until)
        and (not reward.tiers or tier in reward.tiers)
    )
