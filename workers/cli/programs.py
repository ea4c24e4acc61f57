"""Setting up: the schema, settings and program files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plugin.errors import Rejected
from plugin.program.versions import ProgramFile, parse_program
from plugin.store.books import apply_program
from plugin.store.schema import migrate as migrate_database
from workers.cli.session import opened
from workers.settings import load_settings
from workers.show.output import console, print_json, told
from workers.text import _

program = typer.Typer(help="Program files: who earns how much.", no_args_is_help=True)

ProgramPath = Annotated[Path, typer.Argument(metavar="FILE", help="Program file, TOML.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def migrate() -> None:
    """Bring the database to the current schema."""
    with told():
        settings = load_settings()
        if settings.database_url is None:
            raise Rejected("DATABASE_URL_MISSING", "set POINTBOOK_DATABASE_URL=postgresql://…")
        migrate_database(settings.database_url.get_secret_value())
        console.print(_("The schema is current."))


def check_config(
    file: Annotated[
        Path | None, typer.Argument(metavar="[PROGRAM]", help="A program file to check, too.")
    ] = None,
) -> None:
    """Check settings, and a program file if one is named; errors name the key and the line."""
    with told():
        settings = load_settings()
        shown = settings.model_dump(mode="json", exclude_defaults=True)
        console.print(_("Settings are valid."), shown or _("Everything is at its default."))
        if file is not None:
            _validate(file)
            console.print(_("{file} is valid.").format(file=file))


@program.command()
def validate(file: ProgramPath) -> None:
    """Check a program file; errors name the key and the line."""
    with told():
        parsed = _validate(file)
        rules = ", ".join(rule.id for rule in parsed.rules)
        console.print(_("{file} is valid: rules {rules}.").format(file=file, rules=rules))


@program.command()
def apply(
    file: ProgramPath,
    by: Annotated[str, typer.Option(help="Who applies it, for the record.")] = "command line",
    as_json: AsJson = False,
) -> None:
    """Store a program file as the next version of its book; the book is created with the first."""
    with told():
        _validate(file)
        with opened() as session, session.engine.begin() as connection:
            applied = apply_program(connection, read_program(file), by)
        if as_json:
            print_json(
                {"book": applied.book.code, "version": applied.version, "is_new": applied.is_new}
            )
        elif applied.is_new:
            console.print(
                _("Book {code}: program version {n} is stored.").format(
                    code=applied.book.code, n=applied.version
                )
            )
        else:
            console.print(
                _("Book {code}: this is version {n} already.").format(
                    code=applied.book.code, n=applied.version
                )
            )


def read_program(file: Path) -> str:
    """Reads a program file.

    Raises:
        Rejected: It is not there, or not UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise Rejected("PROGRAM_MISSING", f"{file}: there is no such file") from error
    except UnicodeDecodeError as error:
        raise Rejected("PROGRAM_NOT_TEXT", f"{file}: not UTF-8 at byte {error.start}") from error


def _validate(file: Path) -> ProgramFile:
    content = read_program(file)
    try:
        parsed = parse_program(content)
    except Rejected as error:
        line = line_of(content, error.field)
        place = f"{file}:{line}" if line else str(file)
        raise Rejected(error.reason, f"{place}: {error.message}", error.field) from error
    return parsed


def line_of(content: str, path: str) -> int | None:
    """Returns the line of a key path such as ``rules[1].effect.kind`` in a TOML text, as near as can be told.

    >>> line_of('[book]\\ncode = "x"\\n\\n[[rules]]\\nid = "a"\\n', "rules[0].id")
    5
    """
    if not path:
        return None
    section, _, rest = path.partition(".")
    name, _, index = section.partition("[")
    wanted = int(index.rstrip("]")) if index else 0
    header = f"[[{name}]]" if index else f"[{name}]"
    lines = [line.strip() for line in content.splitlines()]
    found = [number for number, line in enumerate(lines, 1) if line.replace(" ", "") == header]
    if len(found) <= wanted:
        return None
    start = found[wanted]
    key = rest.partition(".")[0].partition("[")[0]
    for number in range(start, len(lines)):
        if lines[number].startswith("["):
            break
        if key and lines[number].partition("=")[0].strip() == key:
            return number + 1
    return start
