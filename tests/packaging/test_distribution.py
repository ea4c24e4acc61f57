"""What we ship is whole: the wheel, installed somewhere else, is all of Pointbook."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {  # package in the wheel → folder here
    "plugin": ROOT / "plugin",
    "accounting": ROOT / "accounting",
    "workers": ROOT / "workers",
    "adapters": ROOT / "adapters",
    "pointbook": ROOT / "proto" / "pointbook",
}
IMPORT_ALL = """
import importlib, pathlib, pkgutil, sys
for name in {rooms}:
    room = importlib.import_module(name)
    for module in pkgutil.walk_packages(room.__path__, name + "."):
        runs_when_imported = module.name.rpartition(".")[2] in ("env", "__main__")
        needs_an_erp = module.name.startswith("adapters.examples.")
        if not runs_when_imported and not needs_an_erp:
            importlib.import_module(module.name)
    place = pathlib.Path(next(iter(room.__path__)))
    assert place.is_relative_to(sys.prefix), f"{{name}} comes from {{place}}"
"""


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Runs a program outside this project's influence and returns what it says."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as anybody builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs a program of an environment that has the wheel and knows nothing of this folder."""
    venv = tmp_path_factory.mktemp("elsewhere") / "venv"
    uv = (sys.executable, "-m", "uv")
    run(*uv, "venv", "--quiet", "--python", sys.executable, venv)
    install = (*uv, "pip", "install", "--quiet", "--python", venv / "bin" / "python")
    try:
        run(*install, "--offline", wheel)
    except AssertionError:  # the cache lacks something
        run(*install, wheel)

    def run_there(program: str, *arguments: str) -> str:
        return run(venv / "bin" / program, *arguments, cwd=venv)

    return run_there


def shipped_files() -> set[str]:
    """Returns the wheel's paths of all files in the rooms, as git would keep them."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    if shutil.which("git") and (ROOT / ".git").exists():
        known = {ROOT / line for line in run(*command).splitlines()}
    else:
        known = set(ROOT.rglob("*"))
    return {
        f"{room}/{path.relative_to(folder).as_posix()}"
        for room, folder in ROOMS.items()
        for path in known
        if path.is_relative_to(folder) and path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_contains_every_file_of_every_room(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert shipped_files() - names == set()


def test_the_wheel_contains_what_code_reads_and_nothing_else_at_the_top(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == set(ROOMS)
    assert any(name.startswith("plugin/migrations/versions/v0001") for name in names)
    assert "plugin/migrations/script.py.mako" in names
    assert "pointbook/v1/intake_pb2_grpc.py" in names
    assert "pointbook/v1/events_pb2.pyi" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


@pytest.mark.parametrize("room", ROOMS)
def test_type_checkers_of_others_may_use_our_types(wheel: Path, room: str) -> None:
    assert f"{room}/py.typed" in zipfile.ZipFile(wheel).namelist()


@pytest.mark.parametrize("folder", [path for path in ROOMS.values() if path.name != "pointbook"])
def test_every_folder_with_code_is_a_package(folder: Path) -> None:
    with_code = {path.parent for path in folder.rglob("*.py")}
    assert {path for path in with_code if not (path / "__init__.py").exists()} == set()


def test_proto_is_no_package() -> None:
    # `proto` belongs to proto-plus, which a shipped proto/__init__.py would break silently.
    assert not (ROOT / "proto" / "__init__.py").exists()


def test_every_module_can_be_imported_elsewhere(elsewhere: Callable[..., str]) -> None:
    elsewhere("python", "-W", "error::SyntaxWarning", "-c", IMPORT_ALL.format(rooms=list(ROOMS)))


@pytest.mark.parametrize(
    "program",
    tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"],
)
def test_the_commands_run_elsewhere(elsewhere: Callable[..., str], program: str) -> None:
    assert "Usage" in elsewhere(program, "--help")


def test_no_other_distribution_owns_one_of_our_names() -> None:
    owners = packages_distributions()
    assert {room: set(owners.get(room, [])) - {"pointbook"} for room in ROOMS} == {
        room: set() for room in ROOMS
    }


def test_the_stubs_are_what_the_proto_files_give(tmp_path: Path) -> None:
    protos = sorted((ROOT / "proto" / "pointbook" / "v1").glob("*.proto"))
    outputs = [f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")]
    run(sys.executable, "-m", "grpc_tools.protoc", "-I", ROOT / "proto", *outputs, *protos)
    fresh = {path.name: path.read_text() for path in (tmp_path / "pointbook" / "v1").iterdir()}
    ours = {name: (ROOT / "proto/pointbook/v1" / name) for name in fresh}
    assert [n for n, p in ours.items() if not p.exists() or p.read_text() != fresh[n]] == []
