"""Webhooks over real HTTP: what is answered, and that nothing that was promised is lost."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import stat
import threading
import time
from typing import Any

import grpc
import httpx
import pytest

from adapters.contract import AdapterError
from adapters.spool import Spool, SpoolUnusable
from adapters.webhook.settings import load_webhook_file, open_hooks
from tests.adapters.conftest import FakeIntake
from tests.adapters.generic import example
from tests.adapters.generic.conftest import OLD_SECRET, SECRET, Server, Shop, Wait

ORDER_7 = "order:SO-7:1772409600000"


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    said: dict[str, Any] = answer.json()
    assert said["error"] == code
    assert said["message"]
    return said


def away(call: int, context: grpc.ServicerContext) -> None:
    context.abort(grpc.StatusCode.UNAVAILABLE, "away")


def cheerful(call: int, context: grpc.ServicerContext) -> None:
    """Lets every call through."""


def test_a_signed_body_is_kept_answered_and_sent(
    server: Server, intake: FakeIntake, until: Wait
) -> None:
    with server.running() as shop:
        answer = shop.post(example.BODY)
        assert (answer.status_code, answer.json()) == (202, {"documents": 3, "kept": 3})
        until(lambda: len(intake.events) == 3)
    assert intake.events[ORDER_7].order.member.external_id == "K-17"
    assert intake.requests[0].source == "shop"


def test_a_delivery_that_is_not_proven_is_answered_401_and_nothing_is_kept(
    server: Server, intake: FakeIntake, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    now = time.time()
    with server.running() as shop:
        refused(shop.post(example.BODY, secret=b"guess"), 401, "SIGNATURE_WRONG")
        refused(shop.post(example.BODY, at=now - 400), 401, "TIMESTAMP_OUTSIDE_WINDOW")
        refused(shop.post(example.BODY, at=now + 400), 401, "TIMESTAMP_OUTSIDE_WINDOW")
        bare = shop.client.post("/hooks/shop", content=example.BODY)
        refused(bare, 401, "SIGNATURE_MISSING")
    with Spool(server.spool()) as spool:
        assert spool.waiting() == 0
    assert SECRET.decode() not in caplog.text
    assert "v1=" not in caplog.text
    assert not intake.events


def test_after_a_change_of_secrets_the_old_one_is_still_taken(server: Server) -> None:
    with server.running() as shop:
        assert shop.post(example.BODY, secret=OLD_SECRET).status_code == 202


def test_a_body_that_is_too_long_is_answered_413_whether_it_says_so_or_not(server: Server) -> None:
    with server.running() as shop:
        huge = b" " * (1024 * 1024 + 1)
        refused(shop.post(huge), 413, "BODY_TOO_LONG")
        chunks = (b" " * 65_536 for _ in range(17))
        refused(shop.client.post("/hooks/shop", content=chunks), 413, "BODY_TOO_LONG")
        longest = example.BODY.ljust(1024 * 1024)
        assert shop.post(longest).status_code == 202


def test_other_ways_to_be_wrong_have_codes_of_their_own(server: Server) -> None:
    with server.running() as shop:
        refused(shop.post(example.BODY, content_type="text/plain"), 415, "NOT_JSON")
        refused(shop.post(example.BODY, content_encoding="gzip"), 415, "ENCODED")
        assert shop.post(example.BODY, content_type="application/cloudevents+json").is_success
        refused(shop.post(example.BODY, hook="other"), 404, "HOOK_UNKNOWN")
        refused(shop.client.get("/hooks/shop"), 405, "METHOD_NOT_ALLOWED")
        refused(shop.client.get("/"), 404, "NOT_FOUND")


@pytest.mark.parametrize("body", [b"", b"{", b'{"data": NaN}', b"[" * 50_000])
def test_what_is_no_json_is_answered_422_and_kept_aside(server: Server, body: bytes) -> None:
    with server.running() as shop:
        refused(shop.post(body), 422, "BODY_INVALID")
    errors, kept = server.refused()
    assert kept.read_bytes() == body
    assert json.loads(errors.read_text())["problems"][0]["document"] == 0


def test_documents_that_break_the_mapping_are_listed_and_kept_aside_and_the_others_sent(
    server: Server, intake: FakeIntake, until: Wait
) -> None:
    body = {"data": [example.order(), example.order(number="SO-8", state="lost")]}
    with server.running() as shop:
        said = refused(shop.post(body), 422, "DOCUMENTS_REFUSED")
        again = refused(shop.post(body, at=time.time() - 5), 422, "DOCUMENTS_REFUSED")
        until(lambda: ORDER_7 in intake.events)
    assert said["kept"] == 1
    assert said["refused"] == [
        {
            "document": 2,
            "message": "document 2: order:SO-8: $.state is 'lost', which is none of its values "
            "open, paid, done, void",
        }
    ]
    assert again["refused"] == said["refused"]
    errors, kept = server.refused()  # the same body twice is one file
    assert json.loads(kept.read_bytes())["data"][1]["number"] == "SO-8"
    assert json.loads(errors.read_text())["problems"] == said["refused"]
    for path in (errors, kept):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_the_same_delivery_again_is_answered_as_the_first_and_kept_once(
    server: Server, intake: FakeIntake, until: Wait
) -> None:
    at = time.time()
    with server.running(server.file(shop=server.mapped(example.unversioned()))) as shop:
        first = shop.post({"data": [example.order(state="paid")]}, at=at)
        second = shop.post({"data": [example.order(state="done")]}, at=at)
        replayed = shop.post({"data": [example.order(state="paid")]}, at=at)
        until(lambda: len(intake.events) == 2)
    assert first.json() == replayed.json() == {"documents": 1, "kept": 1}
    assert second.json() == {"documents": 1, "kept": 1}
    newest = max(intake.events.values(), key=lambda event: event.order.version)
    assert newest.order.status == 3  # the replay did not bring "paid" back


def test_an_unchanged_document_without_version_is_kept_once(
    server: Server, intake: FakeIntake, until: Wait
) -> None:
    now = time.time()
    with server.running(server.file(shop=server.mapped(example.unversioned()))) as shop:
        kept = [
            shop.post({"data": [example.order()]}, at=now - late).json()["kept"] for late in (2, 1)
        ]
        until(lambda: len(intake.events) == 1)
    assert kept == [1, 0]


def test_what_was_answered_202_outlives_a_kill_before_it_was_sent(
    server: Server, intake: FakeIntake, until: Wait
) -> None:
    intake.mood = away
    with server.running() as shop:
        assert shop.post(example.BODY).status_code == 202
        until(lambda: intake.calls > 2)
    assert not intake.events
    intake.mood = cheerful
    with server.running():
        until(lambda: len(intake.events) == 3)


def test_while_pointbook_is_away_deliveries_are_still_taken(
    server: Server, intake: FakeIntake, until: Wait
) -> None:
    intake.mood = away
    with server.running() as shop:
        for number in range(20):
            assert shop.post({"data": [example.order(number=f"SO-{number}")]}).status_code == 202
        intake.mood = cheerful
        until(lambda: len(intake.events) == 20)


def test_a_spool_that_cannot_be_written_is_answered_503_until_it_can(
    server: Server, intake: FakeIntake, until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Spool.append

    def full(self: Spool, changes: Any) -> Any:
        raise SpoolUnusable(f"spool {self.path}: database or disk is full")

    with server.running() as shop:
        monkeypatch.setattr(Spool, "append", full)
        answer = shop.post(example.BODY)
        refused(answer, 503, "NOT_KEPT")
        assert answer.headers["retry-after"] == "10"
        monkeypatch.setattr(Spool, "append", real)
        assert shop.post(example.BODY).status_code == 202
        until(lambda: len(intake.events) == 3)


def test_a_spool_whose_folder_vanished_is_answered_503_and_opened_anew_when_it_is_back(
    server: Server, until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = server.spool().parent
    with server.running() as shop:
        with monkeypatch.context() as patched:
            patched.setattr(Spool, "append", lambda *_: _unusable())
            refused(shop.post(example.BODY), 503, "NOT_KEPT")  # it is closed now
        aside = folder.rename(folder.with_name("aside"))
        folder.write_text("a file where the folder should be")
        refused(shop.post(example.BODY), 503, "NOT_KEPT")
        folder.unlink()
        aside.rename(folder)
        assert shop.post(example.BODY).status_code == 202


def _unusable() -> None:
    raise SpoolUnusable("spool: disk I/O error")


def test_what_cannot_be_kept_aside_is_answered_503(server: Server) -> None:
    (server.folder / "spool").mkdir()
    (server.folder / "spool" / "refused").write_text("a file where the folder should be")
    with server.running() as shop:
        refused(shop.post(b"{"), 503, "NOT_KEPT")


def test_a_second_server_on_the_same_spool_is_told_so(server: Server) -> None:
    with (
        server.running(),
        pytest.raises(AdapterError, match="another adapter has it open"),
        server.running(),
    ):
        pass


def test_an_address_in_use_is_told(server: Server) -> None:
    with server.running() as shop:
        port = shop.client.base_url.port
        taken = server.file().model_copy(
            update={"listen": f"127.0.0.1:{port}", "spool": server.folder / "second"}
        )
        with pytest.raises(AdapterError, match=f"listen 127.0.0.1:{port}: "), server.running(taken):
            pass


def test_many_senders_at_once_are_all_taken(
    server: Server, intake: FakeIntake, until: Wait
) -> None:
    statuses: list[int] = []

    def send(shop: Shop, worker: int) -> None:
        for number in range(10):
            body = {"data": [example.order(number=f"SO-{worker}-{number}")]}
            statuses.append(shop.post(body).status_code)

    with server.running() as shop:
        workers = [threading.Thread(target=send, args=(shop, n)) for n in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        until(lambda: len(intake.events) == 80)
    assert statuses == [202] * 80


def test_frappe_has_no_time_so_it_is_a_hint_or_versioned(
    server: Server, intake: FakeIntake, until: Wait
) -> None:
    hints: list[tuple[str, bytes]] = []
    file = server.file(
        hint=server.hook(scheme="frappe", mapping=None), documents=server.hook(scheme="frappe")
    )
    digest = base64.b64encode(hmac.digest(SECRET, example.BODY, hashlib.sha256)).decode()
    headers = {"x-frappe-webhook-signature": digest, "content-type": "application/json"}
    with server.running(file, on_hint=lambda *said: hints.append(said)) as shop:
        answer = shop.client.post("/hooks/hint", content=example.BODY, headers=headers)
        assert (answer.status_code, answer.json()) == (202, {"kept": 0, "hint": True})
        answer = shop.client.post("/hooks/documents", content=example.BODY, headers=headers)
        assert (answer.status_code, answer.json()) == (202, {"documents": 3, "kept": 3})
        until(lambda: len(intake.events) == 3)
    assert hints == [("hint", example.BODY)]

    unversioned = server.mapped(example.unversioned()).mapping
    with pytest.raises(AdapterError, match="scheme 'frappe' has no time"):
        open_hooks({"shop": server.hook(scheme="frappe", mapping=unversioned)})


def test_jiandaoyun_signs_with_what_is_in_the_query(server: Server) -> None:
    file = server.file(jdy=server.hook(scheme="jdy"))
    stamp = str(int(time.time()))
    said = b":".join((b"0f5ade", example.BODY, SECRET, stamp.encode()))
    with server.running(file) as shop:
        answer = shop.client.post(
            "/hooks/jdy",
            params={"timestamp": stamp, "nonce": "0f5ade"},
            content=example.BODY,
            headers={
                "x-jdy-signature": hashlib.sha1(said).hexdigest(),
                "content-type": "application/json",
            },
        )
        assert answer.status_code == 202


def test_a_hook_whose_secret_is_empty_does_not_start(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "")
    with pytest.raises(AdapterError, match="HOOK_SECRET holds no webhook secret"):
        open_hooks(server.file().hooks)


def test_the_documented_settings_are_read_relative_to_their_file(server: Server) -> None:
    text = next(block for block in example.blocks("toml") if "[hooks." in block)
    path = server.folder / "webhook.toml"
    path.write_text(text)
    file = load_webhook_file(path)
    assert file.spool == server.folder / "pointbook-spool"
    assert file.hooks["shop"].mapping == server.folder / "shop.toml"

    path.write_text(text.replace("[hooks.shop]", "[hooks.Shop]"))
    with pytest.raises(AdapterError, match=r"webhook.toml: hooks\.Shop"):
        load_webhook_file(path)
