"""Redemption as its four users meet it on the wire: the member's shop, the approver, the warehouse with its ERP, the till."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import text

from plugin.redemption.coupons import coupon_code, formatted
from plugin.redemption.lottery import DrawRecord, verify
from plugin.store.books import apply_program, list_books
from pointbook.v1 import events_pb2, intake_pb2, ledger_pb2, members_pb2
from pointbook.v1 import redemptions_pb2 as pb
from workers.clock import now_us
from workers.embedded import running
from workers.handlers.books import Books
from workers.handlers.draws import draw_winners, open_draw
from workers.handlers.vouchers import generate_codes
from workers.settings import Settings

Code = grpc.StatusCode
BAD, NOT_FOUND, NOT_NOW = Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.FAILED_PRECONDITION
NOT_YOU, TAKEN = Code.PERMISSION_DENIED, Code.ALREADY_EXISTS
APPLIED = intake_pb2.EVENT_STATUS_APPLIED
PARKED = intake_pb2.EVENT_STATUS_PARKED
DONE = events_pb2.DOCUMENT_STATUS_DONE
CANCELLED = events_pb2.DOCUMENT_STATUS_CANCELLED
NOON = 1_760_000_000  # 2025-10-09 in Shanghai

# One point for one yuan, carried at 0.10, worth 1.00 at the checkout. More than 400 points, or goods of more than 50.00, need Chloe or Dan.
PROGRAM = """
[book]
code = "{book}"
currency = "CNY"
time_zone = "Asia/Shanghai"
[program]
code = "points"
effective_from = 2020-01-01T00:00:00Z
[accrual]
trigger = "confirmed"
unknown_member = "enrol"
[points]
unit_cost = "0.10"
[expiry]
kind = "months"
months = 1200
[[tiers]]
code = "basic"
[[tiers]]
code = "gold"
[[rules]]
id = "base"
effect = {{ kind = "per_amount", points = 1, per = "1.00" }}
"""
SHOP_REWARDS = """
rewards = [
  { code = "mug", kind = "goods", name = "Club mug", points = 100, tier_prices = { gold = { points = 90 } }, sku = "MUG-1", warehouse = "MAIN" },
  { code = "pan", kind = "goods", points = 30, amount = "9.90", sku = "PAN-1", warehouse = "NORTH" },
  { code = "lamp", kind = "goods", points = 10, per_member_max = 2, sku = "LAMP-1", warehouse = "MAIN" },
  { code = "nowhere", kind = "goods", points = 1, sku = "NOWHERE-1", warehouse = "MAIN" },
  { code = "tin", kind = "goods", points = 10, sku = "TIN-1", warehouse = "MAIN" },
  { code = "last-ten", kind = "goods", points = 1, sku = "TEN-1", warehouse = "MAIN" },
  { code = "tv", kind = "goods", points = 500, sku = "TV-1", warehouse = "MAIN" },
  { code = "vase", kind = "goods", points = 10, sku = "VASE-1", warehouse = "MAIN" },
  { code = "coffee", kind = "coupon", name = "5.00 off a coffee", points = 20, face = "5.00", valid_days = 90 },
  { code = "feast", kind = "coupon", points = 500 },
  { code = "ten-off", kind = "offset", points = 100, face = "10.00" },
  { code = "raffle", kind = "lottery", points = 10, winners = 2 },
  { code = "tombola", kind = "lottery", points = 10, winners = 1 },
  { code = "trees", kind = "donation", points = 25, face = "2.00", payee = "Trees for Cities" },
  { code = "early", kind = "privilege", points = 40, valid_days = 365 },
  { code = "rare", kind = "privilege", points = 1, per_member_max = 2, total_max = 3 },
  { code = "dear-rare", kind = "privilege", points = 1, total_max = 1 },
  { code = "vip", kind = "privilege", points = 1, tiers = ["gold"] },
  { code = "season", kind = "privilege", points = 1, valid_from = 2020-02-01, valid_until = 2900-01-01 },
  { code = "past", kind = "privilege", points = 1, valid_until = 2021-01-01 },
  { code = "future", kind = "privilege", points = 1, valid_from = 2900-01-01 },
]
"""
SHOP_RULES = """
[redemption]
approval_points_above = 400
approval_cost_above = "50.00"
approvers = ["Chloe", "Dan"]
lapse_after_days = 30
[offset]
face_value = "1.00"
hold_minutes = 30
"""
SHARES_REWARDS = """
rewards = [
  { code = "coffee", kind = "coupon", points = 20, valid_days = 1 },
  { code = "ring", kind = "goods", points = 500, sku = "RING-1", warehouse = "MAIN" },
]
"""
SHARES_RULES = """
[redemption]
approval_points_above = 400
approvers = ["Chloe"]
escalate_after_hours = 1
escalate_to = ["Carol"]
lapse_after_days = 30
[offset]
face_value = "0.50"
points_min = 20
multiple = 10
share_max = "0.5"
"""
PLAIN_REWARDS = """
rewards = [
  { code = "ring", kind = "goods", points = 500, sku = "RING-1", warehouse = "MAIN" },
]
"""
PLAIN_RULES = """
[redemption]
approval_points_above = 400
"""
LISTED = (
    *("mug", "pan", "lamp", "nowhere", "tin", "last-ten", "tv", "vase", "coffee", "feast", "ten-off"),
    *("raffle", "tombola", "trees", "early", "rare", "dear-rare", "season"),
)  # fmt: skip
"""What a member of the tier basic is shown today: not what is for gold, over or still to come."""

WRITTEN = (
    *("redemption", "redemption_fact", "outbox", "reward_total", "coupon", "coupon_fact", "draw", "ticket", "stock"),
    *("stock_line", "stock_move", "point_fact", "lot", "lot_use", "entry", "member", "identity", "inbox", "parked"),
)  # fmt: skip
"""Tables that a call could write to; nothing else writes to them while no event is under way."""


# -- the house ------------------------------------------------------------------------------------


@contextmanager
def open_house(postgres_server: Any, data_dir: Any, *programs: str, every: float) -> Iterator[Any]:
    """Runs an installation with books of their own; redemptions are looked after every so many seconds."""
    with postgres_server.migrated_database() as url:
        chosen = Settings(
            database_url=SecretStr(url),
            listen="127.0.0.1:0",
            data_dir=data_dir,
            stop_seconds_max=5,
            work_threads=2,
            redemptions_every_seconds=every,
        )
        with running(chosen, programs[0]) as house:
            for program in programs[1:]:
                with house.engine.begin() as connection:
                    apply_program(connection, program, "command line")
            yield house


@pytest.fixture(scope="module")
def installation(postgres_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """An installation with rewards of every kind, in which only calls and events change anything."""
    program = SHOP_REWARDS + PROGRAM.format(book="shop") + SHOP_RULES
    data_dir = tmp_path_factory.mktemp("data")
    with open_house(postgres_server, data_dir, program, every=3_600) as house:
        yield house


@pytest.fixture(scope="module")
def busy_house(postgres_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """An installation with two books that looks for what has lapsed all the time."""
    programs = (
        SHARES_REWARDS + PROGRAM.format(book="shares") + SHARES_RULES,
        PLAIN_REWARDS + PROGRAM.format(book="plain") + PLAIN_RULES,
    )
    data_dir = tmp_path_factory.mktemp("data")
    with open_house(postgres_server, data_dir, *programs, every=0.2) as house:
        yield house


class Shop:
    """All that the four users do, on one client; documents, keys and members are this client's own."""

    numbers = itertools.count(1)

    def __init__(self, house: Any, client: Any, eventually: Any, refusal: Any, book: str) -> None:
        self.house, self.client, self.eventually, self.book = house, client, eventually, book
        self.of = refusal
        self.calls = client.redemptions
        self.source = client.source

    def new(self, what: str) -> str:
        """Returns a name that nobody has used."""
        return f"{what}-{self.source}-{next(Shop.numbers)}"

    def selector(self, member: str = "ann") -> members_pb2.MemberSelector:
        """Names a member."""
        return members_pb2.MemberSelector(
            book=self.book, source=self.source, member=events_pb2.MemberRef(external_id=member)
        )

    def balance(self, member: str = "ann") -> tuple[int, int]:
        """Returns (available, held)."""
        asked = members_pb2.GetBalanceRequest(selector=self.selector(member))
        found = self.client.members.GetBalance(asked, timeout=30)
        assert found.debt == 0
        return found.available, found.held

    def refused(self, method: str, request: Any) -> tuple[Code, str, str]:
        """Makes a call that has to be refused; returns code, reason and field."""
        found = self.of(getattr(self.calls, method), request)
        assert found.message
        return found.code, found.reason, found.field

    # Events

    def say(self, *events: Any) -> None:
        """Records events and waits until they are applied."""
        self.client.record(*events, book=self.book)
        self.eventually(lambda: all(self.client.status(one.event_id) == APPLIED for one in events))

    def parked(self, event: Any) -> str:
        """Records an event and waits until it is parked; returns the reason."""
        self.client.record(event, book=self.book)
        asked = intake_pb2.GetEventRequest(source=self.source, event_id=event.event_id)
        found = self.eventually(
            lambda: (one := self.client.intake.GetEvent(asked)).status == PARKED and one
        )
        return str(found.reason)

    def order(self, amount: int, member: str = "ann", **fields: Any) -> Any:
        """Returns a confirmed order of an amount."""
        event = self.client.order(self.new("SO"), amount, **fields)
        event.order.member.external_id = member
        return event

    def earn(self, points: int, *members: str) -> None:
        """Lets members earn points."""
        self.say(*[self.order(points * 100, member) for member in members or ("ann",)])

    def member(self, name: str, *, tier: str = "", is_active: bool = True) -> Any:
        """Returns a member's record."""
        event = events_pb2.Event(event_id=self.new("e"))
        one = event.member
        one.id, one.version, one.is_active = name, 1, is_active
        one.joined_at.seconds = NOON
        if tier:
            one.tiers.add(tier=tier).from_at.seconds = NOON
        return event

    def received(self, sku: str, pieces: int, value_minor: int, warehouse: str = "MAIN") -> Any:
        """Returns a receipt of reward stock."""
        event = events_pb2.Event(event_id=self.new("e"))
        one = event.stock
        one.id, one.version, one.kind = self.new("T"), 1, events_pb2.STOCK_KIND_RECEIVED
        one.sku, one.warehouse, one.quantity = sku, warehouse, str(pieces)
        one.value_minor = value_minor
        one.counted_at.seconds = NOON
        return event

    def shipment(self, redemption_id: str, *pieces: int, at: int = 0, **fields: Any) -> Any:
        """Returns a shipment of a redemption; no pieces: all."""
        event = events_pb2.Event(event_id=self.new("e"))
        one = event.redemption_shipment
        one.id, one.version, one.status = self.new("D"), 1, DONE
        one.redemption_id, one.shipped_at.seconds = redemption_id, at or int(time.time())
        return self._with_lines(event, one, pieces, fields)

    def back(self, redemption_id: str, *pieces: int, at: int = 0, **fields: Any) -> Any:
        """Returns a return of a redemption's goods, a minute from now unless told otherwise."""
        event = events_pb2.Event(event_id=self.new("e"))
        one = event.redemption_return
        one.id, one.version, one.status = self.new("RT"), 1, DONE
        one.redemption_id, one.returned_at.seconds = redemption_id, at or int(time.time()) + 60
        return self._with_lines(event, one, pieces, fields)

    def _with_lines(self, event: Any, one: Any, pieces: tuple[int, ...], fields: Any) -> Any:
        for number, count in enumerate(pieces, 1):
            one.lines.add(line_id=str(number), quantity=str(count))
        for name, value in fields.items():
            setattr(one, name, value)
        return event

    # Calls

    def ask(
        self, reward: str, quantity: int = 1, member: str = "ann", **fields: Any
    ) -> pb.RequestRedemptionRequest:
        """Returns a request of a reward."""
        return pb.RequestRedemptionRequest(
            **{
                "selector": self.selector(member),
                "reward": reward,
                "quantity": quantity,
                "idempotency_key": self.new("key"),
                "actor": "web shop",
                **fields,
            }
        )

    def redeem(self, reward: str, quantity: int = 1, member: str = "ann", **fields: Any) -> Any:
        """Requests a reward."""
        asked = self.ask(reward, quantity, member, **fields)
        return self.calls.RequestRedemption(asked, timeout=30)

    def goods(self, reward: str, quantity: int = 1, points: int = 1_000, received: int = 10) -> str:
        """Gives Ann points and the warehouse stock, worth 3.00 a piece, and requests goods; returns the redemption."""
        skus = {"mug": "MUG-1", "tin": "TIN-1", "lamp": "LAMP-1"}
        self.say(self.order(points * 100), self.received(skus[reward], received, received * 300))
        return str(self.redeem(reward, quantity).redemption.redemption_id)

    def decide(self, redemption_id: str, actor: str = "Chloe", **fields: Any) -> Any:
        """Returns a decision on a redemption."""
        return pb.DecideRedemptionRequest(
            **{"redemption_id": redemption_id, "actor": actor, "book": self.book, **fields}
        )

    def acknowledge(self, redemption_id: str, order: str = "ERP-1", task: str = "") -> Any:
        """Tells that the ERP has an order."""
        return self.calls.AcknowledgeRedemption(self.acknowledgement(redemption_id, order, task))

    def acknowledgement(self, redemption_id: str, order: str = "ERP-1", task: str = "") -> Any:
        """Returns what tells that the ERP has an order, or has cancelled it."""
        return pb.AcknowledgeRedemptionRequest(
            redemption_id=redemption_id,
            source=self.source,
            erp_order_id=order,
            erp_task=task,
            book=self.book,
        )

    def get(self, redemption_id: str, *, with_codes: bool = False) -> Any:
        """Returns an answer with a redemption."""
        return self.calls.GetRedemption(
            pb.GetRedemptionRequest(
                redemption_id=redemption_id, book=self.book, with_codes=with_codes
            )
        )

    def state(self, redemption_id: str) -> tuple[str, int, int, int, int]:
        """Returns (status, shipped, returned, held, spent)."""
        one = self.get(redemption_id).redemption
        return one.status, one.shipped, one.returned, one.held, one.spent

    def steps(self, redemption_id: str) -> list[str]:
        """Returns the kinds of the steps."""
        return [step.kind for step in self.get(redemption_id).redemption.steps]

    def mine(self, **fields: Any) -> list[Any]:
        """Lists Ann's redemptions."""
        selected = members_pb2.GetMemberRequest(selector=self.selector())
        number = self.client.members.GetMember(selected).member.member_id
        asked = pb.ListRedemptionsRequest(**{"book": self.book, "member_id": number, **fields})
        return list(self.calls.ListRedemptions(asked).redemptions)

    def hold(self, points: int, member: str = "ann", **fields: Any) -> pb.HoldPointsRequest:
        """Returns a request to set points aside."""
        return pb.HoldPointsRequest(
            **{
                "selector": self.selector(member),
                "points": points,
                "idempotency_key": self.new("key"),
                **fields,
            }
        )

    def held(self, points: int, **fields: Any) -> Any:
        """Sets points aside."""
        return self.calls.HoldPoints(self.hold(points, **fields), timeout=30)

    def capture(self, hold_id: str, points: int, **fields: Any) -> pb.CaptureHoldRequest:
        """Returns a request to spend held points."""
        return pb.CaptureHoldRequest(
            **{"hold_id": hold_id, "points": points, "book": self.book, **fields}
        )

    def void(self, hold_id: str) -> pb.VoidHoldRequest:
        """Returns a request to free held points."""
        return pb.VoidHoldRequest(hold_id=hold_id, book=self.book)

    def paying(self, hold_id: str, paid_minor: int, amount: int = 20_000, **fields: Any) -> Any:
        """Returns an order that is paid with a hold."""
        return self.order(amount, hold_id=hold_id, points_paid_minor=paid_minor, **fields)

    def coupon(self, code: str) -> Any:
        """Returns a coupon by its code."""
        return self.calls.GetCoupon(pb.GetCouponRequest(code=code, book=self.book))

    def use(self, code: str, order_id: str = "SO-1") -> pb.RedeemCouponRequest:
        """Returns a request to redeem a coupon."""
        return pb.RedeemCouponRequest(code=code, order_id=order_id, actor="till 3", book=self.book)

    def unuse(self, code: str, order_id: str = "SO-1") -> pb.ReverseCouponRequest:
        """Returns a request to take a coupon's redemption back."""
        return pb.ReverseCouponRequest(
            code=code, order_id=order_id, actor="till 3", reason="order cancelled", book=self.book
        )

    def level(self, sku: str) -> tuple[int, int, int, int]:
        """Returns (on hand, reserved, available, value) of a SKU."""
        found = self.calls.GetStock(pb.GetStockRequest(book=self.book, sku=sku)).levels
        (one,) = [level for level in found if level.warehouse == "MAIN"]
        return one.on_hand, one.reserved, one.available, one.value_minor

    def rewards(self, member: str = "ann") -> dict[str, Any]:
        """Lists the rewards that a member is shown."""
        answer = self.calls.ListRewards(pb.ListRewardsRequest(selector=self.selector(member)))
        return {reward.code: reward for reward in answer.rewards}

    # Operations

    def draw(self, handler: Callable[..., Any], reward: str, *arguments: Any) -> Any:
        """Opens a draw, or draws its winners, as the command line does."""
        with self.house.engine.begin() as connection:
            (book,) = list_books(connection)
            context = Books().context(connection, book.id)
            return handler(connection, context, reward, *arguments, "operator", now_us())

    def elapse(self, redemption_id: str, column: str, interval: str) -> None:
        """Sets an instant of a redemption back, as if so much time had passed."""
        with self.house.engine.begin() as connection:
            connection.execute(
                text(
                    f"UPDATE redemption SET {column} = {column} - :time ::interval WHERE id = :id"
                ),
                {"time": interval, "id": int(redemption_id[1:])},
            )

    def waits_for_a_lock(self) -> bool:
        """Tells whether some transaction waits for another one."""
        with self.house.engine.connect() as connection:
            count = connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            return bool(count.scalar_one())

    def contents(self) -> dict[str, tuple[int, int]]:
        """Returns count and checksum of every table that a call could write to."""
        parts = [
            f"SELECT '{name}', count(*), coalesce(sum(hashtext(t::text)), 0) FROM {name} t"
            for name in WRITTEN
        ]
        with self.house.engine.connect() as connection:
            rows = connection.execute(text(" UNION ALL ".join(parts))).all()
        return {name: (count, total) for name, count, total in rows}


