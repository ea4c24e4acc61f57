"""The counter: where a server decides on redemptions. Requests that arrive together share a transaction and its commit.

While one transaction is under way everything that arrives waits and makes the next: twenty requests for one member's points, or a
thousand for the last hundred pieces, are decided one after the other in memory, on locks taken once.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import TypeVar

import psycopg
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from plugin.errors import PointbookError, Rejected, Unavailable
from plugin.redemption.life import Redemption
from plugin.redemption.request import Answered, Ask
from plugin.services.errors import of_database
from plugin.store.books import Book
from plugin.store.coupons import Coupon
from plugin.store.redemptions import Task
from workers.clock import now_us
from workers.handlers import decisions, vouchers
from workers.handlers.books import BookContext, Books
from workers.handlers.requests import Answer, request_all
from workers.handlers.trying import attempt

logger = logging.getLogger(__name__)

GROUP_MAX = 256
WAITING_MAX = 10_000
ANSWER_SECONDS_MAX = 60.0

T = TypeVar("T")


@dataclass(slots=True)
class _Submission:
    book_id: int
    ask: Ask
    answer: Future[Answered] = field(default_factory=Future)


class Counter:
    """Decides on redemptions.

    Args:
        engine: The database.
        request_engine: A connection of its own for requests; may have fixed plans.
        coupon_key: Secret for coupon codes; None: coupons are refused.
    """

    def __init__(self, engine: Engine, request_engine: Engine, coupon_key: bytes | None) -> None:
        self._engine = engine
        self._request_engine = request_engine
        self._coupon_key = coupon_key
        self._local = threading.local()
        self._waiting: deque[_Submission] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="counter", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Takes no more requests, decides those that wait, and ends."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    # -- requests ---------------------------------------------------------------------------------

    def request(self, book: Book, ask: Ask, seconds_left: float | None) -> Answered:
        """Requests a reward or a hold; returns once it is committed.

        Raises:
            Rejected: The request is refused and nothing was written; or the deadline passed (``DEADLINE_EXCEEDED``): then it
                may or may not have been written, and the same key tells.
            Unavailable: The database is away, or the server is stopping.
        """
        submission = _Submission(book.id, ask)
        with self._changed:
            if self._stopping:
                raise Unavailable(
                    "SERVER_STOPPING", "the server is stopping; send again to another or later"
                )
            if len(self._waiting) >= WAITING_MAX:
                raise Rejected(
                    "TOO_MANY_WAITING", f"more than {WAITING_MAX} requests wait; slow down"
                )
            self._waiting.append(submission)
            self._changed.notify()
        limit = (
            ANSWER_SECONDS_MAX if seconds_left is None else min(seconds_left, ANSWER_SECONDS_MAX)
        )
        try:
            return submission.answer.result(timeout=max(limit, 0))
        except (FutureTimeout, CancelledError) as error:
            submission.answer.cancel()  # A request that nobody has begun with is not begun any more.
            raise Rejected(
                "DEADLINE_EXCEEDED",
                "the deadline passed before the request was decided; ask again with the same idempotency_key",
            ) from error

    def _run(self) -> None:
        while group := self._next_group():
            live = [s for s in group if s.answer.set_running_or_notify_cancel()]
            for book_id in sorted({submission.book_id for submission in live}):
                self._decide(book_id, [s for s in live if s.book_id == book_id])

    def _next_group(self) -> list[_Submission]:
        with self._changed:
            while not self._waiting and not self._stopping:
                self._changed.wait()
            size = min(GROUP_MAX, len(self._waiting))
            return [self._waiting.popleft() for _ in range(size)]

    def _decide(self, book_id: int, group: Sequence[_Submission]) -> None:
        """Decides a group in one transaction; when that breaks, each of its requests in one of its own."""
        try:
            answers = self._answers(book_id, [submission.ask for submission in group])
        except Exception as error:  # noqa: BLE001  (whatever it is, each caller is told and the thread goes on)
            if len(group) > 1:
                logger.warning(
                    "a group of %s requests failed: %s", len(group), type(error).__name__
                )
                for submission in group:
                    self._decide(book_id, [submission])
                return
            told = of_database(error) if isinstance(error, DBAPIError | psycopg.Error) else error
            group[0].answer.set_exception(told)
            return
        for submission, answer in zip(group, answers, strict=True):
            if isinstance(answer, PointbookError):
                submission.answer.set_exception(answer)
            else:
                submission.answer.set_result(answer)

    def _answers(self, book_id: int, asks: Sequence[Ask]) -> list[Answer]:
        def work(connection: Connection) -> list[Answer]:
            context = self._books().context(connection, book_id)
            return request_all(connection, context, asks, now_us(), self._coupon_key)

        return attempt(self._request_engine, work)

    # -- decisions --------------------------------------------------------------------------------

    def approve(self, book: Book, public_id: str, actor: str, reason: str) -> Redemption:
        """Approves a redemption."""
        return self._do(
            book,
            lambda connection, context: decisions.approve(
                connection, context, public_id, actor, reason, now_us(), self._coupon_key
            ),
        )

    def reject(self, book: Book, public_id: str, actor: str, reason: str) -> Redemption:
        """Rejects a redemption."""
        return self._do(
            book,
            lambda c, context: decisions.reject(c, context, public_id, actor, reason, now_us()),
        )

    def cancel(self, book: Book, public_id: str, actor: str, reason: str) -> Redemption:
        """Cancels a redemption."""
        return self._do(
            book,
            lambda c, context: decisions.cancel(c, context, public_id, actor, reason, now_us()),
        )

    def acknowledge(
        self, book: Book, public_id: str, task: Task, source: str, erp_order_id: str
    ) -> Redemption:
        """Records what an adapter did in the ERP."""
        return self._do(
            book,
            lambda connection, context: decisions.acknowledge(
                connection, context, public_id, task, source, erp_order_id, now_us()
            ),
        )

    def capture(
        self, book: Book, public_id: str, points: int, order_id: str, actor: str
    ) -> Redemption:
        """Captures a hold."""
        return self._do(
            book,
            lambda connection, context: decisions.capture_hold(
                connection, context, public_id, points, order_id, actor, now_us()
            ),
        )

    def void(self, book: Book, public_id: str, actor: str) -> Redemption:
        """Frees a hold."""
        return self._do(
            book, lambda c, context: decisions.void_hold(c, context, public_id, actor, now_us())
        )

    def coupon(self, book: Book, code: str) -> Coupon:
        """Looks a coupon up."""
        return self._do(
            book, lambda c, context: vouchers.read_coupon(c, context, code, self._coupon_key)
        )

    def redeem_coupon(self, book: Book, code: str, order_id: str, actor: str) -> Coupon:
        """Redeems a coupon."""
        return self._do(
            book,
            lambda connection, context: vouchers.redeem_coupon(
                connection, context, code, order_id, actor, now_us(), self._coupon_key
            ),
        )

    def reverse_coupon(
        self, book: Book, code: str, order_id: str, actor: str, reason: str
    ) -> Coupon:
        """Takes the redemption of a coupon back."""
        return self._do(
            book,
            lambda connection, context: vouchers.reverse_coupon(
                connection, context, code, order_id, actor, reason, now_us(), self._coupon_key
            ),
        )

    def _do(self, book: Book, work: Callable[[Connection, BookContext], T]) -> T:
        return attempt(self._engine, lambda c: work(c, self._books().context(c, book.id)))

    def _books(self) -> Books:
        known: Books | None = getattr(self._local, "books", None)
        if known is None:
            known = self._local.books = Books()
        return known
