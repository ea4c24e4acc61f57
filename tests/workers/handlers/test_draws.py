"""Draws on a real database: one at a time, drawn once, checked by anybody; also when calls meet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from plugin.errors import Rejected
from plugin.redemption.lottery import commitment, verify
from plugin.store.books import apply_program
from workers.handlers.decisions import approve
from workers.handlers.draws import draw_winners, open_draw, verify_draws

REWARDS = """
[redemption]
approval_points_above = 400
[[rewards]]
code = "raffle"
kind = "lottery"
points = 100
winners = 2
[[rewards]]
code = "other"
kind = "lottery"
points = 100
winners = 1
[[rewards]]
code = "give"
kind = "donation"
points = 100
face = "1.00"
"""
SEED = bytes(range(32))
SOLD, DRAWN = date(2026, 4, 1), date(2026, 5, 1)


@pytest.fixture
def shop(open_shop: Callable[..., Any]) -> Any:
    """A shop with two lotteries, where Ann and Bob have 10,000 points each."""
    made = open_shop(rewards=REWARDS)
    made.say(made.member(), made.member("bob"))
    made.say(made.order(amount=1_000_000), made.order("SO-2", 1_000_000, member="bob"))
    return made


def opened(shop: Any, reward: str = "raffle", seed: bytes = SEED) -> Any:
    """Opens a draw before the first ticket is sold."""
    return shop.decide(open_draw, reward, seed, "bea", on=date(2026, 3, 31))


def drawn(shop: Any, reward: str = "raffle", beacon: str = "") -> Any:
    """Draws winners."""
    return shop.decide(draw_winners, reward, beacon, "carl", on=DRAWN)


def checked(shop: Any, *which: Any) -> list[Any]:
    """Computes draws again."""
    with shop.engine.begin() as connection:
        context = shop.books.context(connection, shop.book.id)
        return list(verify_draws(connection, context, *which))


def refused(call: Callable[..., Any], *given: Any, **fields: Any) -> str:
    """Returns the reason that a call is refused with."""
    with pytest.raises(Rejected) as caught:
        call(*given, **fields)
    return caught.value.reason


def test_a_commitment_promises_how_many_win_what_and_can_be_computed_by_anybody(shop: Any) -> None:
    made = opened(shop)
    assert made.committed == "2 x raffle"
    assert made.commitment == commitment(SEED, "2 x raffle", made.opened_at)
    assert shop.sql("SELECT commitment, opened_by, drawn_at FROM draw") == [
        (made.commitment, "bea", None)
    ]


def test_one_draw_of_a_lottery_is_open_at_a_time(shop: Any) -> None:
    first = opened(shop)
    assert refused(opened, shop) == "DRAW_OPEN"
    assert opened(shop, "other").draw_id != first.draw_id
    drawn(shop)
    assert opened(shop).draw_id > first.draw_id


def test_only_lotteries_have_draws(shop: Any) -> None:
    assert refused(opened, shop, "give") == "REWARD_NOT_A_LOTTERY"
    assert refused(opened, shop, "nothing") == "REWARD_UNKNOWN"
    assert refused(opened, shop, seed=b"short") == "SEED_TOO_SHORT"
    assert refused(drawn, shop) == "DRAW_NOT_OPEN"
    assert refused(drawn, shop, "give") == "REWARD_NOT_A_LOTTERY"
    assert shop.sql("SELECT id FROM draw") == []


def test_winners_are_tickets_of_the_draw_and_their_members_are_told(shop: Any) -> None:
    opened(shop)
    opened(shop, "other")
    shop.redeem("other", 4)
    anns, bobs = shop.redeem("raffle", 3), shop.redeem("raffle", 1, member="bob")
    result = drawn(shop, beacon="DAX 20000.00")
    assert (result.tickets, result.seed, len(result.winners)) == (4, SEED, 2)
    owners = {anns.public_id: anns.member_id, bobs.public_id: bobs.member_id}
    for place, winner in enumerate(result.winners, 1):
        assert winner.place == place
        assert winner.ticket.startswith(f"{winner.redemption_id}-")
        assert owners[winner.redemption_id] == winner.member_id
    (proof,) = checked(shop, "raffle")
    assert proof.differences == []
    assert proof.record.beacon == "DAX 20000.00"
    assert list(proof.record.winners) == [winner.ticket for winner in result.winners]


def test_a_draw_is_drawn_once_and_takes_no_ticket_afterwards(shop: Any) -> None:
    opened(shop)
    shop.redeem("raffle")
    drawn(shop)
    assert refused(drawn, shop) == "DRAW_NOT_OPEN"
    assert refused(shop.redeem, "raffle") == "DRAW_NOT_OPEN"
    waits = opened(shop)
    assert shop.redeem("raffle").public_id
    assert [proof.row.id for proof in checked(shop)] == [waits.draw_id - 1]  # one is still open


def test_tickets_that_were_approved_later_are_in_the_draw_that_is_open_then(shop: Any) -> None:
    opened(shop)
    waits = shop.redeem("raffle", 5)
    assert drawn(shop).tickets == 0
    assert refused(shop.decide, approve, waits.public_id, "bea", "") == "DRAW_NOT_OPEN"
    opened(shop)
    shop.decide(approve, waits.public_id, "bea", "")
    assert drawn(shop).tickets == 5


def test_a_draw_without_tickets_has_no_winners_and_is_fair(shop: Any) -> None:
    opened(shop)
    assert drawn(shop).winners == []
    (proof,) = checked(shop)
    assert proof.differences == []


def test_how_many_win_is_what_the_program_said_when_the_draw_was_opened(shop: Any) -> None:
    opened(shop)
    shop.redeem("raffle", 4)
    (content,) = shop.sql("SELECT content FROM program_version")[0]
    later = content.replace("2025-01-01", "2099-01-01").replace("winners = 2", "winners = 4")
    with shop.engine.begin() as connection:
        apply_program(connection, later, "test")
    result = shop.decide(draw_winners, "raffle", "", "carl", on=date(2099, 2, 1))
    assert len(result.winners) == 2
    assert checked(shop)[0].differences == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE draw SET seed = decode(repeat('ff', 32), 'hex')", "the seed does not match"),
        ("UPDATE draw SET winners = ARRAY['T-9', winners[2]]", "place 1 was given to T-9"),
        ("UPDATE draw SET beacon = 'another'", "place "),
        ("UPDATE draw SET opened_at = opened_at + interval '1 s'", "the seed does not match"),
        ("DELETE FROM ticket WHERE number LIKE '%-1'", "tickets do not match the digest"),
    ],
)
def test_whatever_is_changed_afterwards_shows(shop: Any, change: str, told: str) -> None:
    opened(shop)
    shop.redeem("raffle", 4)
    shop.redeem("raffle", 4, member="bob")
    drawn(shop)
    shop.sql(change)
    (proof,) = checked(shop)
    assert any(told in difference for difference in proof.differences)
    assert proof.differences == verify(proof.record)


def test_a_draw_that_nobody_knows_cannot_be_checked(shop: Any) -> None:
    assert checked(shop) == []
    assert refused(checked, shop, "raffle") == "DRAW_NOT_FOUND"
    opened(shop)
    assert checked(shop, "raffle") == []
    assert refused(checked, shop, "", 99) == "DRAW_NOT_FOUND"


def meanwhile(*calls: Callable[[], Any]) -> list[Any]:
    """Runs calls at the same moment; returns results and errors."""
    answers: list[Any] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def run(index: int) -> None:
        gate.wait(10)
        try:
            answers[index] = calls[index]()
        except Rejected as error:
            answers[index] = error.reason

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


def test_of_many_who_open_or_draw_at_once_one_does(shop: Any) -> None:
    answers = meanwhile(*[lambda n=n: opened(shop, seed=bytes([n]) * 32) for n in range(6)])  # type: ignore[misc]
    assert answers.count("DRAW_OPEN") == 5
    shop.redeem("raffle", 3)
    answers = meanwhile(*[lambda: drawn(shop) for _ in range(6)])
    assert answers.count("DRAW_NOT_OPEN") == 5


def test_a_ticket_bought_while_the_draw_is_drawn_is_in_it_or_refused(shop: Any) -> None:
    opened(shop)
    shop.redeem("raffle", 1)
    buys = [lambda: shop.redeem("raffle", 1, member="bob", on=SOLD) for _ in range(8)]
    answers = meanwhile(*buys[:4], lambda: drawn(shop), *buys[4:])
    result = answers.pop(4)
    sold = [one for one in answers if one != "DRAW_NOT_OPEN"]
    assert result.tickets == 1 + len(sold)
    assert checked(shop)[0].differences == []
    assert shop.points("bob")[0] == 10_000 - 100 * len(sold)
