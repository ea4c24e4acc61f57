"""The expiry run: lots whose last day has passed lose what remains, in transactions of a bounded size. Idempotent."""

from __future__ import annotations

import json
from datetime import date
from functools import partial

from sqlalchemy import Connection, Engine

from plugin.decide import expire
from plugin.facts import EVENTS_PER_BATCH_MAX, event_seq
from plugin.points.lots import Wallet
from plugin.store import members as store_members
from plugin.store import points as store_points
from plugin.store.inbox import new_job_batch
from plugin.store.tables import job_run
from workers.handlers.books import Books, first_moment_after
from workers.handlers.postings import write_postings


def expire_lots(engine: Engine, books: Books, book_id: int, as_of: date) -> int:
    """Expires every lot of a book that could last be used before ``as_of``; returns how many.

    Run twice it finds nothing the second time; killed in the middle it goes on where it stopped.
    """
    total = 0
    while True:
        with engine.begin() as connection:
            done = _expire_some(connection, books, book_id, as_of)
            total += done
            if not done:
                outcome = json.dumps({"lots": total})
                connection.execute(
                    job_run.insert().values(
                        book_id=book_id, name="expire", as_of=as_of.isoformat(), outcome=outcome
                    )
                )
                return total


def _expire_some(connection: Connection, books: Books, book_id: int, as_of: date) -> int:
    context = books.context(connection, book_id)
    found = store_points.read_expired_lots(connection, book_id, as_of, EVENTS_PER_BATCH_MAX)
    if not found:
        return 0
    locked = store_members.lock_members(connection, [member_id for member_id, _ in found])
    wallets = {row.id: Wallet(row.id, row.points, row.debt) for row in locked.values()}
    # Read again under the members' locks: somebody may have taken from a lot meanwhile.
    lots = [
        lot
        for lot in store_points.read_lots(connection, [lot_id for _, lot_id in found])
        if lot.free and lot.member_id in wallets
    ]
    for lot in lots:
        wallets[lot.member_id].lots[lot.id] = lot
    if not lots:
        return 0
    batch_id = new_job_batch(connection, book_id, len(lots))
    ends = partial(first_moment_after, context)
    postings = [
        expire(wallets[lot.member_id], lot.id, event_seq(batch_id, index), ends)
        for index, lot in enumerate(lots)
    ]
    write_postings(connection, context, wallets, postings)
    return len(postings)