@pytest.fixture
def shop(installation: Any, client: Any, eventually: Any, refusal: Any) -> Shop:
    """A client of the book "shop", who knows nobody yet."""
    return Shop(installation, client, eventually, refusal, "")


@pytest.fixture
def shares(busy_house: Any, connect: Any, eventually: Any, refusal: Any) -> Shop:
    """A client of the book "shares": points pay at most half, from 20 on, in tens, at 0.50 each."""
    return Shop(busy_house, connect(busy_house.target), eventually, refusal, "shares")


def has(message: Any, **expected: Any) -> bool:
    """Compares fields of a message; tells all that differ."""
    assert {name: getattr(message, name) for name in expected} == expected
    return True


@pytest.fixture(scope="module")
def kept() -> dict[str, tuple[str, Any]]:
    """What tests share that change nothing: a source that knows it, by name."""
    return {}


@pytest.fixture
def settled(shop: Shop, kept: dict[str, tuple[str, Any]]) -> Callable[..., Any]:
    """Returns a function that makes something for the first test that needs it; what is refused leaves it as it is."""

    def get(name: str, make: Callable[[], Any]) -> Any:
        if name not in kept:
            kept[name] = (shop.source, make())
        shop.source, made = kept[name]
        shop.client.source = shop.source
        return made

    return get


def together(count: int, call: Callable[[int], Any]) -> list[Any]:
    """Makes calls at the same moment; returns each one's answer, or its reason."""
    start = threading.Barrier(count)

    def one(number: int) -> Any:
        start.wait(30)
        try:
            return call(number)
        except grpc.RpcError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


# -- what there is --------------------------------------------------------------------------------


def test_rewards_are_listed_in_the_order_of_the_program_at_the_price_of_the_members_tier(
    shop: Shop,
) -> None:
    shop.say(shop.member("ann"), shop.member("gus", tier="gold"))
    basic, gold = shop.rewards(), shop.rewards("gus")
    assert tuple(basic) == LISTED
    assert set(gold) - set(basic) == {"vip"}
    assert (basic["mug"].points, gold["mug"].points) == (100, 90)
    assert (basic["pan"].points, basic["pan"].amount_minor, gold["pan"].amount_minor) == (
        30,
        990,
        990,
    )
    mug, coffee = basic["mug"], basic["coffee"]
    assert (mug.name, mug.kind, mug.sku, mug.warehouse) == ("Club mug", "goods", "MUG-1", "MAIN")
    assert has(coffee, name="5.00 off a coffee", kind="coupon", sku="", face_minor=500)
    kinds = {reward.kind for reward in basic.values()}
    assert kinds == {"goods", "coupon", "offset", "lottery", "donation", "privilege"}


def test_a_reward_tells_in_which_time_it_can_be_had(shop: Shop) -> None:
    shop.say(shop.member("ann"))
    season, mug = shop.rewards()["season"], shop.rewards()["mug"]
    # Midnight of the first of February in Shanghai is four in the afternoon before.
    assert season.valid_from.ToJsonString() == "2020-01-31T16:00:00Z"
    assert season.valid_until.ToJsonString() == "2899-12-31T16:00:00Z"
    assert not mug.HasField("valid_from")
    assert not mug.HasField("valid_until")


def test_a_reward_tells_how_many_pieces_the_member_can_still_have(shop: Shop) -> None:
    shop.earn(100, "ann", "bob")
    shop.say(shop.received("LAMP-1", 3, 900))
    shown = shop.rewards()
    assert (shown["lamp"].available, shown["nowhere"].available, shown["early"].available) == (
        2,  # one member can have two
        0,  # nothing of it was ever received
        -1,  # no limit
    )
    assert (shown["rare"].available, shown["dear-rare"].available) == (2, 1)
    shop.redeem("lamp", 2, "bob")
    shop.redeem("dear-rare", 1, "bob")
    again = shop.rewards()
    assert (again["lamp"].available, again["dear-rare"].available) == (1, 0)  # three less two
    shop.redeem("lamp")
    assert (shop.rewards()["lamp"].available, shop.rewards("bob")["lamp"].available) == (0, 0)


@pytest.mark.parametrize(
    ("total", "points", "pays", "rest"),
    [
        (10_625, 106, 10_600, 25),  # a point pays 1.00: the quarter stays
        (10_600, 106, 10_600, 0),
        (99, 0, 0, 99),
        (0, 0, 0, 0),
        (30_000, 200, 20_000, 10_000),  # there are no more than 200
        (10**15, 200, 20_000, 10**15 - 20_000),
    ],
)
def test_an_offset_is_quoted_to_the_whole_point(
    shop: Shop, settled: Any, total: int, points: int, pays: int, rest: int
) -> None:
    settled("200 points", lambda: shop.earn(200))
    quote = shop.calls.QuoteOffset(
        pb.QuoteOffsetRequest(selector=shop.selector(), total_minor=total)
    )
    assert has(quote, points_max=points, amount_minor=pays, rest_minor=rest, available=200)
    assert shop.balance() == (200, 0)


@pytest.mark.parametrize(
    ("total", "points", "pays", "rest"),
    [
        (10_000, 100, 5_000, 5_000),  # half of 100.00 is 100 points at 0.50
        (10_300, 100, 5_000, 5_300),  # 103 points would pay half; tens are asked for
        (1_999, 0, 0, 1_999),  # 19 points would pay half; 20 is the least
        (2_000, 20, 1_000, 1_000),
        (90_000, 200, 10_000, 80_000),  # of 207 points, 200 go in tens
    ],
)
def test_an_offset_keeps_to_share_minimum_and_multiple(
    shares: Shop, total: int, points: int, pays: int, rest: int
) -> None:
    shares.earn(207)
    request = pb.QuoteOffsetRequest(selector=shares.selector(), total_minor=total)
    quote = shares.calls.QuoteOffset(request)
    assert (quote.points_max, quote.amount_minor, quote.rest_minor) == (points, pays, rest)
    if points:  # What is quoted can be held, ten more cannot.
        more = shares.hold(points + 10, total_minor=total)
        if points < 200:
            assert shares.refused("HoldPoints", more) == (NOT_NOW, "POINTS_TOO_MANY", "points")
        assert shares.held(points, total_minor=total).amount_minor == pays


