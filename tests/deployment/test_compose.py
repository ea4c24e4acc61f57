"""docker-compose.yml, kept honest without Docker: its own commands, environment and health checks run as plain processes.

What a container gives is put in place of the container's: hosts and ports by those of the fixtures, mounted paths by
folders of the test. Nothing else is changed, so a command or variable that is renamed in the code fails here.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import URLError

import grpc
import pytest
import typer
import yaml

from pointbook.v1 import events_pb2, intake_pb2, intake_pb2_grpc
from workers.cli.app import app
from workers.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {
    name for name, service in SERVICES.items() if service.get("command", [""])[0] == "pointbook"
}
RUNNING = ("serve", "work", "schedule", "ledger")  # in the order in which they are started
BOOKS, PROGRAM = "/var/lib/pointbook/books", "/etc/pointbook/program.toml"
STOP_SECONDS_MAX = 45.0


def interpolated(value: str) -> str:
    """Returns a value as Compose reads it where no variable is set: ``${NAME:-default}`` is its default."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", value)


def environment_of(service: Mapping[str, Any]) -> dict[str, str]:
    return {name: interpolated(value) for name, value in service.get("environment", {}).items()}


@dataclass(slots=True)
class Deployment:
    """The processes of the file, on this machine."""

    folder: Path
    replaced: Mapping[str, str]
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def run(self, name: str) -> None:
        """Runs a one-shot service; fails with what it said unless it exits with 0."""
        process = self.start(name)
        status = process.wait(60)
        del self.started[name]
        assert status == 0, f"{name} exited with {status}\n{self.said(name)}"

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Starts a service the way its container would."""
        service = SERVICES[name]
        own = {key: self.here(value) for key, value in environment_of(service).items()}
        process = self._popen(
            name, [self.here(interpolated(part)) for part in service["command"]], own
        )
        self.started[name] = process
        return process

    def is_healthy(self, name: str) -> bool:
        """Runs the health check of a service once."""
        self.assert_alive()
        kind, *command = SERVICES[name]["healthcheck"]["test"]
        assert kind == "CMD", f"{name}: a health check without a shell needs none in the image"
        checked = self._popen(
            f"{name}-health", [self.here(interpolated(part)) for part in command], {}
        )
        return checked.wait(30) == 0

    def assert_alive(self) -> None:
        for name, process in self.started.items():
            assert process.poll() is None, (
                f"{name} ended with {process.returncode}\n{self.said(name)}"
            )

    def stop(self) -> dict[str, int]:
        """Ends everything as Compose does, SIGTERM to the first process of each, and returns the exit statuses."""
        for process in self.started.values():
            process.send_signal(signal.SIGTERM)
        return {name: process.wait(STOP_SECONDS_MAX) for name, process in self.started.items()}

    def kill(self) -> None:
        """Leaves nothing running, whatever happened."""
        for process in self.started.values():
            try:
                os.killpg(process.pid, signal.SIGKILL)  # its own group: workers are its children
            except ProcessLookupError:
                pass
            process.wait()

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.output").read_text(errors="replace")[-5000:]

    def here(self, value: str) -> str:
        for theirs, ours in self.replaced.items():
            value = value.replace(theirs, ours)
        return value

    def _popen(
        self, name: str, command: list[str], own: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        binaries = Path(sys.executable).parent
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith("POINTBOOK_")
        }
        with (self.folder / f"{name}.output").open("ab") as output:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={**inherited, "PATH": f"{binaries}:{os.environ['PATH']}", **own},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


@pytest.fixture
def deployment(
    tmp_path: Path,
    empty_database_url: str,
    amqp_url: str,
    queue_prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Deployment]:
    environment = environment_of(SERVICES["serve"])
    serve_port, fava_port = free_ports(2)
    books = tmp_path / "books"
    books.mkdir()
    mine = Deployment(
        tmp_path,
        {
            environment["POINTBOOK_DATABASE_URL"]: empty_database_url,
            environment["POINTBOOK_BROKER_URL"]: amqp_url,
            BOOKS: str(books),
            PROGRAM: str(ROOT / program_file()),
            "0.0.0.0:50051": f"127.0.0.1:{serve_port}",
            "127.0.0.1:50051": f"127.0.0.1:{serve_port}",
            "0.0.0.0": "127.0.0.1",
            "5000": str(fava_port),
        },
    )
    # The one variable that the file does not have: tests share a broker.
    for name in OURS:
        monkeypatch.setitem(SERVICES[name]["environment"], "POINTBOOK_QUEUE_PREFIX", queue_prefix)
    try:
        yield mine
    finally:
        mine.kill()


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def program_file() -> str:
    source, target, mode = interpolated(SERVICES["program"]["volumes"][0]).split(":")
    assert (target, mode) == (PROGRAM, "ro")
    return source


def an_order() -> intake_pb2.RecordEventsRequest:
    """20 coffees for 199.90 without tax: 199 points, carried at 199 · 0.008 = 1.592, so 1.59."""
    order = events_pb2.Order(
        id="SO-7",
        version=1,
        status=events_pb2.ORDER_STATUS_CONFIRMED,
        currency_code="EUR",
        member=events_pb2.MemberRef(external_id="C-1"),
        store="S1",
        lines=[events_pb2.OrderLine(line_id="1", sku="COFFEE", quantity="20", amount_minor=19_990)],
    )
    order.ordered_at.FromDatetime(datetime(2026, 11, 23, 9, tzinfo=UTC))
    return intake_pb2.RecordEventsRequest(
        source="shop", events=[events_pb2.Event(event_id="SO-7/1", order=order)]
    )


def page(url: str) -> str:
    """Returns a page, empty while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return str(answer.read().decode())
    except (URLError, ConnectionError):
        return ""


