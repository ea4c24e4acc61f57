"""The command line ``pointbook-adapter``. Exit status: 0 fine, 1 found something, 2 could not run."""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from adapters.backfill import Destination, backfill, send_waiting
from adapters.client import EVENTS_PER_BATCH, EVENTS_PER_BATCH_MAX, IntakeClient, Target
from adapters.contract import AdapterError
from adapters.drop.processing import process_folder, watch_folder
from adapters.drop.settings import load_drop_file
from adapters.health import served
from adapters.hints import heard
from adapters.opening import opened
from adapters.reconcile import Comparison
from adapters.reconcile import reconcile as compared
from adapters.registry import open_erp
from adapters.report import ErrorsFile, Report
from adapters.settings import load_settings
from adapters.spool import Spool, spool_name
from adapters.table.adapter import TableAdapter
from adapters.table.mapping import FileName, Mapping, load_mapping
from adapters.table.reading import digest
from adapters.webhook.serving import serve
from adapters.webhook.settings import load_webhook_file

FOUND_SOMETHING = 1
COULD_NOT_RUN = 2
UNFINISHED = (
    "the run before this one did not end, and was of other files or another mapping: "
    "what it had not sent is dropped; if those files still count, run it again, too"
)

app = typer.Typer(
    help="Adapters: bring documents of other systems to Pointbook.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
backfill_app = typer.Typer(help="Send everything a source holds.", no_args_is_help=True)
app.add_typer(backfill_app, name="backfill")

console = Console()
complaints = Console(stderr=True)


def main() -> None:
    """Runs the command line."""
    app()


@app.callback()
def _adapters() -> None:
    """Adapters: bring documents of other systems to Pointbook."""


@backfill_app.callback()
def _backfill() -> None:
    """Send everything a source holds."""


@backfill_app.command("csv")
def backfill_csv(
    config: Annotated[Path, typer.Option(help="Mapping file (TOML).")],
    path: Annotated[Path, typer.Option(help="Table: .csv, .csv.gz or .csv.xz.")],
    returns: Annotated[
        Path | None, typer.Option(help="Second table, if the mapping needs it.")
    ] = None,
    target: Annotated[str, typer.Option(help="Where Pointbook listens.")] = "127.0.0.1:50051",
    source: Annotated[str, typer.Option(help="Source name; the mapping's if not given.")] = "",
    book: Annotated[str, typer.Option(help="Book code; the mapping's if not given.")] = "",
    spool: Annotated[Path, typer.Option(help="Folder of the spool.")] = Path("pointbook-spool"),
    batch: Annotated[
        int, typer.Option(min=1, max=EVENTS_PER_BATCH_MAX, help="Events per call.")
    ] = EVENTS_PER_BATCH,
    api_key_env: Annotated[str, typer.Option(help="Variable that holds the API key.")] = "",
    tls: Annotated[bool, typer.Option("--tls", help="Speak TLS.")] = False,
    tls_ca: Annotated[Path | None, typer.Option(help="PEM certificates to trust.")] = None,
    tls_certificate: Annotated[Path | None, typer.Option(help="PEM certificate of ours.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM key of that certificate.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON.")] = False,
) -> None:
    """Send the documents of a table, as a mapping file says. Killed or failed, run it again: it goes on."""
    with _exit_status():
        mapping = load_mapping(config)
        pem = [_bytes(file) for file in (tls_ca, tls_certificate, tls_key)]
        paths: dict[FileName, Path] = {"main": path}
        if returns is not None:
            paths["returns"] = returns
        job = Job(
            mapping=mapping,
            paths=paths,
            target=Target(target, _api_key(api_key_env), tls or any(pem), *pem),
            source=source or mapping.source,
            book=book or mapping.book,
            spool=spool,
            batch=batch,
        )
        report = run_backfill(job, quiet=as_json)
    if as_json:
        typer.echo(json.dumps(report.to_json(), indent=2))
    else:
        _show(report)
    if not report.is_fine:
        raise typer.Exit(FOUND_SOMETHING)


SettingsFile = Annotated[Path, typer.Argument(help="Settings file (TOML) of the adapter.")]


@backfill_app.command("erp")
def backfill_erp(
    file: SettingsFile,
    again: Annotated[
        bool, typer.Option("--again", help="Read everything once more, from the beginning.")
    ] = False,
) -> None:
    """Send everything a live ERP holds. Killed or failed, run it again: it goes on."""
    with _exit_status(), opened(load_settings(file)) as ready:
        spool = ready.follower.spool
        if again:
            spool.rewind()
        is_fine = ready.follower.look()
        table = Table("Events", "Count", title="Backfill")
        table.columns[1].justify = "right"
        for each in spool.tallies():
            table.add_row(f"{each.outcome} {each.reason}".rstrip(), f"{each.events:,}")
        table.add_row("waiting", f"{spool.waiting():,}")
        console.print(table)
        for part, why in ready.health.said()["problems"].items():
            complaints.print(f"{part}: {why}", style="red", markup=False, soft_wrap=True)
    if not is_fine:
        raise typer.Exit(FOUND_SOMETHING)


@app.command()
def run(file: SettingsFile) -> None:
    """Follow a live ERP until stopped: read, send, write redemptions back."""
    _log_to_standard_error()
    bell = Event()
    stop = _stopped_by_signals(bell)
    with _exit_status():
        settings = load_settings(file)
        with (
            opened(settings) as ready,
            served(ready.health, settings.run.health_address),
            heard(settings.hints, bell.set),
        ):
            ready.follower.run(stop, bell)


@app.command()
def webhook(file: SettingsFile) -> None:
    """Take signed webhooks until stopped: keep each on disk, answer, send."""
    _log_to_standard_error()
    _stopped_by_signals()  # the server hands its signal on when it has stopped; we close what is open
    with _exit_status():
        serve(load_webhook_file(file))


@app.command()
def drop(
    file: SettingsFile,
    once: Annotated[
        bool, typer.Option("--once", help="Look once, say what became of the files, and end.")
    ] = False,
) -> None:
    """Send the tables that are put into a folder, and file them away."""
    _log_to_standard_error()
    with _exit_status():
        settings = load_drop_file(file)
        if not once:
            watch_folder(settings, _stopped_by_signals())
            return
        report = process_folder(settings)
    table = Table(
        "File", "Documents", "Taken", "Refused", "Wrong rows", "Now in", title="Drop folder"
    )
    for each in report.files:
        figures = (each.documents, each.taken, each.refused, each.wrong)
        where = each.moved_to.parent.relative_to(settings.folder)
        table.add_row(each.name, *(f"{figure:,}" for figure in figures), str(where))
    console.print(table)
    problems = [f"{each.name}: {each.problem}" for each in report.files if each.problem]
    for line in [*problems, *([report.away] if report.away else [])]:
        complaints.print(line, style="red", markup=False, soft_wrap=True)
    if not report.is_fine:
        raise typer.Exit(FOUND_SOMETHING)


def _log_to_standard_error() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its lines hold whole addresses


def _stopped_by_signals(bell: Event | None = None) -> Event:
    """Returns what a signal sets; the bell is set after it."""
    stop = Event()

    def end(*_: object) -> None:
        stop.set()
        if bell is not None:
            bell.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    return stop


@app.command()
def reconcile(
    file: SettingsFile,
    since: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    until: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="The day after the last one.")
    ],
    repair: Annotated[
        bool, typer.Option("--repair", help="Send what is missing or different again.")
    ] = False,
) -> None:
    """Compare a live ERP with what Pointbook received, day by day and document by document (reconciliation 5)."""
    with _exit_status():
        settings = load_settings(file)
        target = settings.pointbook.target()
        days = since.date(), until.date()
        with ExitStack() as stack:
            # The spool is its adapter's; who only compares leaves it alone, and may do so while that one runs.
            ready = stack.enter_context(opened(settings)) if repair else None
            erp = ready.follower.erp if ready else stack.enter_context(closing(open_erp(settings)))
            found = compared(erp, target, settings.source, settings.pointbook.book, *days)
            if ready:
                for event, version_min in found.repairs:
                    ready.follower.spool.renumber(event, version_min)
                send_waiting(ready.follower.spool, ready.follower.to)
    _show_comparison(found, repair)
    if found.differences:
        raise typer.Exit(FOUND_SOMETHING)