@pytest.mark.parametrize(
    ("points", "reason"), [(10, "POINTS_TOO_FEW"), (25, "POINTS_NOT_A_MULTIPLE")]
)
def test_a_hold_that_the_program_does_not_allow_is_refused(
    shares: Shop, points: int, reason: str
) -> None:
    shares.earn(100)
    assert shares.refused("HoldPoints", shares.hold(points)) == (BAD, reason, "points")
    assert shares.balance() == (100, 0)


def test_a_program_without_an_offset_lets_points_not_pay_orders(shares: Shop) -> None:
    shares.book = "plain"
    shares.earn(100)
    for method, request in (
        ("QuoteOffset", pb.QuoteOffsetRequest(selector=shares.selector(), total_minor=1_000)),
        ("HoldPoints", shares.hold(10)),
    ):
        code, reason, _ = shares.refused(method, request)
        assert (code, reason) == (NOT_NOW, "OFFSET_NOT_OFFERED")
    assert set(shares.rewards()) == {"ring"}
    refused = shares.refused("RequestRedemption", shares.ask("coffee"))
    assert refused == (NOT_FOUND, "REWARD_UNKNOWN", "reward")


def test_where_there_are_two_books_a_call_names_one(shares: Shop) -> None:
    shares.earn(100)
    hold = shares.held(20)
    shares.book = ""
    for method, request in (
        ("ListRewards", pb.ListRewardsRequest(selector=shares.selector())),
        ("GetStock", pb.GetStockRequest()),
        ("VoidHold", pb.VoidHoldRequest(hold_id=hold.hold_id)),
    ):
        assert shares.refused(method, request) == (BAD, "BOOK_REQUIRED", "book")
    # A redemption belongs to its book: another one does not know it.
    other = pb.GetRedemptionRequest(redemption_id=hold.hold_id, book="plain")
    assert shares.refused("GetRedemption", other)[:2] == (NOT_FOUND, "REDEMPTION_NOT_FOUND")


# -- asking for rewards ---------------------------------------------------------------------------


def test_goods_are_held_with_their_points_until_the_warehouse_ships_them(shop: Shop) -> None:
    shop.say(shop.order(50_000), shop.received("MUG-1", 10, 3_000))
    on_hand, reserved, available, value = shop.level("MUG-1")
    answer = shop.redeem("mug", 2, store="S1")
    one = answer.redemption
    assert (answer.is_repeated, list(answer.coupon_codes)) == (False, [])
    assert has(one, status="held", kind="goods", quantity=2, points=200, held=200, spent=0)
    assert has(
        one, sku="MUG-1", warehouse="MAIN", store="S1", requested_by="web shop", erp_task="order"
    )
    days = (one.expires_at.seconds - one.requested_at.seconds) / 86_400
    assert (days, one.program_version, one.approved_by) == (30, 1, "")
    assert shop.balance() == (300, 200)
    assert shop.level("MUG-1") == (on_hand, reserved + 2, available - 2, value)


def test_a_price_in_points_and_money_is_told_with_the_redemption(shop: Shop) -> None:
    shop.say(shop.order(10_000), shop.received("PAN-1", 2, 600, "NORTH"))
    one = shop.redeem("pan", 2).redemption
    assert (one.points, one.amount_minor, one.warehouse) == (60, 1_980, "NORTH")


def test_a_member_pays_the_price_of_their_tier(shop: Shop) -> None:
    shop.say(shop.member("ann", tier="gold"), shop.received("MUG-1", 2, 600))
    shop.earn(100)
    assert shop.redeem("mug").redemption.points == 90
    assert shop.redeem("vip").redemption.status == "shipped"


def test_the_same_key_makes_one_redemption_and_answers_the_same_again(shop: Shop) -> None:
    shop.earn(100)
    asked = shop.ask("coffee", 2)
    first, again = (shop.calls.RequestRedemption(asked) for _ in range(2))
    assert (first.is_repeated, again.is_repeated) == (False, True)
    assert len(set(first.coupon_codes)) == 2
    assert list(again.coupon_codes) == list(first.coupon_codes)
    assert again.redemption == first.redemption
    assert shop.balance() == (60, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"reward": "feast"},
        {"quantity": 2},
        {"actor": "somebody else"},
        {"store": "S2"},
        {"member": "bob"},
    ],
)
def test_the_same_key_with_other_content_is_refused(shop: Shop, change: dict[str, Any]) -> None:
    shop.earn(100, "ann", "bob")
    fields: dict[str, Any] = {"reward": "early", "idempotency_key": shop.new("key")}
    shop.redeem(**fields)
    assert shop.refused("RequestRedemption", shop.ask(**{**fields, **change})) == (
        TAKEN,
        "IDEMPOTENCY_KEY_REUSED",
        "idempotency_key",
    )
    assert (shop.balance(), shop.balance("bob")) == ((60, 0), (100, 0))


def test_a_hold_and_a_redemption_do_not_share_a_key(shop: Shop) -> None:
    shop.earn(100)
    key = shop.new("key")
    first = shop.held(10, idempotency_key=key)
    assert shop.held(10, idempotency_key=key) == first
    taken = (TAKEN, "IDEMPOTENCY_KEY_REUSED", "idempotency_key")
    for fields in (
        {"points": 11},
        {"store": "S1"},
        {"actor": "x"},
        {"total_minor": 5_000},
        {"expires_at": Timestamp(seconds=4_000_000_000)},
    ):
        other = shop.hold(**{"points": 10, "idempotency_key": key, **fields})
        assert shop.refused("HoldPoints", other) == taken
    assert shop.refused("RequestRedemption", shop.ask("early", idempotency_key=key)) == taken
    assert shop.balance() == (90, 10)


def test_a_coupon_comes_with_its_codes_and_only_who_asks_is_told_them_again(shop: Shop) -> None:
    shop.earn(100)
    answer = shop.redeem("coffee", 3)
    one, codes = answer.redemption, list(answer.coupon_codes)
    assert (one.status, one.shipped, one.spent, one.held, one.erp_task) == ("shipped", 3, 60, 0, "")
    assert [len(code.replace("-", "")) for code in codes] == [13, 13, 13]
    assert shop.balance() == (40, 0)
    number = one.redemption_id
    assert list(shop.get(number, with_codes=True).coupon_codes) == codes
    assert list(shop.get(number).coupon_codes) == []
    for code in codes:
        coupon = shop.coupon(code.lower().replace("-", " "))
        assert has(coupon, status="issued", reward="coffee", face_minor=500, redemption_id=number)


def test_an_offset_reward_is_captured_by_the_order_that_carries_it(shop: Shop) -> None:
    shop.earn(150)
    one = shop.redeem("ten-off").redemption
    assert (one.status, one.kind, one.held, one.face_minor) == ("held", "offset", 100, 1_000)
    assert one.expires_at.seconds - one.requested_at.seconds == 1_800
    shop.say(shop.paying(one.redemption_id, 1_000, amount=5_000))
    # Forty of the order's fifty yuan were money and earn points.
    assert shop.balance() == (50 + 40, 0)
    assert shop.state(one.redemption_id) == ("shipped", 1, 0, 0, 100)


def test_a_lottery_gives_tickets_for_a_draw_that_is_open_and_keeps_its_seed(shop: Shop) -> None:
    shop.earn(100)
    assert shop.rewards()["raffle"].draw_commitment == ""
    refused = shop.refused("RequestRedemption", shop.ask("raffle"))
    assert refused == (NOT_NOW, "DRAW_NOT_OPEN", "reward")
    assert shop.balance() == (100, 0)
    seed = bytes(range(32))
    opened = shop.draw(open_draw, "raffle", seed)
    assert shop.rewards()["raffle"].draw_commitment == opened.commitment
    asked = shop.ask("raffle", 3)
    answer, again = (shop.calls.RequestRedemption(asked) for _ in range(2))
    number = answer.redemption.redemption_id
    tickets = [f"{number}-{piece}" for piece in (1, 2, 3)]
    assert list(answer.redemption.tickets) == list(again.redemption.tickets) == tickets
    assert (answer.redemption.status, answer.redemption.spent) == ("shipped", 30)
    assert list(shop.get(number).redemption.tickets) == tickets

    def draws() -> Any:
        return shop.calls.ListDraws(pb.ListDrawsRequest(reward="raffle"))

    (before,) = draws().draws
    assert seed.hex().encode() not in draws().SerializeToString()
    assert has(before, commitment=opened.commitment, committed="2 x raffle", winner_count=2)
    assert (before.seed, before.tickets_digest, list(before.tickets), list(before.winners)) == (
        "",
        "",
        [],
        [],
    )
    assert not before.HasField("drawn_at")
    shop.draw(draw_winners, "raffle", "the temperature at noon")
    (after,) = draws().draws
    assert (after.seed, after.beacon) == (seed.hex(), "the temperature at noon")
    assert (after.HasField("drawn_at"), len(after.winners)) == (True, 2)
    # Everything that is needed to check the draw is on the wire.
    record = DrawRecord(
        reward=after.committed,
        opened_at=after.opened_at.ToMicroseconds(),
        commitment=after.commitment,
        tickets=tuple(after.tickets),
        digest=after.tickets_digest,
        beacon=after.beacon,
        seed=bytes.fromhex(after.seed),
        winner_count=after.winner_count,
        winners=tuple(after.winners),
    )
    assert verify(record) == []
    assert list(after.tickets) == tickets
    assert shop.refused("RequestRedemption", shop.ask("raffle"))[1] == "DRAW_NOT_OPEN"
    assert shop.rewards()["raffle"].draw_commitment == ""


def test_a_second_draw_shows_the_seed_of_the_first_and_not_its_own(shop: Shop) -> None:
    first, second = b"1" * 32, b"2" * 32
    shop.draw(open_draw, "tombola", first)
    shop.draw(draw_winners, "tombola", "")
    shop.draw(open_draw, "tombola", second)
    listed = shop.calls.ListDraws(pb.ListDrawsRequest(reward="tombola"))
    assert [draw.seed for draw in listed.draws] == ["", first.hex()]  # newest first
    everything = shop.calls.ListDraws(pb.ListDrawsRequest()).SerializeToString()
    assert second.hex().encode() not in everything
    assert second not in everything


@pytest.mark.parametrize(
    ("reward", "quantity", "points", "face", "kind"),
    [("trees", 2, 50, 400, "donation"), ("early", 1, 40, 0, "privilege")],
)
def test_what_needs_no_warehouse_is_fulfilled_at_once(
    shop: Shop, reward: str, quantity: int, points: int, face: int, kind: str
) -> None:
    shop.earn(100)
    one = shop.redeem(reward, quantity).redemption
    assert (one.status, one.kind, one.shipped, one.face_minor) == ("shipped", kind, quantity, face)
    assert (one.held, one.spent, one.erp_task) == (0, points, "")
    assert shop.balance() == (100 - points, 0)
    assert shop.refused("CancelRedemption", shop.decide(one.redemption_id)) == (
        NOT_NOW,
        "REDEMPTION_CLOSED",
        "redemption_id",
    )


