"""The table and the relay, on PostgreSQL and on SQLite: what commits is sent, whatever order it shows up in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest

from adapters.client import IntakeClient, Patience, Target, Unavailable
from adapters.contract import AdapterError
from adapters.outbox.cli import Place, place_of
from adapters.outbox.relay import Sent, send_waiting
from adapters.outbox.table import Dialect, Outbox, first_number
from pointbook.v1 import events_pb2

FIRST = 1_000


@pytest.fixture(params=list(Dialect))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with an empty outbox."""
    if request.param is Dialect.POSTGRESQL:
        found: str = request.getfixturevalue("empty_database_url")
    else:
        file = tmp_path / "erp.sqlite"
        file.touch()
        found = f"sqlite:///{file}"
    place = place_of(found)
    with closing(place.connect()) as connection:
        place.outbox.create(connection.cursor(), FIRST)
        place.outbox.create(connection.cursor(), 5_000)  # there already
        connection.commit()
    return found


@pytest.fixture
def place(url: str) -> Place:
    return place_of(url)


def order(number: str, status: events_pb2.OrderStatus = events_pb2.ORDER_STATUS_CONFIRMED) -> Any:
    return events_pb2.Event(order=events_pb2.Order(id=number, status=status))


def put(place: Place, *events: events_pb2.Event) -> None:
    """Puts documents in one committed transaction."""
    with closing(place.connect()) as connection:
        for event in events:
            place.outbox.put(connection.cursor(), event)
        connection.commit()