def _show_comparison(found: Comparison, is_repaired: bool) -> None:
    table = Table("Day", "Kind", "", "ERP", "Pointbook", title="Reconciliation 5")
    for (on, kind), totals in found.days.items():
        for what, (erp, ours) in (
            ("documents", totals.documents),
            ("amount, minor", totals.amount_minor),
            ("quantity", totals.quantity),
        ):
            table.add_row(on, kind, what, str(erp), str(ours), style="" if erp == ours else "red")
    console.print(table)
    for each in found.differences:
        sides = f"ERP: {each.erp or 'nothing'}; Pointbook: {each.pointbook or 'nothing'}"
        line = f"{each.what} {each.document} {each.reason}".rstrip()
        console.print(f"{line}: {sides}", markup=False, highlight=False, soft_wrap=True)
    if not found.differences:
        console.print("ERP and Pointbook have the same documents.")
    if is_repaired:
        console.print(f"sent again: {len(found.repairs)}")


@app.command()
def check(file: SettingsFile) -> None:
    """Look whether a live ERP can be read: version, rights, settings."""
    with _exit_status():
        erp = open_erp(load_settings(file))
        try:
            for line in erp.check():
                console.print(line, markup=False, highlight=False, soft_wrap=True)
        finally:
            erp.close()


@dataclass(frozen=True, slots=True)
class Job:
    """One backfill of tables: what, whence, where to."""

    mapping: Mapping
    paths: dict[FileName, Path]
    target: Target
    source: str
    book: str
    spool: Path
    batch: int

    def file(self, ending: str) -> Path:
        """Returns a file of this source, book and target in the spool's folder."""
        return self.spool / f"{spool_name(self.source, self.book, self.target.address)}{ending}"

    def run(self) -> str:
        """Returns what tells this run from others: the files, the mapping, source, book and target."""
        files = [self.paths[name] for name in self.mapping.names() if name in self.paths]
        to = (self.source, self.book, self.target.address)
        said = (self.mapping.model_dump_json(), *to)
        return digest(files, *(each.encode() for each in said))


