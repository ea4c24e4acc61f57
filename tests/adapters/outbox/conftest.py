"""A Tryton of the tests' own, with the example module in it: made once, then only copied."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.tryton.environment import ROOT, VENV, alone, install, must, run

HERE = Path(__file__).parent
DATABASE = "erp"


@dataclass(frozen=True)
class Tryton:
    """A Tryton on an SQLite database in a folder."""

    folder: Path

    @property
    def configuration(self) -> Path:
        return self.folder / "trytond.conf"

    @property
    def file(self) -> Path:
        return self.folder / f"{DATABASE}.sqlite"

    @property
    def url(self) -> str:
        """What the relay is told."""
        return f"sqlite:///{self.file}"

    def prepare(self) -> None:
        self.configuration.write_text(f"[database]\nuri = sqlite://\npath = {self.folder}\n")

    def admin(self, *modules: str) -> None:
        """Activates or updates modules."""
        word = self.folder / "password"
        word.write_text("admin")
        must(
            VENV / "bin" / "trytond-admin", "-c", self.configuration, "-d", DATABASE,
            "-u", *modules, "--activate-dependencies", "--email", "admin@example.com",
            TRYTONPASSFILE=str(word),
        )  # fmt: skip

    def does(self, command: str, *arguments: str) -> dict[str, Any]:
        """Runs a command of ``tryton_driver.py`` and returns what it says."""
        done = run(
            VENV / "bin" / "python", HERE / "tryton_driver.py", self.configuration, DATABASE,
            command, *arguments,
        )  # fmt: skip
        wanted = -signal.SIGKILL if command.endswith("!") else 0
        assert done.returncode == wanted, f"{command}: {done.returncode}\n{done.stderr}"
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return result


def _environment() -> None:
    """Installs Tryton, and the example as its documentation says: as a link among Tryton's modules."""
    install()
    (modules,) = (VENV / "lib").glob("python*/site-packages/trytond/modules")
    link = modules / "pointbook"
    link.unlink(missing_ok=True)
    link.symlink_to(ROOT / "adapters" / "examples" / "tryton_pointbook")


def _with_sale() -> Path:
    """Returns a database with Tryton's own module ``sale``, which takes most of the time and is kept."""
    kept = VENV / "sale.sqlite"
    if not kept.exists():
        folder = VENV / "making"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        tryton = Tryton(folder)
        tryton.prepare()
        tryton.file.touch()
        tryton.admin("sale")
        tryton.file.replace(kept)
    return kept


@pytest.fixture(scope="session")
def seeded_tryton(tmp_path_factory: pytest.TempPathFactory) -> Tryton:
    """A company that sells, with the example module activated."""
    tryton = Tryton(tmp_path_factory.mktemp("tryton"))
    tryton.prepare()
    with alone():
        _environment()
        shutil.copy(_with_sale(), tryton.file)
    tryton.admin("pointbook")
    tryton.does("seed")
    return tryton


@pytest.fixture
def tryton(seeded_tryton: Tryton, tmp_path: Path) -> Tryton:
    """The same company, the test's own."""
    mine = Tryton(tmp_path)
    mine.prepare()
    for file in seeded_tryton.folder.glob(f"{DATABASE}.sqlite*"):
        shutil.copy(file, mine.folder)
    return mine


@pytest.fixture
def relay(intake: Any) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the relay's command line once, against the fake intake."""

    def once(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run(
            sys.executable, "-m", "adapters.outbox", "send", "--once", "--database", url,
            "--source", "shop", "--book", "main", "--target", intake.address, *arguments,
        )  # fmt: skip

    return once


@pytest.fixture
def relays(intake: Any) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts relays that go on until the test ends."""
    started: list[subprocess.Popen[str]] = []

    def start(url: str) -> subprocess.Popen[str]:
        command = [
            sys.executable, "-m", "adapters.outbox", "send", "--database", url, "--source", "shop",
            "--book", "main", "--target", intake.address, "--interval-seconds", "0.05",
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}"}
        started.append(subprocess.Popen(command, env=environment, text=True))
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=30)
