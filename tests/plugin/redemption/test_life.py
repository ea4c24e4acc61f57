"""The life of a redemption: its status follows from what is recorded, and only some people may decide on it."""

from __future__ import annotations

import doctest
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.errors import Rejected
from plugin.points.holds import Hold
from plugin.program.rewards import RedemptionRules
from plugin.redemption import life
from plugin.redemption.life import (
    AT_ONCE,
    GIVEN_UP,
    KINDS,
    PAYS_ORDERS,
    Kind,
    Redemption,
    Status,
    StepKind,
    asks_approval,
    check_can_cancel,
    check_decider,
    parse_public_id,
)
from plugin.redemption.spending import Taken

ANN, BEN, CEO = "ann@shop.example", "ben@shop.example", "ceo@shop.example"
ERP = "SO-900"


def redemption(**more: Any) -> Redemption:
    """Returns 3 mugs for 100 points that nobody has to approve."""
    fields: dict[str, Any] = {
        "id": 100_001,
        "member_id": 1,
        "kind": Kind.GOODS,
        "reward": "mug",
        "quantity": 3,
        "points": 100,
        "amount_minor": 0,
        "face_minor": 0,
        "sku": "MUG-1",
        "warehouse": "MAIN",
        "program_version": 1,
        "tier": "",
        "store": "S1",
        "requested_at": 1_760_000_000_000_000,
        "requested_by": ANN,
        "expires_at": None,
    }
    return Redemption(**fields | more)


def waiting(**more: Any) -> Redemption:
    return redemption(needs_approval=True, **more)


def refusal(call: Any, *arguments: Any) -> Rejected:
    with pytest.raises(Rejected) as refused:
        call(*arguments)
    return refused.value


def test_the_worked_numbers_in_docstrings_are_right() -> None:
    found = doctest.testmod(life)
    assert found.attempted > 0
    assert found.failed == 0


# Status.


@pytest.mark.parametrize(
    ("recorded", "status"),
    [
        ({"needs_approval": True}, Status.REQUESTED),
        ({}, Status.HELD),
        ({"needs_approval": True, "approved_by": BEN}, Status.HELD),
        ({"erp_order_id": ERP}, Status.ORDERED),
        ({"needs_approval": True, "approved_by": BEN, "erp_order_id": ERP}, Status.ORDERED),
        ({"erp_order_id": ERP, "shipped": 1}, Status.ORDERED),
        ({"erp_order_id": ERP, "shipped": 3}, Status.SHIPPED),
        ({"shipped": 4}, Status.SHIPPED),  # one too many
        # What left is back, the rest is still to leave.
        ({"shipped": 1, "returned": 1}, Status.ORDERED),
        ({"shipped": 3, "returned": 1}, Status.SHIPPED),
        ({"shipped": 3, "returned": 3}, Status.RETURNED),
        ({"shipped": 3, "returned": 4}, Status.RETURNED),
        ({"needs_approval": True, "given_up": Status.REJECTED}, Status.REJECTED),
        ({"given_up": Status.CANCELLED}, Status.CANCELLED),
        ({"erp_order_id": ERP, "given_up": Status.CANCELLED}, Status.CANCELLED),
        ({"given_up": Status.LAPSED}, Status.LAPSED),
        # What has left the warehouse has left it, whatever was decided before.
        ({"needs_approval": True, "shipped": 3}, Status.SHIPPED),
        ({"given_up": Status.CANCELLED, "shipped": 3}, Status.SHIPPED),
        ({"given_up": Status.LAPSED, "shipped": 3, "returned": 3}, Status.RETURNED),
        # One left before it was given up; no more will.
        ({"given_up": Status.CANCELLED, "shipped": 1}, Status.SHIPPED),
        ({"given_up": Status.CANCELLED, "shipped": 1, "returned": 1}, Status.RETURNED),
        # Back before it left: the shipment is still to come.
        ({"returned": 1}, Status.HELD),
        ({"given_up": Status.LAPSED, "returned": 1}, Status.LAPSED),
    ],
)
def test_the_status_follows_from_what_is_recorded(recorded: dict[str, Any], status: Status) -> None:
    assert redemption(**recorded).status is status