@pytest.mark.parametrize(
    ("fields", "code", "reason", "field"),
    [
        ({"selector": None}, BAD, "FIELD_REQUIRED", "selector.member"),
        ({"member": ""}, BAD, "FIELD_REQUIRED", "selector.member.external_id"),
        ({"member": "安"}, BAD, "IDENTIFIER_INVALID", "selector.member.external_id"),
        ({"member": "nobody"}, NOT_FOUND, "MEMBER_NOT_FOUND", "member"),
        ({"member": "closed"}, NOT_NOW, "MEMBER_CLOSED", "member"),
        ({"reward": ""}, BAD, "FIELD_REQUIRED", "reward"),
        ({"reward": "x" * 65}, BAD, "IDENTIFIER_INVALID", "reward"),
        ({"reward": "a\x00b"}, BAD, "IDENTIFIER_INVALID", "reward"),
        ({"reward": "no-such"}, NOT_FOUND, "REWARD_UNKNOWN", "reward"),
        ({"quantity": 0}, BAD, "QUANTITY_INVALID", "quantity"),
        ({"quantity": -1}, BAD, "QUANTITY_INVALID", "quantity"),
        ({"quantity": 101}, BAD, "QUANTITY_INVALID", "quantity"),
        ({"quantity": 2**63 - 1}, BAD, "QUANTITY_INVALID", "quantity"),
        ({"idempotency_key": ""}, BAD, "FIELD_REQUIRED", "idempotency_key"),
        ({"idempotency_key": "k" * 129}, BAD, "IDENTIFIER_INVALID", "idempotency_key"),
        ({"idempotency_key": "a\nb"}, BAD, "IDENTIFIER_INVALID", "idempotency_key"),
        ({"actor": ""}, BAD, "FIELD_REQUIRED", "actor"),
        ({"actor": " \t "}, BAD, "FIELD_REQUIRED", "actor"),
        ({"actor": "a\x00b"}, BAD, "TEXT_INVALID", "actor"),
        ({"actor": "店" * 129}, BAD, "TEXT_INVALID", "actor"),
        ({"store": "店" * 65}, BAD, "TEXT_INVALID", "store"),
        ({"store": "a\nb"}, BAD, "TEXT_INVALID", "store"),
        ({"reward": "vip"}, NOT_NOW, "REWARD_NOT_FOR_TIER", "reward"),
        ({"reward": "past"}, NOT_NOW, "REWARD_NOT_NOW", "reward"),
        ({"reward": "future"}, NOT_NOW, "REWARD_NOT_NOW", "reward"),
        ({"reward": "rare", "quantity": 3}, NOT_NOW, "REWARD_MEMBER_LIMIT", "quantity"),
        ({"reward": "dear-rare", "quantity": 2}, NOT_NOW, "REWARD_TOTAL_LIMIT", "quantity"),
        ({"reward": "nowhere"}, NOT_NOW, "STOCK_INSUFFICIENT", "quantity"),
        ({"reward": "trees", "quantity": 5}, NOT_NOW, "POINTS_INSUFFICIENT", ""),  # 125 of 100
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_is_refused_with_reason_and_field_and_writes_nothing(
    shop: Shop, settled: Any, fields: dict[str, Any], code: Code, reason: str, field: str
) -> None:
    settled(
        "100 points", lambda: shop.say(shop.order(10_000), shop.member("closed", is_active=False))
    )
    asked = shop.ask(**{"reward": "early", **fields})
    if "selector" in fields:
        asked.ClearField("selector")
    before = shop.contents()
    assert shop.refused("RequestRedemption", asked) == (code, reason, field)
    after = shop.contents()
    assert {name for name in WRITTEN if after[name] != before[name]} <= {"reward_total"}
    assert (shop.balance(), shop.mine()) == ((100, 0), [])


def test_an_external_id_needs_its_source_and_a_book_has_to_exist(shop: Shop) -> None:
    shop.earn(100)
    no_source, no_book = shop.ask("early"), shop.ask("early")
    no_source.selector.source = ""
    no_book.selector.book = "no-such"
    refused = shop.refused("RequestRedemption", no_source)
    assert refused == (BAD, "FIELD_REQUIRED", "selector.source")
    assert shop.refused("RequestRedemption", no_book) == (NOT_FOUND, "BOOK_UNKNOWN", "book")
    number = shop.client.members.GetMember(
        members_pb2.GetMemberRequest(selector=shop.selector())
    ).member.member_id
    by_number = shop.ask("early")
    by_number.selector.CopyFrom(
        members_pb2.MemberSelector(member=events_pb2.MemberRef(id=str(number)))
    )
    assert shop.calls.RequestRedemption(by_number).redemption.member_id == number


def test_a_limit_counts_what_was_not_given_up(shop: Shop) -> None:
    shop.earn(100)
    shop.say(shop.received("LAMP-1", 5, 1_500))
    shop.redeem("lamp")
    second = shop.redeem("lamp").redemption
    refused = (NOT_NOW, "REWARD_MEMBER_LIMIT", "quantity")
    assert shop.refused("RequestRedemption", shop.ask("lamp")) == refused
    shop.calls.CancelRedemption(shop.decide(second.redemption_id))
    assert shop.redeem("lamp").redemption.status == "held"


# -- the approver ---------------------------------------------------------------------------------


@pytest.fixture
def waiting(shop: Shop) -> str:
    """A television for 500 points that waits for approval, requested by Chloe, who may approve."""
    shop.say(shop.order(60_000), shop.received("TV-1", 1, 4_000))
    one = shop.redeem("tv", actor="Chloe").redemption
    assert (one.status, one.held, one.approved_by, one.erp_task) == ("requested", 500, "", "")
    return str(one.redemption_id)


def test_a_second_person_who_is_named_approves_and_the_warehouse_gets_its_task(
    shop: Shop, waiting: str
) -> None:
    on_hand, reserved, _, _ = shop.level("TV-1")
    assert reserved >= 1
    assert shop.balance() == (100, 500)
    for actor, reason in (
        ("Chloe", "APPROVER_IS_REQUESTER"),
        (" CHLOE ", "APPROVER_IS_REQUESTER"),
        ("Eve", "APPROVER_NOT_ALLOWED"),
    ):
        for method in ("ApproveRedemption", "RejectRedemption"):
            refused = shop.refused(method, shop.decide(waiting, actor))
            assert refused == (NOT_YOU, reason, "actor")
    assert shop.refused("AcknowledgeRedemption", shop.acknowledgement(waiting)) == (
        NOT_NOW,
        "REDEMPTION_NOT_APPROVED",
        "redemption_id",
    )
    assert shop.state(waiting)[0] == "requested"
    first = shop.calls.ApproveRedemption(shop.decide(waiting, "dan", reason="a good member"))
    one = first.redemption
    assert (one.status, one.approved_by, one.erp_task) == ("held", "dan", "order")
    again = shop.calls.ApproveRedemption(shop.decide(waiting, "Dan"))
    assert again.redemption == one
    for method, actor in (("ApproveRedemption", "Chloe"), ("RejectRedemption", "Dan")):
        refused = shop.refused(method, shop.decide(waiting, actor))
        assert refused == (NOT_NOW, "REDEMPTION_NOT_WAITING", "redemption_id")
    (step,) = [s for s in shop.get(waiting).redemption.steps if s.kind == "approved"]
    assert (step.actor, step.reason) == ("dan", "a good member")
    assert shop.level("TV-1")[:2] == (on_hand, reserved)


def test_what_is_rejected_frees_points_and_stock(shop: Shop, waiting: str) -> None:
    on_hand, reserved, _, _ = shop.level("TV-1")
    rejected = shop.decide(waiting, "Dan", reason="too dear")
    first, again = (shop.calls.RejectRedemption(rejected) for _ in range(2))
    assert first.redemption == again.redemption
    assert (first.redemption.status, first.redemption.held) == ("rejected", 0)
    assert shop.balance() == (600, 0)
    assert shop.level("TV-1")[:2] == (on_hand, reserved - 1)
    assert shop.steps(waiting) == ["requested", "approval_asked", "rejected"]
    assert shop.refused("ApproveRedemption", shop.decide(waiting, "Dan"))[1] == (
        "REDEMPTION_NOT_WAITING"
    )
    # What is over cannot be cancelled, nor does it become something else by that.
    assert shop.refused("CancelRedemption", shop.decide(waiting, "Dan"))[1] == "REDEMPTION_CLOSED"


def test_dear_goods_need_approval_however_few_points_they_are(shop: Shop) -> None:
    shop.say(shop.order(10_000), shop.received("VASE-1", 3, 18_000))  # 60.00 each
    one = shop.redeem("vase").redemption
    assert (one.status, one.points) == ("requested", 10)
    shop.calls.ApproveRedemption(shop.decide(one.redemption_id))
    assert shop.state(one.redemption_id)[0] == "held"


def test_where_nobody_is_named_anybody_but_the_requester_approves(shares: Shop) -> None:
    shares.book = "plain"
    shares.say(shares.order(60_000), shares.received("RING-1", 1, 100))
    one = shares.redeem("ring", actor="ann").redemption
    refused = shares.refused("ApproveRedemption", shares.decide(one.redemption_id, "ANN"))
    assert refused == (NOT_YOU, "APPROVER_IS_REQUESTER", "actor")
    shares.calls.ApproveRedemption(shares.decide(one.redemption_id, "whoever"))
    assert shares.state(one.redemption_id)[0] == "held"


def test_what_waits_too_long_for_approval_goes_to_the_next_level(shares: Shop) -> None:
    shares.say(shares.order(60_000), shares.received("RING-1", 1, 100))
    number = shares.redeem("ring").redemption.redemption_id
    refused = shares.refused("ApproveRedemption", shares.decide(number, "Carol"))
    assert refused == (NOT_YOU, "APPROVER_NOT_ALLOWED", "actor")
    shares.elapse(number, "requested_at", "1 hour")
    shares.eventually(lambda: shares.get(number).redemption.is_escalated)
    shares.calls.ApproveRedemption(shares.decide(number, "carol"))
    assert shares.state(number)[0] == "held"
    assert shares.steps(number) == ["requested", "approval_asked", "escalated", "approved"]


def test_a_coupon_that_needs_approval_is_made_when_it_is_approved(shop: Shop) -> None:
    shop.earn(600)
    answer = shop.redeem("feast")
    number = answer.redemption.redemption_id
    assert (answer.redemption.status, list(answer.coupon_codes)) == ("requested", [])
    assert list(shop.get(number, with_codes=True).coupon_codes) == []
    approved = shop.calls.ApproveRedemption(shop.decide(number))
    (code,) = approved.coupon_codes
    assert approved.redemption.status == "shipped"
    coupon = shop.coupon(code)
    assert (coupon.status, coupon.face_minor, coupon.HasField("expires_at")) == ("issued", 0, False)
    assert shop.balance() == (100, 0)


@pytest.mark.parametrize("method", ["ApproveRedemption", "RejectRedemption", "CancelRedemption"])
@pytest.mark.parametrize(
    ("fields", "code", "reason", "field"),
    [
        ({"redemption_id": ""}, BAD, "FIELD_REQUIRED", "redemption_id"),
        ({"redemption_id": "é"}, BAD, "IDENTIFIER_INVALID", "redemption_id"),
        ({"redemption_id": "SO-1"}, NOT_FOUND, "REDEMPTION_NOT_FOUND", "redemption_id"),
        ({"redemption_id": "R999999999"}, NOT_FOUND, "REDEMPTION_NOT_FOUND", "redemption_id"),
        ({"redemption_id": "R" + "9" * 18}, NOT_FOUND, "REDEMPTION_NOT_FOUND", "redemption_id"),
        ({"redemption_id": "R" + "9" * 30}, NOT_FOUND, "REDEMPTION_NOT_FOUND", "redemption_id"),
        ({"actor": ""}, BAD, "FIELD_REQUIRED", "actor"),
        ({"reason": "a\x00b"}, BAD, "TEXT_INVALID", "reason"),
        ({"reason": "x" * 513}, BAD, "TEXT_INVALID", "reason"),
        ({"book": "no-such"}, NOT_FOUND, "BOOK_UNKNOWN", "book"),
    ],
)  # fmt: skip
def test_a_decision_that_cannot_be_is_refused_with_reason_and_field(
    shop: Shop, method: str, fields: dict[str, str], code: Code, reason: str, field: str
) -> None:
    request = shop.decide(**{"redemption_id": "R1", "actor": "Dan", **fields})
    assert shop.refused(method, request) == (code, reason, field)


# -- cancelling -----------------------------------------------------------------------------------


def test_a_redemption_that_has_not_shipped_is_cancelled_once(shop: Shop) -> None:
    number = shop.goods("mug", 2, points=300)
    before = shop.level("MUG-1")
    wish = shop.decide(number, "ann", reason="changed my mind")
    first, again = (shop.calls.CancelRedemption(wish) for _ in range(2))
    assert first.redemption == again.redemption
    assert (first.redemption.status, first.redemption.erp_task) == ("cancelled", "")
    assert shop.balance() == (300, 0)
    assert shop.level("MUG-1") == (before[0], before[1] - 2, before[2] + 2, before[3])
    assert shop.steps(number) == ["requested", "cancelled"]


def test_only_what_has_not_shipped_can_be_cancelled(shop: Shop) -> None:
    number = shop.goods("mug", 3, points=300)
    shop.say(shop.shipment(number, 1))
    assert shop.state(number) == ("ordered", 1, 0, 200, 100)
    shop.calls.CancelRedemption(shop.decide(number))
    assert shop.state(number) == ("shipped", 1, 0, 0, 100)
    assert shop.balance() == (200, 0)
    whole = shop.goods("mug", 1, points=100)
    shop.say(shop.shipment(whole))
    refused = shop.refused("CancelRedemption", shop.decide(whole))
    assert refused == (NOT_NOW, "REDEMPTION_CLOSED", "redemption_id")


def test_goods_that_nobody_ships_lapse_and_their_order_is_cancelled(shares: Shop) -> None:
    shares.say(shares.order(60_000), shares.received("RING-1", 1, 100))
    number = shares.redeem("ring").redemption.redemption_id
    shares.calls.ApproveRedemption(shares.decide(number))
    shares.acknowledge(number)
    before = shares.level("RING-1")
    assert shares.balance() == (100, 500)
    shares.elapse(number, "expires_at", "30 days")
    shares.eventually(lambda: shares.state(number)[0] == "lapsed")
    one = shares.get(number).redemption
    assert (one.held, one.spent, one.erp_task) == (0, 0, "cancel")
    assert shares.balance() == (600, 0)
    assert shares.level("RING-1") == (before[0], before[1] - 1, before[2] + 1, before[3])
    refused = shares.refused("CancelRedemption", shares.decide(number))
    assert refused == (NOT_NOW, "REDEMPTION_CLOSED", "redemption_id")


def test_a_coupon_nobody_used_can_be_given_back_and_is_worth_nothing_then(shop: Shop) -> None:
    shop.earn(100)
    answer = shop.redeem("coffee", 2)
    number, codes = answer.redemption.redemption_id, list(answer.coupon_codes)
    shop.calls.RedeemCoupon(shop.use(codes[0]))
    refused = shop.refused("CancelRedemption", shop.decide(number))
    assert refused == (NOT_NOW, "COUPON_REDEEMED", "code")
    assert (shop.balance(), shop.coupon(codes[1]).status) == ((60, 0), "issued")
    shop.calls.ReverseCoupon(shop.unuse(codes[0]))
    cancelled = shop.calls.CancelRedemption(shop.decide(number))
    assert (cancelled.redemption.status, cancelled.redemption.spent) == ("returned", 0)
    assert list(cancelled.coupon_codes) == []
    assert shop.balance() == (100, 0)
    for code in codes:
        assert shop.coupon(code).status == "revoked"
        refused = shop.refused("RedeemCoupon", shop.use(code))
        assert refused == (NOT_NOW, "COUPON_REVOKED", "code")


# -- the warehouse and the ERP --------------------------------------------------------------------


def test_the_outbox_is_what_the_erp_has_still_to_be_told(shop: Shop) -> None:
    number = shop.goods("mug")
    shop.redeem("early")
    (task,) = shop.mine(erp_task="order")
    assert (task.redemption_id, task.erp_task, task.erp_order_id) == (number, "order", "")
    first, again = shop.acknowledge(number, "ERP-7"), shop.acknowledge(number, "ERP-7")
    assert first.redemption == again.redemption
    one = first.redemption
    assert has(one, status="ordered", erp_order_id="ERP-7", erp_source=shop.source, erp_task="")
    assert shop.mine(erp_task="order") == []
    refused = shop.refused("AcknowledgeRedemption", shop.acknowledgement(number, "ERP-8"))
    assert refused == (TAKEN, "ORDER_DIFFERS", "erp_order_id")
    assert shop.get(number).redemption.erp_order_id == "ERP-7"


def test_an_order_of_a_cancelled_redemption_is_to_be_cancelled_in_the_erp(shop: Shop) -> None:
    known, late = shop.goods("mug"), shop.goods("mug")
    shop.acknowledge(known, "ERP-1")
    for number in (known, late):
        shop.calls.CancelRedemption(shop.decide(number))
    # One was ordered before, the other while it was being cancelled.
    assert [one.redemption_id for one in shop.mine(erp_task="cancel")] == [known]
    assert shop.mine(erp_task="order") == []
    answer = shop.acknowledge(late, "ERP-2").redemption
    assert (answer.status, answer.erp_order_id, answer.erp_task) == ("cancelled", "ERP-2", "cancel")
    assert [one.redemption_id for one in shop.mine(erp_task="cancel")] == [known, late]
    for number, order in ((known, "ERP-1"), (late, "")):
        done = shop.acknowledge(number, order, "cancel").redemption
        assert done == shop.acknowledge(number, order, "cancel").redemption
        assert done.erp_task == ""
    assert shop.mine(erp_task="cancel") == []
    assert shop.steps(late) == [
        "requested",
        "cancelled",
        "ordered",
        "cancel_asked",
        "cancel_confirmed",
    ]


@pytest.mark.parametrize(
    ("fields", "code", "reason", "field"),
    [
        ({"redemption_id": ""}, BAD, "FIELD_REQUIRED", "redemption_id"),
        ({"redemption_id": "R999999999"}, NOT_FOUND, "REDEMPTION_NOT_FOUND", "redemption_id"),
        ({"source": ""}, BAD, "FIELD_REQUIRED", "source"),
        ({"source": "x" * 65}, BAD, "IDENTIFIER_INVALID", "source"),
        ({"erp_order_id": ""}, BAD, "FIELD_REQUIRED", "erp_order_id"),
        ({"erp_order_id": "é"}, BAD, "IDENTIFIER_INVALID", "erp_order_id"),
        ({"erp_order_id": "é", "erp_task": "cancel"}, BAD, "IDENTIFIER_INVALID", "erp_order_id"),
        ({"erp_task": "ship"}, BAD, "ERP_TASK_UNKNOWN", "erp_task"),
        ({"erp_task": "ORDER"}, BAD, "ERP_TASK_UNKNOWN", "erp_task"),
        ({"erp_task": "cancel"}, NOT_NOW, "REDEMPTION_NOT_ORDERED", "redemption_id"),
        ({"book": "no-such"}, NOT_FOUND, "BOOK_UNKNOWN", "book"),
    ],
)  # fmt: skip
def test_an_acknowledgement_that_cannot_be_is_refused_with_reason_and_field(
    shop: Shop, settled: Any, fields: dict[str, str], code: Code, reason: str, field: str
) -> None:
    number = settled("goods", lambda: shop.goods("mug"))
    request = shop.acknowledgement(number)
    for name, value in fields.items():
        setattr(request, name, value)
    assert shop.refused("AcknowledgeRedemption", request) == (code, reason, field)
    assert shop.state(number)[0] == "held"


def test_what_has_no_goods_has_no_order_in_the_erp(shop: Shop) -> None:
    shop.earn(100)
    number = shop.redeem("early").redemption.redemption_id
    assert shop.refused("AcknowledgeRedemption", shop.acknowledgement(number)) == (
        NOT_NOW,
        "REDEMPTION_NOT_GOODS",
        "redemption_id",
    )
    assert shop.parked(shop.shipment(number)) == "REDEMPTION_NOT_GOODS"
    assert shop.parked(shop.back(number, 1)) == "REDEMPTION_NOT_GOODS"


@pytest.mark.parametrize("unknown", ["R999999999", "SO-1", "R" + "9" * 40])
def test_a_shipment_or_return_of_an_unknown_redemption_waits_for_a_person(
    shop: Shop, unknown: str
) -> None:
    assert shop.parked(shop.shipment(unknown)) == "REDEMPTION_UNKNOWN"
    assert shop.parked(shop.back(unknown, 1)) == "REDEMPTION_UNKNOWN"


def test_goods_ship_in_parts_and_each_takes_its_points(shop: Shop) -> None:
    number = shop.goods("mug", 3, points=300)
    shop.acknowledge(number)
    before = shop.level("MUG-1")
    shop.say(shop.shipment(number, 1))
    assert shop.state(number) == ("ordered", 1, 0, 200, 100)
    assert shop.balance() == (0, 200)
    shop.say(shop.shipment(number, 1, 1))  # lines are added up
    assert shop.state(number) == ("shipped", 3, 0, 0, 300)
    assert shop.balance() == (0, 0)
    on_hand, reserved, available, _ = shop.level("MUG-1")
    assert (on_hand, reserved, available) == (before[0] - 3, before[1] - 3, before[2])


def test_a_shipment_twice_counts_once(shop: Shop) -> None:
    number = shop.goods("mug", 2, points=200)
    event = shop.shipment(number, 1)
    shop.say(event)
    (again,) = shop.client.record(event)
    assert again.outcome == intake_pb2.EVENT_OUTCOME_DUPLICATE
    event.event_id = shop.new("e")
    shop.say(event)  # the same document, sent as another event
    assert shop.state(number) == ("ordered", 1, 0, 100, 100)
    event.event_id, event.redemption_shipment.version = shop.new("e"), 2
    event.redemption_shipment.lines[0].quantity = "2"
    shop.say(event)  # a newer version takes its place
    assert shop.state(number) == ("shipped", 2, 0, 0, 200)


def test_a_shipment_comes_before_its_acknowledgement(shop: Shop) -> None:
    number = shop.goods("mug", 2, points=200)
    shop.say(shop.shipment(number))  # no lines: all
    assert shop.state(number) == ("shipped", 2, 0, 0, 200)
    assert shop.mine(erp_task="order") == []  # whoever shipped it has the order
    one = shop.acknowledge(number, "ERP-9").redemption
    assert (one.status, one.erp_order_id, one.erp_task) == ("shipped", "ERP-9", "")


def test_a_shipment_that_comes_late_goes_to_its_place_in_time(shop: Shop) -> None:
    number = shop.goods("tin", 3, points=30)
    now = int(time.time())
    shop.say(shop.shipment(number, 2, at=now))
    shop.say(shop.shipment(number, 1, at=now - 3_600))
    assert shop.state(number) == ("shipped", 3, 0, 0, 30)
    shop.say(shop.back(number, 3, at=now + 60))
    assert shop.state(number)[:3] == ("returned", 3, 3)


def test_goods_that_left_although_the_redemption_was_cancelled_are_paid_for(shop: Shop) -> None:
    number = shop.goods("mug", 1, points=150)
    shop.calls.CancelRedemption(shop.decide(number))
    assert shop.balance() == (150, 0)
    shop.say(shop.shipment(number))
    assert shop.state(number) == ("shipped", 1, 0, 0, 100)
    assert shop.balance() == (50, 0)


def test_a_shipment_that_is_taken_back_holds_points_and_pieces_again(shop: Shop) -> None:
    number = shop.goods("mug", 2, points=200)
    before = shop.level("MUG-1")
    event = shop.shipment(number)
    shop.say(event)
    event.event_id = shop.new("e")
    event.redemption_shipment.version, event.redemption_shipment.status = 2, CANCELLED
    shop.say(event)
    assert shop.state(number) == ("held", 0, 0, 200, 0)
    assert (shop.balance(), shop.level("MUG-1")) == ((0, 200), before)


def test_goods_come_back_in_parts_and_points_with_them(shop: Shop) -> None:
    number = shop.goods("mug", 3, points=300)
    shop.say(shop.shipment(number))
    shipped = shop.level("MUG-1")
    shop.say(shop.back(number, 1))
    assert shop.state(number) == ("shipped", 3, 1, 0, 200)
    shop.say(shop.back(number, 1, is_damaged=True))
    assert shop.state(number) == ("shipped", 3, 2, 0, 100)
    assert shop.level("MUG-1")[0] == shipped[0] + 1  # the damaged one is gone
    shop.say(shop.back(number, 1))
    assert shop.state(number) == ("returned", 3, 3, 0, 0)
    assert shop.balance() == (300, 0)


def test_a_return_may_come_before_its_shipment(shop: Shop) -> None:
    number = shop.goods("mug", 2, points=200)
    now = int(time.time())
    shop.say(shop.back(number, 1, at=now + 60))
    assert shop.balance() == (0, 200)
    shop.say(shop.shipment(number, at=now))
    assert shop.state(number) == ("shipped", 2, 1, 0, 100)
    assert shop.balance() == (100, 0)


def test_a_redemption_tells_its_steps_with_who_when_and_why(shop: Shop) -> None:
    number = shop.goods("mug", 2, points=200)
    shop.acknowledge(number, "ERP-1")
    now = int(time.time())
    sent = shop.shipment(number, 2, at=now)
    back = shop.back(number, 1, at=now + 60)
    shop.say(sent)
    shop.say(back)
    steps = shop.get(number).redemption.steps
    told = [(step.kind, step.actor, step.cause, step.points) for step in steps]
    assert told == [
        ("requested", "web shop", "", 200),
        ("ordered", shop.source, "order:ERP-1", 0),
        ("shipped", "", f"shipment:{sent.redemption_shipment.id}", -200),
        ("returned", "", f"return:{back.redemption_return.id}", 100),
    ]
    assert len({step.id for step in steps}) == 4
    assert steps[2].business_at == sent.redemption_shipment.shipped_at
    assert all(not one.steps for one in shop.mine())  # only GetRedemption tells them


def test_redemptions_are_listed_in_pages_by_state_kind_and_warehouse(shop: Shop) -> None:
    shop.say(
        shop.order(50_000),
        shop.received("MUG-1", 5, 1_500),
        shop.received("PAN-1", 5, 1_500, "NORTH"),
    )
    made = [
        shop.redeem(name).redemption.redemption_id
        for name in ("mug", "pan", "early", "coffee", "pan")
    ]
    shop.calls.CancelRedemption(shop.decide(made[0]))

    def listed(**fields: Any) -> list[str]:
        return [one.redemption_id for one in shop.mine(**fields)]

    assert listed() == made
    assert listed(status="cancelled") == made[:1]
    assert listed(kind="coupon") == [made[3]]
    assert listed(warehouse="NORTH", kind="goods", status="held", erp_task="order") == [
        made[1],
        made[4],
    ]
    number = shop.mine()[0].member_id
    pages, token = [], ""
    while not pages or token:
        asked = pb.ListRedemptionsRequest(member_id=number, page_size=2, page_token=token)
        page = shop.calls.ListRedemptions(asked)
        pages.append([one.redemption_id for one in page.redemptions])
        token = page.next_page_token
    assert pages == [made[:2], made[2:4], made[4:]]


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"status": "open"}, "STATUS_UNKNOWN", "status"),
        ({"status": "HELD"}, "STATUS_UNKNOWN", "status"),
        ({"kind": "gift"}, "KIND_UNKNOWN", "kind"),
        ({"erp_task": "ship"}, "ERP_TASK_UNKNOWN", "erp_task"),
        ({"page_size": -1}, "PAGE_SIZE_INVALID", "page_size"),
        ({"page_token": "zz"}, "PAGE_TOKEN_INVALID", "page_token"),
        ({"page_token": "f" * 40}, "PAGE_TOKEN_INVALID", "page_token"),
    ],
)
def test_a_list_that_cannot_be_is_refused_with_reason_and_field(
    shop: Shop, fields: dict[str, Any], reason: str, field: str
) -> None:
    refused = shop.refused("ListRedemptions", pb.ListRedemptionsRequest(**fields))
    assert refused == (BAD, reason, field)


