"""What is around the days of a ledger: assertions of closed months, accounts, the main file and the index."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Connection

from accounting.balances import account_balances
from accounting.day import close_path, summary_path
from accounting.folder import read_text, remove_file, replace_file
from accounting.render import Notation, accounts_file, close_file, index_file, main_file
from accounting.store import next_month

_CLOSE_NAME = "close.beancount"


@dataclass(frozen=True, slots=True)
class Frame:
    """What the frame depends on.

    ``listed`` are the files of the index before, none when all is written anew; ``touched`` the days written since.
    """

    position: int
    closed: frozenset[date]
    touched: frozenset[date]
    listed: frozenset[str] = frozenset()


def write_frame(
    connection: Connection, book_id: int, folder: Path, notation: Notation, frame: Frame
) -> None:
    """Writes what differs from what is there, the index last: it is what makes a write complete."""
    for month in sorted(frame.closed):
        if not frame.listed or _is_stale(folder, month, frame.touched):
            replace_file(
                folder, close_path(month), close_text(connection, book_id, month, notation)
            )
    listed = {path for path in frame.listed if not path.endswith(_CLOSE_NAME)}
    listed |= {summary_path(day) for day in frame.touched}
    closes = {close_path(month) for month in frame.closed}
    _replace_if_other(folder, "accounts.beancount", accounts_file(notation))
    _replace_if_other(folder, "main.beancount", main_file(notation))
    _replace_if_other(folder, "index.beancount", index_file(listed | closes, frame.position))
    _remove_reopened(folder, closes)


def frame_files(
    connection: Connection,
    book_id: int,
    notation: Notation,
    position: int,
    closed: Collection[date],
    days: Collection[date],
) -> dict[str, str]:
    """Returns path and text of every file of the frame as it must be, for comparing."""
    closes = {close_path(m): close_text(connection, book_id, m, notation) for m in closed}
    index = index_file([*map(summary_path, days), *closes], position)
    return {
        "accounts.beancount": accounts_file(notation),
        "main.beancount": main_file(notation),
        "index.beancount": index,
        **closes,
    }


def close_text(connection: Connection, book_id: int, month: date, notation: Notation) -> str:
    """Returns the assertions at the end of a closed month; nothing can be added before that end any more."""
    asserted_on = next_month(month)
    balances = account_balances(connection, book_id, asserted_on - timedelta(days=1))
    return close_file(month, asserted_on, balances, notation)


def _is_stale(folder: Path, month: date, touched: Collection[date]) -> bool:
    """Tells whether a closed month's assertions are missing, or were written before days they count."""
    end = next_month(month)
    return not (folder / close_path(month)).exists() or any(day < end for day in touched)


def _replace_if_other(folder: Path, path: str, text: str) -> None:
    if read_text(folder / path) != text:
        replace_file(folder, path, text)


def _remove_reopened(folder: Path, closes: Collection[str]) -> None:
    """Removes assertions of months that are open again; only once no index includes them."""
    for found in sorted(folder.glob(f"*/*/{_CLOSE_NAME}")):
        path = found.relative_to(folder).as_posix()
        if path not in closes:
            remove_file(folder, path)
