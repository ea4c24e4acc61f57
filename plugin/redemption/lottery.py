"""A draw that anybody can check afterwards, by commit and reveal.

1. Before the first ticket is sold, a random seed is made and kept secret, and its `commitment` is published.
2. When sales close, the `tickets_digest` is published: from now on no ticket comes or goes unseen.
3. The beacon becomes known: a text that nobody controls, such as the closing index of the day after.
4. The `draw` ranks every ticket by a hash of seed, digest, beacon and ticket, and the lowest ranks win.
5. Seed, beacon, tickets and winners are published, and whoever likes calls `verify`, or ``sha256sum``.

The commitment keeps the seed from being exchanged for a luckier one, the digest keeps the tickets. What is left is whoever knows
the seed while tickets are still sold, and buys those that will win: the beacon takes that away, as it is not known before
sales close. Without a beacon, a draw is as fair as the keeper of the seed. Nobody can refuse to reveal unnoticed either: a
commitment without a seed is for all to see.

All hashes are SHA-256 of UTF-8 text, so they can be recomputed with any tool. Each starts with a line of its own, and every
part has its length in bytes before it, so no two different draws share a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise, zip_longest

from plugin.errors import Rejected

SEED_BYTES_MIN = 16
"""A shorter seed can be found from its commitment by trying."""


@dataclass(frozen=True, slots=True)
class DrawRecord:
    """All that is public after a draw. ``winners`` are in the order of their ranks, the first prize first."""

    reward: str
    opened_at: int
    commitment: str
    tickets: tuple[str, ...]
    digest: str
    beacon: str
    seed: bytes
    winner_count: int
    winners: tuple[str, ...]


def commitment(seed: bytes, reward: str, opened_at: int) -> str:
    """Returns what is published before any ticket is sold, in hexadecimal.

    Args:
        seed: Random and secret until the draw, at least 16 bytes.
        reward: What can be won. What must not change later either (how many win, which beacon of which day) belongs in
            this text.
        opened_at: When sales open, in microseconds.

    >>> commitment(bytes(16), "2 x SKU-9", 0)
    'f50b552eab1ceef4f390a7fc628148acbb3e6b2aec868f4f0648a295365a037c'

    which is the SHA-256 of these lines, the last one ended as well::

        pointbook draw 1
        commitment
        32:00000000000000000000000000000000
        9:2 x SKU-9
        1:0

    Raises:
        Rejected: The seed is too short.
    """
    if len(seed) < SEED_BYTES_MIN:
        raise Rejected(
            "SEED_TOO_SHORT",
            f"seed: {len(seed)} bytes can be guessed, at least {SEED_BYTES_MIN} are needed",
            "seed",
        )
    return _committed(seed, reward, opened_at)


def committed_text(reward: str, winners: int) -> str:
    """Returns what a draw promises about its prize, beside the seed.

    >>> committed_text("raffle", 2)
    '2 x raffle'
    """
    return f"{winners} x {reward}"


def tickets_digest(tickets: Sequence[str]) -> str:
    """Returns what is published when sales close, in hexadecimal; the order of the tickets does not matter.

    >>> tickets_digest(["T-2", "T-1"]) == tickets_digest(["T-1", "T-2"])
    True
    >>> tickets_digest(["T-1", "T-2"])
    '4a950f371a13b695b46e40949adf7003ba0b6ca429e60235260e1ce0913bffb8'

    which is the SHA-256 of the lines ``pointbook draw 1``, ``tickets``, ``3:T-1`` and ``3:T-2``.

    Raises:
        Rejected: A ticket is there twice.
    """
    twice = _twice(tickets)
    if twice:
        raise Rejected(
            "TICKET_TWICE", f"ticket {twice[0]}: it is there twice, and has one chance", "tickets"
        )
    return _digest(tickets)


def draw(seed: bytes, digest: str, beacon: str, tickets: Sequence[str], winners: int) -> list[str]:
    """Returns the winning tickets, the first prize first; all of them when there are no more tickets than prizes.

    Every ticket's rank is ``sha256(seed, digest, beacon, ticket)``: nobody knows one without the seed, and none can be moved
    without changing all of them.

    Args:
        seed: The seed of the commitment.
        digest: The digest that was published when sales closed.
        beacon: A public text that nobody controls and that was not known then; empty for none.
        tickets: All tickets, in any order.
        winners: How many win, 1 or more.

    >>> sold = ["T-1", "T-2", "T-3"]
    >>> draw(bytes(16), tickets_digest(sold), "DAX 20000.00", sold, 2)
    ['T-3', 'T-1']

    Raises:
        Rejected: A ticket is there twice, the tickets are not those of the digest, or nobody is to win.
    """
    if winners < 1:
        raise Rejected("DRAW_WITHOUT_WINNERS", f"draw: {winners} winners, at least 1", "winners")
    if tickets_digest(tickets) != digest:
        raise Rejected(
            "TICKETS_CHANGED",
            f"draw: the {len(tickets)} tickets are not those of the digest published at closing",
            "tickets",
        )
    return _ranked(seed, digest, beacon, tickets)[:winners]


def verify(record: DrawRecord) -> list[str]:
    """Returns what is wrong with a draw, in sentences; none when it was fair.

    >>> sold = ("T-1", "T-2", "T-3")
    >>> promised, digest = commitment(bytes(16), "2 x SKU-9", 0), tickets_digest(sold)
    >>> won = tuple(draw(bytes(16), digest, "", sold, 1))
    >>> verify(DrawRecord("2 x SKU-9", 0, promised, sold, digest, "", bytes(16), 1, won))
    []
    >>> verify(DrawRecord("2 x SKU-9", 0, promised, sold, digest, "", bytes(16), 1, ("T-9",)))
    ['place 1 was given to T-9, the draw gives it to T-1']
    """
    return [
        *_seed_differences(record),
        *_ticket_differences(record),
        *_winner_differences(record),
    ]


def _seed_differences(record: DrawRecord) -> list[str]:
    differences = []
    if len(record.seed) < SEED_BYTES_MIN:
        differences.append(f"the seed of {len(record.seed)} bytes could be guessed")
    found = _committed(record.seed, record.reward, record.opened_at)
    if found != record.commitment:
        differences.append(
            f"the seed does not match the commitment: seed, reward and opening give {found}, "
            f"{record.commitment} was published"
        )
    return differences


def _ticket_differences(record: DrawRecord) -> list[str]:
    differences = [f"ticket {ticket} is there twice" for ticket in _twice(record.tickets)]
    found = _digest(record.tickets)
    if found != record.digest:
        differences.append(
            f"the {len(record.tickets)} tickets do not match the digest: they give {found}, "
            f"{record.digest} was published"
        )
    return differences


def _winner_differences(record: DrawRecord) -> list[str]:
    ranked = _ranked(record.seed, record.digest, record.beacon, record.tickets)
    places = zip_longest(record.winners, ranked[: max(record.winner_count, 0)])
    return [
        f"place {place} was given to {_told(given)}, the draw gives it to {_told(drawn)}"
        for place, (given, drawn) in enumerate(places, 1)
        if given != drawn
    ]


def _told(ticket: str | None) -> str:
    return "nobody" if ticket is None else ticket


def _ranked(seed: bytes, digest: str, beacon: str, tickets: Sequence[str]) -> list[str]:
    """Sorts tickets by rank; the ticket itself decides between equal ranks, which nobody has ever seen."""
    start = _start("rank", seed.hex(), digest, beacon)
    return sorted(tickets, key=lambda ticket: (sha256(start + _part(ticket)).digest(), ticket))


def _committed(seed: bytes, reward: str, opened_at: int) -> str:
    return sha256(_start("commitment", seed.hex(), reward, str(opened_at))).hexdigest()


def _digest(tickets: Sequence[str]) -> str:
    return sha256(_start("tickets", *sorted(tickets))).hexdigest()


def _start(what: str, *parts: str) -> bytes:
    return f"pointbook draw 1\n{what}\n".encode() + b"".join(_part(part) for part in parts)


def _part(text: str) -> bytes:
    """Returns a part with its length before it and a line end after it.

    >>> _part("T-1"), _part("Kö")
    (b'3:T-1\\n', b'3:K\\xc3\\xb6\\n')
    """
    encoded = text.encode()
    return b"%d:%b\n" % (len(encoded), encoded)


def _twice(tickets: Sequence[str]) -> list[str]:
    """Returns the tickets that are there more than once, each once."""
    twice = (one for one, following in pairwise(sorted(tickets)) if one == following)
    return list(dict.fromkeys(twice))
