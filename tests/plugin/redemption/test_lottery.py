"""A draw that anybody can check: what was promised cannot be changed, and every ticket has the same chance."""

from __future__ import annotations

import doctest
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.errors import Rejected
from plugin.redemption import lottery
from plugin.redemption.lottery import DrawRecord, commitment, draw, tickets_digest, verify

SEED = bytes(range(32))
REWARD = "2 x SKU-9, beacon: DAX close of 2026-07-01"
BEACON = "DAX 24123.45"
SOLD = tuple(f"T-{number}" for number in range(1, 11))

lists_of_tickets = st.lists(st.text(max_size=8), unique=True, min_size=1, max_size=12)
seeds = st.binary(min_size=32, max_size=32)


def drawn(seed: bytes = SEED, winners: int = 3, beacon: str = BEACON) -> list[str]:
    return draw(seed, tickets_digest(SOLD), beacon, SOLD, winners)


def fair(winners: int = 3, beacon: str = BEACON) -> DrawRecord:
    return DrawRecord(
        reward=REWARD,
        opened_at=1_780_000_000_000_000,
        commitment=commitment(SEED, REWARD, 1_780_000_000_000_000),
        tickets=SOLD,
        digest=tickets_digest(SOLD),
        beacon=beacon,
        seed=SEED,
        winner_count=winners,
        winners=tuple(drawn(winners=winners, beacon=beacon)),
    )


def test_the_worked_numbers_in_docstrings_are_right() -> None:
    found = doctest.testmod(lottery)
    assert found.attempted > 0
    assert found.failed == 0


def test_a_commitment_is_the_hash_of_a_text_anybody_can_write() -> None:
    text = (
        "pointbook draw 1\n"
        "commitment\n"
        "32:000102030405060708090a0b0c0d0e0f\n"
        "9:2 x SKU-9\n"
        "16:1780000000000000\n"
    )
    found = commitment(bytes(range(16)), "2 x SKU-9", 1_780_000_000_000_000)
    assert found == sha256(text.encode()).hexdigest()


def test_a_digest_is_the_hash_of_the_sorted_tickets() -> None:
    text = "pointbook draw 1\ntickets\n4:T-10\n3:T-2\n4:T-ü\n"
    assert tickets_digest(["T-2", "T-ü", "T-10"]) == sha256(text.encode()).hexdigest()


def test_the_lowest_hash_of_seed_digest_beacon_and_ticket_wins() -> None:
    digest = tickets_digest(SOLD)
    start = f"pointbook draw 1\nrank\n64:{SEED.hex()}\n64:{digest}\n12:DAX 24123.45\n"
    ranks = {
        ticket: sha256(f"{start}{len(ticket)}:{ticket}\n".encode()).hexdigest() for ticket in SOLD
    }
    assert drawn(winners=10) == sorted(SOLD, key=ranks.__getitem__)


def test_seed_reward_and_opening_are_all_promised() -> None:
    promises = {
        commitment(SEED, REWARD, 1),
        commitment(SEED[::-1], REWARD, 1),
        commitment(SEED + b"\0", REWARD, 1),
        commitment(SEED, REWARD + " ", 1),
        commitment(SEED, REWARD, 2),
    }
    assert len(promises) == 5


def test_nothing_can_move_from_one_part_of_a_text_to_the_next() -> None:
    assert commitment(SEED, "1\n1:2", 3) != commitment(SEED, "1", 3)
    assert tickets_digest(["T-1\n3:T-2"]) != tickets_digest(["T-1", "T-2"])
    assert tickets_digest(["ab"]) != tickets_digest(["a", "b"])
    assert tickets_digest([]) != tickets_digest([""])


@given(lists_of_tickets, lists_of_tickets)
def test_two_lists_share_a_digest_only_if_they_hold_the_same_tickets(
    one: list[str], other: list[str]
) -> None:
    assert (tickets_digest(one) == tickets_digest(other)) is (set(one) == set(other))


def test_a_seed_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(Rejected) as refused:
        commitment(bytes(15), REWARD, 1)
    assert (refused.value.reason, refused.value.field) == ("SEED_TOO_SHORT", "seed")
    assert len(commitment(bytes(16), REWARD, 1)) == 64


