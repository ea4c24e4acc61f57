"""Which files of a drop folder are complete, and where they go afterwards. Nothing is ever overwritten."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from pathlib import Path
from typing import NamedTuple

from adapters.drop.settings import DropFile

ARCHIVE, ERRORS = "archive", "errors"
UNFINISHED_ENDINGS = (".part", ".tmp")
DONE_ENDING = ".done"


class State(NamedTuple):
    """What tells that a file still grows."""

    size: int
    modified_ns: int

    @staticmethod
    def of(path: Path) -> State:
        """Returns the state of a file."""
        found = path.stat()
        return State(found.st_size, found.st_mtime_ns)


class Seen(NamedTuple):
    """A state, and since when it has been so, by a clock that never goes back."""

    state: State
    since: float


@dataclass(slots=True)
class Watch:
    """Finds files that are complete; remembers how they looked the last time.

    Attributes:
        file: The settings.
    """

    file: DropFile
    _seen: dict[str, Seen] = field(default_factory=dict)

    def complete(self, now: float, wall: float) -> Iterator[Path]:
        """Yields complete files in the order of their names.

        A file is complete when its state did not change for ``settle_seconds`` while we looked on; one whose own time is
        that long ago, too, needs no second look. With markers, when its marker is there.

        Args:
            now: Seconds, of a clock that never goes back.
            wall: Seconds since 1970.
        """
        names = self._candidates()
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}
        for name in names:
            path = self.file.folder / name
            if self._is_complete(path, now, wall):
                yield path

    def _candidates(self) -> list[str]:
        with os.scandir(self.file.folder) as entries:
            return sorted(
                each.name
                for each in entries
                if not each.name.startswith(".")
                and not each.name.lower().endswith(UNFINISHED_ENDINGS)
                and self.file.kind_of(each.name) is not None
                and each.is_file(follow_symlinks=False)
            )

    def _is_complete(self, path: Path, now: float, wall: float) -> bool:
        if self.file.done_marker:
            return marker_of(path).exists()
        try:
            found = path.stat()
        except FileNotFoundError:
            return False
        state = State(found.st_size, found.st_mtime_ns)
        seen = self._seen.get(path.name)
        if seen is None or seen.state != state:
            seen = self._seen[path.name] = Seen(state, now)
        quiet = max(now - seen.since, wall - max(found.st_mtime, found.st_ctime))
        return quiet >= self.file.settle_seconds


def marker_of(path: Path) -> Path:
    """Returns the marker that says a file is complete: ``orders.csv.done``."""
    return path.with_name(f"{path.name}{DONE_ENDING}")


def free_name(folder: Path, name: str) -> Path:
    """Returns a path that is not in use: ``orders.csv``, else ``orders.2.csv``, ``orders.3.csv`` and so on."""
    stem, dot, endings = name.partition(".")
    for number in count(1):
        path = folder / (name if number == 1 else f"{stem}.{number}{dot}{endings}")
        if not path.exists():
            return path
    raise AssertionError("count() never ends")


def archive(path: Path, on: date) -> Path:
    """Moves a file that was sent whole; returns where it is now."""
    return _moved(path, path.parent / ARCHIVE / on.isoformat())


def set_aside(path: Path, errors: Path) -> Path:
    """Moves a file something is wrong with, and the list of what it is; returns where the file is now.

    The list goes first: killed in between, the file is processed again and gets a new one.
    """
    folder = path.parent / ERRORS
    folder.mkdir(mode=0o700, exist_ok=True)
    target = free_name(folder, path.name)
    shutil.move(errors, target.with_name(f"{target.name}.errors.csv"))  # perhaps to another disk
    return _moved(path, folder, target)


def _moved(path: Path, folder: Path, target: Path | None = None) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = target or free_name(folder, path.name)
    path.rename(target)
    marker_of(path).unlink(missing_ok=True)
    return target
