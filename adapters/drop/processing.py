"""Sends the files of a drop folder, one after another; killed at any point, the file is sent again, which is harmless."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Flag

from adapters.backfill import Destination, backfill, send_waiting
from adapters.client import IntakeClient, Patience
from adapters.contract import AdapterError
from adapters.drop.folder import State, Watch, archive, set_aside
from adapters.drop.settings import DropFile, load_table_mapping
from adapters.report import ErrorsFile
from adapters.spool import TAKEN, Spool, spool_name
from adapters.table import mapping as m
from adapters.table.adapter import TableAdapter
from adapters.table.grouping import RowError, TooMuch
from adapters.table.reading import FileUnreadable, digest

LOG = logging.getLogger("adapters")
NOT_THE_FOLDER = (FileUnreadable, m.MappingInvalid, TooMuch)  # the file's fault: others may be fine
PATIENCE = Patience(attempts_max=5)  # then the next look tries again, and a stop does not wait long


class FileLeft(AdapterError):
    """A file stays where it is, to be read again at the next look."""


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file.

    Attributes:
        name: Its name.
        moved_to: Where it is now.
        documents: Documents that became events.
        taken: Events Pointbook took, or had.
        refused: Events it did not take.
        wrong: Rows something is wrong with, and documents held back because of them.
        problem: Why the file could not be read to its end; empty when it was.
    """

    name: str
    moved_to: Path
    documents: int
    taken: int
    refused: int
    wrong: int
    problem: str = ""

    @property
    def is_fine(self) -> bool:
        """Whether everything in it was sent and taken."""
        return not (self.refused or self.wrong or self.problem)


def utc_now() -> datetime:
    """Returns the current instant."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class FolderReport:
    """What became of the files that were complete.

    Attributes:
        files: In the order of their names.
        away: Why the rest was left for later; empty when there is no rest.
    """

    files: tuple[FileReport, ...]
    away: str = ""

    @property
    def is_fine(self) -> bool:
        """Whether nothing is left and nothing was wrong."""
        return not self.away and all(each.is_fine for each in self.files)


class DropFolder:
    """A drop folder that is open: its spool is locked, so nobody else works in it. See ``opened``."""

    def __init__(
        self,
        file: DropFile,
        mappings: Mapping[Path, m.Mapping],
        spool: Spool,
        client: IntakeClient,
        now: Callable[[], datetime],
    ) -> None:
        self._file = file
        self._mappings = mappings
        self._spool = spool
        self._to = Destination(client, file.source, file.pointbook.book, file.pointbook.batch)
        self._now = now
        self._watch = Watch(file)

    def process(self) -> FolderReport:
        """Sends the files that are complete now."""
        done: list[FileReport] = []
        away: list[str] = []
        try:
            for path in self._watch.complete(time.monotonic(), self._now().timestamp()):
                try:
                    done.append(self._process(path))
                except (FileLeft, FileUnreadable) as error:
                    away.append(str(error))
                else:
                    _log(done[-1])
        except (AdapterError, OSError) as error:
            away.append(str(error))
        return FolderReport(tuple(done), "; ".join(away))

    def run(self, stop: Flag) -> None:
        """Goes on until it is told to stop; what fails is logged and tried again."""
        while not stop.is_set():
            report = self.process()
            if report.away:
                LOG.warning("left for later: %s", report.away)
            stop.wait(self._file.interval_seconds)

    def _process(self, path: Path) -> FileReport:
        run, before = self._run_of(path), State.of(path)
        errors_path = spool_file(self._file).with_suffix(".errors.csv")
        with closing(ErrorsFile(errors_path)) as errors:
            adapter = TableAdapter(self._mapping_of(path), {"main": path}, errors.add_row_error)
            problem = self._send(adapter, run, path, errors)
            errors.add_refusals(self._spool.refusals())
        if State.of(path) != before:
            raise FileLeft(f"{path.name} changed while it was read; it will be read again")
        tallies = self._spool.tallies()
        refused = sum(each.events for each in tallies if each.outcome not in TAKEN)
        wrong = errors.row_errors + errors.held_back - bool(problem)
        is_fine = not (refused or wrong or problem)
        moved = archive(path, self._now().date()) if is_fine else set_aside(path, errors_path)
        self._spool.finish()
        return FileReport(
            name=path.name,
            moved_to=moved,
            documents=adapter.documents.total(),
            taken=sum(each.events for each in tallies if each.outcome in TAKEN),
            refused=refused,
            wrong=wrong,
            problem=problem,
        )

    def _send(self, adapter: TableAdapter, run: str, path: Path, errors: ErrorsFile) -> str:
        """Sends what the file holds; returns why it could not be read to its end, empty when it was."""
        try:
            backfill(adapter, self._spool, self._to, run)
        except NOT_THE_FOLDER as error:
            errors.add_row_error(RowError(path.name, 0, "", str(error)))
            send_waiting(self._spool, self._to)
            return str(error)
        return ""

    def _run_of(self, path: Path) -> str:
        to = (self._file.source, self._file.pointbook.book, self._file.pointbook.address)
        said = (path.name, self._mapping_of(path).model_dump_json(), *to)
        return digest([path], *(each.encode() for each in said))

    def _mapping_of(self, path: Path) -> m.Mapping:
        kind = self._file.kind_of(path.name)
        assert kind is not None, "only files with a pattern are found"
        return self._mappings[kind.mapping]


def spool_file(file: DropFile) -> Path:
    """Returns the spool's file: each source, book and target has its own."""
    name = spool_name(file.source, file.pointbook.book, file.pointbook.address)
    return file.spool / f"drop-{name}.sqlite3"


@contextmanager
def opened(file: DropFile, now: Callable[[], datetime] = utc_now) -> Iterator[DropFolder]:
    """Opens a drop folder.

    Raises:
        AdapterError: A mapping breaks a rule, the folder is missing, or somebody else works in it.
    """
    if not file.folder.is_dir():
        raise AdapterError(f"drop folder {file.folder} is no folder")
    mappings = {each.mapping: load_table_mapping(each.mapping) for each in file.files}
    with (
        Spool(spool_file(file)) as spool,
        IntakeClient(file.pointbook.target(), PATIENCE) as client,
    ):
        yield DropFolder(file, mappings, spool, client, now)


def process_folder(file: DropFile, now: Callable[[], datetime] = utc_now) -> FolderReport:
    """Sends the files that are complete, once, and returns what became of them.

    Raises:
        AdapterError: As ``opened``.
    """
    with opened(file, now) as folder:
        return folder.process()


def watch_folder(file: DropFile, stop: Flag) -> None:
    """Sends files as they come, until it is told to stop.

    Raises:
        AdapterError: As ``opened``.
    """
    with opened(file) as folder:
        folder.run(stop)


def _log(report: FileReport) -> None:
    said = (report.name, report.documents, report.taken, report.refused, report.wrong)
    if report.is_fine:
        LOG.info("%s: %d documents, %d taken, %d refused, %d wrong rows", *said)
    else:
        LOG.warning(
            "%s: %d documents, %d taken, %d refused, %d wrong rows; see %s", *said, report.moved_to
        )
