"""Values to messages: what services answer with."""

from __future__ import annotations

from collections.abc import Sequence

from plugin.facts import FactKind
from plugin.store.lookup import FactRow, FoundEvent
from pointbook.v1 import intake_pb2


def fact_message(fact: FactRow) -> intake_pb2.PointFact:
    """Returns a point fact as a message."""
    message = intake_pb2.PointFact(
        id=fact.id,
        member_id=fact.member_id,
        kind=FactKind(fact.kind).name.lower(),
        points=fact.points,
        lot_points=fact.lot_points,
        debt_points=fact.debt_points,
        amount_minor=fact.amount_minor,
        source=fact.source,
        order_id=fact.order_id,
        cause=fact.cause,
        program_version=fact.program_version,
        tier=fact.tier,
        rules=[intake_pb2.RulePoints(rule=rule, points=points) for rule, points in fact.by_rule],
    )
    message.business_at.FromDatetime(fact.business_at)
    message.recorded_at.FromDatetime(fact.recorded_at)
    return message


def event_message(
    found: FoundEvent, entries: Sequence[intake_pb2.Entry]
) -> intake_pb2.GetEventResponse:
    """Returns an event with its facts and entries as a message."""
    message = intake_pb2.GetEventResponse(
        sequence=found.seq,
        status=found.status.value,  # type: ignore[arg-type]
        reason=found.reason,
        message=found.message,
        facts=[fact_message(fact) for fact in found.facts],
        entries=entries,
        is_superseded=found.is_superseded,
    )
    message.received_at.FromDatetime(found.received_at)
    if found.applied_at is not None:
        message.applied_at.FromDatetime(found.applied_at)
    return message
