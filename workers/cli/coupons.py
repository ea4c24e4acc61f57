"""Coupons: codes in bulk into a file, and what became of one."""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO
from zoneinfo import ZoneInfo

import typer

from plugin.errors import Rejected
from plugin.money import format_minor
from plugin.redemption.coupons import CouponStatus
from plugin.store.books import Book
from plugin.store.coupons import Coupon
from workers.cli.session import opened
from workers.clock import now_us
from workers.handlers.books import Books
from workers.handlers.desk import require_coupon_key
from workers.handlers.vouchers import CODES_MAX, generate_codes, read_coupon
from workers.show.output import console, errors, print_json, progress_bar, told
from workers.show.records import local_time, record_table
from workers.text import _

coupons = typer.Typer(help="Coupon codes: generate them, look one up.", no_args_is_help=True)

BookCode = Annotated[
    str, typer.Option("--book", help="Book code; not needed when there is only one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

TOLD_EVERY = 1_000


@coupons.command()
def generate(
    reward: Annotated[str, typer.Argument(metavar="REWARD", help="Code of a coupon reward.")],
    count: Annotated[int, typer.Option(help="How many.", min=1, max=CODES_MAX)],
    out: Annotated[
        Path, typer.Option(help="CSV file to write serials and codes to; it must not exist yet.")
    ],
    book: BookCode = "",
    as_json: AsJson = False,
) -> None:
    """Generate coupon codes into a new file that only its owner can read. Codes are worth money: none is printed."""
    with told(), opened() as session:
        chosen = session.book(book)
        key = require_coupon_key(session.coupon_key)
        began = time.monotonic()
        with _private_file(out) as file, progress_bar(_("codes"), count, not as_json) as told_done:
            codes = generate_codes(session.engine, Books(), chosen.id, reward, count, key, now_us())
            first, last = _write(file, codes, told_done)
        seconds = time.monotonic() - began
        if as_json:
            print_json(
                {
                    "book": chosen.code,
                    "reward": reward,
                    "count": count,
                    "first_serial": first,
                    "last_serial": last,
                    "file": str(out),
                    "seconds": round(seconds, 3),
                }
            )
        else:
            console.print(
                _(
                    "{count:,} codes of {reward} written to {file} in {seconds:.1f} s, serials {first:,} to {last:,}."
                ).format(
                    count=count, reward=reward, file=out, seconds=seconds, first=first, last=last
                ),
                soft_wrap=True,
                markup=False,
            )


@coupons.command()
def show(
    code: Annotated[
        str,
        typer.Argument(
            metavar="CODE",
            help="As it was typed; - reads it from standard input, where no shell remembers it.",
        ),
    ],
    book: BookCode = "",
    as_json: AsJson = False,
) -> None:
    """Show what became of a coupon."""
    with told(), opened() as session:
        chosen = session.book(book)
        typed = sys.stdin.readline() if code == "-" else code
        coupon = session.transaction(
            chosen, lambda c, context: read_coupon(c, context, typed, session.coupon_key)
        )
        if as_json:
            print_json(_coupon_json(coupon, chosen))
        else:
            rows = [
                {"name": name.replace("_", " "), "value": str(value)}
                for name, value in _coupon_json(coupon, chosen).items()
                if value is not None
            ]
            title = _("Coupon {serial}").format(serial=coupon.id)
            console.print(record_table(title, {"name": "", "value": ""}, rows, folds=("value",)))


def _coupon_json(coupon: Coupon, book: Book) -> dict[str, object]:
    zone = ZoneInfo(book.time_zone)
    issued_at, expires_at = (
        None if at is None else local_time(at, zone).isoformat()
        for at in (coupon.issued_at, coupon.expires_at)
    )
    return {
        "serial": coupon.id,
        "reward": coupon.reward,
        "status": CouponStatus(coupon.status).name.lower(),
        "face": format_minor(coupon.face_minor, book.currency_code),
        "currency_code": book.currency_code,
        "redemption_id": None if coupon.redemption_id is None else f"R{coupon.redemption_id}",
        "member": None if coupon.member_id is None else f"M{coupon.member_id}",
        "issued_at": issued_at,
        "expires_at": expires_at,
        "order_id": coupon.order_id or None,
    }


def _write(
    file: TextIO, codes: Iterator[tuple[int, str]], told_done: Callable[[int], object]
) -> tuple[int, int]:
    """Writes serials and codes; returns the first and the last serial."""
    writer = csv.writer(file, lineterminator="\r\n")
    first = last = 0
    for done, (serial, code) in enumerate(codes, 1):
        if not first:
            first = serial
            writer.writerow(("serial", "code"))
        last = serial
        writer.writerow((serial, code))
        if done % TOLD_EVERY == 0:
            told_done(done)
    return first, last


@contextmanager
def _private_file(path: Path) -> Iterator[TextIO]:
    """Opens a new file for its owner only, and brings it to the disk. One that nothing was written to is taken away again.

    What was written before an error stays: these codes are stored and good.

    Raises:
        Rejected: There is a file of this name.
    """
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Rejected(
            "FILE_EXISTS", f"{path} exists; codes are never written over a file", "--out"
        ) from error
    with os.fdopen(number, "w", encoding="ascii", newline="") as file:
        try:
            yield file
        except BaseException:
            file.flush()
            if file.tell():
                kept = _("{path} keeps the codes that were stored before.").format(path=path)
                errors.print(kept, soft_wrap=True, markup=False)
            else:
                path.unlink()
            raise
        file.flush()
        os.fsync(number)
