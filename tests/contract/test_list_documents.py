"""ListDocuments: what an adapter compares with the ERP, document by document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from sqlalchemy import create_engine, text

from plugin.events import (
    DocumentStatus,
    Order,
    OrderStatus,
    RedemptionReturn,
    RedemptionShipment,
    Return,
    Shipment,
    encode,
)
from plugin.services.received import KINDS
from plugin.store.books import find_book
from plugin.store.inbox import Incoming, record_events
from plugin.store.received import HEAD_LENGTH_MAX, Wanted, list_received
from plugin.store.schema import engine_url
from pointbook.v1 import events_pb2, intake_pb2, operations_pb2
from workers.handlers.batches import LANE_LOCK

WAITING = intake_pb2.EVENT_STATUS_WAITING
APPLIED = intake_pb2.EVENT_STATUS_APPLIED
PARKED = intake_pb2.EVENT_STATUS_PARKED
DISCARDED = intake_pb2.EVENT_STATUS_DISCARDED
Code = grpc.StatusCode
Row = tuple[str, int, int]


def at(written: str) -> int:
    """Returns the seconds of an instant in UTC, written as in 2025-10-09 23:30."""
    return int(datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp())


def shipment(number: str, order: str, *, version: int = 1, quantity: str = "1") -> Any:
    event = events_pb2.Event(event_id=f"e-{number}-{version}")
    event.shipment.id, event.shipment.version = number, version
    event.shipment.status = events_pb2.DOCUMENT_STATUS_DONE
    event.shipment.shipped_at.seconds = at("2025-10-09 10:00")
    event.shipment.order_id = order
    if quantity:
        event.shipment.lines.add(line_id="1", quantity=quantity)
    return event


def redemption_shipment(number: str, *, version: int = 1) -> Any:
    """Returns a shipment of a redemption that nobody knows: it is parked."""
    event = events_pb2.Event(event_id=f"e-{number}-{version}")
    document = event.redemption_shipment
    document.id, document.version = number, version
    document.status = events_pb2.DOCUMENT_STATUS_DONE
    document.shipped_at.seconds = at("2025-10-09 10:00")
    document.redemption_id = "R999999"
    document.lines.add(line_id="1", quantity="2")
    return event


def placed(client: Any, number: str, written: str, **fields: Any) -> Any:
    """Returns an order placed at an instant."""
    event = client.order(number, **fields)
    event.order.ordered_at.seconds = at(written)
    return event


def documents(client: Any, kind: str = "order", **fields: Any) -> list[Any]:
    """Returns what is listed, from all pages."""
    found: list[Any] = []
    token = ""
    while True:
        page = client.operations.ListDocuments(
            operations_pb2.ListDocumentsRequest(
                **{"source": client.source, "kind": kind, "page_token": token, **fields}
            ),
            timeout=30,
        )
        found.extend(page.documents)
        token = page.next_page_token
        if not token:
            return found


def rows(client: Any, kind: str = "order", **fields: Any) -> list[Row]:
    """Returns id, version and status of what is listed."""
    return [(one.id, one.version, one.status) for one in documents(client, kind, **fields)]


@pytest.fixture
def settled(client: Any, eventually: Any) -> Callable[..., None]:
    """Returns a function that records events and waits until none of them waits."""

    def record(*events: Any) -> None:
        outcomes = {result.outcome for result in client.record(*events)}
        assert outcomes == {intake_pb2.EVENT_OUTCOME_ACCEPTED}
        eventually(lambda: all(client.status(event.event_id) != WAITING for event in events))

    return record


@pytest.fixture
def database_url(installation: Any) -> str:
    """The database of the module's installation."""
    url: str = installation.settings.database_url.get_secret_value()
    return url


@pytest.fixture
def nothing_is_applied(installation: Any, database_url: str) -> Callable[..., Any]:
    """Returns a context manager in which workers stand still: the test holds what they lock for every lane."""

    @contextmanager
    def standing_still() -> Iterator[None]:
        engine = create_engine(engine_url(database_url))
        with engine.connect() as connection:
            for lane in range(installation.settings.lanes):
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:key, :lane)"),
                    {"key": LANE_LOCK, "lane": lane},
                )
            yield
        engine.dispose()

    return standing_still