def run_backfill(job: Job, *, quiet: bool) -> Report:
    """Runs a backfill to its end and returns its figures.

    Raises:
        AdapterError: It could not run to its end; run it again to go on.
    """
    run = job.run()  # before the spool, so that a file that is missing leaves nothing behind
    with (
        Spool(job.file(".sqlite3")) as spool,
        IntakeClient(job.target) as client,
        closing(ErrorsFile(job.file(".errors.csv"))) as errors,
        _progress(quiet) as progress,
    ):
        adapter = TableAdapter(job.mapping, job.paths, errors.add_row_error)
        task = progress.add_task("", total=adapter.bytes_total)

        def show() -> None:
            said = f"{adapter.rows_read:,} rows, {adapter.documents.total():,} documents"
            progress.update(task, completed=adapter.bytes_read, description=said)

        if spool.is_of_another(run):
            complaints.print(UNFINISHED, style="yellow", soft_wrap=True)
        to = Destination(client, job.source, job.book, job.batch)
        backfill(adapter, spool, to, run, show)
        errors.add_refusals(spool.refusals())
        report = Report(
            adapter.rows_read,
            adapter.rows_ignored,
            adapter.documents,
            errors.row_errors,
            errors.held_back,
            spool.tallies(),
            errors.path,
        )
        spool.finish()
    return report


@contextmanager
def _exit_status() -> Iterator[None]:
    """Turns what keeps the command from running into a sentence and exit status 2."""
    try:
        yield
    except (AdapterError, OSError) as error:
        complaints.print(f"could not run: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(COULD_NOT_RUN) from error


def _progress(quiet: bool) -> Progress:
    return Progress(
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.description}", markup=False),
        TimeRemainingColumn(),
        console=complaints,
        disable=quiet,
    )


def _show(report: Report) -> None:
    console.print(report.to_table())
    if not report.is_fine:
        told = f"Row errors and refused events: {report.errors_file}"
        console.print(told, style="yellow", markup=False, highlight=False, soft_wrap=True)


def _api_key(variable: str) -> str:
    if not variable:
        return ""
    key = os.environ.get(variable, "")
    if not key:
        raise AdapterError(f"the variable {variable} holds no API key")
    return key


def _bytes(path: Path | None) -> bytes:
    return path.read_bytes() if path else b""


if __name__ == "__main__":
    main()
