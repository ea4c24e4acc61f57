"""Database away, broker away, no key, server stopping: a clear answer, and nothing that was answered is lost."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import grpc
import psycopg
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import create_engine

from plugin.store.schema import engine_url
from pointbook.v1 import intake_pb2
from workers.actors import declare_actors
from workers.broker import make_broker
from workers.handlers.batches import apply_lane
from workers.handlers.books import Books
from workers.server import RunningServer, start_server
from workers.settings import Settings

ACCEPTED = intake_pb2.EVENT_OUTCOME_ACCEPTED
Code = grpc.StatusCode
NOWHERE = "127.0.0.1:1"


@contextmanager
def serving(database_url: str, **changes: Any) -> Iterator[tuple[RunningServer, str]]:
    """Runs a server alone, without workers; yields it and where it listens."""
    settings = Settings(
        database_url=SecretStr(database_url), listen="127.0.0.1:0", stop_seconds_max=1, **changes
    )
    engine = create_engine(engine_url(database_url), pool_pre_ping=True)
    broker = make_broker(settings)
    server = start_server(settings, engine, declare_actors(broker, engine, settings))
    try:
        yield server, f"127.0.0.1:{server.port}"
    finally:
        server.stop()
        broker.close()
        engine.dispose()


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def test_without_a_database_calls_are_told_to_try_again(connect: Any, refusal: Any) -> None:
    with serving(f"postgresql://pointbook@{NOWHERE}/none") as (_, target):
        client = connect(target)
        refused = refusal(client.intake.RecordEvents, client.request(client.order()))
        assert (refused.code, refused.reason) == (Code.UNAVAILABLE, "DATABASE_UNAVAILABLE")
        assert "127.0.0.1" not in refused.message
        asked = intake_pb2.GetEventRequest(source="erp", event_id="e-1")
        assert refusal(client.intake.GetEvent, asked).code == Code.UNAVAILABLE
        stream = client.intake.StreamEvents(iter([client.request(client.order())]), timeout=30)
        with pytest.raises(grpc.RpcError) as caught:
            next(stream)
        assert caught.value.code() == Code.UNAVAILABLE


def test_a_database_that_comes_back_takes_events_again(
    open_installation: Any,
    database_url: str,
    postgres_server: Any,
    connect: Any,
    refusal: Any,
    eventually: Any,
) -> None:
    database = urlsplit(database_url).path.lstrip("/")
    name = sql.Identifier(database)
    with (
        open_installation(database_url) as installation,
        psycopg.connect(postgres_server.url_for("postgres"), autocommit=True) as admin,
    ):
        client = connect(installation.target)
        assert client.record(client.order("SO-1"))[0].outcome == ACCEPTED
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            (database,),
        )
        refused = refusal(client.intake.RecordEvents, client.request(client.order("SO-2")))
        assert (refused.code, refused.reason) == (Code.UNAVAILABLE, "DATABASE_UNAVAILABLE")
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
        assert client.record(client.order("SO-2"))[0].outcome == ACCEPTED
        eventually(lambda: client.status("e-SO-2") == intake_pb2.EVENT_STATUS_APPLIED, within=20)


def test_without_a_broker_events_are_still_accepted_and_applied_later(
    open_installation: Any, database_url: str, connect: Any, query: Any, refusal: Any
) -> None:
    with open_installation(database_url):
        pass  # so that there is a book
    with serving(database_url, broker_url=SecretStr(f"amqp://guest:guest@{NOWHERE}/")) as (
        _,
        target,
    ):
        client = connect(target)
        results = [client.record(client.order(f"SO-{i}"))[0] for i in range(3)]
        assert [result.outcome for result in results] == [ACCEPTED] * 3
        assert client.status("e-SO-0") == intake_pb2.EVENT_STATUS_WAITING
    waiting = query(
        database_url, "SELECT lane, max(id) FROM batch WHERE NOT is_applied GROUP BY lane"
    )
    engine = create_engine(engine_url(database_url))
    for lane, batch_id in waiting:
        apply_lane(engine, Books(), lane, batch_id, 100)
    engine.dispose()
    assert query(database_url, "SELECT sum(points)::int FROM member") == [(300,)]


def test_with_keys_every_call_but_health_and_reflection_needs_one(
    open_installation: Any, database_url: str, connect: Any, refusal: Any
) -> None:
    keys = {"erp": SecretStr("s3cret-erp"), "pos": SecretStr("s3cret-pos")}
    with open_installation(database_url, api_keys=keys) as installation:
        client = connect(installation.target)
        for metadata in ((), (("authorization", "Bearer wrong"),), (("authorization", ""),)):
            call = client.intake.RecordEvents
            refused = refusal(call, client.request(client.order()), metadata=metadata)
            assert refused.code == Code.UNAUTHENTICATED
            assert "s3cret" not in refused.message
        stream = client.intake.StreamEvents(iter([client.request(client.order())]), timeout=30)
        with pytest.raises(grpc.RpcError) as caught:
            next(stream)
        assert caught.value.code() == Code.UNAUTHENTICATED
        for key in ("s3cret-erp", "s3cret-pos"):
            answer = client.intake.RecordEvents(
                client.request(client.order(key)), metadata=(("authorization", f"Bearer {key}"),)
            )
            assert answer.results[0].outcome == ACCEPTED
        health = health_pb2_grpc.HealthStub(client.channel).Check(health_pb2.HealthCheckRequest())
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        assert "s3cret" not in repr(installation.settings)


def test_what_was_accepted_before_a_stop_is_in_the_inbox(
    open_installation: Any, database_url: str, connect: Any, query: Any, eventually: Any
) -> None:
    accepted: list[str] = []
    refused: list[grpc.StatusCode] = []
    with open_installation(database_url) as installation:
        clients = [connect(installation.target) for _ in range(3)]

        def send(client: Any) -> None:
            for call in range(100_000):
                events = [client.order(f"SO-{call}-{i}") for i in range(20)]
                try:
                    results = client.record(*events)
                except grpc.RpcError as error:
                    refused.append(error.code())
                    return
                accepted.extend(f"{client.source} {result.event_id}" for result in results)

        senders = [threading.Thread(target=send, args=(client,)) for client in clients]
        for sender in senders:
            sender.start()
        eventually(lambda: len(accepted) > 500)
        installation.server.stop()
        for sender in senders:
            sender.join(30)
    assert len(refused) == 3
    assert set(refused) <= {Code.UNAVAILABLE, Code.CANCELLED}
    kept = {
        f"{source} {event_id}"
        for source, event_id in query(database_url, "SELECT source, event_id FROM inbox")
    }
    assert set(accepted) <= kept


def test_a_stop_ends_streams_that_stay_open(
    open_installation: Any, database_url: str, connect: Any
) -> None:
    with open_installation(database_url) as installation:
        client = connect(installation.target)
        outgoing: queue.Queue[Any] = queue.Queue()
        answers = client.intake.StreamEvents(iter(outgoing.get, None), timeout=60)
        outgoing.put(client.request(client.order()))
        assert next(answers).results[0].outcome == ACCEPTED
        installation.server.stop()
        with pytest.raises(grpc.RpcError) as caught:
            next(answers)
        assert caught.value.code() in (Code.UNAVAILABLE, Code.CANCELLED)
        outgoing.put(None)
