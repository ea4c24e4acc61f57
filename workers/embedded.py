"""Embedded mode: PostgreSQL from a wheel, the in-process broker and everything else in one process.

The inbox makes it as durable as the distributed mode: what was answered is committed, and what was not applied when the process died is
found by the relay at the next start.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dramatiq
from pydantic import SecretStr
from sqlalchemy import Engine

from plugin.errors import Rejected
from plugin.store.books import apply_program, list_books
from plugin.store.schema import migrate
from workers.actors import Actors, declare_actors
from workers.broker import make_broker
from workers.database import make_engine, make_hot_engine
from workers.embedded_postgres import EmbeddedPostgres
from workers.ledger import write_ledgers_until
from workers.relay import relay_once
from workers.schedule import run_schedule
from workers.server import RunningServer, start_server
from workers.settings import Settings

logger = logging.getLogger(__name__)

CONNECTIONS_BESIDE_WORK = 12
"""For the server's threads, the collector, schedule, relay and the ledger writer."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A running installation in this process."""

    settings: Settings
    engine: Engine
    actors: Actors
    server: RunningServer

    @property
    def target(self) -> str:
        """Where clients reach the server."""
        return f"{self.settings.listen.rpartition(':')[0]}:{self.server.port}"


def own_coupon_key(path: Path) -> str:
    """Returns the secret that lies beside the data, made the first time; only its owner can read it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        try:
            os.link(fresh, path)  # Unlike a rename it refuses when another process was faster.
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text().strip()


@contextmanager
def running(settings: Settings, program: str | None = None) -> Iterator[Embedded]:
    """Runs everything; stops in the order in which nothing is lost.

    Args:
        settings: PostgreSQL is embedded unless ``database_url`` is set, the broker in-process unless ``broker_url`` is.
        program: A program file's content to apply first.
    """
    with ExitStack() as stack:
        if settings.database_url is None:
            postgres = stack.enter_context(EmbeddedPostgres(settings.data_dir / "postgres"))
            settings = settings.model_copy(update={"database_url": SecretStr(postgres.url())})
        if settings.coupon_key is None:
            key = SecretStr(own_coupon_key(settings.data_dir / "coupon.key"))
            settings = settings.model_copy(update={"coupon_key": key})
        assert settings.database_url is not None
        migrate(settings.database_url.get_secret_value())
        engine = make_engine(settings, CONNECTIONS_BESIDE_WORK)
        stack.callback(engine.dispose)
        if program is not None:
            with engine.begin() as connection:
                apply_program(connection, program, "command line")
        with engine.connect() as connection:
            if not list_books(connection):
                raise Rejected(
                    "BOOK_MISSING",
                    "there is no book yet: name a program file, `pointbook up --program docs/program.toml`",
                )
        broker = make_broker(settings)
        stack.callback(broker.close)
        hot_engine = make_hot_engine(settings, settings.work_threads)
        stack.callback(hot_engine.dispose)
        actors = declare_actors(broker, hot_engine, settings)
        worker = dramatiq.Worker(broker, worker_threads=settings.work_threads, worker_timeout=100)
        worker.start()
        stack.callback(worker.stop)
        relay_once(engine, actors, 0)
        stopping = threading.Event()
        for name, loop in (
            ("schedule", lambda: run_schedule(engine, actors, settings, stopping.wait)),
            ("ledger", lambda: write_ledgers_until(stopping.wait, engine, settings)),
        ):
            thread = threading.Thread(target=loop, name=name, daemon=True)
            thread.start()
            stack.callback(thread.join)
        stack.callback(stopping.set)
        server = start_server(settings, engine, actors)
        stack.callback(server.stop)
        yield Embedded(settings, engine, actors, server)