def test_the_commands_of_the_file_take_an_order_to_the_ledger_and_end_cleanly(
    deployment: Deployment, eventually: Callable[..., Any]
) -> None:
    deployment.run("migrate")
    deployment.run("program")
    deployment.run("program")  # `docker compose up` again: the same file changes nothing
    for name in RUNNING:
        deployment.start(name)
    for name in ("serve", "ledger"):
        eventually(lambda name=name: deployment.is_healthy(name), within=60, every=0.2)

    with grpc.insecure_channel(deployment.here("127.0.0.1:50051")) as channel:
        intake = intake_pb2_grpc.IntakeServiceStub(channel)
        answer = intake.RecordEvents(an_order(), timeout=30, wait_for_ready=True)
        assert [r.outcome for r in answer.results] == [intake_pb2.EVENT_OUTCOME_ACCEPTED], answer
        question = intake_pb2.GetEventRequest(source="shop", event_id="SO-7/1")

        def applied() -> Any:
            deployment.assert_alive()
            event = intake.GetEvent(question, timeout=30)
            return event if event.status == intake_pb2.EVENT_STATUS_APPLIED else None

        event = eventually(applied, within=60)
    assert [(fact.kind, fact.points, fact.amount_minor) for fact in event.facts] == [
        ("accrued", 199, 159)
    ]

    day = deployment.folder / "books/shop/2026/11/2026-11-23.beancount"
    index = deployment.folder / "books/shop/index.beancount"
    eventually(lambda: "2026-11-23" in index.read_text(), within=60)
    assert re.search(r"Liabilities:Loyalty:Points +-1\.59 EUR", day.read_text())

    deployment.start("fava")
    url = deployment.here("http://127.0.0.1:5000/")
    overview = eventually(lambda: deployment.assert_alive() or page(url), within=60, every=0.1)
    assert "Pointbook shop" in overview

    assert deployment.stop() == {**dict.fromkeys(RUNNING, 0), "fava": -signal.SIGTERM}
    for name in RUNNING:
        assert "Traceback" not in deployment.said(name), deployment.said(name)


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_of_the_file_exists_and_takes_its_options(name: str) -> None:
    command = typer.main.get_command(app)
    words = [interpolated(part) for part in SERVICES[name]["command"][1:]]
    while commands := getattr(command, "commands", None):
        assert words, f"{name} names a group of commands, not one of them"
        assert words[0] in commands, f"{name}: there is no command {words[0]}"
        command = commands[words.pop(0)]
    command.make_context(
        name, words
    )  # raises where an option or argument is not one of the command's


def test_every_variable_of_the_file_is_a_setting() -> None:
    named = {variable for name in OURS for variable in environment_of(SERVICES[name])}
    assert {n.removeprefix("POINTBOOK_").lower() for n in named} <= set(Settings.model_fields)


def test_every_long_running_service_waits_for_what_it_needs() -> None:
    """What is depended on is either finished or healthy, so that no process starts into a missing schema."""
    for name, service in SERVICES.items():
        for needed, condition in service.get("depends_on", {}).items():
            done, healthy = "service_completed_successfully", "service_healthy"
            one_shot = SERVICES[needed].get("restart") in ("no", "on-failure:5")
            assert condition["condition"] == (done if one_shot else healthy), f"{name} on {needed}"
            assert one_shot or "healthcheck" in SERVICES[needed], f"{needed} has no health check"


def test_ports_are_published_on_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_image_is_built_from_what_the_file_names() -> None:
    stages = re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {
        service["build"]["target"] for service in SERVICES.values() if "build" in service
    } <= set(stages)
    for path in re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE):
        assert (ROOT / path).exists(), f".dockerignore lets {path} in, which is not there"
