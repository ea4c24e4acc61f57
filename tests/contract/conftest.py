"""A server as clients meet it: on a port, on a real database, with workers in the same process."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from pydantic import SecretStr
from sqlalchemy import create_engine, text

from plugin.store.schema import engine_url
from pointbook.v1 import (
    events_pb2,
    intake_pb2,
    intake_pb2_grpc,
    ledger_pb2_grpc,
    members_pb2,
    members_pb2_grpc,
    operations_pb2_grpc,
    programs_pb2_grpc,
    redemptions_pb2_grpc,
)
from workers.embedded import running
from workers.settings import Settings

PROGRAM = """
[book]
code = "shop"
currency = "CNY"
time_zone = "Asia/Shanghai"
[program]
code = "points"
effective_from = 2020-01-01T00:00:00Z
[accrual]
trigger = "confirmed"
unknown_member = "enrol"
[points]
unit_cost = "0.008"
[expiry]
kind = "months"
months = 1200  # a century: no clock ends a test
[[tiers]]
code = "basic"
[[tiers]]
code = "gold"
[[rules]]
id = "base"
effect = { kind = "per_amount", points = 1, per = "1.00" }
"""
NOON = 1_760_000_000  # 2025-10-09 in Shanghai


class Client:
    """A client on one channel, with a source of its own."""

    sources = itertools.count(1)

    def __init__(self, target: str, stack: ExitStack) -> None:
        self.target = target
        self.channel = stack.enter_context(
            grpc.insecure_channel(target, options=[("grpc.max_send_message_length", -1)])
        )
        self.source = f"erp-{next(Client.sources)}"
        self.intake = intake_pb2_grpc.IntakeServiceStub(self.channel)
        self.members = members_pb2_grpc.MemberServiceStub(self.channel)
        self.ledger = ledger_pb2_grpc.LedgerServiceStub(self.channel)
        self.operations = operations_pb2_grpc.OperationsServiceStub(self.channel)
        self.programs = programs_pb2_grpc.ProgramServiceStub(self.channel)
        self.redemptions = redemptions_pb2_grpc.RedemptionServiceStub(self.channel)

    def order(
        self, number: str = "SO-1", amount: int = 10_000, event_id: str = "", **fields: Any
    ) -> events_pb2.Event:
        """Returns a confirmed order of member "ann"."""
        event = events_pb2.Event(event_id=event_id or f"e-{number}")
        order = event.order
        order.id, order.version, order.status, order.currency_code = (
            number,
            1,
            events_pb2.ORDER_STATUS_CONFIRMED,
            "CNY",
        )
        order.ordered_at.seconds = NOON
        order.member.external_id = "ann"
        order.lines.add(line_id="1", quantity="1", amount_minor=amount)
        for name, value in fields.items():
            setattr(order, name, value)
        return event

    def request(self, *events: events_pb2.Event, **fields: Any) -> intake_pb2.RecordEventsRequest:
        """Returns a request of this client's source."""
        return intake_pb2.RecordEventsRequest(**{"source": self.source, "events": events, **fields})

    def record(self, *events: events_pb2.Event, **fields: Any) -> list[intake_pb2.EventResult]:
        """Records events and returns their results."""
        return list(self.intake.RecordEvents(self.request(*events, **fields), timeout=30).results)

    def selector(self, member: str = "ann") -> members_pb2.MemberSelector:
        """Names a member of this source."""
        return members_pb2.MemberSelector(
            source=self.source, member=events_pb2.MemberRef(external_id=member)
        )

    def status(self, event_id: str) -> int:
        """Returns where an event is."""
        found = self.intake.GetEvent(
            intake_pb2.GetEventRequest(source=self.source, event_id=event_id)
        )
        return int(found.status)


class Refusal:
    """What a call was refused with."""

    def __init__(self, error: grpc.RpcError) -> None:
        self.code = error.code()
        self.message = error.details()
        self.reason = self.field = ""
        status = rpc_status.from_call(error)
        for detail in status.details if status else ():
            info, fields = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            if detail.Unpack(info):
                assert info.domain == "pointbook"
                self.reason = info.reason
            elif detail.Unpack(fields):
                self.field = fields.field_violations[0].field


@pytest.fixture(scope="session")
def refusal() -> Callable[..., Refusal]:
    """Returns a function that makes a call which has to be refused, and returns with what."""

    def of(call: Callable[..., Any], *arguments: Any, **options: Any) -> Refusal:
        with pytest.raises(grpc.RpcError) as caught:
            call(*arguments, **{"timeout": 30, **options})
        return Refusal(caught.value)

    return of


@pytest.fixture
def open_installation(tmp_path: Any) -> Any:
    """Returns a context manager that runs an installation on a database."""

    @contextmanager
    def open_one(database_url: str, **changes: Any) -> Iterator[Any]:
        settings = Settings(
            database_url=SecretStr(database_url),
            listen="127.0.0.1:0",
            data_dir=tmp_path,
            stop_seconds_max=5,
            work_threads=2,
            **changes,
        )
        with running(settings, PROGRAM) as installation:
            yield installation

    return open_one


@pytest.fixture(scope="module")
def installation(postgres_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """An installation for all tests of a module."""
    with postgres_server.migrated_database() as url:
        settings = Settings(
            database_url=SecretStr(url),
            listen="127.0.0.1:0",
            data_dir=tmp_path_factory.mktemp("data"),
            stop_seconds_max=5,
            work_threads=2,
        )
        with running(settings, PROGRAM) as made:
            yield made


@pytest.fixture
def connect() -> Iterator[Callable[[str], Client]]:
    """Returns a function that makes clients."""
    with ExitStack() as stack:
        yield lambda target: Client(target, stack)


@pytest.fixture
def client(installation: Any, connect: Callable[[str], Client]) -> Client:
    """A client of the module's installation."""
    return connect(installation.target)


@pytest.fixture(scope="session")
def query() -> Callable[..., list[tuple[Any, ...]]]:
    """Returns a function that asks a database."""

    def ask(url: str, statement: str, **values: object) -> list[tuple[Any, ...]]:
        engine = create_engine(engine_url(url))
        try:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(text(statement), values)]
        finally:
            engine.dispose()

    return ask
