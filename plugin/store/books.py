"""Books and their program versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select, text

from plugin.errors import Rejected
from plugin.program.versions import Program, compile_program, parse_program
from plugin.store.tables import book, program_version


@dataclass(frozen=True, slots=True)
class Book:
    """A legal entity's book."""

    id: int
    code: str
    currency_code: str
    time_zone: str
    policy: str


class Applied(NamedTuple):
    """Result of applying a program file."""

    book: Book
    version: int
    is_new: bool


def list_books(connection: Connection) -> list[Book]:
    """Returns all books by id."""
    columns = (book.c.id, book.c.code, book.c.currency_code, book.c.time_zone, book.c.policy)
    return [Book(*row) for row in connection.execute(select(*columns).order_by(book.c.id))]


def find_book(connection: Connection, code: str) -> Book:
    """Returns the book with a code; an empty code names the only book.

    Raises:
        Rejected: There is no such book, or an empty code with several books or none.
    """
    return choose_book(list_books(connection), code)


def choose_book(books: list[Book], code: str) -> Book:
    """Returns the book with a code out of a list; an empty code names the only one.

    Raises:
        Rejected: As `find_book`.
    """
    chosen = [one for one in books if one.code == code] if code else books
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(one.code for one in books) or "none; apply a program file first"
    if code:
        raise Rejected(
            "BOOK_UNKNOWN", f"there is no book {code[:64]!r}; there are: {names}", "book"
        )
    raise Rejected("BOOK_REQUIRED", f"name a book; there are: {names}", "book")


def apply_program(connection: Connection, content: str, applied_by: str) -> Applied:
    """Stores a program file as the next version of its book; creates the book with the first one.

    The same file again is no new version. A version that would change orders of the past is refused once facts were
    decided: rules are pinned, never rewritten.

    Raises:
        Rejected: The file is not valid, or changes currency, time zone or policy of the book, or begins before now while
            an earlier version exists.
    """
    parsed = parse_program(content)
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('pointbook.program'))"))
    found = [one for one in list_books(connection) if one.code == parsed.book.code]
    if not found:
        connection.execute(
            book.insert().values(
                code=parsed.book.code,
                currency_code=parsed.book.currency,
                time_zone=parsed.book.time_zone,
                policy=parsed.book.policy,
            )
        )
    target = find_book(connection, parsed.book.code)
    wanted = (parsed.book.currency, parsed.book.time_zone, parsed.book.policy)
    if wanted != (target.currency_code, target.time_zone, target.policy):
        raise Rejected(
            "BOOK_DIFFERS",
            f"book {target.code} is kept in {target.currency_code}, {target.time_zone}, policy {target.policy};"
            " a program version cannot change that",
            "book",
        )
    return _append(connection, target, content, applied_by)


def load_programs(connection: Connection, book_id: int) -> list[Program]:
    """Returns all program versions of a book, compiled, in the order in which they come into force."""
    rows = connection.execute(
        select(program_version.c.version, program_version.c.content)
        .where(program_version.c.book_id == book_id)
        .order_by(program_version.c.effective_from, program_version.c.version)
    )
    return [compile_program(parse_program(content), version) for version, content in rows]


def _append(connection: Connection, target: Book, content: str, applied_by: str) -> Applied:
    parsed = compile_program(parse_program(content), 0)
    latest = connection.execute(
        select(program_version.c.version, program_version.c.content)
        .where(program_version.c.book_id == target.id)
        .order_by(program_version.c.version.desc())
        .limit(1)
    ).first()
    if latest is not None and latest.content == content:
        return Applied(target, latest.version, is_new=False)
    begins = datetime.fromtimestamp(parsed.effective_from / 1_000_000, UTC)
    if latest is not None:
        now = connection.execute(select(func.now())).scalar_one()
        if begins < now:
            raise Rejected(
                "PROGRAM_IN_THE_PAST",
                f"version {latest.version + 1} would begin {begins:%Y-%m-%d %H:%M} UTC, in the past; rules are pinned,"
                " so a new version begins in the future",
                "program.effective_from",
            )
    version = 1 if latest is None else latest.version + 1
    connection.execute(
        program_version.insert().values(
            book_id=target.id,
            version=version,
            code=parsed.code,
            effective_from=begins,
            content=content,
            applied_by=applied_by,
        )
    )
    return Applied(target, version, is_new=True)
