"""A RabbitMQ node of our own, for measuring and testing: ports, name, cookie, data and epmd are shared with nobody."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pika
from pika.exceptions import AMQPError

from plugin.errors import Unavailable

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0


class OwnRabbitMQ:
    """A RabbitMQ node of the tests' own: ports, name, cookie, data and epmd are not shared."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._port, self._distribution_port, self._epmd_port = free_ports(3)
        self._node: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}/"
        self._configure()

    @property
    def running(self) -> bool:
        """Whether the node's process lives."""
        return self._node is not None and self._node.poll() is None

    def start(self) -> None:
        """Starts the node and waits until it takes connections; does nothing when it runs."""
        if self.running:
            return
        self._start_epmd()
        with (self._folder / "output").open("ab") as output:
            self._node = subprocess.Popen(
                [self._program],
                env=self._environment(),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the tests, not for the node
            )
        ends_at = time.monotonic() + START_SECONDS_MAX
        while not takes_connections(self.url):
            if self._node.poll() is not None or time.monotonic() > ends_at:
                self.kill9()
                said = (self._folder / "output").read_text(errors="replace")[-3000:]
                raise Unavailable(
                    "BROKER_NOT_STARTED", f"RabbitMQ did not start: {self._program}\n{said}"
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """Stops the node; what is persistent is on disk."""
        if self._node is None:
            return
        self._node.terminate()
        try:
            self._node.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill9()
        self._node = None

    def kill9(self) -> None:
        """Kills the node and the helpers it started.

        RabbitMQ 3.10 loses a quorum queue that was declared less than a second before, for good.
        """
        if self._node is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._node.pid, signal.SIGKILL)
        self._node.wait()
        self._node = None

    def close(self) -> None:
        """Stops the node for good, and its epmd."""
        self.kill9()
        if self._epmd is not None:
            self._epmd.terminate()
            self._epmd.wait()

    def _start_epmd(self) -> None:
        """Starts epmd as our child: the one that a node starts would outlive us."""
        program = shutil.which("epmd")
        if program is None or (self._epmd is not None and self._epmd.poll() is None):
            return
        self._epmd = subprocess.Popen(
            [program, "-port", str(self._epmd_port), "-address", "127.0.0.1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _configure(self) -> None:
        (self._folder / "enabled_plugins").write_text("[].\n")
        (self._folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self._port}\n"
            "disk_free_limit.absolute = 50MB\n"
            "raft.wal_max_size_bytes = 67108864\n"
        )

    def _environment(self) -> dict[str, str]:
        folder = self._folder
        return {
            "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin",
            "LANG": "C.UTF-8",
            "HOME": str(folder),  # the cookie's place
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": f"pointbook-{self._port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(folder / "feature_flags"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_QUORUM_DIR": str(folder / "quorum"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            # The script becomes the node instead of watching it, so that its process is the node's.
            "RABBITMQ_ALLOW_INPUT": "true",
            "RABBITMQ_SERVER_START_ARGS": "-noinput",
        }


def free_ports(count: int) -> list[int]:
    """Returns free ports, all different: each is held until the last is found."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def takes_connections(url: str) -> bool:
    parameters = pika.URLParameters(url)
    try:  # pika logs a page for each refusal
        socket.create_connection((parameters.host, parameters.port), timeout=5).close()
    except OSError:
        return False
    parameters.socket_timeout = parameters.stack_timeout = 5
    try:
        pika.BlockingConnection(parameters).close()
    except (AMQPError, OSError):
        return False
    return True


_PROGRAMS = (  # Debian's own in /usr/sbin insists on its account, so it comes last.
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "rabbitmq-server",
    "/opt/homebrew/sbin/rabbitmq-server",
    "/usr/local/sbin/rabbitmq-server",
    "/usr/sbin/rabbitmq-server",
)


def find_rabbitmq() -> str | None:
    """Returns the program that starts a node, or None when RabbitMQ is not installed."""
    return next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
