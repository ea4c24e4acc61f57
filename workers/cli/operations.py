"""Operating: where events are, what is parked, expiry by hand."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from plugin.facts import FactKind
from plugin.store import parked as store
from plugin.store.counts import inbox_counts, lag
from plugin.store.lookup import find_event
from workers.actors import declare_actors
from workers.broker import make_broker
from workers.cli.session import opened, parse_date, today_in
from workers.handlers.batches import retry_parked
from workers.handlers.books import Books
from workers.handlers.expire import expire_lots
from workers.operations import broker_queues, discard_parked, send_retries
from workers.show.output import FOUND_SOMETHING, console, print_json, print_pairs, print_table, told
from workers.text import _

events = typer.Typer(help="Events: where they are, what is parked.", no_args_is_help=True)

BookCode = Annotated[
    str, typer.Option("--book", help="Book code; not needed when there is only one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Sequence = Annotated[int, typer.Argument(metavar="SEQUENCE", help="As `events parked` shows it.")]


def status(as_json: AsJson = False) -> None:
    """Show what waits, what is parked and how far behind; exit status 1 when events are parked."""
    with told(), opened() as session:
        with session.engine.connect() as connection:
            counts, behind = inbox_counts(connection), lag(connection)
        queues = broker_queues(session.settings)
        inbox = {
            "received": counts.received,
            "applied": counts.applied,
            "waiting": counts.waiting,
            "parked": counts.parked,
            "discarded": counts.discarded,
            "orders_awaited": counts.orders_awaited,
        }
        if as_json:
            answer = {
                "inbox": inbox,
                "queues": {q.name: q.messages for q in queues} if queues is not None else None,
                "lag_seconds": round(behind.seconds, 3),
                "batches_not_in_ledger": behind.batches_not_in_ledger,
            }
            print_json(answer)
        else:
            print_pairs(
                _("Events"), {name.replace("_", " "): count for name, count in inbox.items()}
            )
            print_pairs(
                _("Behind"),
                {
                    _("oldest waiting event, seconds"): round(behind.seconds, 1),
                    _("batches waiting"): behind.batches_waiting,
                    _("batches not in the ledger yet"): behind.batches_not_in_ledger,
                },
            )
            if queues is None:
                console.print(_("The broker does not answer; events stay safe in the inbox."))
            elif queues:
                print_table(
                    _("Queues"),
                    (_("queue"), _("messages"), _("consumers")),
                    [(q.name, q.messages, q.consumers) for q in queues],
                    numbers=(1, 2),
                )
        raise typer.Exit(FOUND_SOMETHING if counts.parked else 0)


@events.command()
def show(
    source: Annotated[str, typer.Argument(help="Source of the event.")],
    event_id: Annotated[str, typer.Argument(help="Its id.")],
    as_json: AsJson = False,
) -> None:
    """Show where an event is and what it did."""
    with told(), opened() as session:
        with session.engine.connect() as connection:
            found = find_event(connection, source, event_id)
        facts: list[dict[str, Any]] = [
            {
                "id": fact.id,
                "kind": FactKind(fact.kind).name.lower(),
                "member_id": fact.member_id,
                "points": fact.points,
                "amount_minor": fact.amount_minor,
                "cause": fact.cause,
                "rules": dict(fact.by_rule),
            }
            for fact in found.facts
        ]
        answer = {
            "sequence": found.seq,
            "status": found.status.name.lower(),
            "received_at": found.received_at.isoformat(),
            "applied_at": found.applied_at.isoformat() if found.applied_at else None,
            "reason": found.reason,
            "message": found.message,
            "is_superseded": found.is_superseded,
        }
        if as_json:
            print_json({**answer, "facts": facts})
            return
        print_table(
            f"{source} {event_id}",
            ("", ""),
            [
                (k.replace("_", " "), v if v is not None else "")
                for k, v in answer.items()
                if k != "sequence"
            ]
            + [("sequence", str(found.seq))],
        )
        rows = [
            (
                f["kind"],
                f["member_id"],
                f["points"],
                f["cause"],
                ", ".join(f"{r} {p:+}" for r, p in dict(f["rules"]).items()),
            )
            for f in facts
        ]
        if rows:
            print_table(
                _("What it did"),
                (_("fact"), _("member"), _("points"), _("cause"), _("rules")),
                rows,
                numbers=(2,),
            )


@events.command()
def parked(
    book: BookCode = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=100_000)] = 100,
    as_json: AsJson = False,
) -> None:
    """List parked events with their reasons; exit status 1 when there are any."""
    with told(), opened() as session:
        chosen = session.book(book)
        with session.engine.connect() as connection:
            rows = store.list_parked(connection, chosen.id, limit=limit)
        if as_json:
            print_json(
                [
                    {
                        "sequence": row.seq,
                        "source": row.source,
                        "event_id": row.event_id,
                        "reason": row.reason,
                        "message": row.message,
                        "parked_at": row.parked_at.isoformat(),
                    }
                    for row in rows
                ]
            )
        elif rows:
            print_table(
                _("Parked events of {book}").format(book=chosen.code),
                (_("sequence"), _("source"), _("event"), _("reason"), _("message")),
                [(str(row.seq), row.source, row.event_id, row.reason, row.message) for row in rows],
            )
        else:
            console.print(_("Nothing is parked."))
        raise typer.Exit(FOUND_SOMETHING if rows else 0)


@events.command()
def conflicts(
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=100_000)] = 100,
    as_json: AsJson = False,
) -> None:
    """List refused events whose id was known with other content; exit status 1 when there are any."""
    with told(), opened() as session:
        with session.engine.connect() as connection:
            rows = store.list_conflicts(connection, limit=limit)
        shown = [
            (row.source, row.event_id, str(row.first_seq), row.received_at.isoformat())
            for row in rows
        ]
        if as_json:
            keys = ("source", "event_id", "first_sequence", "received_at")
            print_json([dict(zip(keys, row, strict=True)) for row in shown])
        elif rows:
            columns = (_("source"), _("event"), _("sequence of the first"), _("refused at"))
            print_table(_("Refused conflicts"), columns, shown)
        else:
            console.print(_("There are no conflicts."))
        raise typer.Exit(FOUND_SOMETHING if rows else 0)


@events.command()
def retry(
    sequences: Annotated[
        list[int] | None,
        typer.Argument(metavar="[SEQUENCE]...", help="All parked ones when left out."),
    ] = None,
    book: BookCode = "",
) -> None:
    """Apply parked events again; what fails stays parked with the new reason."""
    with told(), opened() as session:
        chosen = session.book(book)
        if session.settings.broker_url is not None:
            actors = declare_actors(make_broker(session.settings), None, session.settings)
            sent = send_retries(session.engine, actors, chosen.id, sequences or [])
            console.print(_("{n:,} events sent to the workers.").format(n=sent))
            return
        with session.engine.connect() as connection:
            open_ones = [row.seq for row in store.list_parked(connection, chosen.id, limit=100_000)]
        applied = retry_parked(session.engine, Books(), sequences or open_ones)
        console.print(
            _("{facts:,} facts recorded, {parked:,} events parked again.").format(
                facts=applied.facts, parked=len(applied.parked)
            )
        )


@events.command()
def discard(sequence: Sequence, reason: Annotated[str, typer.Option(help="Why.")]) -> None:
    """Give a parked event up, with a reason; the event itself is kept."""
    with told(), opened() as session:
        discard_parked(session.engine, sequence, reason)
        console.print(_("Event {seq} is discarded.").format(seq=sequence))


def expire(
    book: BookCode = "",
    as_of: Annotated[str, typer.Option("--as-of", help="Day; today when left out.")] = "",
    as_json: AsJson = False,
) -> None:
    """Expire points whose last day has passed. The schedule does it every night."""
    with told(), opened() as session:
        chosen = session.book(book)
        day = parse_date(as_of, "--as-of") if as_of else today_in(chosen)
        lots = expire_lots(session.engine, Books(), chosen.id, day)
        if as_json:
            print_json({"book": chosen.code, "as_of": day.isoformat(), "lots": lots})
        else:
            console.print(_("{n:,} lots expired as of {day}.").format(n=lots, day=day))
