"""MemberService: who members are, what they have, and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import grpc
from sqlalchemy import Connection, Engine, select

from plugin.events import external_id_of
from plugin.program.tiers import tier_at
from plugin.program.versions import Program, effective_program
from plugin.services.fields import to_instant
from plugin.services.messages import fact_message
from plugin.services.paging import page_after, page_size, page_token
from plugin.services.wire import to_selected
from plugin.store.books import Book, choose_book, load_programs
from plugin.store.lookup import balance, find_member, list_facts
from plugin.store.members import read_keys, read_tiers
from plugin.store.tables import member
from pointbook.v1 import members_pb2, members_pb2_grpc

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MemberService(members_pb2_grpc.MemberServiceServicer):
    """Reads members. What is not implemented yet answers UNIMPLEMENTED through the generated base.

    Args:
        engine: The database.
        books: Returns the books there are.
    """

    def __init__(self, engine: Engine, books: Callable[[], list[Book]]) -> None:
        self._engine = engine
        self._books = books

    def GetMember(
        self, request: members_pb2.GetMemberRequest, context: grpc.ServicerContext
    ) -> members_pb2.GetMemberResponse:
        """Returns a member without personal data."""
        with self._engine.connect() as connection:
            book, member_id = self._select(connection, request.selector)
            summary = _summary(connection, book, member_id)
            for name in map(external_id_of, read_keys(connection, member_id)):
                if name is not None:
                    summary.external_ids.add(source=name[0], external_id=name[1])
        return members_pb2.GetMemberResponse(member=summary)

    def GetBalance(
        self, request: members_pb2.GetBalanceRequest, context: grpc.ServicerContext
    ) -> members_pb2.GetBalanceResponse:
        """Returns what a member can spend, what is pending, owed and about to expire."""
        as_of = datetime.now(UTC)
        if request.HasField("as_of"):
            as_of = EPOCH + timedelta(microseconds=to_instant(request.as_of, "as_of"))
        with self._engine.connect() as connection:
            book, member_id = self._select(connection, request.selector)
            today = as_of.astimezone(ZoneInfo(book.time_zone)).date()
            found = balance(connection, member_id, as_of, today)
            tier, next_tier = _tiers(connection, book, member_id, as_of)
        return members_pb2.GetBalanceResponse(
            member_id=member_id,
            available=found.available,
            pending=found.pending,
            held=found.held,
            debt=found.debt,
            expiring=[
                members_pb2.ExpiringPoints(expires_on=day.isoformat(), points=points)
                for day, points in found.expiring
            ],
            tier=tier,
            next_tier=next_tier,
        )

    def ListPointFacts(
        self, request: members_pb2.ListPointFactsRequest, context: grpc.ServicerContext
    ) -> members_pb2.ListPointFactsResponse:
        """Lists a member's point facts, oldest first."""
        size, after = page_size(request.page_size), page_after(request.page_token)
        with self._engine.connect() as connection:
            _, member_id = self._select(connection, request.selector)
            facts = list_facts(connection, member_id, after, size + 1)
        return members_pb2.ListPointFactsResponse(
            facts=[fact_message(fact) for fact in facts[:size]],
            next_page_token=page_token(facts[size - 1].id) if len(facts) > size else "",
        )

    def _select(
        self, connection: Connection, selector: members_pb2.MemberSelector
    ) -> tuple[Book, int]:
        book = choose_book(self._books(), selector.book)
        return book, find_member(connection, book.id, to_selected(selector))


def _summary(connection: Connection, book: Book, member_id: int) -> members_pb2.MemberSummary:
    columns = (member.c.is_active, member.c.joined_at, member.c.points, member.c.debt)
    row = connection.execute(select(*columns).where(member.c.id == member_id)).one()
    history = read_tiers(connection, [member_id])[member_id]
    tier, _ = _tiers(connection, book, member_id, datetime.now(UTC))
    message = members_pb2.MemberSummary(
        member_id=member_id,
        book=book.code,
        is_active=row.is_active,
        tier=tier,
        points=row.points,
        debt=row.debt,
    )
    if row.joined_at is not None:
        message.joined_at.FromDatetime(row.joined_at)
    for grant in history:
        added = message.tiers.add(tier=grant.tier)
        added.from_at.FromMicroseconds(grant.from_at)
    return message


def _tiers(connection: Connection, book: Book, member_id: int, at: datetime) -> tuple[str, str]:
    """Returns the tier at an instant and the one above it."""
    instant = int(at.timestamp()) * 1_000_000
    program: Program | None = effective_program(load_programs(connection, book.id), instant)
    if program is None or not program.tiers:
        return "", ""
    history = read_tiers(connection, [member_id])[member_id]
    tier = tier_at(history, instant, program.first_tier)
    place = program.tiers.index(tier) if tier in program.tiers else len(program.tiers) - 1
    return tier, program.tiers[place + 1] if place + 1 < len(program.tiers) else ""