# -- what is told ---------------------------------------------------------------------------------


def test_an_order_is_told_with_its_date_state_and_sums(client: Any, settled: Any) -> None:
    event = placed(client, "SO-1", "2025-10-09 04:00", amount=1_999)
    event.order.lines.add(line_id="2", quantity="2.50", amount_minor=501, tax_minor=90)
    settled(event)
    (told,) = documents(client)
    assert told == operations_pb2.Document(
        kind="order",
        id="SO-1",
        version=1,
        on="2025-10-09",
        document_status="confirmed",
        status=APPLIED,
        amount_minor=2_500,
        currency_code="CNY",
        quantity="3.5",
        lines=2,
    )


def test_a_return_is_told_with_the_amounts_that_were_given(client: Any, settled: Any) -> None:
    event = events_pb2.Event(event_id="e-R-1")
    back = getattr(event, "return")
    back.id, back.version, back.order_id = "R-1", 1, "SO-1"
    back.status = events_pb2.DOCUMENT_STATUS_DONE
    back.returned_at.seconds = at("2025-10-10 10:00")
    back.lines.add(line_id="1", quantity="100")
    back.lines.add(line_id="2", quantity="0.5", amount_minor=300)
    back.lines.add(amount_minor=200, tax_minor=10)
    settled(client.order(), event)
    (told,) = documents(client, "return")
    assert (told.on, told.document_status, told.status) == ("2025-10-10", "done", APPLIED)
    assert (told.amount_minor, told.currency_code) == (500, "")
    assert (told.quantity, told.lines) == ("100.5", 3)


def test_a_shipment_that_came_before_its_order_is_told_and_the_order_is_not(
    client: Any, settled: Any
) -> None:
    settled(shipment("SH-1", "SO-1"))
    assert rows(client, "shipment") == [("SH-1", 1, APPLIED)]
    assert rows(client) == []
    settled(client.order())
    assert rows(client, "shipment") == [("SH-1", 1, APPLIED)]
    assert rows(client) == [("SO-1", 1, APPLIED)]


def test_a_shipment_of_the_whole_order_has_no_lines_and_a_quantity_of_nothing(
    client: Any, settled: Any
) -> None:
    settled(shipment("SH-1", "SO-1", quantity=""))
    (told,) = documents(client, "shipment")
    assert (told.quantity, told.lines, told.amount_minor) == ("0", 0, 0)


def test_ids_with_quotes_and_backslashes_are_told_as_they_were_sent(
    client: Any, settled: Any, nothing_is_applied: Any
) -> None:
    settled(client.order('a"b', event_id="e-1"))
    with nothing_is_applied():
        client.record(client.order('a\\"b\\\\c', event_id="e-2"))
        assert rows(client, page_size=1) == [
            ('a"b', 1, APPLIED),
            ('a\\"b\\\\c', 1, WAITING),
        ]


# -- the highest version, whatever became of it ---------------------------------------------------


def test_an_amended_order_is_listed_once_at_its_highest_version(client: Any, settled: Any) -> None:
    settled(client.order(version=1, event_id="e-1"))
    settled(client.order(version=3, amount=300, event_id="e-3"))
    settled(client.order(version=2, amount=200, event_id="e-2"))
    (told,) = documents(client)
    assert (told.version, told.amount_minor, told.status) == (3, 300, APPLIED)


