"""The life of a redemption: what it is, which steps it took, and which it may take.

    requested -> [approval] -> held -> ordered in the ERP -> shipped -> returned
          \\________________________\\________\\ rejected, cancelled, lapsed

Points and stock are set aside with the request, before anybody approves it: what is approved is there. The status follows from what is
recorded; what an ERP says has happened counts in every state, also for a redemption that was given up before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from plugin.errors import Rejected
from plugin.points.holds import Hold
from plugin.program.rewards import RedemptionRules, RewardKind
from plugin.redemption.spending import Taken


class Status(IntEnum):
    """State of a redemption as it is stored; never renumber."""

    REQUESTED = 1
    HELD = 2
    ORDERED = 3
    SHIPPED = 4
    RETURNED = 5
    REJECTED = 6
    CANCELLED = 7
    LAPSED = 8


class StepKind(IntEnum):
    """A recorded step; never renumber."""

    REQUESTED = 1
    APPROVAL_ASKED = 2
    ESCALATED = 3
    APPROVED = 4
    REJECTED = 5
    ORDERED = 6
    SHIPPED = 7
    RETURNED = 8
    CANCELLED = 9
    LAPSED = 10
    CAPTURED = 11
    REVERSED = 12
    CANCEL_ASKED = 13
    CANCEL_CONFIRMED = 14
    CODE_ISSUED = 15
    TICKET_ISSUED = 16


class Kind(IntEnum):
    """What is redeemed as it is stored; never renumber. ``CHECKOUT`` is a hold without a reward."""

    GOODS = 1
    COUPON = 2
    OFFSET = 3
    LOTTERY = 4
    DONATION = 5
    PRIVILEGE = 6
    CHECKOUT = 7


KINDS: Mapping[RewardKind, Kind] = {
    "goods": Kind.GOODS,
    "coupon": Kind.COUPON,
    "offset": Kind.OFFSET,
    "lottery": Kind.LOTTERY,
    "donation": Kind.DONATION,
    "privilege": Kind.PRIVILEGE,
}

PAYS_ORDERS = frozenset({Kind.OFFSET, Kind.CHECKOUT})
"""Kinds whose points an order captures."""

AT_ONCE = frozenset({Kind.COUPON, Kind.LOTTERY, Kind.DONATION, Kind.PRIVILEGE})
"""Kinds that are fulfilled as soon as nobody has to approve them."""

GIVEN_UP = frozenset({Status.REJECTED, Status.CANCELLED, Status.LAPSED})


@dataclass(slots=True)
class Redemption:
    """A redemption as it stands. ``points`` and ``face_minor`` are of all pieces.

    Attributes:
        given_up: REJECTED, CANCELLED or LAPSED; None while it may be fulfilled.
        shipped: Pieces that left, or were fulfilled otherwise; ``returned``: pieces that came back.
        posted: What was taken, by document.
        expires_at: When it lapses, microseconds UTC; None: never.
    """

    id: int
    member_id: int
    kind: Kind
    reward: str
    quantity: int
    points: int
    amount_minor: int
    face_minor: int
    sku: str
    warehouse: str
    program_version: int
    tier: str
    store: str
    requested_at: int
    requested_by: str
    expires_at: int | None
    needs_approval: bool = False
    approved_by: str = ""
    escalated_at: int | None = None
    given_up: Status | None = None
    erp_source: str = ""
    erp_order_id: str = ""
    shipped: int = 0
    returned: int = 0
    hold: Hold = field(default_factory=Hold)
    posted: dict[str, Taken] = field(default_factory=dict)
    is_changed: bool = False

    @property
    def public_id(self) -> str:
        """How people and ERPs name it."""
        return f"R{self.id}"

    @property
    def taken(self) -> Taken:
        """Points taken for good, net of what came back, and their face."""
        return Taken(
            sum(one.points for one in self.posted.values()),
            sum(one.face_minor for one in self.posted.values()),
        )

    @property
    def status(self) -> Status:
        """Where it stands, from what is recorded."""
        if self.shipped:
            if self.shipped < self.quantity and self.given_up is None:
                return Status.ORDERED
            return Status.RETURNED if self.returned >= self.shipped else Status.SHIPPED
        if self.given_up is not None:
            return self.given_up
        if self.needs_approval and not self.approved_by:
            return Status.REQUESTED
        return Status.ORDERED if self.erp_order_id else Status.HELD

    @property
    def is_open(self) -> bool:
        """Whether something may still be captured from its hold."""
        return self.given_up is None and self.status in (
            Status.REQUESTED,
            Status.HELD,
            Status.ORDERED,
        )

    @property
    def reserved(self) -> int:
        """Pieces of stock set aside."""
        if self.kind is not Kind.GOODS or self.given_up is not None:
            return 0
        return max(0, self.quantity - self.shipped)

    @property
    def to_hold(self) -> int:
        """Points that should be set aside now."""
        if not self.is_open:
            return 0
        return self.to_hold_for(self.shipped) if self.kind is Kind.GOODS else self.points

    def to_hold_for(self, shipped: int) -> int:
        """Returns the points of goods that should be set aside once so many pieces have left.

        Worked: 3 pieces for 100 points; 1 has left: 67.
        """
        if self.given_up is not None:
            return 0
        return self.points - self.points * min(shipped, self.quantity) // self.quantity


class Step(NamedTuple):
    """A recorded step. ``id`` is that of the point fact when points were taken or given back."""

    id: int
    redemption_id: int
    kind: StepKind
    business_at: int
    actor: str
    reason: str
    cause: str
    pieces: int
    points: int
    face_minor: int


def parse_public_id(text: str) -> int | None:
    """Reads a redemption's or hold's public id.

    >>> parse_public_id("R100001"), parse_public_id("SO-7")
    (100001, None)
    """
    digits = text[1:]
    is_number = digits.isascii() and digits.isdigit() and 1 <= len(digits) <= 18
    if text[:1] == "R" and is_number and digits[0] != "0":
        return int(digits)
    return None


def not_found(public_id: str, field: str = "redemption_id") -> Rejected:
    """Returns the error for a redemption or hold that does not exist."""
    return Rejected(
        "REDEMPTION_NOT_FOUND",
        f"there is no redemption or hold {public_id[:64]!r}",
        field,
    )


def asks_approval(rules: RedemptionRules, points: int, cost_minor: int) -> bool:
    """Tells whether a second person has to approve: more points or dearer goods than the program lets pass."""
    points_above, cost_above = rules.approval_points_above, rules.approval_cost_above_minor
    return (points_above is not None and points > points_above) or (
        cost_above is not None and cost_minor > cost_above
    )


def check_decider(redemption: Redemption, rules: RedemptionRules, actor: str) -> None:
    """Refuses a person who may not decide on a redemption that waits for approval.

    Raises:
        Rejected: It waits for nobody, the person requested it, or is not among those who may decide now.
    """
    if redemption.status is not Status.REQUESTED:
        raise Rejected(
            "REDEMPTION_NOT_WAITING",
            f"redemption {redemption.public_id} is {redemption.status.name.lower()}; only one that waits for approval can"
            " be approved or rejected",
            "redemption_id",
        )
    if is_same_person(actor, [redemption.requested_by]):
        raise Rejected(
            "APPROVER_IS_REQUESTER",
            f"redemption {redemption.public_id} was requested by the same person; somebody else has to decide",
            "actor",
        )
    allowed = set(rules.approvers)
    if redemption.escalated_at is not None:
        allowed |= rules.escalate_to
    if rules.approvers and not is_same_person(actor, allowed):
        raise Rejected(
            "APPROVER_NOT_ALLOWED",
            f"redemption {redemption.public_id}: the program names who may decide, and this person is not among them",
            "actor",
        )


def check_can_cancel(redemption: Redemption) -> None:
    """Refuses to cancel what is over.

    Raises:
        Rejected: It has been given up or has shipped in full.
    """
    if not redemption.is_open:
        raise Rejected(
            "REDEMPTION_CLOSED",
            f"redemption {redemption.public_id} is {redemption.status.name.lower()} and cannot be cancelled",
            "redemption_id",
        )


def is_same_person(actor: str, others: Collection[str]) -> bool:
    """Tells whether somebody is among others; letter case and spaces around do not make another person."""
    return actor.strip().casefold() in {one.strip().casefold() for one in others}
