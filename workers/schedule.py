"""The schedule: expiry at night in each book's own time, partitions ahead, relaying, and the ledger.

Any number of schedule processes may run; the one that holds the advisory lock works, the others wait for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from plugin.store.books import list_books
from plugin.store.schema import ensure_partitions
from workers.actors import Actors
from workers.clock import now_us
from workers.handlers.books import Books
from workers.handlers.expire import expire_lots
from workers.handlers.lapse import escalate_approvals, expire_coupons, lapse_redemptions
from workers.relay import relay_once
from workers.settings import Settings

logger = logging.getLogger(__name__)

LOCK = 7_202
WAIT_SECONDS = 1.0
BOOKS_EVERY_SECONDS = 60


def run_schedule(
    engine: Engine, actors: Actors, settings: Settings, stopped: Callable[[float], bool]
) -> None:
    """Works until ``stopped(seconds)``, which waits so long, says so; while another process holds the lock it only waits."""
    while not stopped(WAIT_SECONDS):
        try:
            _lead(engine, actors, settings, stopped)
        except OperationalError as error:
            logger.warning(
                "schedule: the database is away (%s); trying again", type(error.orig).__name__
            )


def _lead(
    engine: Engine, actors: Actors, settings: Settings, stopped: Callable[[float], bool]
) -> None:
    with _leadership(engine) as leads:
        if leads is not None:
            scheduler = BackgroundScheduler(job_defaults={"coalesce": True, "max_instances": 1})
            add_jobs(scheduler, engine, actors, settings)
            scheduler.start()
            logger.info("this process keeps the schedule")
            try:
                while not stopped(WAIT_SECONDS) and _is_alive(leads):
                    pass
            finally:
                scheduler.shutdown(wait=True)


def add_jobs(
    scheduler: BackgroundScheduler, engine: Engine, actors: Actors, settings: Settings
) -> None:
    """Adds every job: what runs when, in plain sight."""
    every = settings.relay_every_seconds
    scheduler.add_job(
        relay_once,
        IntervalTrigger(seconds=every),
        (engine, actors, settings.relay_after_seconds),
        id="relay",
    )
    scheduler.add_job(
        look_after_redemptions,
        IntervalTrigger(seconds=settings.redemptions_every_seconds),
        (engine,),
        id="redemptions",
    )
    scheduler.add_job(_partitions, IntervalTrigger(hours=6), (engine,), id="partitions")
    scheduler.add_job(
        add_expiry_jobs,
        IntervalTrigger(seconds=BOOKS_EVERY_SECONDS),
        (scheduler, engine, settings),
        id="books",
        next_run_time=datetime.now().astimezone(),
    )


def add_expiry_jobs(scheduler: BackgroundScheduler, engine: Engine, settings: Settings) -> None:
    """Gives every book its nightly expiry run, in the book's time zone; new books are found within a minute."""
    hour, minute = settings.expire_at.split(":")
    with engine.connect() as connection:
        books = list_books(connection)
    for book in books:
        job_id = f"expire-{book.code}"
        if scheduler.get_job(job_id) is None:
            zone = ZoneInfo(book.time_zone)
            trigger = CronTrigger(hour=int(hour), minute=int(minute), timezone=zone)
            scheduler.add_job(
                expire_today, trigger, (engine, book.id, zone), id=job_id, misfire_grace_time=43_200
            )


def expire_today(engine: Engine, book_id: int, zone: ZoneInfo) -> int:
    """Runs a book's expiry as of today in its own time zone."""
    expired = expire_lots(engine, Books(), book_id, datetime.now(zone).date())
    logger.info("book %s: %s lots expired", book_id, expired)
    return expired


def look_after_redemptions(engine: Engine) -> None:
    """Lapses redemptions and holds whose time is over, expires coupons, and escalates approvals, in every book."""
    with engine.connect() as connection:
        books = list_books(connection)
    now = now_us()
    for book in books:
        lapsed = lapse_redemptions(engine, Books(), book.id, now)
        expired = expire_coupons(engine, Books(), book.id, now)
        escalated = escalate_approvals(engine, Books(), book.id, now)
        if lapsed or expired or escalated:
            logger.info(
                "book %s: %s redemptions lapsed, %s coupons expired, %s approvals escalated",
                book.code,
                lapsed,
                expired,
                escalated,
            )


def _partitions(engine: Engine) -> None:
    with engine.begin() as connection:
        ensure_partitions(connection)


@contextmanager
def _leadership(engine: Engine) -> Iterator[Connection | None]:
    """Yields the connection that holds the advisory lock, or None when somebody else has it.

    The connection is closed for good at the end, which releases the lock, also when it broke meanwhile.
    """
    with engine.connect() as opened:
        connection = opened.execution_options(isolation_level="AUTOCOMMIT")
        leads = connection.execute(
            text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK}
        ).scalar()
        try:
            yield connection if leads else None
        finally:
            connection.invalidate()


def _is_alive(connection: Connection) -> bool:
    """Tells whether the connection, and with it the lock, is still there."""
    try:
        connection.execute(text("SELECT 1"))
    except DBAPIError:
        logger.warning("the database went away; giving up the schedule until it is back")
        return False
    return True
