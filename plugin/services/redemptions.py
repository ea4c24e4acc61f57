"""RedemptionService: checks requests, hands them to the counter, and reads what there is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

import grpc
from sqlalchemy import Connection, Engine

from plugin.errors import Rejected
from plugin.money import AMOUNT_MINOR_MAX
from plugin.program.tiers import tier_at
from plugin.program.versions import Program, effective_program
from plugin.redemption.coupons import coupon_code, formatted
from plugin.redemption.life import Kind, Redemption, Status, not_found, parse_public_id
from plugin.redemption.request import Answered, Ask, Key
from plugin.services import redemption_messages as messages
from plugin.services.fields import (
    CODE_LENGTH_MAX,
    ID_LENGTH_MAX,
    read_code,
    read_text,
    require_actor,
    require_id,
    to_instant,
)
from plugin.services.paging import page_after, page_size, page_token
from plugin.services.reward_list import can_be_had, reward_messages
from plugin.services.wire import to_selected
from plugin.store import coupons as store_coupons
from plugin.store import draws as store_draws
from plugin.store import redemptions as store
from plugin.store import stock as store_stock
from plugin.store.books import Book, choose_book, load_programs
from plugin.store.coupons import Coupon
from plugin.store.lookup import balance, find_member
from plugin.store.members import read_tiers
from plugin.store.redemptions import Task
from pointbook.v1 import members_pb2, redemptions_pb2_grpc
from pointbook.v1 import redemptions_pb2 as pb

POINTS_MAX = 10**12
CODE_TEXT_MAX = 64

T = TypeVar("T", Status, Kind, Task)


class Counter(Protocol):
    """Where redemptions are decided: use cases, each one transaction. Errors are ours and are raised."""

    def request(self, book: Book, ask: Ask, seconds_left: float | None) -> Answered:
        """Requests a reward or a hold; concurrent calls share a commit."""

    def approve(self, book: Book, public_id: str, actor: str, reason: str) -> Redemption:
        """Approves a redemption."""

    def reject(self, book: Book, public_id: str, actor: str, reason: str) -> Redemption:
        """Rejects a redemption."""

    def cancel(self, book: Book, public_id: str, actor: str, reason: str) -> Redemption:
        """Cancels a redemption."""

    def acknowledge(
        self, book: Book, public_id: str, task: Task, source: str, erp_order_id: str
    ) -> Redemption:
        """Records what an adapter did."""

    def capture(
        self, book: Book, public_id: str, points: int, order_id: str, actor: str
    ) -> Redemption:
        """Captures a hold."""

    def void(self, book: Book, public_id: str, actor: str) -> Redemption:
        """Frees a hold."""

    def coupon(self, book: Book, code: str) -> Coupon:
        """Looks a coupon up."""

    def redeem_coupon(self, book: Book, code: str, order_id: str, actor: str) -> Coupon:
        """Redeems a coupon."""

    def reverse_coupon(
        self, book: Book, code: str, order_id: str, actor: str, reason: str
    ) -> Coupon:
        """Takes the redemption of a coupon back."""


class RedemptionService(redemptions_pb2_grpc.RedemptionServiceServicer):
    """Spends points.

    Args:
        engine: For reading.
        books: Returns the books there are.
        counter: Where redemptions are decided.
        coupon_key: Secret that coupon codes are made with; None: there are no coupons.
    """

    def __init__(
        self,
        engine: Engine,
        books: Callable[[], list[Book]],
        counter: Counter,
        coupon_key: bytes | None,
    ) -> None:
        self._engine = engine
        self._books = books
        self._counter = counter
        self._coupon_key = coupon_key

    # -- asking -----------------------------------------------------------------------------------

    def ListRewards(
        self, request: pb.ListRewardsRequest, context: grpc.ServicerContext
    ) -> pb.ListRewardsResponse:
        """Lists what a member can have."""
        book, key = self._select(request.selector)
        now = _now()
        with self._engine.connect() as connection:
            member_id = find_member(connection, book.id, key)
            program = effective_program(load_programs(connection, book.id), now)
            if program is None:
                return pb.ListRewardsResponse()
            tier = _tier(connection, member_id, program, now)
            shown = [reward for reward in program.rewards.values() if can_be_had(reward, tier, now)]
            return pb.ListRewardsResponse(
                rewards=reward_messages(connection, book, member_id, tier, shown)
            )

    def QuoteOffset(
        self, request: pb.QuoteOffsetRequest, context: grpc.ServicerContext
    ) -> pb.QuoteOffsetResponse:
        """Tells what points can pay."""
        book, key = self._select(request.selector)
        total = request.total_minor
        if not 0 <= total <= AMOUNT_MINOR_MAX:
            raise Rejected("AMOUNT_OUT_OF_RANGE", "total_minor must be 0 or more", "total_minor")
        now = datetime.now(UTC)
        with self._engine.connect() as connection:
            member_id = find_member(connection, book.id, key)
            program = effective_program(load_programs(connection, book.id), _micro(now))
            if program is None or program.offset is None:
                raise Rejected("OFFSET_NOT_OFFERED", "the program does not let points pay orders")
            today = now.astimezone(ZoneInfo(book.time_zone)).date()
            available = balance(connection, member_id, now, today).available
        points = program.offset.points_max(total, available)
        amount = min(total, program.offset.amount_minor(points))
        return pb.QuoteOffsetResponse(
            points_max=points, amount_minor=amount, available=available, rest_minor=total - amount
        )

    def GetRedemption(
        self, request: pb.GetRedemptionRequest, context: grpc.ServicerContext
    ) -> pb.RedemptionResponse:
        """Returns a redemption with its steps."""
        book = choose_book(self._books(), request.book)
        number = _number(request.redemption_id)
        with self._engine.connect() as connection:
            one = store.read_redemptions(connection, book.id, [number]).get(number)
            if one is None:
                raise not_found(request.redemption_id)
            tasks = store.open_tasks(connection, [number]).get(number, set())
            tickets = store_draws.tickets_of_redemptions(connection, [number]).get(number, [])
            steps = store.read_steps(connection, number)
            codes = self._codes(connection, book, one) if request.with_codes else []
        message = messages.redemption_message(one, tasks, tickets, steps)
        return pb.RedemptionResponse(redemption=message, coupon_codes=codes)

    def ListRedemptions(
        self, request: pb.ListRedemptionsRequest, context: grpc.ServicerContext
    ) -> pb.ListRedemptionsResponse:
        """Lists redemptions."""
        book = choose_book(self._books(), request.book)
        size, after = page_size(request.page_size), page_after(request.page_token)
        status = _named(Status, request.status, "status")
        kind = _named(Kind, request.kind, "kind")
        with self._engine.connect() as connection:
            found = store.list_redemptions(
                connection,
                book.id,
                after,
                size + 1,
                statuses=[status] if status is not None else [],
                kinds=[kind] if kind is not None else [],
                member_id=request.member_id,
                warehouse=read_code(request.warehouse, "warehouse"),
                task=_named(Task, request.erp_task, "erp_task"),
            )
            numbers = [one.id for one in found]
            tasks = store.open_tasks(connection, numbers)
            tickets = store_draws.tickets_of_redemptions(connection, numbers)
        return pb.ListRedemptionsResponse(
            redemptions=[
                messages.redemption_message(
                    one, sorted(tasks.get(one.id, ())), tickets.get(one.id, [])
                )
                for one in found[:size]
            ],
            next_page_token=page_token(found[size - 1].id) if len(found) > size else "",
        )

    # -- redeeming --------------------------------------------------------------------------------

    def RequestRedemption(
        self, request: pb.RequestRedemptionRequest, context: grpc.ServicerContext
    ) -> pb.RedemptionResponse:
        """Requests a reward."""
        book, key = self._select(request.selector)
        reward = require_id(request.reward, "reward", CODE_LENGTH_MAX)
        actor = require_actor(request.actor, "actor")
        shop = read_code(request.store, "store")
        quantity = request.quantity
        if not 1 <= quantity <= 1_000_000:
            raise Rejected("QUANTITY_INVALID", "quantity must be 1 or more", "quantity")
        content = ("reward", key, reward, quantity, actor, shop)
        ask = Ask(
            member_key=key,
            reward=reward,
            quantity=quantity,
            points=0,
            total_minor=0,
            expires_at=None,
            actor=actor,
            store=shop,
            key=_key(request.idempotency_key, content),
        )
        answer = self._counter.request(book, ask, context.time_remaining())
        one = answer.redemption
        if one.kind is Kind.GOODS and not answer.is_repeated:
            # Known without reading it again: the order is all that is to be done, once nobody has to approve.
            tasks = [Task.ORDER] if one.status is Status.HELD else []
            return pb.RedemptionResponse(redemption=messages.redemption_message(one, tasks))
        return self._answer(book, one, answer.is_repeated)

    def ApproveRedemption(
        self, request: pb.DecideRedemptionRequest, context: grpc.ServicerContext
    ) -> pb.RedemptionResponse:
        """Approves a redemption."""
        return self._answer(*self._decide(request, self._counter.approve))

    def RejectRedemption(
        self, request: pb.DecideRedemptionRequest, context: grpc.ServicerContext
    ) -> pb.RedemptionResponse:
        """Rejects a redemption."""
        return self._answer(*self._decide(request, self._counter.reject))

    def CancelRedemption(
        self, request: pb.DecideRedemptionRequest, context: grpc.ServicerContext
    ) -> pb.RedemptionResponse:
        """Cancels a redemption."""
        book, one = self._decide(request, self._counter.cancel)
        return pb.RedemptionResponse(redemption=self._message(book, one))

    def AcknowledgeRedemption(
        self, request: pb.AcknowledgeRedemptionRequest, context: grpc.ServicerContext
    ) -> pb.RedemptionResponse:
        """Records what an adapter did in the ERP."""
        book = choose_book(self._books(), request.book)
        _number(request.redemption_id)
        source = require_id(request.source, "source", CODE_LENGTH_MAX)
        task = _named(Task, request.erp_task, "erp_task") or Task.ORDER
        order_id = request.erp_order_id
        if task is Task.ORDER or order_id:
            require_id(order_id, "erp_order_id", ID_LENGTH_MAX)
        one = self._counter.acknowledge(book, request.redemption_id, task, source, order_id)
        return pb.RedemptionResponse(redemption=self._message(book, one))

    # -- the checkout -----------------------------------------------------------------------------

    def HoldPoints(
        self, request: pb.HoldPointsRequest, context: grpc.ServicerContext
    ) -> pb.HoldResponse:
        """Sets points aside."""
        book, key = self._select(request.selector)
        points = _points(request.points)
        actor = require_actor(request.actor, "actor", is_optional=True)
        shop = read_code(request.store, "store")
        expires_at = None
        if request.HasField("expires_at"):
            expires_at = to_instant(request.expires_at, "expires_at")
        total = request.total_minor
        if not 0 <= total <= AMOUNT_MINOR_MAX:
            raise Rejected("AMOUNT_OUT_OF_RANGE", "total_minor must be 0 or more", "total_minor")
        content = ("hold", key, points, expires_at, total, actor, shop)
        ask = Ask(
            member_key=key,
            reward="",
            quantity=1,
            points=points,
            total_minor=total,
            expires_at=expires_at,
            actor=actor,
            store=shop,
            key=_key(request.idempotency_key, content),
        )
        answer = self._counter.request(book, ask, context.time_remaining())
        return messages.hold_message(answer.redemption)

    def CaptureHold(
        self, request: pb.CaptureHoldRequest, context: grpc.ServicerContext
    ) -> pb.HoldResponse:
        """Spends held points."""
        book = choose_book(self._books(), request.book)
        _number(request.hold_id, "hold_id")
        order_id = require_id(request.order_id, "order_id") if request.order_id else ""
        actor = require_actor(request.actor, "actor", is_optional=True)
        points = _points(request.points)
        one = self._counter.capture(book, request.hold_id, points, order_id, actor)
        return messages.hold_message(one)

    def VoidHold(
        self, request: pb.VoidHoldRequest, context: grpc.ServicerContext
    ) -> pb.HoldResponse:
        """Frees held points."""
        book = choose_book(self._books(), request.book)
        _number(request.hold_id, "hold_id")
        actor = require_actor(request.actor, "actor", is_optional=True)
        return messages.hold_message(self._counter.void(book, request.hold_id, actor))

    def GetCoupon(
        self, request: pb.GetCouponRequest, context: grpc.ServicerContext
    ) -> pb.CouponResponse:
        """Looks a coupon up by its code."""
        book = choose_book(self._books(), request.book)
        return messages.coupon_message(self._counter.coupon(book, _code(request.code)))

    def RedeemCoupon(
        self, request: pb.RedeemCouponRequest, context: grpc.ServicerContext
    ) -> pb.CouponResponse:
        """Redeems a coupon for an order."""
        book = choose_book(self._books(), request.book)
        order_id = require_id(request.order_id, "order_id")
        actor = require_actor(request.actor, "actor")
        coupon = self._counter.redeem_coupon(book, _code(request.code), order_id, actor)
        return messages.coupon_message(coupon)

    def ReverseCoupon(
        self, request: pb.ReverseCouponRequest, context: grpc.ServicerContext
    ) -> pb.CouponResponse:
        """Takes the redemption of a coupon back."""
        book = choose_book(self._books(), request.book)
        order_id = require_id(request.order_id, "order_id")
        actor = require_actor(request.actor, "actor")
        reason = read_text(request.reason, "reason")
        coupon = self._counter.reverse_coupon(book, _code(request.code), order_id, actor, reason)
        return messages.coupon_message(coupon)

    # -- draws and stock --------------------------------------------------------------------------

    def ListDraws(
        self, request: pb.ListDrawsRequest, context: grpc.ServicerContext
    ) -> pb.ListDrawsResponse:
        """Lists draws with what is published of them."""
        book = choose_book(self._books(), request.book)
        with self._engine.connect() as connection:
            programs = load_programs(connection, book.id)
            rows = store_draws.list_draws(connection, book.id, read_code(request.reward, "reward"))
            draws = [
                messages.draw_message(
                    row,
                    store_draws.tickets_of_draw(connection, row.id) if row.drawn_at else [],
                    _winners_of(row, programs),
                )
                for row in rows
            ]
        return pb.ListDrawsResponse(draws=draws)

    def GetStock(
        self, request: pb.GetStockRequest, context: grpc.ServicerContext
    ) -> pb.GetStockResponse:
        """Returns reward stock."""
        book = choose_book(self._books(), request.book)
        sku, warehouse = read_code(request.sku, "sku"), read_code(request.warehouse, "warehouse")
        with self._engine.connect() as connection:
            rows = store_stock.list_stock(connection, book.id, sku, warehouse)
        return pb.GetStockResponse(levels=[messages.stock_message(row) for row in rows])

    def ListStockMoves(
        self, request: pb.ListStockMovesRequest, context: grpc.ServicerContext
    ) -> pb.ListStockMovesResponse:
        """Lists stock moves."""
        book = choose_book(self._books(), request.book)
        sku, warehouse = read_code(request.sku, "sku"), read_code(request.warehouse, "warehouse")
        size, after = page_size(request.page_size), page_after(request.page_token)
        with self._engine.connect() as connection:
            rows = store_stock.list_moves(
                connection,
                book.id,
                after,
                size + 1,
                sku=sku,
                warehouse=warehouse,
            )
        return pb.ListStockMovesResponse(
            moves=[messages.move_message(row) for row in rows[:size]],
            next_page_token=page_token(rows[size - 1].id) if len(rows) > size else "",
        )

    # -- shared -----------------------------------------------------------------------------------

    def _select(self, selector: members_pb2.MemberSelector) -> tuple[Book, str]:
        book = choose_book(self._books(), selector.book)
        return book, to_selected(selector)

    def _decide(
        self,
        request: pb.DecideRedemptionRequest,
        decision: Callable[[Book, str, str, str], Redemption],
    ) -> tuple[Book, Redemption]:
        book = choose_book(self._books(), request.book)
        _number(request.redemption_id)
        actor = require_actor(request.actor, "actor")
        reason = read_text(request.reason, "reason")
        return book, decision(book, request.redemption_id, actor, reason)

    def _answer(
        self, book: Book, one: Redemption, is_repeated: bool = False
    ) -> pb.RedemptionResponse:
        codes: list[str] = []
        if one.kind is Kind.COUPON and one.status is Status.SHIPPED:
            with self._engine.connect() as connection:
                codes = self._codes(connection, book, one)
        return pb.RedemptionResponse(
            redemption=self._message(book, one), is_repeated=is_repeated, coupon_codes=codes
        )

    def _message(self, book: Book, one: Redemption) -> pb.Redemption:
        """Returns a redemption with what only some kinds have: a task in the ERP, tickets."""
        if one.kind not in (Kind.GOODS, Kind.LOTTERY):
            return messages.redemption_message(one)
        with self._engine.connect() as connection:
            tasks = store.open_tasks(connection, [one.id]).get(one.id, set())
            tickets = store_draws.tickets_of_redemptions(connection, [one.id]).get(one.id, [])
        return messages.redemption_message(one, sorted(tasks), tickets)

    def _codes(self, connection: Connection, book: Book, one: Redemption) -> list[str]:
        if one.kind is not Kind.COUPON or self._coupon_key is None:
            return []
        coupons = store_coupons.of_redemptions(connection, [one.id]).get(one.id, [])
        return [formatted(coupon_code(self._coupon_key, book.id, c.id)) for c in coupons]


def _winners_of(row: store_draws.DrawRow, programs: list[Program]) -> int:
    """Returns how many win a draw, by the program version in force when it was opened."""
    program = effective_program(programs, row.opened_at)
    reward = None if program is None else program.rewards.get(row.reward)
    return 0 if reward is None else reward.winners


def _tier(connection: Connection, member_id: int, program: Program, now: int) -> str:
    history = read_tiers(connection, [member_id])[member_id]
    return tier_at(history, now, program.first_tier)


def _key(key: str, content: tuple[object, ...]) -> Key:
    """Returns the idempotency key with the hash of what is asked under it."""
    require_id(key, "idempotency_key")
    return Key(key, hashlib.sha256(repr(content).encode()).digest())


def _number(public_id: str, path: str = "redemption_id") -> int:
    require_id(public_id, path)
    number = parse_public_id(public_id)
    if number is None:
        raise not_found(public_id, path)
    return number


def _points(points: int) -> int:
    if not 0 < points <= POINTS_MAX:
        raise Rejected("POINTS_INVALID", f"points must be 1 to {POINTS_MAX}", "points")
    return points


def _code(code: str) -> str:
    if not code or len(code) > CODE_TEXT_MAX:
        raise Rejected("COUPON_MISTYPED", f"code must be 1 to {CODE_TEXT_MAX} characters", "code")
    return code


def _named(kind: type[T], name: str, path: str) -> T | None:
    """Returns the member of an enumeration that a request names; None when it names none."""
    if not name:
        return None
    found = kind.__members__.get(name.upper())
    if found is None or name != name.lower():
        known = ", ".join(kind.__members__).lower()
        raise Rejected(f"{path.upper()}_UNKNOWN", f"{path} {name[:64]!r} is none of {known}", path)
    return found


def _micro(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def _now() -> int:
    return _micro(datetime.now(UTC))