def left(place: Place) -> int:
    """Returns how many rows are in the table."""
    with closing(place.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM pointbook_outbox")
        return int(cursor.fetchall()[0][0])


def send(place: Place, intake: Any, rows_max: int = 2) -> Sent:
    patience = Patience(attempts_max=1)
    with IntakeClient(Target(intake.address), patience, sleep=lambda _: None) as client:
        return send_waiting(place.connect, client, place.outbox, "shop", "main", rows_max=rows_max)


def test_a_table_numbers_from_the_time_it_was_made() -> None:
    # 1 January 2026, 00:00 UTC, is 1767225600 seconds after 1970.
    assert first_number(datetime(2026, 1, 1, tzinfo=UTC)) == 1_767_225_600_000


def test_documents_are_sent_in_small_transactions_with_their_number_as_version(
    place: Place, intake: Any
) -> None:
    put(place, order("A"), order("B"), order("A", events_pb2.ORDER_STATUS_CANCELLED))
    assert send(place, intake) == Sent(taken=3)
    assert [len(request.events) for request in intake.requests] == [2, 1]
    assert {(request.source, request.book) for request in intake.requests} == {("shop", "main")}
    assert [(id_, event.order.version) for id_, event in intake.events.items()] == [
        ("order:A:1000", 1_000),
        ("order:B:1001", 1_001),
        ("order:A:1002", 1_002),
    ]
    assert left(place) == 0


def test_what_is_rolled_back_was_never_there(place: Place, intake: Any) -> None:
    with closing(place.connect()) as connection:
        place.outbox.put(connection.cursor(), order("A"))
        connection.rollback()
    assert send(place, intake) == Sent()


def test_a_document_without_a_number_is_refused_at_once(place: Place) -> None:
    with closing(place.connect()) as connection, pytest.raises(AdapterError, match="no number"):
        place.outbox.put(connection.cursor(), order(""))


def test_a_row_of_a_long_transaction_is_sent_when_it_shows_up(
    empty_database_url: str, intake: Any
) -> None:
    place = place_of(empty_database_url)
    with closing(place.connect()) as long:
        place.outbox.create(long.cursor(), FIRST)
        long.commit()
        place.outbox.put(long.cursor(), order("LOW"))
        put(place, order("HIGH"))
        assert send(place, intake) == Sent(taken=1)
        long.commit()
    assert send(place, intake) == Sent(taken=1)
    assert list(intake.events) == ["order:HIGH:1001", "order:LOW:1000"]


def test_sent_but_not_marked_is_sent_again_and_harmless(place: Place, intake: Any) -> None:
    put(place, order("A"))

    class Killed(BaseException):
        pass

    class DiesBeforeMarking(Outbox):
        def mark_taken(self, cursor: Any, numbers: Any) -> None:
            raise Killed

    with pytest.raises(Killed):
        send(Place(place.connect, DiesBeforeMarking(place.outbox.dialect)), intake)
    assert left(place) == 1
    assert send(place, intake) == Sent(taken=1)
    assert intake.calls == 2
    assert list(intake.events) == ["order:A:1000"]


def test_what_is_refused_is_kept_with_the_reason_and_does_not_hold_up_others(
    place: Place, intake: Any
) -> None:
    intake.refuse = {"order:A:1000": "CURRENCY_UNKNOWN"}
    put(place, order("A"), order("B"), order("C"))
    assert send(place, intake) == Sent(taken=2, refused=1)
    assert send(place, intake) == Sent()
    with closing(place.connect()) as connection:
        (row,) = place.outbox.refused(connection.cursor(), 10)
        assert row == (
            1_000, "order", "A", "CURRENCY_UNKNOWN", "order.id: order:A:1000 was refused",
        )  # fmt: skip
        place.outbox.release_refused(connection.cursor())
        connection.commit()
    intake.refuse = {}
    assert send(place, intake) == Sent(taken=1)


def test_when_pointbook_is_away_rows_stay(place: Place, intake: Any) -> None:
    def mood(call: int, context: grpc.ServicerContext) -> None:
        if call == 2:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")

    intake.mood = mood
    put(place, *(order(f"O{n}") for n in range(5)))
    with pytest.raises(Unavailable):
        send(place, intake)
    assert left(place) == 3  # the first round of two is through
    assert send(place, intake) == Sent(taken=3)


def test_relays_on_postgresql_share_the_rows(empty_database_url: str) -> None:
    place = place_of(empty_database_url)
    with closing(place.connect()) as one, closing(place.connect()) as other:
        place.outbox.create(one.cursor(), FIRST)
        one.commit()
        put(place, order("A"), order("B"), order("C"))
        assert [row.number for row in place.outbox.take(one.cursor(), 2)] == [1_000, 1_001]
        assert [row.number for row in place.outbox.take(other.cursor(), 2)] == [1_002]


def test_numbers_can_be_raised_and_never_lowered(place: Place, intake: Any) -> None:
    with closing(place.connect()) as connection:
        for first in (9_000, 10):
            place.outbox.restart(connection.cursor(), first)
        connection.commit()
    put(place, order("A"))
    send(place, intake)
    (event,) = intake.events.values()
    assert event.order.version > 9_000


def test_the_command_line_shows_refusals_and_sends_them_again(
    url: str, place: Place, intake: Any, relay: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "adapters.outbox", *arguments, "--database", url],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    intake.refuse = {"order:A:1000": "CURRENCY_UNKNOWN"}
    put(place, order("A"))
    done = relay(url)
    assert (done.returncode, done.stdout) == (1, "0 sent, 1 refused\n")
    shown = command("refused")
    assert shown.returncode == 1
    assert shown.stdout.startswith("1000 order A: CURRENCY_UNKNOWN ")
    assert command("refused", "--again").returncode == 0
    intake.refuse = {}
    assert relay(url).stdout == "1 sent, 0 refused\n"
    assert command("restart").returncode == 0


@pytest.mark.parametrize("url", ["mysql://erp", "sqlite:////nowhere/erp.sqlite"])
def test_a_database_that_is_none_is_named(url: str) -> None:
    with pytest.raises(AdapterError):
        place_of(url)


def test_the_put_path_needs_no_grpc() -> None:
    """Inside of the ERP only protobuf is loaded: gRPC's threads do not mix with servers that fork."""
    program = (
        "import sys; sys.path.insert(0, 'proto'); import adapters.outbox.table;"
        "assert not {'grpc', 'pydantic', 'psycopg'} & set(sys.modules)"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True, timeout=60)
