"""Lotteries: opening draws, drawing winners, checking that it was fair."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from plugin.redemption.lottery import DrawRecord
from plugin.services.fields import read_text, require_actor
from plugin.store.books import Book
from plugin.store.draws import DrawRow, list_draws, tickets_of_draw
from workers.cli.session import opened
from workers.clock import now_us
from workers.handlers import draws
from workers.show.output import FOUND_SOMETHING, console, print_json, told
from workers.show.records import Record, local_time, record_table
from workers.text import _

lottery = typer.Typer(help="Lotteries: open, draw and check draws.", no_args_is_help=True)

BookCode = Annotated[
    str, typer.Option("--book", help="Book code; not needed when there is only one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
RewardCode = Annotated[str, typer.Argument(metavar="REWARD", help="Code of a lottery.")]
By = Annotated[str, typer.Option("--by", help="Who does it, for the record.")]

SEED_BYTES = 32
SHOWN_MAX = 100


@lottery.command("open")
def open_draw(reward: RewardCode, by: By, book: BookCode = "", as_json: AsJson = False) -> None:
    """Open a draw: makes its secret seed and prints the commitment, which is to be published before tickets are given out."""
    with told(), opened() as session:
        chosen, actor = session.book(book), require_actor(by, "--by")
        seed, now = secrets.token_bytes(SEED_BYTES), now_us()
        made = session.transaction(
            chosen, lambda c, context: draws.open_draw(c, context, reward, seed, actor, now)
        )
        if as_json:
            print_json(
                {
                    "draw_id": made.draw_id,
                    "reward": reward,
                    "committed": made.committed,
                    "opened_at": _iso(made.opened_at),
                    "opened_at_us": made.opened_at,
                    "commitment": made.commitment,
                }
            )
            return
        console.print(
            _("Draw {id} of {reward} is open: {committed}.").format(
                id=made.draw_id, reward=reward, committed=made.committed
            ),
            markup=False,
        )
        console.print(_("Publish this commitment before tickets are given out:"))
        console.print(made.commitment, soft_wrap=True)


@lottery.command("draw")
def draw_winners(
    reward: RewardCode,
    by: By,
    beacon: Annotated[
        str,
        typer.Option(help="Public text that became known after the last ticket was given out."),
    ] = "",
    book: BookCode = "",
    as_json: AsJson = False,
) -> None:
    """Close the open draw and draw its winners; prints all that others need to check it."""
    with told(), opened() as session:
        chosen, actor = session.book(book), require_actor(by, "--by")
        text, now = read_text(beacon, "--beacon"), now_us()
        done = session.transaction(
            chosen, lambda c, context: draws.draw_winners(c, context, reward, text, actor, now)
        )
        if as_json:
            print_json(
                {
                    "draw_id": done.draw_id,
                    "reward": reward,
                    "tickets": done.tickets,
                    "tickets_digest": done.digest,
                    "beacon": text,
                    "seed": done.seed.hex(),
                    "winners": [winner._asdict() for winner in done.winners],
                }
            )
            return
        _show_winners(done, reward)
        _more(len(done.winners))
        for name, value in (
            (_("tickets digest"), done.digest),
            (_("beacon"), text or _("none")),
            (_("seed"), done.seed.hex()),
        ):
            console.print(f"{name}: {value}", soft_wrap=True, markup=False)


@lottery.command("verify")
def verify_draws(
    reward: Annotated[
        str, typer.Argument(metavar="[REWARD]", help="All lotteries when left out.")
    ] = "",
    draw: Annotated[int, typer.Option(help="Only this draw.", min=0)] = 0,
    book: BookCode = "",
    as_json: AsJson = False,
) -> None:
    """Compute draws again and compare; exit status 1 when one was not fair."""
    with told(), opened() as session:
        chosen = session.book(book)
        checked = session.transaction(
            chosen, lambda c, context: draws.verify_draws(c, context, reward, draw)
        )
        holds = not any(one.differences for one in checked)
        if as_json:
            shown_draws = [
                {**_published(one.row, one.record), "differences": one.differences}
                for one in checked
            ]
            print_json({"draws": shown_draws, "holds": holds})
        elif not checked:
            console.print(_("No draw has been drawn yet."))
        else:
            for one in checked:
                _show_verdict(one)
        raise typer.Exit(0 if holds else FOUND_SOMETHING)


@lottery.command("list")
def print_draws(
    reward: Annotated[str, typer.Option(help="Only draws of this lottery.")] = "",
    book: BookCode = "",
    as_json: AsJson = False,
) -> None:
    """List draws, newest first, with their commitments; a seed is never shown before its draw."""
    with told(), opened() as session:
        chosen = session.book(book)
        with session.engine.connect() as connection:
            rows = list_draws(connection, chosen.id, reward)
            tickets = [len(tickets_of_draw(connection, row.id)) for row in rows]
        if as_json:
            print_json([_listed(row, count) for row, count in zip(rows, tickets, strict=True)])
        elif rows:
            _show_draws(rows, tickets, chosen)
        else:
            console.print(_("There are no draws."))


def _show_winners(done: draws.Drawn, reward: str) -> None:
    headings = {
        "place": _("place"),
        "ticket": _("ticket"),
        "redemption_id": _("redemption"),
        "member": _("member"),
    }
    rows: list[Record] = [
        {**winner._asdict(), "member": f"M{winner.member_id}"}
        for winner in done.winners[:SHOWN_MAX]
    ]
    title = _("Draw {id} of {reward}: {winners:,} of {tickets:,} tickets win").format(
        id=done.draw_id, reward=reward, winners=len(done.winners), tickets=done.tickets
    )
    console.print(record_table(title, headings, rows))


def _show_draws(rows: Sequence[DrawRow], tickets: Sequence[int], book: Book) -> None:
    zone = ZoneInfo(book.time_zone)
    headings = {
        "draw": _("draw"),
        "reward": _("reward"),
        "opened_at": _("opened"),
        "drawn_at": _("drawn"),
        "tickets": _("tickets"),
        "winners": _("winners"),
    }
    records: list[Record] = [
        {
            "draw": row.id,
            "reward": row.reward,
            "opened_at": local_time(row.opened_at, zone),
            "drawn_at": row.drawn_at.astimezone(zone) if row.drawn_at else _("open"),
            "tickets": count,
            "winners": len(row.winners) if row.drawn_at else None,
            "commitment": row.commitment,
        }
        for row, count in zip(rows, tickets, strict=True)
    ]
    title = _("Draws of {book}").format(book=book.code)
    console.print(record_table(title, headings, records, folds=("reward", "opened_at", "drawn_at")))
    headings = {"draw": _("draw"), "commitment": _("commitment")}
    console.print(record_table(_("Commitments"), headings, records))


def _show_verdict(one: draws.Verified) -> None:
    verdict = _("differs") if one.differences else _("fair")
    console.print(
        _("Draw {id} of {reward}: {verdict}; {winners:,} of {tickets:,} tickets won.").format(
            id=one.row.id,
            reward=one.row.reward,
            verdict=verdict,
            winners=len(one.row.winners),
            tickets=len(one.record.tickets),
        ),
        markup=False,
    )
    console.print(
        _("  commitment {hash}").format(hash=one.row.commitment), soft_wrap=True, markup=False
    )
    for difference in one.differences[:SHOWN_MAX]:
        console.print(f"  {difference}", soft_wrap=True, markup=False)
    _more(len(one.differences))


def _more(count: int) -> None:
    if count > SHOWN_MAX:
        console.print(_("… and {n:,} more; --json has them all.").format(n=count - SHOWN_MAX))


def _listed(row: DrawRow, tickets: int) -> dict[str, object]:
    return {
        "draw_id": row.id,
        "reward": row.reward,
        "opened_at": _iso(row.opened_at),
        "opened_by": row.opened_by,
        "drawn_at": _iso_or_none(row.drawn_at),
        "drawn_by": row.drawn_by,
        "commitment": row.commitment,
        "tickets": tickets,
        "tickets_digest": row.tickets_digest,
        "beacon": row.beacon,
        "seed": row.seed.hex() if row.drawn_at else None,
        "winners": row.winners,
    }


def _published(row: DrawRow, record: DrawRecord) -> dict[str, object]:
    """Returns all that somebody else needs to compute a draw again."""
    return {
        **_listed(row, len(record.tickets)),
        "committed": record.reward,
        "opened_at_us": record.opened_at,
        "winner_count": record.winner_count,
        "ticket_numbers": list(record.tickets),
    }


def _iso(at_us: int) -> str:
    return local_time(at_us, ZoneInfo("UTC")).isoformat()


def _iso_or_none(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(ZoneInfo("UTC")).isoformat()
