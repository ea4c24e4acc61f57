"""The distributed installation as processes of this machine: what operators start, started for a measurement or a test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import grpc
import psutil

from plugin.errors import Unavailable
from workers.bench.rabbitmq import free_ports

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 40.0


@dataclass(slots=True)
class Cluster:
    """Server, workers and schedule as processes; each can be killed and started again.

    Args:
        folder: Where their output and the ledger go.
        database_url: A migrated database with a program.
        broker_url: RabbitMQ.
        queue_prefix: Keeps installations on one broker apart.
        processes: Worker processes of each ``work``.
        workers: How many ``work`` commands.
        extra: Further ``POINTBOOK_*`` variables.
        module: The program; ``workers`` is ``pointbook``.
    """

    folder: Path
    database_url: str
    broker_url: str
    queue_prefix: str = "pointbook"
    processes: int = 2
    workers: int = 1
    extra: Mapping[str, str] = field(default_factory=dict)
    module: str = "workers"
    port: int = field(default_factory=lambda: free_ports(1)[0])
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """Where the server listens."""
        return f"127.0.0.1:{self.port}"

    @property
    def names(self) -> list[str]:
        """Names of the processes: ``serve``, ``schedule``, ``work-0`` …"""
        beside = ["schedule"] if self.module == "workers" else []
        return ["serve", *beside, *(f"work-{index}" for index in range(self.workers))]

    def start(self) -> Self:
        """Starts everything and waits until the server takes calls."""
        for name in self.names:
            self.start_one(name)
        self.wait_until_ready()
        return self

    def start_one(self, name: str) -> None:
        """Starts a process that is not running."""
        command = [sys.executable, "-m", self.module, name.partition("-")[0]]
        with (self.folder / f"{name}.log").open("ab") as output:
            self._running[name] = subprocess.Popen(
                command,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Waits until the server takes calls.

        Raises:
            Unavailable: It did not within a minute; the message holds the end of its output.
        """
        with grpc.insecure_channel(self.target) as channel:
            try:
                grpc.channel_ready_future(channel).result(timeout=START_SECONDS_MAX)
            except grpc.FutureTimeoutError as error:
                raise Unavailable(
                    "SERVER_NOT_STARTED", f"the server did not start: {self.output('serve')}"
                ) from error

    def kill9(self, name: str) -> None:
        """Kills a process, and the processes it started, without warning."""
        process = self._running.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def output(self, name: str) -> str:
        """Returns the end of what a process said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def worker_bytes(self) -> list[int]:
        """Returns the resident memory of each process that applies events."""
        return [
            child.memory_info().rss
            for name in self.names
            if name.startswith("work") and name in self._running
            for child in psutil.Process(self._running[name].pid).children(recursive=True)
        ]

    def stop(self) -> dict[str, int]:
        """Stops everything as an operator does; returns the exit status of each process."""
        for process in self._running.values():
            process.terminate()
        statuses = {}
        for name, process in self._running.items():
            try:
                statuses[name] = process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                statuses[name] = process.wait()
        self._running.clear()
        return statuses

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("POINTBOOK_")}
        return {
            **kept,
            "POINTBOOK_DATABASE_URL": self.database_url,
            "POINTBOOK_BROKER_URL": self.broker_url,
            "POINTBOOK_QUEUE_PREFIX": self.queue_prefix,
            "POINTBOOK_WORK_PROCESSES": str(self.processes),
            "POINTBOOK_DATA_DIR": str(self.folder),
            "POINTBOOK_LISTEN": self.target,
            "POINTBOOK_CONFIG": "/dev/null",
            **self.extra,
        }


def wait_for(condition: Callable[[], object], seconds_max: float, every: float = 0.02) -> bool:
    """Waits until a function returns true; tells whether it did in time."""
    ends_at = time.monotonic() + seconds_max
    while not condition():
        if time.monotonic() > ends_at:
            return False
        time.sleep(every)
    return True