@pytest.mark.parametrize(
    "path",
    [
        # Every path through the diagram, one record after the other.
        [({"approved_by": BEN}, "HELD"), ({"erp_order_id": ERP}, "ORDERED"), ({"shipped": 1}, "ORDERED"), ({"shipped": 3}, "SHIPPED"), ({"returned": 2}, "SHIPPED"), ({"returned": 3}, "RETURNED")],
        [({"given_up": Status.REJECTED}, "REJECTED")],
        [({"given_up": Status.LAPSED}, "LAPSED")],
        [({"given_up": Status.CANCELLED}, "CANCELLED")],
        [({"approved_by": BEN}, "HELD"), ({"given_up": Status.CANCELLED}, "CANCELLED")],
        [({"approved_by": BEN}, "HELD"), ({"given_up": Status.LAPSED}, "LAPSED")],
        [({"approved_by": BEN, "erp_order_id": ERP}, "ORDERED"), ({"given_up": Status.CANCELLED}, "CANCELLED"), ({"shipped": 3}, "SHIPPED"), ({"shipped": 0}, "CANCELLED")],
        [({"approved_by": BEN, "shipped": 3}, "SHIPPED"), ({"shipped": 0}, "HELD")],  # the ERP took the shipment back
        [({"erp_order_id": ERP}, "REQUESTED"), ({"approved_by": BEN}, "ORDERED")],  # ordered before anybody approved
    ],
)  # fmt: skip
def test_the_status_along_every_path_of_its_life(path: list[tuple[dict[str, Any], str]]) -> None:
    one = waiting()
    assert one.status is Status.REQUESTED
    for recorded, status in path:
        for name, value in recorded.items():
            setattr(one, name, value)
        assert one.status.name == status


@pytest.mark.parametrize(
    ("recorded", "is_open"),
    [
        ({"needs_approval": True}, True),
        ({}, True),
        ({"erp_order_id": ERP}, True),
        ({"shipped": 1}, True),
        ({"shipped": 1, "returned": 1}, True),
        ({"shipped": 3}, False),
        ({"shipped": 3, "returned": 3}, False),
        ({"given_up": Status.CANCELLED}, False),
        ({"given_up": Status.CANCELLED, "shipped": 1}, False),
    ],
)
def test_a_redemption_is_open_while_something_may_still_be_captured(
    recorded: dict[str, Any], is_open: bool
) -> None:
    assert redemption(**recorded).is_open is is_open


# What it sets aside.


@pytest.mark.parametrize(
    ("recorded", "points"),
    [
        ({}, 100),
        ({"needs_approval": True}, 100),  # what is approved has to be there
        ({"shipped": 1}, 67),  # 1 of 3 took 33
        ({"shipped": 2}, 34),
        ({"shipped": 3}, 0),
        ({"shipped": 5}, 0),
        ({"shipped": 2, "returned": 1}, 34),  # what came back is the member's
        ({"shipped": 1, "returned": 1}, 67),
        ({"given_up": Status.CANCELLED}, 0),
        ({"given_up": Status.LAPSED, "shipped": 1}, 0),
    ],
)
def test_goods_hold_the_points_of_the_pieces_that_have_not_left(
    recorded: dict[str, Any], points: int
) -> None:
    assert redemption(**recorded).to_hold == points


@pytest.mark.parametrize("kind", sorted(AT_ONCE | PAYS_ORDERS))
def test_other_kinds_hold_all_of_their_points_or_none(kind: Kind) -> None:
    assert redemption(kind=kind).to_hold == 100
    assert redemption(kind=kind, shipped=3).to_hold == 0
    assert redemption(kind=kind, given_up=Status.LAPSED).to_hold == 0


@pytest.mark.parametrize(
    ("recorded", "pieces"),
    [
        ({}, 3),
        ({"needs_approval": True}, 3),
        ({"shipped": 2}, 1),
        ({"shipped": 3}, 0),
        ({"shipped": 4}, 0),
        ({"shipped": 3, "returned": 2}, 0),  # nothing is sent again
        ({"given_up": Status.REJECTED}, 0),
        ({"given_up": Status.CANCELLED, "shipped": 1}, 0),
    ],
)
def test_goods_reserve_the_pieces_that_have_not_left(recorded: dict[str, Any], pieces: int) -> None:
    assert redemption(**recorded).reserved == pieces


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.GOODS])
def test_only_goods_reserve_stock(kind: Kind) -> None:
    assert redemption(kind=kind).reserved == 0


def test_what_was_taken_is_the_sum_over_its_documents() -> None:
    posted = {"erp/SO-7/order": Taken(100, 10_000), "erp/SO-7/return:R1": Taken(-75, -7500)}
    assert redemption(posted=posted).taken == Taken(25, 2500)
    assert redemption().taken == Taken(0, 0)


def test_two_redemptions_share_no_hold() -> None:
    first, second = redemption(), redemption()
    first.hold.slices[1] = 5
    first.posted["erp/shipment:D1"] = Taken(5)
    assert (second.hold, second.posted) == (Hold(), {})


