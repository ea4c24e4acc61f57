"""Draws of lotteries: opened with a commitment, drawn once, checked by anybody. One transaction each.

How many win, and what is committed to, follows from the program version that was in force when the draw was opened: versions never change,
so nobody can put in another number of winners afterwards. End the sale of tickets first (``valid_until`` of the reward), and take a
beacon that became known after that; see `plugin.redemption.lottery`.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from plugin.errors import Rejected
from plugin.program.rewards import Reward
from plugin.program.versions import effective_program
from plugin.redemption.life import parse_public_id
from plugin.redemption.lottery import (
    DrawRecord,
    commitment,
    committed_text,
    draw,
    tickets_digest,
    verify,
)
from plugin.redemption.request import find_reward
from plugin.store import draws as store
from plugin.store import redemptions as store_redemptions
from plugin.store.draws import DrawRow
from plugin.store.redemptions import instant
from workers.handlers.books import BookContext


class Opened(NamedTuple):
    """A draw that was opened. ``committed`` is the text that the commitment is made of beside seed and time."""

    draw_id: int
    commitment: str
    committed: str
    opened_at: int


class Winner(NamedTuple):
    """A ticket that won, and whose it is."""

    place: int
    ticket: str
    redemption_id: str
    member_id: int


class Drawn(NamedTuple):
    """The result of a draw."""

    draw_id: int
    digest: str
    seed: bytes
    tickets: int
    winners: list[Winner]


class Verified(NamedTuple):
    """A draw that was computed again; fair when there are no differences."""

    row: DrawRow
    record: DrawRecord
    differences: list[str]


def open_draw(
    connection: Connection, context: BookContext, reward: str, seed: bytes, actor: str, now: int
) -> Opened:
    """Opens a draw: from now on tickets are given out. The seed stays secret until it is drawn.

    Args:
        connection: Open transaction.
        context: The book.
        reward: Code of a lottery.
        seed: Random; 32 bytes.
        actor: Who opens it.
        now: The instant, microseconds UTC.

    Raises:
        Rejected: There is no such lottery now (``REWARD_UNKNOWN``, ``REWARD_NOT_A_LOTTERY``), or a draw of it is open already
            (``DRAW_OPEN``).
        Collision: Somebody else opened one at the same moment; tried again, it is open.
    """
    committed = _committed(_lottery(context, reward, now))
    known = store.open_draws(connection, context.book.id, [reward]).get(reward)
    if known is not None:
        raise Rejected(
            "DRAW_OPEN",
            f"reward {reward}: draw {known.id} is open already; it has to be drawn before the next one is opened",
            "reward",
        )
    promise = commitment(seed, committed, now)
    draw_id = store.open_draw(
        connection, context.book.id, reward, promise, seed, instant(now), actor
    )
    return Opened(draw_id, promise, committed, now)


def draw_winners(
    connection: Connection, context: BookContext, reward: str, beacon: str, actor: str, now: int
) -> Drawn:
    """Closes the open draw of a lottery and draws its winners; requests under way get their tickets before, later ones none.

    Args:
        connection: Open transaction.
        context: The book.
        reward: Code of the lottery.
        beacon: Public text that was not known while tickets were given out; empty for none.
        actor: Who draws.
        now: The instant, microseconds UTC.

    Raises:
        Rejected: No draw is open (``DRAW_NOT_OPEN``).
    """
    row = store.lock_open(connection, context.book.id, reward)
    if row is None:
        _lottery(context, reward, now)
        raise Rejected("DRAW_NOT_OPEN", f"reward {reward}: no draw is open", "reward")
    tickets = store.tickets_of_draw(connection, row.id)
    digest = tickets_digest(tickets)
    count = _lottery(context, reward, row.opened_at).winners
    won = draw(row.seed, digest, beacon, tickets, count)
    store.record_result(connection, row.id, instant(now), actor, beacon, digest, won)
    winners = winners_of(connection, context, won)
    return Drawn(row.id, digest, row.seed, len(tickets), winners)


def winners_of(connection: Connection, context: BookContext, tickets: list[str]) -> list[Winner]:
    """Returns whose winning tickets are, first prize first."""
    numbers = {ticket: parse_public_id(ticket.rpartition("-")[0]) for ticket in tickets}
    wanted = [number for number in numbers.values() if number is not None]
    found = store_redemptions.read_redemptions(connection, context.book.id, wanted)
    winners = []
    for place, ticket in enumerate(tickets, 1):
        one = found.get(numbers[ticket] or 0)
        if one is not None:
            winners.append(Winner(place, ticket, one.public_id, one.member_id))
    return winners


def verify_draws(
    connection: Connection, context: BookContext, reward: str = "", draw_id: int = 0
) -> list[Verified]:
    """Computes draws again from what is kept, newest first; one that is still open has nothing to check.

    Args:
        connection: Open transaction.
        context: The book.
        reward: Only draws of this lottery; empty: all.
        draw_id: Only this draw; 0: all.

    Raises:
        Rejected: No draw is meant (``DRAW_NOT_FOUND``).
    """
    rows = store.list_draws(connection, context.book.id, reward)
    chosen = [row for row in rows if draw_id in (0, row.id)]
    if not chosen and (reward or draw_id):
        raise Rejected("DRAW_NOT_FOUND", "there is no such draw; `lottery list` shows them all")
    verified = []
    for row in chosen:
        if row.drawn_at is not None:
            record = draw_record(connection, context, row)
            verified.append(Verified(row, record, verify(record)))
    return verified


def draw_record(connection: Connection, context: BookContext, row: DrawRow) -> DrawRecord:
    """Returns all that is public of a draw that was drawn."""
    lottery = _lottery(context, row.reward, row.opened_at)
    return DrawRecord(
        reward=_committed(lottery),
        opened_at=row.opened_at,
        commitment=row.commitment,
        tickets=tuple(store.tickets_of_draw(connection, row.id)),
        digest=row.tickets_digest,
        beacon=row.beacon,
        seed=row.seed,
        winner_count=lottery.winners,
        winners=tuple(row.winners),
    )


def _committed(lottery: Reward) -> str:
    return committed_text(lottery.code, lottery.winners)


def _lottery(context: BookContext, reward: str, at: int) -> Reward:
    """Returns a lottery as the program had it at an instant."""
    program = effective_program(context.programs, at)
    if program is None:
        raise Rejected("PROGRAM_MISSING", "no program version is in force now")
    found = find_reward(program, reward)
    if found.kind != "lottery":
        raise Rejected("REWARD_NOT_A_LOTTERY", f"reward {reward} is of kind {found.kind}", "reward")
    return found