@pytest.mark.parametrize(
    ("redemption_id", "code", "reason"),
    [
        ("", BAD, "FIELD_REQUIRED"),
        ("R1\n", BAD, "IDENTIFIER_INVALID"),
        ("100001", NOT_FOUND, "REDEMPTION_NOT_FOUND"),
        ("R0", NOT_FOUND, "REDEMPTION_NOT_FOUND"),
        ("R" + "9" * 19, NOT_FOUND, "REDEMPTION_NOT_FOUND"),
    ],
)
def test_a_redemption_that_is_not_there_is_not_found(
    shop: Shop, redemption_id: str, code: Code, reason: str
) -> None:
    refused = shop.refused("GetRedemption", pb.GetRedemptionRequest(redemption_id=redemption_id))
    assert refused == (code, reason, "redemption_id")


def test_stock_and_its_moves_tell_pieces_and_value_of_every_document(shares: Shop) -> None:
    sku = shares.new("SKU")[:64]

    def move(kind: int, pieces: int, value: int | None, at: int) -> str:
        event = shares.received(sku, pieces, 0)
        event.stock.kind, event.stock.counted_at.seconds = kind, at
        event.stock.ClearField("value_minor")
        if value is not None:
            event.stock.value_minor = value
        shares.say(event)
        return str(event.stock.id)

    first = move(events_pb2.STOCK_KIND_RECEIVED, 3, 1_000, NOON)
    count = move(events_pb2.STOCK_KIND_COUNTED, 2, None, NOON + 100)
    more = move(events_pb2.STOCK_KIND_RECEIVED, 4, None, NOON + 200)  # at the price of the pile
    # Three are worth 10.00, so two are worth 6.67; four more at that price are 13.34.
    assert shares.level(sku) == (6, 0, 6, 2_001)
    moves: list[Any] = []
    sizes, token = [], ""
    while not sizes or token:
        asked = pb.ListStockMovesRequest(book=shares.book, sku=sku, page_size=2, page_token=token)
        page = shares.calls.ListStockMoves(asked)
        moves += page.moves
        sizes.append(len(page.moves))
        token = page.next_page_token
    assert sizes == [2, 1]
    assert [(m.kind, m.document_id, m.pieces, m.value_minor) for m in moves] == [
        ("stock_received", first, 3, 1_000),
        ("stock_counted", count, -1, -333),
        ("stock_received", more, 4, 1_334),
    ]
    assert {(m.sku, m.warehouse, m.source, m.redemption_id) for m in moves} == {
        (sku, "MAIN", shares.source, "")
    }
    assert len({m.id for m in moves}) == 3
    none = pb.ListStockMovesRequest(book=shares.book, sku=sku, warehouse="NORTH")
    assert list(shares.calls.ListStockMoves(none).moves) == []


