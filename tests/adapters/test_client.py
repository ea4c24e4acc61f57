"""Sending: batches, retries, what is not retried."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.client import (
    ATTEMPTS_MAX,
    BATCH_BYTES_MAX,
    EVENT_BYTES_MAX,
    IntakeClient,
    Patience,
    Refused,
    Target,
    Unavailable,
    batches,
    delay_seconds,
)
from pointbook.v1 import events_pb2, intake_pb2

EVENTS = [events_pb2.Event(event_id=f"order:{n}") for n in range(7)]


def client_of(intake: Any, slept: list[float] | None = None, **patience: Any) -> IntakeClient:
    """Returns a client that does not wait but says how long it would have."""
    waits = [] if slept is None else slept
    return IntakeClient(
        Target(intake.address), Patience(**patience), sleep=waits.append, chance=lambda: 1.0
    )


def fails(code: grpc.StatusCode, times: int) -> Any:
    def mood(call: int, context: grpc.ServicerContext) -> None:
        if call <= times:
            context.abort(code, "not now")

    return mood


def test_events_go_in_batches_and_results_come_in_order(intake: Any) -> None:
    intake.refuse = {"order:4": "CURRENCY_UNKNOWN"}
    with client_of(intake) as client:
        results = client.record("shop", "main", EVENTS, batch=3)
    assert [len(request.events) for request in intake.requests] == [3, 3, 1]
    assert {(request.source, request.book) for request in intake.requests} == {("shop", "main")}
    assert [result.event_id for result in results] == [event.event_id for event in EVENTS]
    assert [n for n, r in enumerate(results) if r.outcome == intake_pb2.EVENT_OUTCOME_REJECTED] == [
        4
    ]


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    ],
)
def test_a_call_is_tried_again_and_waits_longer_each_time(
    intake: Any, code: grpc.StatusCode
) -> None:
    intake.mood = fails(code, 3)
    slept: list[float] = []
    with client_of(intake, slept) as client:
        assert len(client.record("shop", "", EVENTS)) == 7
    assert slept == [0.25, 0.5, 1.0]
    assert len(intake.requests) == 1


def test_after_the_last_attempt_it_gives_up(intake: Any) -> None:
    intake.mood = fails(grpc.StatusCode.UNAVAILABLE, 99)
    with (
        client_of(intake, attempts_max=3) as client,
        pytest.raises(Unavailable, match="UNAVAILABLE: not now \\(after 3 attempts\\)"),
    ):
        client.record("shop", "", EVENTS)
    assert intake.calls == 3


def test_a_pointbook_that_is_away_for_two_minutes_is_waited_for() -> None:
    waits = [delay_seconds(Patience(), attempt, chance=0.0) for attempt in range(1, ATTEMPTS_MAX)]
    assert sum(waits) > 120  # 0.125 + 0.25 + 0.5 + 1 + 2 + 4, then 18 times 7.5


def test_an_event_larger_than_intake_takes_is_refused_here_and_the_others_go_on(
    intake: Any,
) -> None:
    large = events_pb2.Event(
        event_id="order:large",
        order=events_pb2.Order(lines=[events_pb2.OrderLine(description="x" * EVENT_BYTES_MAX)]),
    )
    with client_of(intake) as client:
        before, refused, after = client.record("shop", "", [EVENTS[0], large, EVENTS[1]])
    assert (before.outcome, after.outcome) == (intake_pb2.EVENT_OUTCOME_ACCEPTED,) * 2
    assert refused.event_id == "order:large"
    assert (refused.outcome, refused.reason) == (
        intake_pb2.EVENT_OUTCOME_REJECTED,
        "EVENT_TOO_LARGE",
    )
    assert "at most 8,384,512" in refused.message
    assert intake.calls == 2


def test_nobody_there_is_unavailable() -> None:
    target = Target("127.0.0.1:1")
    with (
        IntakeClient(target, Patience(attempts_max=2), sleep=lambda _: None) as client,
        pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"),
    ):
        client.record("shop", "", EVENTS)


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAUTHENTICATED]
)
def test_what_another_try_does_not_mend_is_not_tried(intake: Any, code: grpc.StatusCode) -> None:
    intake.mood = fails(code, 99)
    with client_of(intake) as client, pytest.raises(Refused, match=code.name):
        client.record("shop", "", EVENTS)
    assert intake.calls == 1


def test_a_call_that_takes_too_long_is_given_up_and_tried_again(intake: Any) -> None:
    def slow_at_first(call: int, context: grpc.ServicerContext) -> None:
        while call == 1 and context.is_active():
            pass

    intake.mood = slow_at_first
    with client_of(intake, deadline_seconds=0.3) as client:
        results = client.record("shop", "", EVENTS)
    assert len(results) == 7
    assert intake.calls == 2


def test_the_api_key_goes_along(intake: Any) -> None:
    with IntakeClient(Target(intake.address, api_key="s3cret")) as client:
        client.record("shop", "", EVENTS)
    assert intake.metadata[0]["authorization"] == "Bearer s3cret"


@given(st.integers(1, 200), st.floats(0, 1))
def test_a_wait_is_between_half_a_step_and_a_step(attempt: int, chance: float) -> None:
    patience = Patience(delay_seconds_first=0.25, delay_seconds_max=15.0)
    step = min(15.0, 0.25 * 2.0 ** min(attempt - 1, 100))
    assert step / 2 <= delay_seconds(patience, attempt, chance) <= step


def test_a_batch_is_not_larger_than_intake_takes() -> None:
    large = [
        events_pb2.Event(
            event_id=str(n),
            order=events_pb2.Order(
                lines=[events_pb2.OrderLine(description="x" * 500) for _ in range(1_000)]
            ),
        )
        for n in range(20)
    ]
    parts = list(batches(large, 1_000))
    assert [event for part in parts for event in part] == large
    assert all(sum(event.ByteSize() for event in part) <= BATCH_BYTES_MAX for part in parts)
    assert len(parts) == 3


@pytest.mark.parametrize("size", [0, 1_001])
def test_a_batch_size_that_intake_refuses_is_refused_here(size: int) -> None:
    with pytest.raises(ValueError, match="1 to 1000"):
        list(batches(EVENTS, size))