@given(
    seeds,
    st.text(max_size=20),
    lists_of_tickets,
    st.integers(1, 15),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_tickets_does_not_matter_and_winners_are_different_tickets(
    seed: bytes, beacon: str, tickets: list[str], winners: int, chance: Random
) -> None:
    shuffled = tickets[:]
    chance.shuffle(shuffled)
    digest = tickets_digest(tickets)
    won = draw(seed, digest, beacon, tickets, winners)
    assert won == draw(seed, digest, beacon, shuffled, winners)
    assert len(won) == len(set(won)) == min(winners, len(tickets))
    assert set(won) <= set(tickets)


@given(seeds, lists_of_tickets, st.integers(1, 15))
def test_one_more_prize_goes_to_one_more_ticket_and_takes_none_away(
    seed: bytes, tickets: list[str], winners: int
) -> None:
    digest = tickets_digest(tickets)
    fewer = draw(seed, digest, "", tickets, winners)
    assert draw(seed, digest, "", tickets, winners + 1)[: len(fewer)] == fewer


def test_all_tickets_win_when_there_are_more_prizes() -> None:
    assert sorted(drawn(winners=11)) == sorted(SOLD)
    assert draw(SEED, tickets_digest([]), "", [], 3) == []


def test_a_ticket_that_is_there_twice_is_refused() -> None:
    for refusing in (
        lambda: tickets_digest(["T-1", "T-2", "T-1"]),
        lambda: draw(SEED, tickets_digest(["T-1", "T-2"]), "", ["T-1", "T-2", "T-1"], 1),
    ):
        with pytest.raises(Rejected) as refused:
            refusing()
        assert refused.value.reason == "TICKET_TWICE"
        assert "T-1" in refused.value.message


def test_tickets_other_than_those_published_at_closing_are_not_drawn() -> None:
    for tickets in (SOLD[1:], (*SOLD, "T-11"), ("T-0", *SOLD[1:])):
        with pytest.raises(Rejected) as refused:
            draw(SEED, tickets_digest(SOLD), "", tickets, 1)
        assert refused.value.reason == "TICKETS_CHANGED"


@pytest.mark.parametrize("winners", [0, -1])
def test_a_draw_without_winners_is_refused(winners: int) -> None:
    with pytest.raises(Rejected) as refused:
        drawn(winners=winners)
    assert refused.value.reason == "DRAW_WITHOUT_WINNERS"


def test_over_many_seeds_every_ticket_wins_evenly() -> None:
    # 2,000 draws of 10 tickets: each is expected to win 200 times, ± 13.4; the bound is 4 of those.
    wins = Counter(drawn(number.to_bytes(32, "big"), 1)[0] for number in range(2000))
    assert set(wins) == set(SOLD)
    assert all(146 <= count <= 254 for count in wins.values())


def test_over_many_seeds_every_ticket_wins_any_of_three_prizes_evenly() -> None:
    # Three of ten win: 600 expected, ± 20.5.
    wins = Counter(
        ticket for number in range(2000) for ticket in drawn(number.to_bytes(32, "big"), 3)
    )
    assert sum(wins.values()) == 6000
    assert all(518 <= count <= 682 for count in wins.values())


def test_whoever_knows_the_seed_cannot_tell_who_wins_before_the_beacon() -> None:
    wins = Counter(drawn(winners=1, beacon=f"DAX {points}")[0] for points in range(2000))
    assert all(146 <= wins[ticket] <= 254 for ticket in SOLD)


def test_one_more_ticket_moves_all_the_others() -> None:
    kept = sum(
        draw(seed, tickets_digest([*SOLD, "T-11"]), "", [*SOLD, "T-11"], 1) == drawn(seed, 1, "")
        for seed in (number.to_bytes(32, "big") for number in range(500))
    )
    assert kept < 100  # 500 / 11 = 45 by chance, 455 if ranks stayed


@pytest.mark.parametrize("beacon", ["", BEACON])
@pytest.mark.parametrize("winners", [1, 3, 10, 12])
def test_nothing_is_found_in_a_fair_draw(winners: int, beacon: str) -> None:
    assert verify(fair(winners, beacon)) == []


def test_a_fair_draw_is_fair_in_whatever_order_its_tickets_are_listed() -> None:
    assert verify(replace(fair(), tickets=SOLD[::-1])) == []


FIRST, SECOND, THIRD, FOURTH = drawn(winners=4)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (lambda one: replace(one, reward="1 x SKU-9"), ["the seed does not match"]),
        (lambda one: replace(one, opened_at=1), ["the seed does not match"]),
        (lambda one: replace(one, commitment="0" * 64), ["the seed does not match"]),
        (
            lambda one: replace(one, digest=one.digest.upper(), winners=()),
            ["the 10 tickets do not match", "place 1 was", "place 2 was", "place 3 was"],
        ),
        (
            lambda one: replace(one, winners=(SECOND, FIRST, THIRD)),
            [
                f"place 1 was given to {SECOND}, the draw gives it to {FIRST}",
                f"place 2 was given to {FIRST}, the draw gives it to {SECOND}",
            ],
        ),
        (
            lambda one: replace(one, winners=(FIRST, SECOND)),
            [f"place 3 was given to nobody, the draw gives it to {THIRD}"],
        ),
        (
            lambda one: replace(one, winners=(FIRST, SECOND, THIRD, FOURTH)),
            [f"place 4 was given to {FOURTH}, the draw gives it to nobody"],
        ),
        (
            lambda one: replace(one, winner_count=4),
            [f"place 4 was given to nobody, the draw gives it to {FOURTH}"],
        ),
        (
            lambda one: replace(one, winner_count=-1),
            [
                "place 1 was given to",
                "place 2 was given to",
                "place 3 was given to",
            ],
        ),
        (
            lambda one: replace(one, winners=("T-99", SECOND, THIRD)),
            [f"place 1 was given to T-99, the draw gives it to {FIRST}"],
        ),
    ],
)
def test_what_was_changed_afterwards_is_told_in_sentences(
    changed: Callable[[DrawRecord], DrawRecord], expected: list[str]
) -> None:
    found = verify(changed(fair()))
    assert [told[: len(start)] for told, start in zip(found, expected, strict=True)] == expected