def test_what_waits_is_listed_before_it_is_applied(
    client: Any, settled: Any, nothing_is_applied: Any, eventually: Any
) -> None:
    settled(client.order("SO-1", event_id="e-1"), shipment("SH-1", "SO-1"))
    with nothing_is_applied():
        client.record(
            client.order("SO-1", version=3, event_id="e-3", amount=300),
            client.order("SO-1", version=2, event_id="e-2"),
            client.order("SO-2"),
            shipment("SH-1", "SO-1", version=2),
            shipment("SH-2", "SO-2"),
        )
        assert rows(client) == [("SO-1", 3, WAITING), ("SO-2", 1, WAITING)]
        assert rows(client, "shipment") == [("SH-1", 2, WAITING), ("SH-2", 1, WAITING)]
        assert documents(client)[0].amount_minor == 300
    eventually(lambda: rows(client) == [("SO-1", 3, APPLIED), ("SO-2", 1, APPLIED)])


def test_a_waiting_version_that_is_not_newer_changes_nothing(
    client: Any, settled: Any, nothing_is_applied: Any
) -> None:
    settled(client.order(version=2, amount=200, event_id="e-2"))
    with nothing_is_applied():
        client.record(
            client.order(version=1, amount=100, event_id="e-1"),
            client.order(version=2, amount=999, event_id="e-2-again"),
        )
        (told,) = documents(client)
        assert (told.version, told.amount_minor, told.status) == (2, 200, APPLIED)


def test_a_parked_document_is_listed_with_its_reason_and_so_is_a_discarded_one(
    client: Any, settled: Any, query: Any, database_url: str
) -> None:
    settled(client.order("SO-1"))
    settled(placed(client, "SO-2", "2019-06-01 12:00"), redemption_shipment("RS-1"))
    kept, parked = documents(client)
    assert (kept.id, kept.status, kept.reason) == ("SO-1", APPLIED, "")
    assert (parked.id, parked.status, parked.reason) == ("SO-2", PARKED, "PROGRAM_MISSING")
    assert (parked.on, parked.amount_minor) == ("2019-06-01", 10_000)
    (goods,) = documents(client, "redemption_shipment")
    assert (goods.status, goods.quantity) == (PARKED, "2")
    assert goods.reason == "REDEMPTION_UNKNOWN"
    ((seq,),) = query(
        database_url,
        "SELECT seq FROM event_key WHERE source = :source AND event_id = 'e-SO-2'",
        source=client.source,
    )
    client.operations.DiscardParked(operations_pb2.DiscardParkedRequest(sequence=seq, reason="x"))
    _, given_up = documents(client)
    assert (given_up.status, given_up.reason) == (DISCARDED, "PROGRAM_MISSING")


def test_a_parked_amendment_is_listed_above_the_version_that_counts_until_a_newer_one_comes(
    client: Any, settled: Any
) -> None:
    settled(client.order(version=1, event_id="e-1"))
    amended = placed(client, "SO-1", "2019-06-01 12:00", version=2, event_id="e-2")
    settled(amended)
    assert rows(client) == [("SO-1", 2, PARKED)]
    settled(client.order(version=3, event_id="e-3"))
    assert rows(client) == [("SO-1", 3, APPLIED)]


def test_content_that_cannot_be_read_is_listed_as_far_as_it_names_a_document(
    client: Any, database_url: str, eventually: Any
) -> None:
    content = b'{"type":"order","id":"SO-1","version":7,"status":99,"ordered_at":1760000000000000}'
    engine = create_engine(engine_url(database_url))
    with engine.begin() as connection:
        book = find_book(connection, "")
        stored = {
            "e-1": content,
            "e-2": b'{"type":"order","id":"SO-2","ver',
            "e-3": b"\xf0\x9f\x8d\xb5",
        }
        record_events(
            connection,
            [Incoming(book.id, 0, 1, client.source, k, v, b"\x00" * 32) for k, v in stored.items()],
        )
    engine.dispose()
    assert rows(client) == [("SO-1", 7, WAITING)]
    # Nobody announced the batch: the relay finds it after a few seconds.
    eventually(lambda: rows(client) == [("SO-1", 7, PARKED)], within=30)
    (told,) = documents(client)
    assert (told.reason, told.on) == ("EVENT_UNREADABLE", "2025-10-09")
    assert (told.document_status, told.quantity, told.lines) == ("", "", 0)


