"""The contract as a client sees it: outcomes, limits, reasons, pages."""

from __future__ import annotations

import queue
import threading
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from accounting.gate import check_ledger
from pointbook.v1 import (
    events_pb2,
    intake_pb2,
    ledger_pb2,
    members_pb2,
    operations_pb2,
    programs_pb2,
)

ACCEPTED = intake_pb2.EVENT_OUTCOME_ACCEPTED
DUPLICATE = intake_pb2.EVENT_OUTCOME_DUPLICATE
CONFLICT = intake_pb2.EVENT_OUTCOME_CONFLICT
REJECTED = intake_pb2.EVENT_OUTCOME_REJECTED
APPLIED = intake_pb2.EVENT_STATUS_APPLIED
Code = grpc.StatusCode
SERVICES = {
    f"pointbook.v1.{name}Service"
    for name in ("Intake", "Member", "Redemption", "Program", "Ledger", "Operations")
}


@pytest.fixture
def applied(client: Any, eventually: Any) -> Any:
    """Returns a function that records events and waits until they are applied."""

    def record(*events: Any) -> None:
        assert {result.outcome for result in client.record(*events)} == {ACCEPTED}
        eventually(lambda: all(client.status(event.event_id) == APPLIED for event in events))

    return record


# -- the house ------------------------------------------------------------------------------------


def test_every_service_says_that_it_is_healthy(client: Any) -> None:
    health = health_pb2_grpc.HealthStub(client.channel)
    for name in ("", *SERVICES):
        found = health.Check(health_pb2.HealthCheckRequest(service=name))
        assert found.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_lists_the_services_and_describes_their_files(client: Any) -> None:
    reflection = reflection_pb2_grpc.ServerReflectionStub(client.channel)
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="pointbook.v1.IntakeService"),
    ]
    listed, described = reflection.ServerReflectionInfo(iter(asked))
    assert {one.name for one in listed.list_services_response.service} >= SERVICES
    assert described.file_descriptor_response.file_descriptor_proto


# -- outcomes -------------------------------------------------------------------------------------


def test_the_same_event_again_is_a_duplicate_that_tells_where_the_first_is(
    client: Any, applied: Any
) -> None:
    applied(client.order())
    (again,) = client.record(client.order())
    first = client.intake.GetEvent(
        intake_pb2.GetEventRequest(source=client.source, event_id="e-SO-1")
    )
    assert (again.outcome, again.sequence, again.first_status) == (
        DUPLICATE,
        first.sequence,
        APPLIED,
    )


def test_other_content_under_a_known_id_is_a_recorded_conflict_that_changes_nothing(
    client: Any, installation: Any, query: Any, applied: Any
) -> None:
    applied(client.order(amount=10_000))
    (other,) = client.record(client.order(amount=99_000))
    assert (other.outcome, other.reason) == (CONFLICT, "CONTENT_DIFFERS")
    kept = query(
        installation.settings.database_url.get_secret_value(),
        "SELECT first_seq FROM conflict WHERE source = :source", source=client.source,
    )  # fmt: skip
    assert kept == [(other.sequence,)]
    assert (
        client.members.GetBalance(
            members_pb2.GetBalanceRequest(selector=client.selector())
        ).available
        == 100
    )


def test_one_bad_event_never_fails_its_batch(client: Any) -> None:
    good, bad = client.order("SO-1"), client.order("SO-2")
    bad.order.lines[0].quantity = "9" * 1_500_000
    nothing = events_pb2.Event(event_id="e-3")
    results = client.record(
        good, bad, nothing, client.order("SO-1"), client.order("SO-1", amount=1)
    )
    assert [r.outcome for r in results] == [ACCEPTED, REJECTED, REJECTED, DUPLICATE, CONFLICT]
    assert [(r.reason, r.field) for r in results[1:3]] == [
        ("NOT_A_DECIMAL", "order.lines[0].quantity"),
        ("PAYLOAD_MISSING", "payload"),
    ]
    assert [r.event_id for r in results] == ["e-SO-1", "e-SO-2", "e-3", "e-SO-1", "e-SO-1"]


def test_what_was_rejected_can_be_mended_and_sent_again(client: Any) -> None:
    event = client.order(currency_code="ZZZ")
    assert client.record(event)[0].reason == "CURRENCY_UNKNOWN"
    event.order.currency_code = "CNY"
    assert client.record(event)[0].outcome == ACCEPTED


def test_ids_belong_to_their_source(client: Any) -> None:
    assert client.record(client.order())[0].outcome == ACCEPTED
    assert client.record(client.order(amount=1), source=client.source + "-b")[0].outcome == ACCEPTED