def test_a_luckier_seed_does_not_match_the_commitment() -> None:
    lucky = next(
        seed
        for seed in (bytes([number]) * 32 for number in range(256))
        if drawn(seed, 1)[0] == "T-7"
    )
    rigged = replace(fair(1), seed=lucky, winners=("T-7",))
    assert [told[:41] for told in verify(rigged)] == ["the seed does not match the commitment: s"]


def test_a_ticket_slipped_in_or_taken_out_after_closing_is_told() -> None:
    for tickets in ((*SOLD, "T-11"), tuple(ticket for ticket in SOLD if ticket != FIRST)):
        found = verify(replace(fair(), tickets=tickets))
        assert found[0].startswith(f"the {len(tickets)} tickets do not match the digest: ")


def test_a_ticket_listed_twice_or_thrice_is_told_once() -> None:
    found = verify(replace(fair(), tickets=(*SOLD, FOURTH, FOURTH)))
    assert found[0] == f"ticket {FOURTH} is there twice"
    assert found[1].startswith("the 12 tickets do not match the digest: ")
    assert len(found) == 2


def test_a_missing_winner_is_told_even_when_the_ticket_is_called_nobody() -> None:
    digest = tickets_digest(["nobody"])
    record = replace(fair(1), tickets=("nobody",), digest=digest, winners=())
    assert verify(record) == ["place 1 was given to nobody, the draw gives it to nobody"]


def test_another_beacon_gives_other_winners() -> None:
    found = verify(replace(fair(10), beacon="DAX 24123.46"))
    assert found
    assert all(told.startswith("place ") for told in found)


def test_a_seed_that_could_be_guessed_is_told() -> None:
    found = verify(replace(fair(1), seed=b"1234"))
    assert found[0] == "the seed of 4 bytes could be guessed"


@given(seeds, st.text(max_size=20), lists_of_tickets, st.integers(1, 15), st.text(max_size=20))
def test_a_draw_done_by_the_rules_is_always_found_fair(
    seed: bytes, beacon: str, tickets: list[str], winners: int, reward: str
) -> None:
    digest = tickets_digest(tickets)
    won = tuple(draw(seed, digest, beacon, tickets, winners))
    promised = commitment(seed, reward, 5)
    record = DrawRecord(reward, 5, promised, tuple(tickets), digest, beacon, seed, winners, won)
    assert verify(record) == []