def test_a_shipment_moves_stock_and_names_its_redemption(shop: Shop) -> None:
    number = shop.goods("tin", 2, points=20)
    sent = shop.shipment(number)
    shop.say(sent)
    asked = pb.ListStockMovesRequest(sku="TIN-1", page_size=1_000)
    (move,) = [m for m in shop.calls.ListStockMoves(asked).moves if m.redemption_id == number]
    assert has(
        move,
        kind="goods_shipped",
        pieces=-2,
        value_minor=-600,
        document_id=sent.redemption_shipment.id,
    )
    found = shop.client.intake.GetEvent(
        intake_pb2.GetEventRequest(source=shop.source, event_id=sent.event_id)
    )
    assert move.id in {entry.id for entry in found.entries}


def test_a_count_below_what_is_promised_shows_what_is_short(shop: Shop) -> None:
    number = shop.goods("lamp", 2, points=20, received=2)
    count = shop.received("LAMP-1", 0, 0)
    on_hand, reserved, _, _ = shop.level("LAMP-1")
    count.stock.ClearField("value_minor")
    count.stock.kind, count.stock.quantity = events_pb2.STOCK_KIND_COUNTED, "1"
    count.stock.counted_at.seconds = int(time.time())
    shop.say(count)
    (level,) = shop.calls.GetStock(pb.GetStockRequest(sku="LAMP-1", warehouse="MAIN")).levels
    assert has(level, on_hand=1, reserved=reserved, available=0, short=reserved - 1)
    refused = shop.refused("RequestRedemption", shop.ask("lamp"))
    assert refused[0] == NOT_NOW
    shop.calls.CancelRedemption(shop.decide(number))
    assert on_hand >= 2


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"page_size": -1}, "PAGE_SIZE_INVALID", "page_size"),
        ({"page_token": "-1"}, "PAGE_TOKEN_INVALID", "page_token"),
        ({"book": "no-such"}, "BOOK_UNKNOWN", "book"),
    ],
)
def test_a_list_of_moves_that_cannot_be_is_refused(
    shop: Shop, fields: dict[str, Any], reason: str, field: str
) -> None:
    assert shop.refused("ListStockMoves", pb.ListStockMovesRequest(**fields))[1:] == (reason, field)


# -- the till: points -----------------------------------------------------------------------------


def test_points_are_set_aside_and_captured_for_an_order(shop: Shop) -> None:
    shop.earn(200)
    hold = shop.held(106, total_minor=10_625, actor="till 3", store="S1")
    assert (hold.status, hold.held, hold.captured, hold.amount_minor) == ("held", 106, 0, 10_600)
    assert shop.balance() == (94, 106)
    done = shop.calls.CaptureHold(shop.capture(hold.hold_id, 106, order_id="SO-1"))
    assert has(done, status="captured", held=0, captured=106, amount_minor=10_600)
    assert shop.calls.CaptureHold(shop.capture(hold.hold_id, 106, order_id="SO-1")) == done
    assert shop.balance() == (94, 0)
    one = shop.get(hold.hold_id).redemption
    assert has(one, kind="checkout", reward="", spent=106, requested_by="till 3", store="S1")


def test_part_of_a_hold_is_captured_and_the_rest_is_free_again(shop: Shop) -> None:
    shop.earn(100)
    hold = shop.held(50)
    done = shop.calls.CaptureHold(shop.capture(hold.hold_id, 20))
    assert (done.status, done.held, done.captured, done.amount_minor) == ("captured", 0, 20, 2_000)
    assert shop.balance() == (80, 0)
    closed = (NOT_NOW, "HOLD_CLOSED", "hold_id")
    assert shop.refused("CaptureHold", shop.capture(hold.hold_id, 30)) == closed
    assert shop.refused("VoidHold", shop.void(hold.hold_id)) == closed
    assert shop.balance() == (80, 0)


def test_what_was_captured_for_one_order_is_not_captured_for_another(shop: Shop) -> None:
    shop.earn(100)
    hold = shop.held(10)
    shop.calls.CaptureHold(shop.capture(hold.hold_id, 10, order_id="SO-1"))
    refused = shop.refused("CaptureHold", shop.capture(hold.hold_id, 10, order_id="SO-2"))
    assert refused == (NOT_NOW, "HOLD_CLOSED", "hold_id")
    assert shop.balance() == (90, 0)


def test_no_more_is_captured_than_is_held(shop: Shop) -> None:
    shop.earn(100)
    hold = shop.held(10)
    refused = shop.refused("CaptureHold", shop.capture(hold.hold_id, 20))
    assert refused == (NOT_NOW, "CAPTURE_TOO_LARGE", "points")
    assert shop.balance() == (90, 10)


def test_no_more_is_held_than_can_be_spent(shop: Shop) -> None:
    shop.earn(100)
    shop.held(60)
    refused = shop.refused("HoldPoints", shop.hold(50))
    assert refused == (NOT_NOW, "POINTS_INSUFFICIENT", "")
    assert shop.balance() == (40, 60)


def test_a_hold_that_is_void_frees_its_points_once(shop: Shop) -> None:
    shop.earn(100)
    hold = shop.held(60)
    first, again = (shop.calls.VoidHold(shop.void(hold.hold_id)) for _ in range(2))
    assert first == again
    assert (first.status, first.held, first.captured) == ("void", 0, 0)
    assert shop.balance() == (100, 0)
    refused = shop.refused("CaptureHold", shop.capture(hold.hold_id, 60))
    assert refused == (NOT_NOW, "HOLD_CLOSED", "hold_id")


def test_a_hold_lapses_by_the_clock(shares: Shop) -> None:
    shares.earn(100)
    soon = Timestamp()
    soon.FromMicroseconds(now_us() + 2_000_000)
    hold = shares.held(60, expires_at=soon)
    assert (hold.expires_at, shares.balance()) == (soon, (40, 60))
    shares.eventually(lambda: shares.balance() == (100, 0))
    assert shares.calls.VoidHold(shares.void(hold.hold_id)).status == "expired"
    code, reason, field = shares.refused("CaptureHold", shares.capture(hold.hold_id, 60))
    assert (code, reason, field) == (NOT_NOW, "HOLD_CLOSED", "hold_id")
    assert shares.steps(hold.hold_id) == ["requested", "lapsed"]


def test_a_hold_whose_time_is_over_is_not_captured_even_before_anybody_looked(shop: Shop) -> None:
    shop.earn(100)
    hold = shop.held(60)
    shop.elapse(hold.hold_id, "expires_at", "30 minutes")
    refused = shop.refused("CaptureHold", shop.capture(hold.hold_id, 60))
    assert refused == (NOT_NOW, "HOLD_EXPIRED", "hold_id")
    assert shop.balance() == (40, 60)


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"points": 0}, "POINTS_INVALID", "points"),
        ({"points": -5}, "POINTS_INVALID", "points"),
        ({"points": 2**63 - 1}, "POINTS_INVALID", "points"),
        ({"total_minor": -1}, "AMOUNT_OUT_OF_RANGE", "total_minor"),
        ({"total_minor": 2**63 - 1}, "AMOUNT_OUT_OF_RANGE", "total_minor"),
        ({"expires_at": Timestamp(seconds=-1)}, "INSTANT_OUT_OF_RANGE", "expires_at"),
        ({"expires_at": Timestamp(seconds=32_503_680_000)}, "INSTANT_OUT_OF_RANGE", "expires_at"),
        ({"expires_at": Timestamp(seconds=NOON)}, "HOLD_IN_THE_PAST", "expires_at"),
        ({"idempotency_key": ""}, "FIELD_REQUIRED", "idempotency_key"),
        ({"actor": "a\nb"}, "TEXT_INVALID", "actor"),
        ({"store": "a\nb"}, "TEXT_INVALID", "store"),
    ],
)  # fmt: skip
def test_a_hold_that_cannot_be_is_refused_with_reason_and_field(
    shop: Shop, settled: Any, fields: dict[str, Any], reason: str, field: str
) -> None:
    settled(
        "100 points", lambda: shop.say(shop.order(10_000), shop.member("closed", is_active=False))
    )
    request = shop.hold(**{"points": 10, **fields})
    assert shop.refused("HoldPoints", request) == (BAD, reason, field)
    assert shop.balance() == (100, 0)