@pytest.mark.parametrize("text", ["a\x00b", "\x00", "a\nb"])
def test_nul_and_control_characters_are_rejected_by_field(client: Any, text: str) -> None:
    event = client.order(store=text)
    (result,) = client.record(event)
    assert (result.outcome, result.reason, result.field) == (
        REJECTED,
        "TEXT_INVALID",
        "order.store",
    )


def test_a_nul_in_the_event_id_comes_back_as_it_was_sent(client: Any) -> None:
    (result,) = client.record(client.order(event_id="a\x00b"))
    assert (result.outcome, result.event_id) == (REJECTED, "a\x00b")


# -- limits ---------------------------------------------------------------------------------------


def test_a_thousand_events_go_in_one_call_and_a_thousand_and_one_do_not(
    client: Any, refusal: Any
) -> None:
    events = [client.order(f"SO-{i}") for i in range(1_001)]
    refused = refusal(client.intake.RecordEvents, client.request(*events))
    assert (refused.code, refused.reason, refused.field) == (
        Code.RESOURCE_EXHAUSTED,
        "BATCH_TOO_LARGE",
        "events",
    )
    assert {result.outcome for result in client.record(*events[:1_000])} == {ACCEPTED}


def test_a_message_over_eight_mebibytes_is_refused(client: Any, refusal: Any) -> None:
    event = client.order()
    event.order.lines[0].description = "x" * (9 * 1024 * 1024)
    assert (
        refusal(client.intake.RecordEvents, client.request(event)).code == Code.RESOURCE_EXHAUSTED
    )
    assert client.record(client.order())[0].outcome == ACCEPTED


@pytest.mark.parametrize(
    ("fields", "code", "reason", "field"),
    [
        ({"source": ""}, Code.INVALID_ARGUMENT, "FIELD_REQUIRED", "source"),
        ({"source": "x" * 65}, Code.INVALID_ARGUMENT, "IDENTIFIER_INVALID", "source"),
        ({"source": "源"}, Code.INVALID_ARGUMENT, "IDENTIFIER_INVALID", "source"),
        ({"events": []}, Code.INVALID_ARGUMENT, "FIELD_REQUIRED", "events"),
        ({"book": "no-such"}, Code.NOT_FOUND, "BOOK_UNKNOWN", "book"),
    ],
)
def test_a_wrong_request_is_refused_with_reason_and_field(
    client: Any, refusal: Any, fields: dict[str, Any], code: Code, reason: str, field: str
) -> None:
    request = client.request(**{"events": [client.order()], **fields})
    refused = refusal(client.intake.RecordEvents, request)
    assert (refused.code, refused.reason, refused.field) == (code, reason, field)
    assert refused.message


def test_a_deadline_that_passes_is_told_and_sending_again_is_safe(
    client: Any, refusal: Any
) -> None:
    assert (
        refusal(client.intake.RecordEvents, client.request(client.order()), timeout=0.000_001).code
        == Code.DEADLINE_EXCEEDED
    )
    assert client.record(client.order())[0].outcome in (ACCEPTED, DUPLICATE)


# -- streams --------------------------------------------------------------------------------------


def test_a_stream_answers_each_request_before_the_next_is_sent(client: Any) -> None:
    outgoing: queue.Queue[Any] = queue.Queue()
    answers = client.intake.StreamEvents(iter(outgoing.get, None), timeout=30)
    for number in range(20):
        outgoing.put(client.request(client.order(f"SO-{number}"), correlation_id=number))
        answer = next(
            answers
        )  # Nothing else is on its way: an answer that waits for a later request never comes.
        assert (answer.correlation_id, answer.results[0].outcome) == (number, ACCEPTED)
    outgoing.put(None)
    assert list(answers) == []


def test_a_stream_with_many_requests_ahead_answers_in_order(client: Any) -> None:
    requests = [
        client.request(
            *[client.order(f"SO-{number}-{i}") for i in range(20)], correlation_id=number
        )
        for number in range(60)
    ]
    answers = list(client.intake.StreamEvents(iter(requests), timeout=60))
    assert [answer.correlation_id for answer in answers] == list(range(60))
    assert all(result.outcome == ACCEPTED for answer in answers for result in answer.results)


def test_a_wrong_request_ends_the_stream_after_the_answers_before_it(client: Any) -> None:
    requests = [
        client.request(client.order("SO-1")),
        client.request(client.order("SO-2")),
        client.request(source=""),
    ]
    answers = client.intake.StreamEvents(iter(requests), timeout=30)
    assert [next(answers).results[0].outcome for _ in range(2)] == [ACCEPTED, ACCEPTED]
    with pytest.raises(grpc.RpcError) as caught:
        next(answers)
    assert caught.value.code() == Code.INVALID_ARGUMENT


