"""A webhook server on a free port, with the mapping of docs/any-system.md."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.client import Patience
from adapters.webhook.serving import prepared, spool_file
from adapters.webhook.settings import Hook, WebhookFile
from adapters.webhook.signatures import sign
from tests.adapters.conftest import FakeIntake
from tests.adapters.generic import example

SECRET, OLD_SECRET = b"the new secret", b"the old secret"
IMPATIENT = Patience(attempts_max=2, delay_seconds_first=0.01, delay_seconds_max=0.02)

Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture
def until() -> Wait:
    """Waits for a condition, at most ten seconds."""

    def wait(holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < deadline, "it did not happen within ten seconds"
            time.sleep(0.01)

    return wait


@dataclass(frozen=True)
class Shop:
    """A sender of webhooks."""

    client: httpx.Client

    def post(
        self,
        body: bytes | dict[str, Any],
        *,
        at: float | None = None,
        secret: bytes = SECRET,
        hook: str = "shop",
        **headers: str,
    ) -> httpx.Response:
        raw = body if isinstance(body, bytes) else json.dumps(body, default=str).encode()
        stamp = int(time.time() if at is None else at)
        signed = {
            "content-type": "application/json",
            "x-pointbook-timestamp": str(stamp),
            "x-pointbook-signature": sign(secret, stamp, raw),
        }
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(f"/hooks/{hook}", content=raw, headers=signed | named)


@dataclass
class Server:
    """Starts webhook servers that share a folder."""

    folder: Path
    intake: FakeIntake

    def file(self, **hooks: Hook) -> WebhookFile:
        return WebhookFile(
            source="shop",
            pointbook=example.pointbook(self.intake.address),
            listen="127.0.0.1:0",
            spool=self.folder / "spool",
            hooks=hooks or {"shop": self.hook()},
        )

    def hook(self, **changes: Any) -> Hook:
        path = self.folder / "shop.toml"
        if not path.exists():
            path.write_text(example.MAPPING)
        said = {"secret_envs": ["HOOK_SECRET", "HOOK_SECRET_OLD"], "mapping": path}
        return Hook.model_validate(said | changes)

    def mapped(self, text: str) -> Hook:
        path = self.folder / "other.toml"
        path.write_text(text)
        return self.hook(mapping=path)

    @contextmanager
    def running(self, file: WebhookFile | None = None, **more: Any) -> Iterator[Shop]:

        with prepared(file or self.file(), patience=IMPATIENT, **more) as listening:
            thread = threading.Thread(target=listening.run)
            thread.start()
            try:
                with httpx.Client(base_url=f"http://{listening.address}", timeout=10) as client:
                    yield Shop(client)
            finally:
                listening.server.should_exit = True
                thread.join()

    def spool(self) -> Path:
        return spool_file(self.file())

    def refused(self) -> list[Path]:
        return sorted((self.folder / "spool" / "refused").glob("*.json"))


@pytest.fixture
def server(tmp_path: Path, intake: FakeIntake, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("HOOK_SECRET", SECRET.decode())
    monkeypatch.setenv("HOOK_SECRET_OLD", OLD_SECRET.decode())
    return Server(tmp_path, intake)
