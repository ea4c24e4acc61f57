"""The file that sets up ``pointbook-adapter drop``."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from adapters.contract import AdapterError
from adapters.settings import Pointbook, Seconds, Settings, validated
from adapters.table.mapping import Mapping, load_mapping

ENDINGS = (".csv", ".csv.gz", ".csv.xz", ".xlsx")
SETTLE_SECONDS = 10.0


class Kind(Settings):
    """One entry of ``[[files]]``.

    Attributes:
        name: Pattern of file names, small and capital letters alike: ``orders-*.csv``.
        mapping: Mapping file, relative to the settings file.
    """

    name: Annotated[str, Field(min_length=1)]
    mapping: Path


class DropFile(Settings):
    """The whole file.

    Attributes:
        source: Source name in Pointbook.
        pointbook: Where documents go.
        folder: What is watched; ``archive`` and ``errors`` are made in it.
        spool: Folder of the spool.
        interval_seconds: Wait between two looks.
        settle_seconds: A file is taken when its size and time did not change for so long.
        done_marker: Take a file only when ``NAME.done`` is beside it, and at once then.
        files: Which file is read how; the first pattern that fits counts.
    """

    source: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]
    pointbook: Pointbook = Pointbook()
    folder: Path
    spool: Path = Path("pointbook-spool")
    interval_seconds: Seconds = 10.0
    settle_seconds: Annotated[float, Field(ge=0, le=86_400)] = SETTLE_SECONDS
    done_marker: bool = False
    files: Annotated[list[Kind], Field(min_length=1)]

    @model_validator(mode="after")
    def _waits_somehow(self) -> Self:
        if not self.done_marker and self.settle_seconds == 0:
            raise ValueError("settle_seconds = 0 needs done_marker: half a file would be taken")
        return self

    def kind_of(self, name: str) -> Kind | None:
        """Returns how a file is read; None when no pattern fits."""
        lower = name.lower()
        if not lower.endswith(ENDINGS):
            return None
        return next((each for each in self.files if fnmatchcase(lower, each.name.lower())), None)


def load_drop_file(path: Path) -> DropFile:
    """Reads a settings file; its paths are relative to it.

    Raises:
        AdapterError: It cannot be read, or breaks a rule; the message names file, setting and rule.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AdapterError(f"settings file {path}: {error}") from error
    file = validated(DropFile, said, f"settings file {path}")
    here = path.parent
    files = [each.model_copy(update={"mapping": here / each.mapping}) for each in file.files]
    found = {"folder": here / file.folder, "spool": here / file.spool, "files": files}
    return file.model_copy(update=found)


def load_table_mapping(path: Path) -> Mapping:
    """Reads a mapping of tables, which has to do with one file.

    Raises:
        AdapterError: It cannot be read, breaks a rule, or needs a second file.
    """
    mapping = load_mapping(path)
    if mapping.names() != ["main"]:
        raise AdapterError(
            f"{path}: it reads a second file; in a drop folder each file stands alone"
        )
    return mapping