def test_a_client_that_leaves_a_stream_disturbs_nobody(client: Any) -> None:
    hold = threading.Event()

    def requests() -> Any:
        yield client.request(client.order("SO-1"))
        hold.wait(30)

    answers = client.intake.StreamEvents(requests())
    next(answers)
    answers.cancel()
    hold.set()
    assert client.record(client.order("SO-2"))[0].outcome == ACCEPTED


# -- reading --------------------------------------------------------------------------------------


def test_an_event_tells_what_it_did(client: Any, applied: Any) -> None:
    applied(client.order(amount=1999))
    found = client.intake.GetEvent(
        intake_pb2.GetEventRequest(source=client.source, event_id="e-SO-1")
    )
    (fact,) = found.facts
    assert (fact.kind, fact.points, fact.amount_minor, fact.cause) == (
        "accrued",
        19,
        15,
        "order:SO-1",
    )
    assert [(rule.rule, rule.points) for rule in fact.rules] == [("base", 19)]
    (entry,) = found.entries
    assert {
        (posting.account, posting.amount, posting.currency_code) for posting in entry.postings
    } == {
        ("Expenses:Marketing:Points", "0.15", "CNY"),
        ("Liabilities:Loyalty:Points", "-0.15", "CNY"),
        ("Equity:Loyalty:Issued", "19", "PTS"),
        ("Liabilities:Loyalty:Units", "-19", "PTS"),
    }
    assert (entry.business_on, entry.event_id, found.is_superseded) == (
        "2025-10-09",
        "e-SO-1",
        False,
    )


def test_an_event_that_a_newer_version_replaced_says_so(client: Any, applied: Any) -> None:
    applied(client.order(event_id="e-2", version=2), client.order(event_id="e-1"))
    found = client.intake.GetEvent(intake_pb2.GetEventRequest(source=client.source, event_id="e-1"))
    assert (found.is_superseded, list(found.facts)) == (True, [])


def test_a_balance_tells_what_expires_when(client: Any, applied: Any) -> None:
    applied(client.order(amount=10_000))
    asked = members_pb2.GetBalanceRequest(
        selector=client.selector(), as_of=Timestamp(seconds=1_760_000_000)
    )
    found = client.members.GetBalance(asked)
    assert (found.available, found.pending, found.debt) == (100, 0, 0)
    assert [(one.expires_on, one.points) for one in found.expiring] == [("2125-10-09", 100)]
    assert (found.tier, found.next_tier) == ("basic", "gold")
    asked.as_of.seconds = 4_950_000_000  # 2126
    assert client.members.GetBalance(asked).available == 0
    summary = client.members.GetMember(
        members_pb2.GetMemberRequest(selector=client.selector())
    ).member
    assert (summary.points, summary.book) == (100, "shop")


@pytest.mark.parametrize("seconds", [-1, 32_503_680_000, 10**15])
def test_an_instant_out_of_range_is_refused(
    client: Any, applied: Any, refusal: Any, seconds: int
) -> None:
    applied(client.order())
    asked = members_pb2.GetBalanceRequest(
        selector=client.selector(), as_of=Timestamp(seconds=seconds)
    )
    refused = refusal(client.members.GetBalance, asked)
    assert (refused.code, refused.reason, refused.field) == (
        Code.INVALID_ARGUMENT,
        "INSTANT_OUT_OF_RANGE",
        "as_of",
    )


def test_point_facts_come_in_pages_each_once(client: Any, applied: Any) -> None:
    applied(*[client.order(f"SO-{i}", amount=100 * (i + 1)) for i in range(7)])
    pages, token = [], ""
    while not pages or token:
        asked = members_pb2.ListPointFactsRequest(
            selector=client.selector(), page_size=3, page_token=token
        )
        page = client.members.ListPointFacts(asked)
        pages.append([fact.points for fact in page.facts])
        token = page.next_page_token
    assert [len(page) for page in pages] == [3, 3, 1]
    assert sorted(points for page in pages for points in page) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("size", "token", "reason"),
    [
        (-1, "", "PAGE_SIZE_INVALID"),
        (0, "zz", "PAGE_TOKEN_INVALID"),
        (0, "-1", "PAGE_TOKEN_INVALID"),
    ],
)
def test_a_wrong_page_is_refused(
    client: Any, refusal: Any, size: int, token: str, reason: str
) -> None:
    asked = members_pb2.ListPointFactsRequest(
        selector=client.selector(), page_size=size, page_token=token
    )
    assert refusal(client.members.ListPointFacts, asked).reason == reason