@given(
    st.sampled_from(Kind),
    st.booleans(),
    st.sampled_from(["", BEN]),
    st.sampled_from([None, *sorted(GIVEN_UP)]),
    st.sampled_from(["", ERP]),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_in_every_state_what_is_over_holds_nothing_more(
    kind: Kind,
    needs_approval: bool,
    approved_by: str,
    given_up: Status | None,
    erp_order_id: str,
    shipped: int,
    returned: int,
) -> None:
    one = redemption(
        kind=kind,
        needs_approval=needs_approval,
        approved_by=approved_by,
        given_up=given_up,
        erp_order_id=erp_order_id,
        shipped=shipped,
        returned=returned,
    )
    assert 0 <= one.to_hold <= one.points
    assert 0 <= one.reserved <= one.quantity
    assert one.is_open or one.to_hold == 0
    if given_up is not None:
        assert (one.to_hold, one.reserved, one.is_open) == (0, 0, False)
        assert one.status in {given_up} if not shipped else {Status.SHIPPED, Status.RETURNED}
    else:
        assert one.status not in GIVEN_UP


# Names.


def test_it_is_named_by_its_number() -> None:
    assert redemption(id=100_001).public_id == "R100001"


@given(st.integers(1, 10**18 - 1))
def test_its_name_leads_back_to_its_number(number: int) -> None:
    assert parse_public_id(redemption(id=number).public_id) == number


@pytest.mark.parametrize(
    "text",
    ["", "R", "r100001", "100001", "R-1", "R+1", "R 1", "R1 ", "R1.0", "R1_0", "RR1", "R²", "R١", "R" + "9" * 19],
)  # fmt: skip
def test_what_is_no_name_of_a_redemption_is_none(text: str) -> None:
    assert parse_public_id(text) is None


def test_every_kind_of_reward_is_one_kind_of_redemption() -> None:
    assert set(KINDS.values()) == set(Kind) - {Kind.CHECKOUT}
    assert len(set(KINDS.values())) == len(KINDS)
    assert not AT_ONCE & PAYS_ORDERS
    assert set(Kind) == AT_ONCE | PAYS_ORDERS | {Kind.GOODS}


def test_stored_numbers_stay_what_they_are() -> None:
    assert [(one.name, one.value) for one in Status] == [
        *(("REQUESTED", 1), ("HELD", 2), ("ORDERED", 3), ("SHIPPED", 4), ("RETURNED", 5)),
        *(("REJECTED", 6), ("CANCELLED", 7), ("LAPSED", 8)),
    ]
    kinds = ("GOODS", "COUPON", "OFFSET", "LOTTERY", "DONATION", "PRIVILEGE", "CHECKOUT")
    assert [Kind[name] for name in kinds] == list(range(1, 8))
    steps = (
        *("REQUESTED", "APPROVAL_ASKED", "ESCALATED", "APPROVED", "REJECTED", "ORDERED"),
        *("SHIPPED", "RETURNED", "CANCELLED", "LAPSED", "CAPTURED", "REVERSED"),
        *("CANCEL_ASKED", "CANCEL_CONFIRMED", "CODE_ISSUED", "TICKET_ISSUED"),
    )
    assert [StepKind[name] for name in steps] == list(range(1, 17))


# Approval.


@pytest.mark.parametrize(
    ("points", "cost", "is_asked"),
    [(1000, 5000, False), (1001, 0, True), (0, 5001, True), (1001, 5001, True), (0, 0, False)],
)
def test_more_points_or_dearer_goods_than_may_pass_ask_a_second_person(
    points: int, cost: int, is_asked: bool
) -> None:
    rules = RedemptionRules(approval_points_above=1000, approval_cost_above_minor=5000)
    assert asks_approval(rules, points, cost) is is_asked


def test_a_program_without_limits_asks_nobody() -> None:
    assert not asks_approval(RedemptionRules(), 10**12, 10**12)


def test_a_limit_of_nothing_asks_for_everything_above_nothing() -> None:
    rules = RedemptionRules(approval_points_above=0, approval_cost_above_minor=0)
    assert asks_approval(rules, 1, 0)
    assert asks_approval(rules, 0, 1)
    assert not asks_approval(rules, 0, 0)


def test_one_limit_does_not_stand_for_the_other() -> None:
    assert not asks_approval(RedemptionRules(approval_points_above=1000), 1000, 10**9)
    assert not asks_approval(RedemptionRules(approval_cost_above_minor=1000), 10**9, 1000)


@pytest.mark.parametrize("actor", [BEN, "anybody", " ben@shop.example "])
def test_anybody_but_the_requester_may_decide_when_nobody_is_named(actor: str) -> None:
    check_decider(waiting(), RedemptionRules(), actor)


@pytest.mark.parametrize(
    "actor", [ANN, "ANN@SHOP.EXAMPLE", " ann@shop.example ", "Ann@Shop.Example\n", "\tann@shop.example"]
)  # fmt: skip
def test_who_requested_may_not_decide_however_they_write_their_name(actor: str) -> None:
    error = refusal(check_decider, waiting(), RedemptionRules(), actor)
    assert (error.reason, error.field) == ("APPROVER_IS_REQUESTER", "actor")
    assert error.message == (
        "redemption R100001 was requested by the same person; somebody else has to decide"
    )


def test_names_are_the_same_in_every_script() -> None:
    one = waiting(requested_by="Strasse")
    assert refusal(check_decider, one, RedemptionRules(), "Straße").reason == (
        "APPROVER_IS_REQUESTER"
    )


def test_an_approver_may_not_decide_on_their_own_request() -> None:
    rules = RedemptionRules(approvers=frozenset({ANN, BEN}))
    assert refusal(check_decider, waiting(), rules, ANN).reason == "APPROVER_IS_REQUESTER"
    check_decider(waiting(), rules, BEN)


def test_where_approvers_are_named_nobody_else_may_decide() -> None:
    rules = RedemptionRules(approvers=frozenset({BEN}))
    error = refusal(check_decider, waiting(), rules, "carl@shop.example")
    assert (error.reason, error.field) == ("APPROVER_NOT_ALLOWED", "actor")
    assert error.message == (
        "redemption R100001: the program names who may decide, and this person is not among them"
    )


@pytest.mark.parametrize("actor", [BEN, "BEN@shop.example", " ben@shop.example "])
def test_a_named_approver_may_decide_however_they_write_their_name(actor: str) -> None:
    check_decider(waiting(), RedemptionRules(approvers=frozenset({"Ben@Shop.Example"})), actor)


def test_the_next_level_may_decide_only_once_it_was_escalated_and_the_first_still_may() -> None:
    rules = RedemptionRules(approvers=frozenset({BEN}), escalate_to=frozenset({CEO}))
    assert refusal(check_decider, waiting(), rules, CEO).reason == "APPROVER_NOT_ALLOWED"
    escalated = waiting(escalated_at=5)
    check_decider(escalated, rules, CEO)
    check_decider(escalated, rules, BEN)
    assert refusal(check_decider, escalated, rules, "carl").reason == "APPROVER_NOT_ALLOWED"


def test_escalation_does_not_let_the_requester_decide() -> None:
    rules = RedemptionRules(approvers=frozenset({BEN}), escalate_to=frozenset({ANN}))
    error = refusal(check_decider, waiting(escalated_at=5), rules, ANN)
    assert error.reason == "APPROVER_IS_REQUESTER"


@pytest.mark.parametrize(
    ("recorded", "status"),
    [
        ({"approved_by": BEN}, "held"),
        ({"approved_by": BEN, "erp_order_id": ERP}, "ordered"),
        ({"shipped": 3}, "shipped"),
        ({"shipped": 3, "returned": 3}, "returned"),
        ({"given_up": Status.REJECTED}, "rejected"),
        ({"given_up": Status.CANCELLED}, "cancelled"),
        ({"given_up": Status.LAPSED}, "lapsed"),
    ],
)
def test_only_what_waits_for_approval_is_decided_on(recorded: dict[str, Any], status: str) -> None:
    error = refusal(check_decider, waiting(**recorded), RedemptionRules(), BEN)
    assert (error.reason, error.field) == ("REDEMPTION_NOT_WAITING", "redemption_id")
    assert error.message == (
        f"redemption R100001 is {status}; only one that waits for approval can be approved or rejected"
    )


def test_what_nobody_has_to_approve_is_not_decided_on() -> None:
    error = refusal(check_decider, redemption(), RedemptionRules(), BEN)
    assert error.reason == "REDEMPTION_NOT_WAITING"


# Cancelling.


@pytest.mark.parametrize(
    "recorded",
    [
        *({"needs_approval": True}, {}, {"erp_order_id": ERP}),
        *({"erp_order_id": ERP, "shipped": 1}, {"shipped": 1, "returned": 1}),
    ],
)
def test_what_is_open_can_be_cancelled(recorded: dict[str, Any]) -> None:
    check_can_cancel(redemption(**recorded))


@pytest.mark.parametrize(
    ("recorded", "status"),
    [
        ({"shipped": 3}, "shipped"),
        ({"shipped": 3, "returned": 3}, "returned"),
        ({"given_up": Status.REJECTED}, "rejected"),
        ({"given_up": Status.CANCELLED}, "cancelled"),
        ({"given_up": Status.LAPSED}, "lapsed"),
        ({"given_up": Status.CANCELLED, "shipped": 1}, "shipped"),
    ],
)
def test_what_is_over_cannot_be_cancelled(recorded: dict[str, Any], status: str) -> None:
    error = refusal(check_can_cancel, redemption(**recorded))
    assert (error.reason, error.field) == ("REDEMPTION_CLOSED", "redemption_id")
    assert error.message == f"redemption R100001 is {status} and cannot be cancelled"
