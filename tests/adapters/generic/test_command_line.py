"""``pointbook-adapter drop`` and ``webhook``, as their users call them."""

from __future__ import annotations

import hashlib
import hmac
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.adapters.conftest import FakeIntake
from tests.adapters.generic import example
from tests.adapters.generic.test_drop import MAPPING

SECRET = "a secret of the shop"
SECONDS_MAX = 30.0


def test_drop_once_says_what_became_of_the_files(tmp_path: Path, intake: FakeIntake) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "tills.toml").write_text(MAPPING)
    file = tmp_path / "drop.toml"
    file.write_text(
        f'source = "tills"\nfolder = "inbox"\nspool = "spool"\ndone_marker = true\n'
        f'[pointbook]\naddress = "{intake.address}"\n'
        '[[files]]\nname = "*.csv"\nmapping = "tills.toml"\n'
    )
    (tmp_path / "inbox" / "broken.csv").write_text("no,such,columns\n1,2,3\n")
    (tmp_path / "inbox" / "broken.csv.done").touch()
    command = [sys.executable, "-m", "adapters", "drop", str(file), "--once"]
    environment = {**os.environ, "COLUMNS": "120"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 1
    assert "broken.csv" in done.stdout
    assert "errors" in done.stdout
    assert (tmp_path / "inbox" / "errors" / "broken.csv").exists()
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0


def test_a_signed_delivery_is_kept_sent_and_the_server_stops_when_told(
    tmp_path: Path, intake: FakeIntake
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    (tmp_path / "shop.toml").write_text(example.MAPPING)
    file = tmp_path / "webhook.toml"
    file.write_text(
        f'source = "shop"\nlisten = "{address}"\n[pointbook]\naddress = "{intake.address}"\n'
        '[hooks.shop]\nsecret_envs = ["SHOP_HOOK_SECRET"]\nmapping = "shop.toml"\n'
    )
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "adapters", "webhook", str(file)],
            stderr=log,
            env={**os.environ, "SHOP_HOOK_SECRET": SECRET},
        )
    try:
        answer = delivered(f"http://{address}/hooks/shop", example.blocks("json")[0].encode())
        assert (answer.status_code, answer.json()["kept"]) == (202, 3)
        deadline = time.monotonic() + SECONDS_MAX
        while len(intake.events) < 3:
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    finally:
        server.kill()
        server.wait(10)
    assert SECRET not in (tmp_path / "log").read_text()


def delivered(url: str, body: bytes) -> httpx.Response:
    """Posts a body as soon as the server listens."""
    stamp = str(int(time.time()))
    signature = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/json",
        "x-pointbook-timestamp": stamp,
        "x-pointbook-signature": f"v1={signature}",
    }
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        try:
            return httpx.post(url, content=body, headers=headers)
        except httpx.ConnectError:
            assert time.monotonic() < deadline, "the server does not listen"