def test_what_is_no_hold_is_not_captured(shop: Shop) -> None:
    shop.earn(100)
    number = shop.redeem("early").redemption.redemption_id
    not_a_hold = (NOT_NOW, "NOT_A_HOLD", "hold_id")
    assert shop.refused("CaptureHold", shop.capture(number, 40)) == not_a_hold
    assert shop.refused("VoidHold", shop.void(number)) == not_a_hold
    hold = shop.held(10)
    for fields, reason, field in (
        ({"points": 0}, "POINTS_INVALID", "points"),
        ({"points": -1}, "POINTS_INVALID", "points"),
        ({"order_id": "é"}, "IDENTIFIER_INVALID", "order_id"),
        ({"actor": "\x00"}, "TEXT_INVALID", "actor"),
        ({"hold_id": ""}, "FIELD_REQUIRED", "hold_id"),
    ):
        request = shop.capture(**{"hold_id": hold.hold_id, "points": 10, **fields})
        assert shop.refused("CaptureHold", request) == (BAD, reason, field)
    for method, request in (
        ("CaptureHold", shop.capture("R999999999", 10)),
        ("VoidHold", shop.void("R999999999")),
        ("VoidHold", shop.void("SO-1")),
    ):
        assert shop.refused(method, request)[:2] == (NOT_FOUND, "REDEMPTION_NOT_FOUND")


def test_an_order_captures_what_it_needs_of_its_hold(shop: Shop) -> None:
    shop.earn(100)
    hold = shop.held(60)
    shop.say(shop.paying(hold.hold_id, 4_500, amount=10_000))
    # 45.00 is 45 points; 15 are free again, and 55.00 paid in money earn 55.
    assert shop.balance() == (100 - 45 + 55, 0)
    assert shop.state(hold.hold_id) == ("shipped", 1, 0, 0, 45)


def test_an_order_that_comes_after_its_capture_finds_its_points_captured(shop: Shop) -> None:
    shop.earn(100)
    hold = shop.held(60)
    event = shop.paying(hold.hold_id, 6_000, amount=10_000)
    shop.calls.CaptureHold(shop.capture(hold.hold_id, 60, order_id=event.order.id))
    shop.say(event)
    assert shop.balance() == (40 + 40, 0)
    assert shop.get(hold.hold_id).redemption.spent == 60


def test_a_cancelled_order_frees_its_hold_and_gives_back_what_it_captured(shop: Shop) -> None:
    shop.earn(100)
    hold = shop.held(60)
    event = shop.paying(hold.hold_id, 6_000, amount=10_000)
    shop.say(event)
    event.event_id, event.order.version = shop.new("e"), 2
    event.order.status = events_pb2.ORDER_STATUS_CANCELLED
    shop.say(event)
    assert shop.balance() == (100, 0)
    assert shop.get(hold.hold_id).redemption.spent == 0


@pytest.mark.parametrize("unknown", ["R999999999", "HOLD-1", "店"])
def test_an_order_with_a_hold_that_nobody_knows_waits_for_a_person(
    shop: Shop, unknown: str
) -> None:
    shop.earn(100)
    assert shop.parked(shop.paying(unknown, 1_000)) == "HOLD_UNKNOWN"
    assert shop.balance() == (100, 0)


def test_an_order_that_says_it_paid_more_than_was_held_waits_for_a_person(shop: Shop) -> None:
    shop.earn(100)
    hold = shop.held(10)
    assert shop.parked(shop.paying(hold.hold_id, 1_001)) == "HOLD_TOO_SMALL"
    assert shop.balance() == (90, 10)
    shop.say(shop.paying(hold.hold_id, 1_000))
    assert shop.state(hold.hold_id) == ("shipped", 1, 0, 0, 10)


def test_two_orders_take_no_more_of_one_hold_than_it_holds(shop: Shop) -> None:
    shop.earn(100)
    hold = shop.held(50)
    shop.say(shop.paying(hold.hold_id, 5_000, amount=5_000))
    assert shop.parked(shop.paying(hold.hold_id, 1_000, amount=1_000)) == "HOLD_TOO_SMALL"
    assert shop.state(hold.hold_id) == ("shipped", 1, 0, 0, 50)
    assert shop.balance() == (50, 0)


def test_a_redemption_of_something_else_pays_no_order(shop: Shop) -> None:
    shop.earn(100)
    number = shop.redeem("early").redemption.redemption_id
    assert shop.parked(shop.paying(number, 100)) == "HOLD_UNKNOWN"


# -- the till: coupons ----------------------------------------------------------------------------


def bought(shop: Shop) -> str:
    """Returns the code of a coupon worth 5.00 that Ann has bought."""
    shop.earn(100)
    (code,) = shop.redeem("coffee").coupon_codes
    return str(code)


@pytest.fixture
def code(shop: Shop) -> str:
    """The code of a coupon worth 5.00."""
    return bought(shop)


def test_a_coupon_is_good_for_one_order(shop: Shop, code: str) -> None:
    first, again = (shop.calls.RedeemCoupon(shop.use(code, "SO-1")) for _ in range(2))
    assert first == again
    assert (first.status, first.order_id, first.face_minor) == ("redeemed", "SO-1", 500)
    refused = shop.refused("RedeemCoupon", shop.use(code, "SO-2"))
    assert refused == (NOT_NOW, "COUPON_REDEEMED", "code")
    assert shop.coupon(code).order_id == "SO-1"


def test_a_coupon_whose_order_is_cancelled_can_be_used_again(shop: Shop, code: str) -> None:
    refused = shop.refused("ReverseCoupon", shop.unuse(code))
    assert refused == (NOT_NOW, "COUPON_NOT_REDEEMED", "code")
    shop.calls.RedeemCoupon(shop.use(code, "SO-1"))
    refused = shop.refused("ReverseCoupon", shop.unuse(code, "SO-2"))
    assert refused == (NOT_NOW, "COUPON_ORDER_DIFFERS", "order_id")
    back = shop.calls.ReverseCoupon(shop.unuse(code, "SO-1"))
    assert (back.status, back.order_id) == ("issued", "")
    again = shop.calls.ReverseCoupon(shop.unuse(code, "SO-1"))  # after a lost answer
    assert again == back
    refused = shop.refused("ReverseCoupon", shop.unuse(code, "SO-2"))
    assert refused == (NOT_NOW, "COUPON_NOT_REDEEMED", "code")
    assert shop.calls.RedeemCoupon(shop.use(code, "SO-2")).order_id == "SO-2"
    refused = shop.refused("ReverseCoupon", shop.unuse(code, "SO-1"))
    assert refused == (NOT_NOW, "COUPON_ORDER_DIFFERS", "order_id")


def mistyped(code: str) -> str:
    """Returns a code with its last character wrong."""
    return code[:-1] + ("3" if code[-1] == "2" else "2")


@pytest.mark.parametrize(
    ("method", "make"),
    [
        ("GetCoupon", lambda shop, code: pb.GetCouponRequest(code=code)),
        ("RedeemCoupon", lambda shop, code: shop.use(code)),
        ("ReverseCoupon", lambda shop, code: shop.unuse(code)),
    ],
)
def test_a_code_that_is_mistyped_is_told_apart_from_one_that_nobody_has(
    shop: Shop, settled: Any, method: str, make: Callable[[Shop, str], Any]
) -> None:
    code = settled("coupon", lambda: bought(shop))
    wrong = (BAD, "COUPON_MISTYPED", "code")
    for typed in (mistyped(code), code[:-1], "", "x" * 65, "\x00", "O0" + code[2:], "9" * 4_000):
        assert shop.refused(method, make(shop, typed)) == wrong
    unknown = formatted(coupon_code(b"another key of thirty-two bytes!", 1, 1))
    assert shop.refused(method, make(shop, unknown)) == (NOT_FOUND, "COUPON_NOT_FOUND", "code")


@pytest.mark.parametrize(
    ("method", "fields", "reason", "field"),
    [
        ("RedeemCoupon", {"order_id": ""}, "FIELD_REQUIRED", "order_id"),
        ("RedeemCoupon", {"order_id": "é"}, "IDENTIFIER_INVALID", "order_id"),
        ("RedeemCoupon", {"actor": ""}, "FIELD_REQUIRED", "actor"),
        ("ReverseCoupon", {"order_id": ""}, "FIELD_REQUIRED", "order_id"),
        ("ReverseCoupon", {"actor": "\n"}, "FIELD_REQUIRED", "actor"),
        ("ReverseCoupon", {"reason": "\x00"}, "TEXT_INVALID", "reason"),
        ("ReverseCoupon", {"book": "no-such"}, "BOOK_UNKNOWN", "book"),
    ],
)
def test_a_use_of_a_coupon_that_cannot_be_is_refused(
    shop: Shop, settled: Any, method: str, fields: dict[str, str], reason: str, field: str
) -> None:
    code = settled("coupon", lambda: bought(shop))
    request = shop.use(code) if method == "RedeemCoupon" else shop.unuse(code)
    for name, value in fields.items():
        setattr(request, name, value)
    assert shop.refused(method, request)[1:] == (reason, field)
    assert shop.coupon(code).status == "issued"


def test_codes_made_in_bulk_are_worth_nothing_until_somebody_gets_them(shop: Shop) -> None:
    shop.earn(1_000)
    key = shop.house.settings.coupon_key_bytes
    with shop.house.engine.connect() as connection:
        (book,) = list_books(connection)
    engine, now = shop.house.engine, now_us()
    made = dict(generate_codes(engine, Books(), book.id, "feast", 2, key, now))
    for code in made.values():
        coupon = shop.coupon(code)
        assert (coupon.status, coupon.redemption_id) == ("generated", "")
        refused = shop.refused("RedeemCoupon", shop.use(code))
        assert refused == (NOT_NOW, "COUPON_NOT_ISSUED", "code")
    number = shop.redeem("feast").redemption.redemption_id
    (given,) = shop.calls.ApproveRedemption(shop.decide(number)).coupon_codes
    assert given == made[min(made)]
    assert shop.calls.RedeemCoupon(shop.use(given)).status == "redeemed"


def test_a_coupon_expires_at_the_end_of_its_last_day(shares: Shop) -> None:
    shares.earn(100)
    answer = shares.redeem("coffee")
    (code,) = answer.coupon_codes
    ends = shares.coupon(code).expires_at.ToMicroseconds() + 1
    assert ends % 86_400_000_000 == 16 * 3_600_000_000  # midnight in Shanghai
    assert (
        86_400_000_000 <= ends - answer.redemption.requested_at.ToMicroseconds() <= 172_800_000_000
    )
    with shares.house.engine.begin() as connection:  # as if two days had passed
        connection.execute(
            text("UPDATE coupon SET expires_at = now() - interval '1 hour' WHERE id = :serial"),
            {"serial": shares.coupon(code).serial},
        )
    refused = shares.refused("RedeemCoupon", shares.use(code))
    assert refused == (NOT_NOW, "COUPON_EXPIRED", "code")
    shares.eventually(lambda: shares.coupon(code).status == "expired")
    assert shares.refused("RedeemCoupon", shares.use(code))[1] == "COUPON_EXPIRED"


