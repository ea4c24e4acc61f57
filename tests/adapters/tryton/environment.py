"""A Python environment with a real Tryton in it, made once and kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
VENV = ROOT / ".cache" / "tryton"
TIMEOUT_SECONDS = 240


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program with Pointbook's sources on the path, as if it were installed."""
    return subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}", **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def must(*command: str | Path, **environment: str) -> str:
    """Runs a program that has to succeed and returns what it printed."""
    done = run(*command, **environment)
    if done.returncode != 0:
        raise RuntimeError(f"{command}:\n{done.stdout}{done.stderr}")
    return done.stdout


def fingerprint(*files: Path) -> str:
    """Returns a name for what is made from some files."""
    said = b"".join(file.read_bytes() for file in files)
    return hashlib.sha256(said).hexdigest()[:16]


@contextmanager
def alone() -> Iterator[None]:
    """Keeps other processes from making the same things at the same time."""
    VENV.parent.mkdir(exist_ok=True)
    with VENV.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install() -> Path:
    """Returns the environment's folder of programs; installs them when it is new or the list has changed."""
    mark = VENV / fingerprint(REQUIREMENTS)
    if not mark.exists():
        uv = (sys.executable, "-m", "uv")
        must(*uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV)
        must(*uv, "pip", "install", "--quiet", "--python", VENV / "bin/python", "-r", REQUIREMENTS)
        mark.touch()
    return VENV / "bin"
