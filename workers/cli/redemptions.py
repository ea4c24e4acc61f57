"""Redemptions: which there are, what happened to one, and deciding on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import Connection

from plugin.errors import Rejected
from plugin.money import format_minor
from plugin.redemption.life import (
    Kind,
    Redemption,
    Status,
    Step,
    StepKind,
    not_found,
    parse_public_id,
)
from plugin.services.fields import CODE_LENGTH_MAX, read_text, require_actor, require_id
from plugin.store import coupons as store_coupons
from plugin.store import draws as store_draws
from plugin.store import redemptions as store
from plugin.store.books import Book
from plugin.store.lookup import find_member
from plugin.store.redemptions import Task
from workers.cli.session import Session, opened
from workers.clock import now_us
from workers.handlers import decisions
from workers.handlers.books import BookContext
from workers.show.output import console, print_json, told
from workers.show.records import Record, local_time, record_table
from workers.text import _

redemptions = typer.Typer(
    help="Redemptions: list, show, approve, reject, cancel.", no_args_is_help=True
)

T = TypeVar("T", bound=IntEnum)


def _names(kind: type[IntEnum]) -> str:
    return ", ".join(kind.__members__).lower()


BookCode = Annotated[
    str, typer.Option("--book", help="Book code; not needed when there is only one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Number = Annotated[str, typer.Argument(metavar="R…", help="Number of the redemption, as R100001.")]
By = Annotated[str, typer.Option("--by", help="Who decides, for the record.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the record.")]


@redemptions.command("list")
def print_redemptions(
    status: Annotated[
        list[str] | None, typer.Option(help=f"One of {_names(Status)}; may be repeated.")
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help=f"One of {_names(Kind)}; may be repeated.")
    ] = None,
    task: Annotated[
        str, typer.Option(help=f"Only those that the ERP still has to {_names(Task)}.")
    ] = "",
    member: Annotated[
        str,
        typer.Option(help="Only of a member: a number such as M17, or external_id:SOURCE:ID."),
    ] = "",
    after: Annotated[str, typer.Option(help="Only those after this one, for the next page.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=100_000)] = 100,
    book: BookCode = "",
    as_json: AsJson = False,
) -> None:
    """List redemptions and holds by number."""
    with told(), opened() as session:
        chosen = session.book(book)
        statuses = [named(Status, one, "--status") for one in status or ()]
        kinds = [named(Kind, one, "--kind") for one in kind or ()]
        wanted = named(Task, task, "--task") if task else None
        with session.engine.connect() as connection:
            found = store.list_redemptions(
                connection,
                chosen.id,
                _number(after) if after else 0,
                limit + 1,
                statuses=statuses,
                kinds=kinds,
                member_id=_member(connection, chosen, member) if member else 0,
                task=wanted,
            )
            tasks = store.open_tasks(connection, [one.id for one in found])
        rows, has_more = found[:limit], len(found) > limit
        if as_json:
            listed = [redemption_json(one, chosen, tasks.get(one.id, ())) for one in rows]
            print_json({"redemptions": listed, "has_more": has_more})
        elif rows:
            _show_list(rows, chosen)
            if has_more:
                console.print(
                    _("There are more: --after {number} shows them.").format(
                        number=rows[-1].public_id
                    )
                )
        else:
            console.print(_("There are no such redemptions."))


@redemptions.command("show")
def show(number: Number, book: BookCode = "", as_json: AsJson = False) -> None:
    """Show a redemption and every step it took."""
    with told(), opened() as session:
        chosen, wanted = session.book(book), _number(number)
        with session.engine.connect() as connection:
            one = store.read_redemptions(connection, chosen.id, [wanted]).get(wanted)
            if one is None:
                raise not_found(number)
            tasks = store.open_tasks(connection, [wanted]).get(wanted, set())
            steps = store.read_steps(connection, wanted)
            tickets = store_draws.tickets_of_redemptions(connection, [wanted]).get(wanted, [])
            coupons = store_coupons.of_redemptions(connection, [wanted]).get(wanted, [])
        answer = redemption_json(one, chosen, tasks)
        if as_json:
            serials = [coupon.id for coupon in coupons]
            listed = [step_json(step, chosen) for step in steps]
            print_json({**answer, "tickets": tickets, "coupons": serials, "steps": listed})
            return
        _show_one(
            {
                **answer,
                "erp_tasks": ", ".join(task.name.lower() for task in sorted(tasks)),
                "tickets": ", ".join(tickets),
                "coupons": ", ".join(str(coupon.id) for coupon in coupons),
            }
        )
        _show_steps(steps, chosen)


@redemptions.command("approve")
def approve(
    number: Number, by: By, reason: Reason = "", book: BookCode = "", as_json: AsJson = False
) -> None:
    """Approve a redemption that waits; goods are ordered in the ERP, other rewards are given out."""
    with told(), opened() as session:
        actor, why, key = _actor(by), _reason(reason), session.coupon_key
        _decide(
            session,
            book,
            as_json,
            lambda c, context: decisions.approve(c, context, number, actor, why, now_us(), key),
        )


@redemptions.command("reject")
def reject(
    number: Number, by: By, reason: Reason = "", book: BookCode = "", as_json: AsJson = False
) -> None:
    """Reject a redemption that waits; its points and stock are free again."""
    with told(), opened() as session:
        actor, why = _actor(by), _reason(reason)
        _decide(
            session,
            book,
            as_json,
            lambda c, context: decisions.reject(c, context, number, actor, why, now_us()),
        )


@redemptions.command("cancel")
def cancel(
    number: Number, by: By, reason: Reason = "", book: BookCode = "", as_json: AsJson = False
) -> None:
    """Cancel a redemption, or what has not shipped of it; unused coupons are taken back."""
    with told(), opened() as session:
        actor, why = _actor(by), _reason(reason)
        _decide(
            session,
            book,
            as_json,
            lambda c, context: decisions.cancel(c, context, number, actor, why, now_us()),
        )


@redemptions.command("acknowledge")
def acknowledge(
    number: Number,
    source: Annotated[str, typer.Option(help="The ERP, as its events name it.")],
    order: Annotated[
        str, typer.Option(help="Number of the order there; not needed for --task cancel.")
    ] = "",
    task: Annotated[str, typer.Option(help=f"What was done there: {_names(Task)}.")] = "order",
    book: BookCode = "",
    as_json: AsJson = False,
) -> None:
    """Record by hand what was done in the ERP: its order was made, or cancelled. Adapters do it by themselves."""
    with told(), opened() as session:
        done = named(Task, task, "--task")
        require_id(source, "--source", CODE_LENGTH_MAX)
        if done is Task.ORDER or order:
            require_id(order, "--order")
        _decide(
            session,
            book,
            as_json,
            lambda c, context: decisions.acknowledge(
                c, context, number, done, source, order, now_us()
            ),
        )


def named(kind: type[T], name: str, option: str) -> T:
    """Returns the member of an enumeration with a name in small letters.

    >>> named(Task, "order", "--task")
    <Task.ORDER: 1>

    Raises:
        Rejected: There is none.
    """
    for member in kind:
        if member.name.lower() == name:
            return member
    raise Rejected("NAME_UNKNOWN", f"{option} {name[:64]!r} is none of {_names(kind)}", option)


def redemption_json(one: Redemption, book: Book, tasks: Iterable[Task]) -> dict[str, object]:
    """Returns a redemption for programs; the member is a pseudonym."""
    zone, currency = ZoneInfo(book.time_zone), book.currency_code
    ends = None if one.expires_at is None else local_time(one.expires_at, zone).isoformat()
    return {
        "redemption_id": one.public_id,
        "status": one.status.name.lower(),
        "kind": one.kind.name.lower(),
        "reward": one.reward,
        "quantity": one.quantity,
        "points": one.points,
        "points_held": one.hold.points,
        "points_spent": one.taken.points,
        "amount": format_minor(one.amount_minor, currency),
        "face": format_minor(one.face_minor, currency),
        "currency_code": currency,
        "member": f"M{one.member_id}",
        "store": one.store,
        "sku": one.sku,
        "warehouse": one.warehouse,
        "shipped": one.shipped,
        "returned": one.returned,
        "requested_at": local_time(one.requested_at, zone).isoformat(),
        "requested_by": one.requested_by,
        "expires_at": ends,
        "needs_approval": one.needs_approval,
        "approved_by": one.approved_by,
        "is_escalated": one.escalated_at is not None,
        "erp_source": one.erp_source,
        "erp_order_id": one.erp_order_id,
        "erp_tasks": [task.name.lower() for task in sorted(tasks)],
        "program_version": one.program_version,
    }


def step_json(step: Step, book: Book) -> dict[str, object]:
    """Returns a recorded step for programs."""
    return {
        "kind": StepKind(step.kind).name.lower(),
        "at": local_time(step.business_at, ZoneInfo(book.time_zone)).isoformat(),
        "actor": step.actor,
        "reason": step.reason,
        "cause": step.cause,
        "pieces": step.pieces,
        "points": step.points,
        "face": format_minor(step.face_minor, book.currency_code),
    }


def _decide(
    session: Session,
    book: str,
    as_json: bool,
    work: Callable[[Connection, BookContext], Redemption],
) -> None:
    """Makes a decision in one transaction and tells what the redemption is now."""
    chosen = session.book(book)
    one = session.transaction(chosen, work)
    if as_json:
        with session.engine.connect() as connection:
            tasks = store.open_tasks(connection, [one.id]).get(one.id, set())
        print_json(redemption_json(one, chosen, tasks))
    else:
        console.print(
            _("Redemption {number} is {status}.").format(
                number=one.public_id, status=one.status.name.lower()
            )
        )


def _show_list(rows: Sequence[Redemption], book: Book) -> None:
    zone = ZoneInfo(book.time_zone)
    headings = {
        "number": _("number"),
        "status": _("status"),
        "what": _("what"),
        "points": _("points"),
        "member": _("member"),
        "requested_at": _("requested"),
        "erp_order_id": _("ERP order"),
    }
    records: list[Record] = [
        {
            "number": one.public_id,
            "status": one.status.name.lower(),
            "what": f"{one.quantity} × {one.reward}" if one.reward else _("hold"),
            "points": one.points,
            "member": f"M{one.member_id}",
            "requested_at": local_time(one.requested_at, zone).date(),
            "erp_order_id": one.erp_order_id,
        }
        for one in rows
    ]
    title = _("Redemptions of {book}").format(book=book.code)
    console.print(record_table(title, headings, records, folds=("what", "erp_order_id")))


def _show_one(answer: Mapping[str, object]) -> None:
    """Shows what is said about a redemption; what is empty is left out."""
    rows: list[Record] = [
        {"name": name.replace("_", " "), "value": _("yes") if value is True else str(value)}
        for name, value in answer.items()
        if value
    ]
    title = _("Redemption {number}").format(number=answer["redemption_id"])
    console.print(record_table(title, {"name": "", "value": ""}, rows, folds=("value",)))


def _show_steps(steps: Sequence[Step], book: Book) -> None:
    zone = ZoneInfo(book.time_zone)
    headings = {
        "at": _("when"),
        "step": _("step"),
        "actor": _("by"),
        "reason": _("reason"),
        "cause": _("cause"),
        "pieces": _("pieces"),
        "points": _("points"),
    }
    records: list[Record] = [
        {
            "at": local_time(step.business_at, zone),
            "step": StepKind(step.kind).name.lower().replace("_", " "),
            "actor": step.actor,
            "reason": step.reason,
            "cause": step.cause,
            "pieces": step.pieces,
            "points": step.points,
        }
        for step in steps
    ]
    folds = ("at", "step", "actor", "reason", "cause")
    console.print(record_table(_("Steps"), headings, records, folds=folds))


def _number(public_id: str) -> int:
    number = parse_public_id(public_id)
    if number is None:
        raise not_found(public_id)
    return number


def _member(connection: Connection, book: Book, text: str) -> int:
    """Returns the number of a member who is named by number or reference, also one who was merged."""
    digits = text.removeprefix("M")
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= 18
    return find_member(connection, book.id, f"id:{int(digits)}" if is_number else text)


def _actor(by: str) -> str:
    return require_actor(by, "--by")


def _reason(reason: str) -> str:
    return read_text(reason, "--reason")
