"""The examples of docs/any-system.md are run as they stand; and a server that is killed for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from adapters.webhook.serving import spool_file
from adapters.webhook.settings import load_webhook_file
from tests.adapters.conftest import FakeIntake
from tests.adapters.generic import example
from tests.adapters.generic.conftest import SECRET, Server, Shop, Wait

SERVE = """
import sys
from pathlib import Path
from adapters.webhook.serving import prepared
from adapters.webhook.settings import load_webhook_file
with prepared(load_webhook_file(Path(sys.argv[1]))) as listening:
    print(listening.address, flush=True)
    listening.run()
"""


def test_the_python_example_signs_what_is_taken(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: dict[str, Any] = {}
    exec(example.blocks("python")[0], names)
    monkeypatch.setenv("SHOP_HOOK_SECRET", SECRET.decode())
    with server.running() as shop:
        answer = names["send"](f"{shop.client.base_url}/hooks/shop", example.BODY)
    assert answer == b'{"documents":3,"kept":3}'


def test_the_shell_example_signs_what_is_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / "body.json").write_bytes(example.BODY)
    with server.running() as shop:
        url = f"{shop.client.base_url}/hooks/shop"
        known = {"SHOP_HOOK_SECRET": SECRET.decode(), "SHOP_HOOK_URL": url}
        done = subprocess.run(
            ["sh", "-ec", example.blocks("sh")[0]],
            cwd=tmp_path,
            env=os.environ | known,
            capture_output=True,
            check=True,
        )
    assert done.stdout == b'{"documents":3,"kept":3}'


def test_what_was_answered_202_is_sent_after_a_kill(
    server: Server, intake: FakeIntake, until: Wait
) -> None:
    mood = intake.mood

    def away(call: int, context: grpc.ServicerContext) -> None:
        context.abort(grpc.StatusCode.UNAVAILABLE, "away")

    intake.mood = away
    path = server.folder / "webhook.toml"
    server.hook()  # writes the mapping
    path.write_text(
        f'source = "shop"\nlisten = "127.0.0.1:0"\nspool = "spool"\n'
        f'[pointbook]\naddress = "{intake.address}"\n'
        f'[hooks.shop]\nsecret_envs = ["HOOK_SECRET"]\nmapping = "shop.toml"\n'
    )
    command = [sys.executable, "-c", SERVE, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with httpx.Client(base_url=f"http://{address}", timeout=10) as client:
            assert Shop(client).post(example.BODY).status_code == 202
        process.send_signal(signal.SIGKILL)
    assert not intake.events
    assert spool_file(load_webhook_file(path)) == server.spool()

    intake.mood = mood
    with server.running():
        until(lambda: len(intake.events) == 3)