@pytest.mark.parametrize(
    "document",
    [
        Order("", 2**62, OrderStatus.DRAFT, 32_503_680_000 * 10**6, "CNY"),
        Shipment("", 2**62, DocumentStatus.DRAFT, 32_503_680_000 * 10**6, "SO-1"),
        Return("", 2**62, DocumentStatus.DRAFT, 32_503_680_000 * 10**6),
        RedemptionShipment("", 2**62, DocumentStatus.DRAFT, 32_503_680_000 * 10**6, "R1"),
        RedemptionReturn("", 2**62, DocumentStatus.DRAFT, 32_503_680_000 * 10**6, "R1"),
    ],
    ids=lambda document: type(document).__name__,
)
def test_the_longest_head_of_every_kind_is_read(document: Any) -> None:
    content = encode(document).decode()
    begins = content[: content.index('_at":')]
    assert begins.count('"') == 13, "type, id, version and status come first"
    longest = len(content[: content.index("32503680000000000") + 17]) + 2 * 128
    assert longest <= HEAD_LENGTH_MAX


# -- dates ----------------------------------------------------------------------------------------


def test_dates_are_those_of_the_books_time_zone_and_the_end_is_exclusive(
    client: Any, settled: Any
) -> None:
    # Shanghai is 8 hours ahead of UTC all year: its 10 October is 16:00 on the 9th until 16:00 on the 10th.
    settled(
        placed(client, "A", "2025-10-09 15:59"),
        placed(client, "B", "2025-10-09 16:00"),
        placed(client, "C", "2025-10-09 23:30"),
        placed(client, "D", "2025-10-10 15:59"),
        placed(client, "E", "2025-10-10 16:00"),
    )
    on = {one.id: one.on for one in documents(client)}
    assert on["A"] == "2025-10-09"
    assert on["B"] == on["C"] == on["D"] == "2025-10-10"
    assert on["E"] == "2025-10-11"

    def ids(**dates: str) -> str:
        return "".join(one.id for one in documents(client, **dates))

    assert ids(from_on="2025-10-10", until_on="2025-10-11") == "BCD"
    assert ids(from_on="2025-10-10") == "BCDE"
    assert ids(until_on="2025-10-10") == "A"
    assert ids(from_on="0001-01-01", until_on="9999-12-31") == "ABCDE"


def test_an_amendment_that_moves_a_document_to_another_day_moves_it_in_the_list(
    client: Any, settled: Any
) -> None:
    settled(placed(client, "SO-1", "2025-10-09 04:00", event_id="e-1"))
    settled(placed(client, "SO-1", "2025-10-12 04:00", version=2, event_id="e-2"))
    assert rows(client, from_on="2025-10-09", until_on="2025-10-10") == []
    assert rows(client, from_on="2025-10-12", until_on="2025-10-13") == [("SO-1", 2, APPLIED)]


# -- pages and sources ----------------------------------------------------------------------------


def test_pages_of_two_hold_every_document_exactly_once(
    client: Any, settled: Any, nothing_is_applied: Any
) -> None:
    settled(*(client.order(f"SO-{i}") for i in range(0, 10, 2)))
    settled(placed(client, "SO-5", "2019-06-01 12:00"))
    with nothing_is_applied():
        client.record(*(client.order(f"SO-{i}") for i in (1, 3, 7)))
        client.record(client.order("SO-4", version=2, event_id="e-4-2"))
        told = rows(client, page_size=2)
    assert told == [
        ("SO-0", 1, APPLIED),
        ("SO-1", 1, WAITING),
        ("SO-2", 1, APPLIED),
        ("SO-3", 1, WAITING),
        ("SO-4", 2, WAITING),
        ("SO-5", 1, PARKED),
        ("SO-6", 1, APPLIED),
        ("SO-7", 1, WAITING),
        ("SO-8", 1, APPLIED),
    ]
    assert rows(client) == told


