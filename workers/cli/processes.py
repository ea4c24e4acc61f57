"""Commands that run: everything in one process, or each part as a process of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Annotated

import dramatiq.cli
import typer

from plugin.errors import Rejected
from workers.actors import declare_actors
from workers.broker import make_broker
from workers.cli.programs import read_program
from workers.database import make_engine
from workers.embedded import running
from workers.relay import relay_until
from workers.schedule import run_schedule
from workers.server import start_server
from workers.settings import Settings, load_settings
from workers.show.output import console, told
from workers.stopping import stop_signal
from workers.telemetry import configure_logging, spare_garbage_collector
from workers.text import _

DataDir = Annotated[
    Path | None, typer.Option(help="Folder for database and ledgers (POINTBOOK_DATA_DIR).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

SERVER_CONNECTIONS = 12

bench = typer.Typer(invoke_without_command=True)


def up(
    program: Annotated[Path | None, typer.Option(help="Program file to apply first.")] = None,
    data_dir: DataDir = None,
    listen: Annotated[str | None, typer.Option(help="host:port (POINTBOOK_LISTEN).")] = None,
) -> None:
    """Run everything in one process: embedded PostgreSQL and an in-process broker unless others are set."""
    with told():
        settings = load_settings(data_dir=data_dir, listen=listen)
        configure_logging(settings.log_level)
        content = read_program(program) if program is not None else None
        stopped = stop_signal()
        with running(settings, content) as embedded:
            spare_garbage_collector()
            console.print(
                _(
                    "Pointbook takes events at {target}; data lies in {folder}. Ctrl-C stops it."
                ).format(target=embedded.target, folder=settings.data_dir)
            )
            while not stopped(3600):
                pass
            console.print(_("Stopping; what was taken is kept."))


def demo(
    data_dir: DataDir = None,
    keep: Annotated[
        bool, typer.Option(help="Keep what an earlier demo left instead of starting afresh.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a year of retail orders through the whole system and show points, books and reconciliations."""
    from workers.demo.run import run_demo

    with told():
        raise typer.Exit(run_demo(load_settings(data_dir=data_dir), keep=keep, as_json=as_json))


def serve() -> None:
    """Run the gRPC server; any number of them may run."""
    with told():
        settings = _distributed()
        engine = make_engine(settings, SERVER_CONNECTIONS)
        actors = declare_actors(make_broker(settings), None, settings)
        stopped = stop_signal()
        server = start_server(settings, engine, actors)
        spare_garbage_collector()
        console.print(_("Pointbook takes events on port {port}.").format(port=server.port))
        while not stopped(3600):
            pass
        server.stop()


def work(
    processes: Annotated[
        int | None, typer.Option(help="Worker processes (POINTBOOK_WORK_PROCESSES).")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads in each (POINTBOOK_WORK_THREADS).")
    ] = None,
) -> None:
    """Run workers on this host; any number of processes and hosts."""
    with told():
        settings = _distributed()
    arguments = [
        "workers.main:start",
        "--processes", str(processes or settings.work_processes),
        "--threads", str(threads or settings.work_threads),
        "--queues", settings.queue,
        "--worker-shutdown-timeout", str(int(settings.stop_seconds_max * 1000)),
        "--skip-logging",
    ]  # fmt: skip
    parsed: argparse.Namespace = dramatiq.cli.make_argument_parser().parse_args(arguments)
    sys.exit(dramatiq.cli.main(parsed))


def schedule() -> None:
    """Run scheduled jobs: expiry, relaying, partitions. Any number may run, one works at a time."""
    with told():
        settings = _distributed()
        engine = make_engine(settings, SERVER_CONNECTIONS)
        actors = declare_actors(make_broker(settings), None, settings)
        run_schedule(engine, actors, settings, stop_signal())


def relay() -> None:
    """Announce again what waits although it should not: lost messages, broker restarts."""
    with told():
        settings = _distributed()
        engine = make_engine(settings, 2)
        actors = declare_actors(make_broker(settings), None, settings)
        after, every = settings.relay_after_seconds, settings.relay_every_seconds
        relay_until(stop_signal(), engine, actors, after, every)


@bench.callback()
def bench_pipeline(
    context: typer.Context,
    events: Annotated[
        int, typer.Option(help="Order events through the pipeline.", min=1_000)
    ] = 200_000,
    textbook_events: Annotated[
        int, typer.Option(help="Order events through the textbook design.", min=100)
    ] = 2_000,
    growth_events: Annotated[
        int, typer.Option(help="Order events for the growth figure; 0 leaves it out.")
    ] = 0,
    processes: Annotated[int, typer.Option(help="Worker processes.", min=1)] = 2,
    as_json: AsJson = False,
) -> None:
    """Measure the whole pipeline beside the textbook design, in one run, with the ratio."""
    from workers.bench.run import run_bench

    if context.invoked_subcommand is not None:
        return
    with told():
        code = run_bench(
            events=events,
            textbook_events=textbook_events,
            growth_events=growth_events,
            processes=processes,
            as_json=as_json,
        )
        raise typer.Exit(code)


@bench.command("redemption")
def bench_redemption(
    redemptions: Annotated[
        int, typer.Option(help="Redemptions on one SKU, and on a hundred.", min=100)
    ] = 10_000,
    textbook_redemptions: Annotated[
        int, typer.Option(help="Redemptions by the textbook design instead.", min=100)
    ] = 2_000,
    clients: Annotated[int, typer.Option(help="Client processes.", min=1)] = 4,
    as_json: AsJson = False,
) -> None:
    """Measure redemption beside the textbook design; exit status 1 when a count is wrong."""
    from workers.bench.redemption import Size, run_redemption_bench

    with told():
        size = Size(
            members=max(10_000, redemptions),
            redemptions=redemptions,
            textbook=textbook_redemptions,
            clients=clients,
        )
        raise typer.Exit(run_redemption_bench(size, as_json=as_json))


def _distributed() -> Settings:
    """Returns settings of a process that shares PostgreSQL and RabbitMQ with others."""
    settings = load_settings()
    configure_logging(settings.log_level)
    if settings.broker_url is None:
        raise Rejected(
            "BROKER_URL_MISSING",
            "set POINTBOOK_BROKER_URL=amqp://…; processes cannot share an in-process broker (pointbook up needs none)",
        )
    return settings
