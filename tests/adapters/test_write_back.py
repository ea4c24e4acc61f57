"""Redemptions that wait for an ERP: what one of them meets is not the others' trouble."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.client import Target
from adapters.contract import AdapterError, Known, SourceAway, Unsettled
from adapters.unanswered import Unanswered
from adapters.write_back import CANCEL, ORDER, Done, RedemptionClient, write_back
from pointbook.v1 import redemptions_pb2


class Waiting:
    """A Pointbook with redemptions to make orders of, and to cancel."""

    def __init__(self, orders: list[str], cancels: list[str]) -> None:
        self._tasks = {ORDER: orders, CANCEL: cancels}
        self.acknowledged: list[tuple[str, str, str]] = []

    def tasks(self, task: str) -> Iterator[redemptions_pb2.Redemption]:
        for number in self._tasks[task]:
            yield redemptions_pb2.Redemption(
                redemption_id=number, erp_source="erp", erp_order_id=f"S-{number}"
            )

    def known_as(self, member_id: int) -> Known | None:
        return Known("8")

    def acknowledge(self, redemption_id: str, task: str, order_id: str) -> None:
        self.acknowledged.append((redemption_id, task, order_id))


class Moody:
    """An ERP that refuses what it is told to refuse."""

    def __init__(self, **refusals: Exception) -> None:
        self._refusals = refusals

    def find_order(self, redemption_id: str) -> str:
        return ""

    def create_order(self, redemption: redemptions_pb2.Redemption, member: Known) -> str:
        return self._done(redemption.redemption_id)

    def cancel_order(self, redemption_id: str) -> None:
        self._done(redemption_id)

    def _done(self, redemption_id: str) -> str:
        if redemption_id in self._refusals:
            raise self._refusals[redemption_id]
        return f"S-{redemption_id}"


def worked_through(erp: Any, client: Any) -> list[Done]:
    return list(write_back(erp, client, "erp"))


@pytest.mark.parametrize("refusal", [AdapterError("no such product"), Unsettled("not answered")])
def test_what_fails_or_is_not_settled_keeps_no_other_from_being_done(refusal: Exception) -> None:
    client = Waiting(["R1", "R2"], ["R3", "R4"])
    found = worked_through(Moody(R1=refusal, R3=refusal), client)
    assert [(each.redemption_id, each.problem) for each in found] == [
        ("R1", str(refusal)),
        ("R2", ""),
        ("R3", str(refusal)),
        ("R4", ""),
    ]
    assert client.acknowledged == [("R2", ORDER, "S-R2"), ("R4", CANCEL, "S-R4")]


def test_an_erp_that_is_away_is_not_asked_for_each_of_them() -> None:
    client = Waiting(["R1", "R2"], [])
    with pytest.raises(SourceAway):
        worked_through(Moody(R1=SourceAway("no answer")), client)
    assert client.acknowledged == []


@pytest.mark.parametrize(
    ("warehouses", "expected"), [((), ["R1", "R2", "R3"]), (("B",), ["R2"]), (("C",), [])]
)
def test_an_erp_makes_the_orders_of_its_own_warehouses(
    monkeypatch: pytest.MonkeyPatch, warehouses: tuple[str, ...], expected: list[str]
) -> None:
    waiting = [
        redemptions_pb2.Redemption(redemption_id=f"R{number}", warehouse=code)
        for number, code in enumerate(("A", "B", ""), 1)
    ]
    page = redemptions_pb2.ListRedemptionsResponse(redemptions=waiting)
    monkeypatch.setattr(RedemptionClient, "_call", lambda *_: page)
    with RedemptionClient(Target("127.0.0.1:1"), "erp", "", warehouses) as client:
        assert [each.redemption_id for each in client.tasks(ORDER)] == expected


def test_an_order_that_was_not_answered_is_not_sent_again_before_it_is_settled() -> None:
    now = [datetime(2026, 11, 24, 12, tzinfo=UTC)]
    unanswered = Unanswered(180, lambda: now[0])
    unanswered.expect_settled("R1")
    unanswered.note("R1")
    with pytest.raises(Unsettled, match=r"redemption R1 was sent and not answered.* 12:03:00 UTC"):
        unanswered.expect_settled("R1")
    unanswered.expect_settled("R2")
    now[0] += timedelta(seconds=180)
    unanswered.expect_settled("R1")
    unanswered.note("R1")
    unanswered.forget("R1")
    unanswered.expect_settled("R1")