def test_what_is_not_there_is_not_found(client: Any, refusal: Any) -> None:
    event = refusal(
        client.intake.GetEvent, intake_pb2.GetEventRequest(source=client.source, event_id="none")
    )
    assert (event.code, event.reason) == (Code.NOT_FOUND, "EVENT_NOT_FOUND")
    member = refusal(
        client.members.GetMember, members_pb2.GetMemberRequest(selector=client.selector("nobody"))
    )
    assert (member.code, member.reason) == (Code.NOT_FOUND, "MEMBER_NOT_FOUND")
    assert "nobody" not in member.message
    nobody = refusal(client.members.GetMember, members_pb2.GetMemberRequest())
    assert (nobody.code, nobody.field) == (Code.INVALID_ARGUMENT, "selector.member")
    parked = refusal(
        client.operations.DiscardParked, operations_pb2.DiscardParkedRequest(sequence=1, reason="x")
    )
    assert (parked.code, parked.reason) == (Code.NOT_FOUND, "PARKED_NOT_FOUND")


def test_a_parked_event_is_listed_and_discarded_with_a_reason(
    client: Any, refusal: Any, eventually: Any
) -> None:
    event = events_pb2.Event(event_id="e-1")
    event.activity.id, event.activity.version, event.activity.kind = "A-1", 1, "review"
    event.activity.happened_at.seconds = 1_760_000_000
    event.activity.member.external_id = "ann"
    client.record(event)
    eventually(lambda: client.status("e-1") == intake_pb2.EVENT_STATUS_PARKED)
    listed = client.operations.ListParked(operations_pb2.ListParkedRequest(page_size=1000)).events
    (mine,) = [one for one in listed if one.source == client.source]
    assert (mine.event_id, mine.reason) == ("e-1", "KIND_NOT_APPLIED")
    no_reason = operations_pb2.DiscardParkedRequest(sequence=mine.sequence)
    assert refusal(client.operations.DiscardParked, no_reason).reason == "REASON_REQUIRED"
    client.operations.DiscardParked(
        operations_pb2.DiscardParkedRequest(sequence=mine.sequence, reason="a test")
    )
    assert client.status("e-1") == intake_pb2.EVENT_STATUS_DISCARDED


@pytest.mark.parametrize(
    ("service", "method", "request_"),
    [
        ("members", "ListMembers", members_pb2.ListMembersRequest()),
        ("members", "QuoteOrder", members_pb2.QuoteOrderRequest()),
        ("members", "AdjustPoints", members_pb2.AdjustPointsRequest()),
        ("members", "EraseMember", members_pb2.EraseMemberRequest()),
        ("programs", "GetProgram", programs_pb2.GetProgramRequest()),
        ("programs", "ApproveProgram", programs_pb2.ApproveProgramRequest()),
        ("ledger", "ExportVouchers", ledger_pb2.ExportVouchersRequest()),
    ],
)
def test_what_a_later_release_brings_is_unimplemented(
    client: Any, refusal: Any, service: str, method: str, request_: Any
) -> None:
    assert refusal(getattr(getattr(client, service), method), request_).code == Code.UNIMPLEMENTED


# -- names that would like to be postings ---------------------------------------------------------


def test_names_cannot_inject_postings_into_the_ledger(
    client: Any, installation: Any, applied: Any, eventually: Any
) -> None:
    evil = "\"\\'; DROP TABLE lot; --} {%s :x $1"
    event = client.order('SO-1" 2025-01-01', store=evil, channel=evil, event_id='e"1\\')
    event.order.member.external_id = 'ann" #tag ^link'
    line = event.order.lines[0]
    line.sku = line.category = evil
    line.description = (
        'Tea"\n  Assets:Cash  1000000 CNY\n  Income:Gifts\n2025-01-01 close Assets:Cash\n'
    )
    applied(event)
    folder = installation.settings.books_dir / "shop"
    applied(client.order("SO-2"))

    def checked() -> Any:
        found = check_ledger(folder / "main.beancount", details=True)
        assert found.errors == ()
        return found if found.entries >= 2 else None

    found = eventually(checked, within=30, every=0.5)
    assert set(found.accounts) <= {
        "Expenses:Marketing:Points", "Liabilities:Loyalty:Points", "Equity:Loyalty:Issued", "Liabilities:Loyalty:Units",
    }  # fmt: skip
    run = client.ledger.Reconcile(ledger_pb2.ReconcileRequest(), timeout=60)
    assert run.holds, [check for check in run.checks if not check.holds]
