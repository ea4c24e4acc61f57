"""The textbook design, for comparison: one call, one message, one ORM transaction per event.

It does what a tutorial would: the call publishes the event and answers, a worker loads objects, checks whether the event is known, opens
a lot, writes a fact, an entry and its postings, and commits. Same answers as the pipeline, same durability, same machine.
Run as a program: ``python -m workers.bench.textbook serve|work``; settings come from ``POINTBOOK_*``.
"""

from __future__ import annotations

import base64
import sys
from concurrent.futures import ThreadPoolExecutor

import dramatiq
import grpc
from dramatiq.cli import main as run_dramatiq
from dramatiq.cli import make_argument_parser
from sqlalchemy import BigInteger, Engine, ForeignKey, Text, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from plugin.store.schema import engine_url
from pointbook.v1 import events_pb2, intake_pb2, intake_pb2_grpc
from workers.bench.load import SOURCE
from workers.broker import make_broker
from workers.database import make_engine
from workers.settings import Settings, load_settings
from workers.stopping import stop_signal
from workers.telemetry import configure_logging

SCHEMA = "textbook"
QUEUE = "textbook"


class Base(DeclarativeBase):
    """Tables of the textbook design, in a schema of their own."""

    __table_args__ = {"schema": SCHEMA}  # noqa: RUF012


class Member(Base):
    """A member with a cached balance."""

    __tablename__ = "member"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    external_id: Mapped[str] = mapped_column(Text, unique=True)
    points: Mapped[int] = mapped_column(BigInteger, default=0)


class Order(Base):
    """An order; its event id makes a replay harmless."""

    __tablename__ = "sales_order"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    event_id: Mapped[str] = mapped_column(Text, unique=True)
    number: Mapped[str] = mapped_column(Text)
    member_id: Mapped[int] = mapped_column(ForeignKey(f"{SCHEMA}.member.id"))
    total_minor: Mapped[int] = mapped_column(BigInteger)
    lines: Mapped[list[OrderLine]] = relationship(cascade="all")


class OrderLine(Base):
    """A line of an order."""

    __tablename__ = "sales_order_line"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey(f"{SCHEMA}.sales_order.id"), index=True)
    sku: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[int] = mapped_column(BigInteger)


class Lot(Base):
    """Points accrued together."""

    __tablename__ = "lot"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey(f"{SCHEMA}.member.id"), index=True)
    order_id: Mapped[int] = mapped_column(ForeignKey(f"{SCHEMA}.sales_order.id"))
    points: Mapped[int] = mapped_column(BigInteger)
    remaining: Mapped[int] = mapped_column(BigInteger)


class Entry(Base):
    """A journal entry with its postings."""

    __tablename__ = "entry"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey(f"{SCHEMA}.sales_order.id"))
    postings: Mapped[list[Posting]] = relationship(cascade="all")


class Posting(Base):
    """A leg of an entry."""

    __tablename__ = "posting"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey(f"{SCHEMA}.entry.id"), index=True)
    account: Mapped[str] = mapped_column(Text)
    amount: Mapped[int] = mapped_column(BigInteger)
    unit: Mapped[str] = mapped_column(Text)


def create_tables(database_url: str) -> None:
    """Creates the textbook's tables."""
    engine = create_engine(engine_url(database_url))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        Base.metadata.create_all(connection)
    engine.dispose()


