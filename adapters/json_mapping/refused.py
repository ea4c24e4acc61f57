"""Keeps what breaks a mapping, as it came and with what is wrong, so that it can be mended and sent again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from adapters.contract import AdapterError

FILES_MAX = 10_000
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600


class RefusedNotKept(AdapterError):
    """What was refused could not be written down; whoever sent it has to send it again."""


class Problem(NamedTuple):
    """What is wrong with one document of a body.

    Attributes:
        document: Its place in the body, from 1.
        message: Path and rule.
    """

    document: int
    message: str


class RefusedFolder:
    """A folder of bodies, each with a ``.errors.json`` next to it. Only its owner may read them: personal data.

    The name is the body's digest, so that the same body again is one file.

    Args:
        path: The folder; it is made with the first file.
        files_max: How many bodies at most; then nothing more is taken until somebody has seen to them.
    """

    def __init__(self, path: Path, files_max: int = FILES_MAX) -> None:
        self.path = path
        self._files_max = files_max

    def keep(self, name: str, body: bytes, problems: Sequence[Problem]) -> bool:
        """Keeps a body on disk; returns whether it was not there before.

        Args:
            name: Where it came from, for example the hook's name.
            body: As it came.
            problems: What is wrong with which of its documents.

        Raises:
            RefusedNotKept: The folder is full or cannot be written.
        """
        digest = hashlib.sha256(body).hexdigest()[:32]
        kept = self.path / f"{name}-{digest}.json"
        said = json.dumps(
            {"from": name, "problems": [each._asdict() for each in problems]},
            ensure_ascii=False,
            indent=2,
        )
        try:
            self.path.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            is_new = not kept.exists()
            if is_new and sum(1 for _ in self.path.glob("*.errors.json")) >= self._files_max:
                raise RefusedNotKept(
                    f"{self.path} holds {self._files_max} refused bodies: see to them first"
                )
            _write(kept.with_suffix(".errors.json"), said.encode("utf-8", "backslashreplace"))
            if is_new:
                _write(kept, body)
            _sync(self.path)
        except OSError as error:
            raise RefusedNotKept(f"{self.path}: {error.strerror or error}") from error
        return is_new


def as_body(document: Any) -> bytes:
    """Returns a parsed document as JSON again, its decimals as they were written."""
    return _json(document).encode()


def _json(value: Any) -> str:
    """As ``json.dumps``, which would make floats of decimals."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{json.dumps(key)}:{_json(each)}' for key, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def _write(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    partial = path.with_name(f".{path.name}.part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