def test_a_coupon_code_is_nowhere_but_in_the_answer_that_gives_it_out(
    shop: Shop, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    shop.earn(200)
    (code,) = shop.redeem("coffee").coupon_codes
    wrong = mistyped(code)
    said: list[Any] = [shop.coupon(code), shop.get(shop.coupon(code).redemption_id)]
    said += shop.mine()
    said.append(shop.calls.RedeemCoupon(shop.use(code, "SO-1")))
    for call, request in (
        (shop.calls.RedeemCoupon, shop.use(code, "SO-2")),
        (shop.calls.RedeemCoupon, shop.use(wrong)),
        (shop.calls.ReverseCoupon, shop.unuse(code, "SO-2")),
        (shop.calls.GetCoupon, pb.GetCouponRequest(code=wrong)),
        (shop.calls.GetCoupon, pb.GetCouponRequest(code=code, book="no-such")),
    ):
        said.append(shop.of(call, request).message)
    said.append(shop.calls.ReverseCoupon(shop.unuse(code, "SO-1")))
    said.append(shop.calls.CancelRedemption(shop.decide(said[0].redemption_id)))
    with shop.house.engine.connect() as connection:
        names = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        )
        kept = [
            row[0]
            for (name,) in names.all()
            for row in connection.execute(text(f'SELECT t::text FROM "{name}" t'))
        ]
    output = capfd.readouterr()
    logged = [record.getMessage() + str(record.exc_info or "") for record in caplog.records]
    everywhere = "\n".join([*map(str, said), *kept, *logged, caplog.text, output.out, output.err])
    assert len(kept) > 100
    for secret in (code, wrong):
        for written in (secret, secret.replace("-", ""), secret.lower()):
            assert written not in everywhere


# -- all at once ----------------------------------------------------------------------------------


def reasons(refusals: Iterable[Any], refusal_of: Callable[..., Any]) -> set[tuple[Code, str]]:
    """Returns what errors say."""
    found = [refusal_of(error) for error in refusals]
    return {(one.code, one.reason) for one in found}


@pytest.fixture
def told(refusal: Any) -> Callable[[Any], Any]:
    """Returns a function that reads an error that was caught already."""

    def again(error: grpc.RpcError) -> Any:
        def raising(**_: Any) -> None:
            raise error

        return refusal(raising)

    return again


def test_twenty_calls_for_all_that_a_member_has_give_it_once(
    shop: Shop, told: Callable[[Any], Any]
) -> None:
    shop.earn(100)
    shop.say(shop.received("MUG-1", 30, 9_000))
    asks = [shop.ask("mug") for _ in range(20)]
    answers = together(20, lambda i: shop.calls.RequestRedemption(asks[i], timeout=30))
    errors = [one for one in answers if isinstance(one, grpc.RpcError)]
    assert len(errors) == 19
    assert reasons(errors, told) == {(NOT_NOW, "POINTS_INSUFFICIENT")}
    assert shop.balance() == (0, 100)
    assert len(shop.mine()) == 1


def test_sixty_members_get_ten_pieces(shop: Shop, told: Callable[[Any], Any]) -> None:
    members = [f"m-{number}" for number in range(60)]
    shop.earn(1, *members)
    shop.say(shop.received("TEN-1", 10, 3_000))
    asks = [shop.ask("last-ten", member=member) for member in members]
    answers = together(60, lambda i: shop.calls.RequestRedemption(asks[i], timeout=30))
    errors = [one for one in answers if isinstance(one, grpc.RpcError)]
    assert len(errors) == 50
    assert reasons(errors, told) == {(NOT_NOW, "STOCK_INSUFFICIENT")}
    assert shop.level("TEN-1") == (10, 10, 0, 3_000)
    held = [shop.balance(member) for member in members]
    assert (held.count((0, 1)), held.count((1, 0))) == (10, 50)


def test_twenty_calls_with_one_key_make_one_redemption(shop: Shop) -> None:
    shop.earn(100)
    asked = shop.ask("coffee")
    answers = together(20, lambda _: shop.calls.RequestRedemption(asked, timeout=30))
    assert len({one.redemption.redemption_id for one in answers}) == 1
    assert len({tuple(one.coupon_codes) for one in answers}) == 1
    assert [one.is_repeated for one in answers].count(False) == 1
    assert shop.balance() == (80, 0)


def test_a_coupon_at_ten_tills_at_once_is_good_for_one(
    shop: Shop, code: str, told: Callable[[Any], Any]
) -> None:
    answers = together(10, lambda i: shop.calls.RedeemCoupon(shop.use(code, f"SO-{i}"), timeout=30))
    errors = [one for one in answers if isinstance(one, grpc.RpcError)]
    assert len(errors) == 9
    assert reasons(errors, told) == {(NOT_NOW, "COUPON_REDEEMED")}


def test_a_hold_that_is_captured_and_freed_at_once_is_one_of_both(
    shop: Shop, told: Callable[[Any], Any]
) -> None:
    shop.earn(80)
    for _ in range(4):
        hold = shop.held(20).hold_id
        before, _ = shop.balance()
        answers = together(
            8,
            lambda i, hold=hold: (
                shop.calls.CaptureHold(shop.capture(hold, 20), timeout=30)
                if i % 2
                else shop.calls.VoidHold(shop.void(hold), timeout=30)
            ),
        )
        errors = [one for one in answers if isinstance(one, grpc.RpcError)]
        assert len(errors) == 4  # all calls of the side that came second
        assert reasons(errors, told) == {(NOT_NOW, "HOLD_CLOSED")}
        assert shop.balance() in ((before, 0), (before + 20, 0))


def test_goods_that_are_approved_rejected_and_cancelled_at_once_end_in_one_way(
    shop: Shop, waiting: str
) -> None:
    def decide(number: int) -> Any:
        method = ("ApproveRedemption", "RejectRedemption", "CancelRedemption")[number % 3]
        return getattr(shop.calls, method)(shop.decide(waiting, "Dan"), timeout=30)

    together(9, decide)
    status, *_ = shop.state(waiting)
    assert status in ("rejected", "cancelled")  # what is approved can still be cancelled
    assert shop.balance() == (600, 0)


# -- deadlines ------------------------------------------------------------------------------------


def test_a_deadline_that_passes_is_told_and_the_same_key_gives_a_definite_answer(
    shop: Shop,
) -> None:
    shop.earn(100)
    asked, hold = shop.ask("early"), shop.hold(10)
    for call, request in ((shop.calls.RequestRedemption, asked), (shop.calls.HoldPoints, hold)):
        refused = shop.of(call, request, timeout=0.000_001)
        assert refused.code == Code.DEADLINE_EXCEEDED
    assert shop.calls.RequestRedemption(asked, timeout=30).redemption.status == "shipped"
    assert shop.calls.HoldPoints(hold, timeout=30).held == 10
    assert shop.balance() == (50, 10)
    assert len(shop.mine()) == 2


def test_a_request_that_waits_too_long_is_made_once_or_not_at_all(shop: Shop) -> None:
    shop.earn(100)
    begun, waiting = shop.ask("early"), shop.ask("trees")
    number = shop.client.members.GetMember(
        members_pb2.GetMemberRequest(selector=shop.selector())
    ).member.member_id
    late = partial(shop.of, shop.calls.RequestRedemption)
    with shop.house.engine.connect() as connection, ThreadPoolExecutor(1) as pool:
        statement = text("SELECT 1 FROM member WHERE id = :id FOR UPDATE")
        connection.execute(statement, {"id": number})  # somebody else is at this member's points
        caller = pool.submit(late, begun, timeout=2)
        shop.eventually(shop.waits_for_a_lock)
        assert late(waiting, timeout=0.3).code == Code.DEADLINE_EXCEEDED
        assert caller.result(30).code == Code.DEADLINE_EXCEEDED
    first = shop.calls.RequestRedemption(begun, timeout=30)
    second = shop.calls.RequestRedemption(waiting, timeout=30)
    # The first was being decided when its caller left; the second had not been begun with.
    assert (first.is_repeated, second.is_repeated) == (True, False)
    assert shop.balance() == (100 - 40 - 25, 0)
    assert len(shop.mine()) == 2


# -- rubbish --------------------------------------------------------------------------------------


METHODS = [
    (method.name, method.input_type._concrete_class)
    for method in pb.DESCRIPTOR.services_by_name["RedemptionService"].methods
]
ANSWERS = {BAD, NOT_FOUND, NOT_NOW, NOT_YOU, TAKEN}
TEXTS = st.one_of(
    st.sampled_from(
        [
            *("", " ", "\x00", "a\x00b", "\n", "\u2028", "'; DROP TABLE lot; --", "%s", "\\", "{}", "店", "shop"),
            *("x" * 65, "x" * 129, "x" * 400, "9" * 18, "9" * 40, "R0", "R1", "R" + "9" * 18, "-1", "ffff"),
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)  # fmt: skip
NUMBERS = {
    "INT32": st.one_of(st.integers(-2, 3), st.integers(-(2**31), 2**31 - 1)),
    "INT64": st.one_of(
        st.integers(-2, 30), st.sampled_from([NOON, 10**12, 10**15, 2**62]),
        st.integers(-(2**63), 2**63 - 1),
    ),
}  # fmt: skip


@st.composite
def rubbish(draw: st.DrawFn, kind: Any, known: dict[str, list[Any]], texts: Any) -> Any:
    """Returns a message of good values, some of which are left out or replaced by anything that the type allows."""
    message = kind()
    fields = list(kind.DESCRIPTOR.fields)
    for group in kind.DESCRIPTOR.oneofs:
        chosen = draw(st.sampled_from(list(group.fields)))
        fields = [one for one in fields if one.containing_oneof is not group or one is chosen]
    for field in fields:
        good = known.get(field.name)
        way = draw(st.sampled_from(["good"] * 6 + ["any", "unset"]))
        if way == "unset" or (way == "good" and good is None and field.message_type is None):
            continue
        if field.message_type is not None:
            made = draw(rubbish(field.message_type._concrete_class, known, texts))
            getattr(message, field.name).CopyFrom(made)
        elif way == "good" and good:
            setattr(message, field.name, draw(st.sampled_from(good)))
        elif field.type == field.TYPE_STRING:
            setattr(message, field.name, draw(texts))
        elif field.type == field.TYPE_BOOL:
            setattr(message, field.name, draw(st.booleans()))
        else:
            size = "INT32" if field.type == field.TYPE_INT32 else "INT64"
            setattr(message, field.name, draw(NUMBERS[size]))
    return message


@pytest.fixture
def lively(shop: Shop, settled: Any) -> SimpleNamespace:
    """A shop in which something of everything has happened, with values that are good there by field name."""
    stock = [shop.received(sku, 100, 30_000) for sku in ("TV-1", "MUG-1")]
    settled("plenty", lambda: shop.say(shop.order(10_000_000), *stock))
    key = shop.new("key")
    coupon = shop.redeem("coffee", idempotency_key=key)
    names = ["mug", "early", "ten-off", "trees", "tv"]
    numbers = [shop.redeem(name).redemption.redemption_id for name in names]
    hold = shop.held(30).hold_id
    shop.refused("RequestRedemption", shop.ask("rare", 3))
    known = {
        "external_id": ["ann"], "source": [shop.source], "reward": [*names, "coffee", "vip", "rare", "raffle"],
        "quantity": [1, 2], "idempotency_key": [key], "actor": ["Chloe", "Dan", "Eve"], "points": [10, 30],
        "redemption_id": [*numbers, coupon.redemption.redemption_id, hold], "hold_id": [hold, numbers[2]],
        "code": [*coupon.coupon_codes], "order_id": ["SO-1"], "erp_order_id": ["ERP-1"],
        "erp_task": ["order", "cancel"], "book": ["shop"], "status": ["held"], "kind": ["goods"],
        "total_minor": [10_625], "sku": ["MUG-1"], "warehouse": ["MAIN"], "seconds": [4_000_000_000],
        "page_size": [2],
    }  # fmt: skip
    return SimpleNamespace(shop=shop, known=known)


@pytest.mark.parametrize(("method", "kind"), METHODS, ids=[name for name, _ in METHODS])
def test_rubbish_is_refused_with_a_reason_and_writes_nothing(
    lively: SimpleNamespace, told: Callable[[Any], Any], method: str, kind: Any
) -> None:
    shop = lively.shop
    texts = TEXTS

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rubbish(kind, lively.known, texts))
    def check(request: Any) -> None:
        before = shop.contents()
        try:
            getattr(shop.calls, method)(request, timeout=30)
        except grpc.RpcError as error:
            refused = told(error)
            assert refused.code in ANSWERS, (refused.code, refused.message)
            assert refused.reason
            assert len(refused.message) < 500
            assert shop.contents() == before

    check()


def test_after_all_this_the_books_are_right(shop: Shop, eventually: Any) -> None:
    def holds() -> Any:
        run = shop.client.ledger.Reconcile(ledger_pb2.ReconcileRequest(), timeout=60)
        assert run.holds, [check for check in run.checks if not check.holds]
        return run

    eventually(holds, within=20, every=1)