def apply_order(engine: Engine, event: events_pb2.Event) -> None:
    """Applies one event in one transaction."""
    order = event.order
    with Session(engine) as session, session.begin():
        if session.scalar(select(Order).where(Order.event_id == event.event_id)) is not None:
            return
        found = (
            select(Member).where(Member.external_id == order.member.external_id).with_for_update()
        )
        member = session.scalar(found)
        if member is None:
            member = Member(external_id=order.member.external_id, points=0)
            session.add(member)
            session.flush()
        total = sum(line.amount_minor for line in order.lines)
        points = total // 100
        cost = (points * 8 + 5) // 10
        stored = Order(
            event_id=event.event_id, number=order.id, member_id=member.id, total_minor=total
        )
        stored.lines = [
            OrderLine(sku=line.sku, amount_minor=line.amount_minor) for line in order.lines
        ]
        session.add(stored)
        session.flush()
        session.add(Lot(member_id=member.id, order_id=stored.id, points=points, remaining=points))
        entry = Entry(order_id=stored.id)
        entry.postings = [
            Posting(account="Expenses:Marketing:Points", amount=cost, unit="EUR"),
            Posting(account="Liabilities:Loyalty:Points", amount=-cost, unit="EUR"),
            Posting(account="Equity:Loyalty:Issued", amount=points, unit="PTS"),
            Posting(account="Liabilities:Loyalty:Units", amount=-points, unit="PTS"),
        ]
        session.add(entry)
        member.points += points


class TextbookIntake(intake_pb2_grpc.IntakeServiceServicer):
    """Publishes each event and answers."""

    def __init__(self, send: dramatiq.Actor[[str], None]) -> None:
        self._send = send

    def RecordEvents(
        self, request: intake_pb2.RecordEventsRequest, context: grpc.ServicerContext
    ) -> intake_pb2.RecordEventsResponse:
        """Publishes the events of a request, one message each, with publisher confirm."""
        results = []
        for event in request.events:
            self._send.send(base64.b64encode(event.SerializeToString()).decode())
            outcome = intake_pb2.EVENT_OUTCOME_ACCEPTED
            results.append(intake_pb2.EventResult(event_id=event.event_id, outcome=outcome))
        return intake_pb2.RecordEventsResponse(results=results)


def declare(
    broker: dramatiq.Broker, engine: Engine, settings: Settings
) -> dramatiq.Actor[[str], None]:
    """Registers the actor that applies one event."""

    def apply_event(content: str) -> None:
        apply_order(engine, events_pb2.Event.FromString(base64.b64decode(content)))

    declared: dramatiq.Actor[[str], None] = dramatiq.actor(
        actor_name="apply_event", queue_name=f"{settings.queue_prefix}.{QUEUE}", broker=broker
    )(apply_event)
    return declared


def serve() -> None:
    """Runs the textbook's server until it is told to stop."""
    settings = load_settings()
    send = declare(make_broker(settings), make_engine(settings, 4), settings)
    server = grpc.server(ThreadPoolExecutor(settings.server_threads))
    intake_pb2_grpc.add_IntakeServiceServicer_to_server(TextbookIntake(send), server)
    server.add_insecure_port(settings.listen)
    server.start()
    stopped = stop_signal()
    while not stopped(3600):
        pass
    server.stop(1).wait()


def start_worker() -> None:
    """Makes a worker process's broker; Dramatiq's command line calls it."""
    settings = load_settings()
    configure_logging("warning")
    broker = make_broker(settings)
    dramatiq.set_broker(broker)
    declare(broker, make_engine(settings, settings.work_threads), settings)


def work() -> None:
    """Runs the textbook's workers."""
    settings = load_settings()
    arguments = ["workers.bench.textbook:start_worker", "--skip-logging"]
    arguments += [
        "--processes",
        str(settings.work_processes),
        "--threads",
        str(settings.work_threads),
    ]
    sys.exit(run_dramatiq(make_argument_parser().parse_args(arguments)))


def applied(engine: Engine) -> int:
    """Counts the orders that are applied."""
    with engine.connect() as connection:
        return int(connection.scalar(select(func.count()).select_from(Order)) or 0)


def request_of(event: events_pb2.Event) -> bytes:
    """Returns the serialised request of one event."""
    return intake_pb2.RecordEventsRequest(source=SOURCE, events=[event]).SerializeToString()


if __name__ == "__main__":
    {"serve": serve, "work": work}[sys.argv[1]]()
