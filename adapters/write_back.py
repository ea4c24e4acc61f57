"""Redemptions become orders in the ERP: asked from Pointbook, done there, acknowledged here.

Killed between doing and acknowledging, the task is asked for again; the order is then found, not made twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

import grpc

from adapters.client import RETRIED, Refused, Target, Unavailable
from adapters.contract import AdapterError, Erp, Known, SourceAway, Unsettled
from pointbook.v1 import (
    events_pb2,
    members_pb2,
    members_pb2_grpc,
    redemptions_pb2,
    redemptions_pb2_grpc,
)

Answered = TypeVar("Answered")

ORDER, CANCEL = "order", "cancel"
GOODS = "goods"
PAGE = 100
DEADLINE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Done:
    """One task: what became of it.

    Attributes:
        redemption_id: The redemption.
        task: "order" or "cancel".
        order_id: The ERP's order number.
        problem: Why it could not be done; empty when it was.
    """

    redemption_id: str
    task: str
    order_id: str = ""
    problem: str = ""


class RedemptionClient:
    """The calls an adapter needs to write redemptions back. Use as a context manager.

    Args:
        target: Where Pointbook listens.
        source: The ERP's name in Pointbook.
        book: Book code; empty for the only one.
        warehouses: Only redemptions from these are this ERP's; empty for all.
    """

    def __init__(
        self, target: Target, source: str, book: str, warehouses: Sequence[str] = ()
    ) -> None:
        self._target = target
        self._warehouses = frozenset(warehouses)
        self._source = source
        self._book = book
        self._channel = target.channel()
        self._redemptions = redemptions_pb2_grpc.RedemptionServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._members = members_pb2_grpc.MemberServiceStub(self._channel)  # type: ignore[no-untyped-call]

    def tasks(self, task: str) -> Iterator[redemptions_pb2.Redemption]:
        """Yields redemptions that an ERP still has to do something about, oldest first."""
        token = ""
        while True:
            request = redemptions_pb2.ListRedemptionsRequest(
                book=self._book, erp_task=task, kind=GOODS, page_size=PAGE, page_token=token
            )
            page: redemptions_pb2.ListRedemptionsResponse = self._call(
                self._redemptions.ListRedemptions, request
            )
            yield from (each for each in page.redemptions if self._is_ours(each))
            token = page.next_page_token
            if not token:
                return

    def _is_ours(self, redemption: redemptions_pb2.Redemption) -> bool:
        return not self._warehouses or redemption.warehouse in self._warehouses

    def known_as(self, member_id: int) -> Known | None:
        """Returns how this ERP knows a member; None when it does not."""
        selector = members_pb2.MemberSelector(
            book=self._book, member=events_pb2.MemberRef(id=str(member_id))
        )
        answer: members_pb2.GetMemberResponse = self._call(
            self._members.GetMember, members_pb2.GetMemberRequest(selector=selector)
        )
        for name in answer.member.external_ids:
            if name.source == self._source:
                return Known(name.external_id)
        return None

    def acknowledge(self, redemption_id: str, task: str, order_id: str) -> None:
        """Tells Pointbook that a task is done."""
        request = redemptions_pb2.AcknowledgeRedemptionRequest(
            redemption_id=redemption_id,
            source=self._source,
            erp_order_id=order_id,
            erp_task=task,
            book=self._book,
        )
        self._call(self._redemptions.AcknowledgeRedemption, request)

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, method: Callable[..., Answered], request: object) -> Answered:
        try:
            return method(request, timeout=DEADLINE_SECONDS, metadata=self._target.metadata())
        except grpc.RpcError as error:
            said = f"{self._target.address} answered {error.code().name}: {error.details()}"
            if error.code() in RETRIED:
                raise Unavailable(said) from error
            raise Refused(said) from error


def write_back(erp: Erp, client: RedemptionClient, source: str) -> Iterator[Done]:
    """Does what waits, one task after another; a task that fails does not keep the others from being done.

    A redemption of a member this ERP does not know is another ERP's, and left alone.

    Raises:
        Unavailable: Pointbook is away.
        SourceAway: The ERP is away.
    """
    for redemption in client.tasks(ORDER):
        done = _guarded(redemption, ORDER, lambda each: _order(erp, client, each))
        if done is not None:
            yield done
    for redemption in client.tasks(CANCEL):
        if redemption.erp_source == source:
            done = _guarded(redemption, CANCEL, lambda each: _cancel(erp, client, each))
            if done is not None:
                yield done


def _order(
    erp: Erp, client: RedemptionClient, redemption: redemptions_pb2.Redemption
) -> str | None:
    member = client.known_as(redemption.member_id)
    if member is None:
        return None
    number = erp.find_order(redemption.redemption_id) or erp.create_order(redemption, member)
    client.acknowledge(redemption.redemption_id, ORDER, number)
    return number


def _cancel(erp: Erp, client: RedemptionClient, redemption: redemptions_pb2.Redemption) -> str:
    erp.cancel_order(redemption.redemption_id)
    client.acknowledge(redemption.redemption_id, CANCEL, redemption.erp_order_id)
    return redemption.erp_order_id


def _guarded(
    redemption: redemptions_pb2.Redemption,
    task: str,
    do: Callable[[redemptions_pb2.Redemption], str | None],
) -> Done | None:
    try:
        number = do(redemption)
    except Unsettled as error:
        return Done(redemption.redemption_id, task, problem=str(error))
    except (Unavailable, SourceAway):
        raise
    except AdapterError as error:
        return Done(redemption.redemption_id, task, problem=str(error))
    return None if number is None else Done(redemption.redemption_id, task, number)
