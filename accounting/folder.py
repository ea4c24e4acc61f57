"""Files that survive a power cut: written aside, flushed to disk, renamed, and the folder flushed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Protocol

_ASIDE = ".writing"
"""Folder of files not renamed yet; whatever a killed writer left there is thrown away."""

_CHUNK = 1 << 20


class Sink(Protocol):
    """Where the text of a ledger goes."""

    def append(self, path: str, data: bytes, *, is_new: bool) -> None:
        """Adds to a file; ``is_new``: to an empty one, whatever was there."""

    def publish(self) -> None:
        """Makes everything appended so far visible and durable."""


class FolderSink:
    """Writes below a folder. Nothing is visible before `publish`, and then every file as a whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._aside = folder / _ASIDE
        self._waiting: dict[str, Path] = {}
        shutil.rmtree(self._aside, ignore_errors=True)

    def append(self, path: str, data: bytes, *, is_new: bool) -> None:
        """Adds to a file that is not visible yet: a copy of the visible one unless ``is_new``."""
        aside = self._waiting.get(path)
        if aside is None:
            self._aside.mkdir(parents=True, exist_ok=True)
            aside = self._waiting[path] = self._aside / path.replace("/", "+")
            if not is_new:
                shutil.copyfile(self._folder / path, aside)
        with aside.open("ab") as file:
            file.write(data)

    def publish(self) -> None:
        """Flushes all files, renames them in order, then flushes their folders."""
        if not self._waiting:
            return
        for aside in self._waiting.values():
            flush(aside)
        touched: set[Path] = set()
        for path, aside in sorted(self._waiting.items()):
            target = self._folder / path
            touched |= _make_folders(target.parent)
            aside.rename(target)
            touched.add(target.parent)
        for folder in sorted(touched):
            flush(folder)
        self._waiting.clear()
        self._aside.rmdir()


class NullSink:
    """Keeps nothing: for comparing, where only sums count."""

    def append(self, path: str, data: bytes, *, is_new: bool) -> None:
        """Does nothing."""

    def publish(self) -> None:
        """Does nothing."""


def replace_file(folder: Path, path: str, text: str) -> None:
    """Writes a small file whole: aside, flush, rename, flush of its folder."""
    sink = FolderSink(folder)
    sink.append(path, text.encode(), is_new=True)
    sink.publish()


def remove_file(folder: Path, path: str) -> None:
    """Removes a file, durably; nothing happens when it is not there."""
    target = folder / path
    if target.exists():
        target.unlink()
        flush(target.parent)


def read_text(path: Path) -> str:
    """Returns a file's text, empty when it is not there."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""


def file_sha256(paths: Iterable[Path]) -> str:
    """Returns the sha256 of files read one after the other, as ``cat … | sha256sum`` does."""
    digest = sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def flush(path: Path) -> None:
    """Has the disk hold a file or folder as it is now."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folders(folder: Path) -> set[Path]:
    """Creates a folder and what is missing above it; returns the parents that have a new entry."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
    return {one.parent for one in missing}
