"""The desk: what calls and schedules change about redemptions, gathered in one transaction and written together.

Lock order: members by number, totals of limited rewards, draws, stock. A redemption is protected by its member's lock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import Connection

from plugin.decide import Posting
from plugin.errors import Rejected
from plugin.facts import FactKind
from plugin.orders.entitlement import business_date
from plugin.points.lots import Wallet
from plugin.program.rewards import Reward
from plugin.program.versions import Program
from plugin.redemption.coupons import CouponStatus, coupon_code, coupon_hash
from plugin.redemption.fulfil import (
    Circumstances,
    Fulfilment,
    carry_out,
    coupon_carried,
    hold_what_is_open,
)
from plugin.redemption.life import AT_ONCE, Kind, Redemption, Status, Step, StepKind
from plugin.redemption.request import Key
from plugin.redemption.spending import Fulfilled, Spend, Taken
from plugin.store import coupons as store_coupons
from plugin.store import draws as store_draws
from plugin.store import members as store_members
from plugin.store import points as store_points
from plugin.store import redemptions as store
from plugin.store import reward_totals
from plugin.store import stock as store_stock
from plugin.store.coupons import Coupon
from plugin.store.documents import Collision
from plugin.store.draws import DrawRow
from plugin.store.inbox import new_job_batch
from plugin.store.members import MemberRow
from plugin.store.redemptions import Task
from plugin.store.stock import StockKey, StockRow
from workers.handlers.books import BookContext, first_moment_after
from workers.handlers.postings import Numbering, write_lots, write_postings

FULFILLED = "fulfilled"
"""Key under which what is fulfilled at once was taken."""


@dataclass(slots=True)
class Desk:
    """One transaction's work. Make it with `open_desk`.

    Attributes:
        coupon_key: Secret that coupon codes are made with; None where none is set.
        made: New redemptions with the keys that made them; ``redemptions`` has those and the ones that change.
    """

    connection: Connection
    context: BookContext
    now: int
    coupon_key: bytes | None
    numbering: Numbering
    members: dict[int, MemberRow] = field(default_factory=dict)
    wallets: dict[int, Wallet] = field(default_factory=dict)
    rows: dict[StockKey, StockRow] = field(default_factory=dict)
    draws: dict[str, DrawRow] = field(default_factory=dict)
    redemptions: dict[int, Redemption] = field(default_factory=dict)
    made: list[tuple[Redemption, Key]] = field(default_factory=list)
    postings: list[Posting] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    tasks: list[tuple[int, Task]] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    coupons: list[Coupon] = field(default_factory=list)
    new_coupons: list[tuple[Coupon, bytes]] = field(default_factory=list)
    tickets: list[tuple[int, str, int]] = field(default_factory=list)

    @property
    def today(self) -> date:
        """The date in the book's time zone."""
        return business_date(self.now, self.context.time_zone)

    def lock_members(self, member_ids: Iterable[int]) -> None:
        """Locks members and opens their wallets.

        Raises:
            Collision: One of them was merged meanwhile.
        """
        self.members = store_members.lock_members(self.connection, member_ids)
        if any(row.merged_into is not None for row in self.members.values()):
            raise Collision("member")
        self.wallets = {
            row.id: Wallet(row.id, row.points, row.debt) for row in self.members.values()
        }

    def open_redemptions(self, numbers: Iterable[int]) -> dict[int, Redemption]:
        """Locks redemptions, with their members, lots and stock, and returns those there are."""
        book_id = self.context.book.id
        before = store.read_redemptions(self.connection, book_id, numbers)
        self.lock_members({one.member_id for one in before.values()})
        found = store.read_redemptions(self.connection, book_id, before)
        if any(one.member_id != before[one.id].member_id for one in found.values()):
            raise Collision("redemption")
        rewards = {one.reward for one in found.values()}
        reward_totals.lock_known_totals(self.connection, book_id, rewards)
        keys = {(one.sku, one.warehouse) for one in found.values() if one.kind is Kind.GOODS}
        self.rows = store_stock.lock_stock(self.connection, book_id, keys)
        ids = {lot for one in found.values() for lot in (*one.hold.slices, *one.hold.used)}
        for lot in store_points.read_lots(self.connection, ids, closed_too=True):
            self.wallets[lot.member_id].lots[lot.id] = lot
        self.redemptions = found
        return found

    def open_draws(self, rewards: Iterable[str]) -> None:
        """Reads the open draws of lotteries; none of them is drawn before this transaction ends."""
        self.draws = store_draws.open_draws(
            self.connection, self.context.book.id, rewards, shares=True
        )

    def program_of(self, one: Redemption) -> Program:
        """Returns the program version that a redemption is pinned to."""
        return self.context.by_version[one.program_version]

    def how(self, one: Redemption, actor: str = "", reason: str = "") -> Circumstances:
        """Returns the circumstances of what is done to a redemption now."""
        return Circumstances(self.program_of(one), self.next_id, actor, reason)

    def next_id(self) -> int:
        """Returns the next number of a fact."""
        return self.numbering.next_id(None)

    def step(
        self,
        one: Redemption,
        kind: StepKind,
        actor: str = "",
        reason: str = "",
        cause: str = "",
        points: int = 0,
    ) -> None:
        """Records a step that moves no points."""
        self.steps.append(
            Step(
                self.next_id(),
                one.id,
                kind,
                self.now,
                actor,
                reason,
                cause,
                one.quantity,
                points,
                0,
            )
        )
        one.is_changed = True

    def begin(self, one: Redemption, actor: str) -> None:
        """Starts what follows once nobody has to approve: goods are ordered in the ERP, other rewards are fulfilled."""
        if one.kind is Kind.GOODS:
            self.tasks.append((one.id, Task.ORDER))
        elif one.kind in AT_ONCE:
            self._fulfil(one, actor)

    def give_up(
        self, one: Redemption, status: Status, kind: StepKind, actor: str, reason: str
    ) -> None:
        """Ends a redemption: frees what it holds, and tells the ERP when it knows of it."""
        reserved = one.reserved
        one.given_up = status
        self.step(one, kind, actor, reason, points=one.hold.points)
        done = Fulfilment()
        hold_what_is_open(one, self.wallets[one.member_id], self.now, self.how(one), done)
        self.keep(done)
        self.release_stock(one, reserved)
        if not one.shipped:
            self.totals[one.reward] = self.totals.get(one.reward, 0) - one.quantity
        if one.kind is Kind.GOODS:
            store.finish_task(self.connection, one.id, Task.ORDER)
            if one.erp_order_id:
                self.ask_to_cancel(one)

    def ask_to_cancel(self, one: Redemption) -> None:
        """Has the adapter cancel the redemption's order in the ERP."""
        self.tasks.append((one.id, Task.CANCEL))
        self.step(one, StepKind.CANCEL_ASKED, cause=f"order:{one.erp_order_id}")

    def spend(
        self,
        one: Redemption,
        wanted: list[Spend],
        fulfilled: Fulfilled | None,
        actor: str,
        reason: str = "",
    ) -> Fulfilment:
        """Takes points or gives them back, and keeps what came of it."""
        wallet = self.wallets[one.member_id]
        done = carry_out(one, wallet, wanted, self.how(one, actor, reason), fulfilled)
        self.keep(done)
        return done

    def keep(self, done: Fulfilment) -> None:
        """Keeps facts and steps for writing."""
        self.postings += done.postings
        self.steps += done.steps

    def release_stock(self, one: Redemption, reserved_before: int) -> None:
        """Frees stock that a redemption no longer needs."""
        if one.kind is Kind.GOODS and one.reserved != reserved_before:
            row = self.rows[one.sku, one.warehouse]
            row.reserved += one.reserved - reserved_before
            row.is_changed = True

    def write(self) -> None:
        """Writes everything; new redemptions first: a call with the same key that was faster shows there."""
        connection, book_id = self.connection, self.context.book.id
        store.insert_redemptions(connection, book_id, self.made)
        new = {one.id for one, _ in self.made}
        changed = [o for o in self.redemptions.values() if o.is_changed and o.id not in new]
        store.write_redemptions(connection, changed)
        if self.postings:
            write_postings(connection, self.context, self.wallets, self.postings)
        else:
            write_lots(connection, self.context, self.wallets)
        store_coupons.issue_new(connection, book_id, self.new_coupons)
        store_coupons.write_coupons(connection, self.coupons)
        store_draws.add_tickets(connection, self.tickets)
        store.write_steps(connection, book_id, self.steps)
        store.add_tasks(connection, book_id, self.tasks)
        reward_totals.add_to_totals(connection, book_id, self.totals)
        store_stock.write_stock(connection, book_id, self.rows.values())

    def _fulfil(self, one: Redemption, actor: str) -> None:
        if one.kind is Kind.LOTTERY:
            self._give_tickets(one)
        cause = f"{one.kind.name.lower()}:{one.reward}"
        taken = Taken(one.points, one.face_minor if one.kind is Kind.DONATION else 0)
        wanted = [Spend(FULFILLED, cause, FactKind.REDEEMED, taken, self.now)]
        done = self.spend(one, wanted, Fulfilled(one.quantity, 0), actor)
        if one.kind is Kind.COUPON:
            self._issue_coupons(one, coupon_carried(done.postings))

    def _give_tickets(self, one: Redemption) -> None:
        draw = self.draws.get(one.reward)
        if draw is None:
            raise Rejected(
                "DRAW_NOT_OPEN",
                f"reward {one.reward}: no draw is open; its commitment has to be published before tickets are given out",
                "reward",
            )
        self.tickets += [
            (draw.id, f"{one.public_id}-{piece}", one.id) for piece in range(1, one.quantity + 1)
        ]
        self.step(one, StepKind.TICKET_ISSUED, cause=f"draw:{draw.id}")

    def _issue_coupons(self, one: Redemption, carried_minor: int) -> None:
        """Gives codes out: prepared ones first, new ones when they run out. Each carries its share of the points' amount."""
        reward = self.program_of(one).rewards[one.reward]
        key = require_coupon_key(self.coupon_key)
        book_id, quantity = self.context.book.id, one.quantity
        free = store_coupons.take_free(self.connection, book_id, one.reward, quantity)
        missing = quantity - len(free)
        first = store_coupons.new_serials(self.connection, missing) if missing else 0
        serials = free + list(range(first, first + missing))
        for piece, serial in enumerate(serials):
            share = carried_minor * (piece + 1) // quantity - carried_minor * piece // quantity
            coupon = Coupon(
                id=serial,
                reward=one.reward,
                status=CouponStatus.ISSUED,
                redemption_id=one.id,
                member_id=one.member_id,
                program_version=one.program_version,
                store=one.store,
                face_minor=one.face_minor // quantity,
                carried_minor=share,
                issued_at=self.now,
                expires_at=self._coupon_ends(reward),
                order_id="",
            )
            if piece < len(free):
                self.coupons.append(coupon)
            else:
                digest = coupon_hash(key, coupon_code(key, book_id, serial))
                self.new_coupons.append((coupon, digest))
        self.step(one, StepKind.CODE_ISSUED)

    def _coupon_ends(self, reward: Reward) -> int | None:
        """Returns the last microsecond in which a code given out now can be used: the end of a day in the book's time zone."""
        if reward.valid_days is None:
            return None
        last = self.today + timedelta(days=reward.valid_days)
        return first_moment_after(self.context, last) - 1


def open_desk(
    connection: Connection, context: BookContext, now: int, coupon_key: bytes | None = None
) -> Desk:
    """Returns a desk for one transaction.

    Args:
        connection: Open transaction.
        context: The book.
        now: The instant, microseconds UTC.
        coupon_key: Secret for coupon codes.
    """
    book_id = context.book.id
    numbering = Numbering(lambda: new_job_batch(connection, book_id, 0))
    return Desk(connection, context, now, coupon_key, numbering)


def require_coupon_key(key: bytes | None) -> bytes:
    """Returns the secret for coupon codes.

    Raises:
        Rejected: None is set.
    """
    if key is None:
        raise Rejected(
            "COUPON_KEY_MISSING",
            "coupon codes need a secret: set POINTBOOK_COUPON_KEY to at least 32 random characters",
        )
    return key