def test_a_page_that_has_looked_at_enough_documents_ends_and_the_next_one_goes_on(
    client: Any, settled: Any, database_url: str
) -> None:
    dates = {"SO-1": "2025-10-01", "SO-4": "2025-10-01", "SO-6": "2025-10-01"}
    settled(
        *(
            placed(client, f"SO-{i}", f"{dates.get(f'SO-{i}', '2025-11-01')} 04:00")
            for i in range(7)
        )
    )
    engine = create_engine(engine_url(database_url))
    pages = []
    after: str | None = ""
    with engine.connect() as connection:
        book = find_book(connection, "")
        wanted = Wanted(
            book.id, client.source, KINDS["order"], until_at=at("2025-10-02 00:00") * 10**6
        )
        while after is not None:
            page = list_received(connection, wanted, after, limit=5, examined_max=2)
            pages.append([one.id for one in page.documents])
            after = page.next_after
    engine.dispose()
    assert pages == [["SO-1"], [], ["SO-4"], ["SO-6"]]


def test_the_documents_of_another_source_and_kind_are_not_listed(
    client: Any, settled: Any, nothing_is_applied: Any
) -> None:
    settled(client.order("SO-1"), shipment("X-1", "SO-1"))
    other = client.source + "-b"
    client.record(placed(client, "SO-9", "2019-06-01 12:00"), source=other)
    with nothing_is_applied():
        client.record(client.order("SO-8"), source=other)
        assert rows(client) == [("SO-1", 1, APPLIED)]
        assert rows(client, "shipment") == [("X-1", 1, APPLIED)]
        assert [one.id for one in documents(client, source=other)] == ["SO-8", "SO-9"]
    assert documents(client, source="nobody") == []


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"source": ""}, "FIELD_REQUIRED", "source"),
        ({"source": "源"}, "IDENTIFIER_INVALID", "source"),
        ({"kind": ""}, "FIELD_REQUIRED", "kind"),
        ({"kind": "member"}, "KIND_UNKNOWN", "kind"),
        ({"kind": "Order"}, "KIND_UNKNOWN", "kind"),
        ({"from_on": "2025-10-9"}, "DATE_INVALID", "from_on"),
        ({"from_on": "20251009"}, "DATE_INVALID", "from_on"),
        ({"from_on": "2025-W41-4"}, "DATE_INVALID", "from_on"),
        ({"from_on": "0000-01-01"}, "DATE_INVALID", "from_on"),
        ({"until_on": "2025-02-30"}, "DATE_INVALID", "until_on"),
        ({"until_on": "2025-10-09T00:00:00Z"}, "DATE_INVALID", "until_on"),
        ({"from_on": "2025-10-09", "until_on": "2025-10-09"}, "DATES_REVERSED", "until_on"),
        ({"from_on": "2025-10-10", "until_on": "2025-10-09"}, "DATES_REVERSED", "until_on"),
        ({"page_size": -1}, "PAGE_SIZE_INVALID", "page_size"),
        ({"page_token": "zz"}, "PAGE_TOKEN_INVALID", "page_token"),
        ({"page_token": "00"}, "PAGE_TOKEN_INVALID", "page_token"),
        ({"page_token": "ff"}, "PAGE_TOKEN_INVALID", "page_token"),
        ({"page_token": "41" * 129}, "PAGE_TOKEN_INVALID", "page_token"),
    ],
)
def test_a_wrong_request_is_refused_with_reason_and_field(
    client: Any, refusal: Any, fields: dict[str, Any], reason: str, field: str
) -> None:
    request = operations_pb2.ListDocumentsRequest(
        **{"source": client.source, "kind": "order", **fields}
    )
    refused = refusal(client.operations.ListDocuments, request)
    assert (refused.code, refused.reason, refused.field) == (Code.INVALID_ARGUMENT, reason, field)
    assert field in refused.message


def test_an_unknown_book_is_not_found(client: Any, refusal: Any) -> None:
    request = operations_pb2.ListDocumentsRequest(
        book="no-such", source=client.source, kind="order"
    )
    refused = refusal(client.operations.ListDocuments, request)
    assert (refused.code, refused.reason) == (Code.NOT_FOUND, "BOOK_UNKNOWN")
