"""Services and helpers for all tests: a real PostgreSQL, a real RabbitMQ, waiting for a condition.

A service that is missing fails the test; nothing is skipped silently.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from plugin.store.schema import migrate
from workers.bench.rabbitmq import OwnRabbitMQ, find_rabbitmq, takes_connections
from workers.embedded_postgres import EmbeddedPostgres, PostgresSettings

T = TypeVar("T")

RABBITMQ_MISSING = """\
no RabbitMQ for the tests. Three ways to provide one:
  1. POINTBOOK_TEST_AMQP_URL=amqp://guest:guest@host:5672/  (tests that stop the broker will fail)
  2. a local rabbitmq-server, which the tests start themselves: apt-get install rabbitmq-server
  3. docker compose up -d rabbitmq
     POINTBOOK_TEST_AMQP_URL=amqp://pointbook:pointbook@localhost:5672/
"""


class Eventually(Protocol):
    """What the fixture ``eventually`` is."""

    def __call__(
        self, condition: Callable[[], T], *, within: float = 10.0, every: float = 0.02
    ) -> T: ...


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    """Returns a function that waits for a condition and returns its first true value.

    The condition may also raise AssertionError until it holds; the last one is then the failure.
    """

    def wait(condition: Callable[[], T], *, within: float = 10.0, every: float = 0.02) -> T:
        ends_at = time.monotonic() + within
        while True:
            late = time.monotonic() > ends_at
            try:
                value = condition()
            except AssertionError:
                if late:
                    raise
            else:
                if value:
                    return value
                if late:
                    raise AssertionError(f"not within {within} s, last value: {value!r}")
            time.sleep(every)

    return wait


# PostgreSQL


class PostgresServer:
    """A server for tests: an embedded one, or the one of POINTBOOK_TEST_DATABASE_URL."""

    def __init__(self, url: str, embedded: EmbeddedPostgres | None) -> None:
        self._admin_url = url
        self._embedded = embedded
        self._template = ""

    def url_for(self, database: str) -> str:
        """Returns the URL of one database of this server."""
        return urlunsplit(urlsplit(self._admin_url)._replace(path=f"/{database}"))

    def start(self) -> None:
        """Starts the server on the same data; does nothing when it runs."""
        if self._embedded is not None:
            self._embedded.start()

    def stop(self) -> None:
        """Stops the server as an operator does."""
        self._own().stop()

    def kill9(self) -> None:
        """Kills the server as a power cut does, except that the disk keeps what it was given."""
        pid = self._own().pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)

    @contextmanager
    def empty_database(self) -> Iterator[str]:
        """Creates a database without tables and yields its URL; drops it at the end."""
        with self._database("template1") as name:
            yield self.url_for(name)

    @contextmanager
    def migrated_database(self) -> Iterator[str]:
        """Creates a database with our schema and yields its URL; drops it at the end."""
        if not self._template:
            name = f"pointbook_template_{uuid.uuid4().hex[:8]}"
            self._admin("CREATE DATABASE {}", name)
            migrate(self.url_for(name))
            self._template = name
        with self._database(self._template) as name:
            yield self.url_for(name)

    def close(self) -> None:
        """Leaves nothing behind."""
        if self._template:
            self.start()
            self._admin("DROP DATABASE IF EXISTS {} WITH (FORCE)", self._template)
        if self._embedded is not None:
            self._embedded.stop()

    @contextmanager
    def _database(self, template: str) -> Iterator[str]:
        self.start()
        name = f"test_{uuid.uuid4().hex[:12]}"
        self._admin("CREATE DATABASE {} TEMPLATE {}", name, template)
        try:
            yield name
        finally:
            self.start()
            self._admin("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _admin(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._admin_url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _own(self) -> EmbeddedPostgres:
        if self._embedded is None:
            pytest.fail("this test stops PostgreSQL: unset POINTBOOK_TEST_DATABASE_URL")
        return self._embedded


@contextmanager
def _embedded_postgres(settings: PostgresSettings) -> Iterator[PostgresServer]:
    folder = Path(tempfile.mkdtemp(prefix="pb-pg-", dir="/tmp"))  # short: sockets have a limit
    folder.chmod(0o711)  # as root, the server runs as another account
    server = EmbeddedPostgres(folder / "data", settings)
    try:
        server.start()
        mine = PostgresServer(server.url("postgres"), server)
        try:
            yield mine
        finally:
            mine.close()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL that is fast and may lose what was committed when it is killed."""
    url = os.environ.get("POINTBOOK_TEST_DATABASE_URL")
    if url:
        server = PostgresServer(url, None)
        yield server
        server.close()
        return
    with _embedded_postgres(PostgresSettings(durable=False)) as server:
        yield server


@pytest.fixture(scope="session")
def durable_postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL with the settings of production, for tests that kill it."""
    with _embedded_postgres(PostgresSettings()) as server:
        yield server


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database of the test's own with our schema, dropped afterwards."""
    with postgres_server.migrated_database() as url:
        yield url


@pytest.fixture
def empty_database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database of the test's own without tables, dropped afterwards."""
    with postgres_server.empty_database() as url:
        yield url


@pytest.fixture
def durable_database_url(durable_postgres_server: PostgresServer) -> Iterator[str]:
    """The same as ``database_url`` on the server with the settings of production."""
    with durable_postgres_server.migrated_database() as url:
        yield url


# RabbitMQ


class RabbitMQServer(Protocol):
    """A broker for tests. ``url`` stays the same over stop and start."""

    url: str

    def start(self) -> None:
        """Starts the broker on the same data and waits for it; does nothing when it runs."""

    def stop(self) -> None:
        """Stops the broker as an operator does."""

    def kill9(self) -> None:
        """Kills the broker without warning."""

    @property
    def running(self) -> bool:
        """Whether the broker runs."""


class OtherRabbitMQ:
    """The broker of POINTBOOK_TEST_AMQP_URL, which is not ours to stop."""

    running = True

    def __init__(self, url: str) -> None:
        self.url = url

    def start(self) -> None:
        """Fails when nothing answers."""
        if not takes_connections(self.url):
            pytest.fail("POINTBOOK_TEST_AMQP_URL: no broker answers there")

    def stop(self) -> None:
        """Fails: not ours."""
        pytest.fail("this test stops the broker: it needs a local rabbitmq-server; "
                    "unset POINTBOOK_TEST_AMQP_URL")  # fmt: skip

    kill9 = stop


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[RabbitMQServer]:
    """A RabbitMQ that tests may stop, kill and start again."""
    url = os.environ.get("POINTBOOK_TEST_AMQP_URL")
    if url:
        other = OtherRabbitMQ(url)
        other.start()
        yield other
        return
    program = find_rabbitmq()
    if program is None:
        pytest.fail(RABBITMQ_MISSING)
    folder = Path(tempfile.mkdtemp(prefix="pb-mq-", dir="/tmp"))
    node = OwnRabbitMQ(program, folder)
    try:
        node.start()
        yield node
    finally:
        node.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def amqp_url(rabbitmq_server: RabbitMQServer) -> str:
    """The URL of a running broker, also after a test that killed it. Use with ``queue_prefix``."""
    rabbitmq_server.start()
    return rabbitmq_server.url


@pytest.fixture
def queue_prefix() -> str:
    """What the test's queue names begin with, so that tests do not meet on one broker."""
    return f"test-{uuid.uuid4().hex[:12]}"
