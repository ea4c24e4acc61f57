"""The relay: announces again what still waits although it should not. Any number may run; announcing twice is harmless."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from plugin.store import parked
from plugin.store.books import list_books
from plugin.store.inbox import stragglers
from workers.actors import Actors

logger = logging.getLogger(__name__)

STRAGGLERS_MAX = 10_000
RELEASED_MAX = 1_000


def relay_once(engine: Engine, actors: Actors, older_than_seconds: float) -> int:
    """Announces stragglers and parked events whose member has come; returns how many messages were sent.

    One message per lane is enough: whoever takes it applies everything that waits up to the newest straggler.
    """
    older_than = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
    with engine.begin() as connection:
        waiting = stragglers(connection, older_than, STRAGGLERS_MAX)
        released = [
            seq
            for book in list_books(connection)
            for seq in parked.released_by(connection, book.id, RELEASED_MAX)
        ]
    newest = {batch.lane: batch.id for batch in waiting}
    for lane, batch_id in newest.items():
        actors.apply_batch.send(lane, batch_id)
    if released:
        actors.retry_events.send(released)
    if newest or released:
        logger.info(
            "relay: %s batches in %s lanes, %s parked events",
            len(waiting),
            len(newest),
            len(released),
        )
    return len(newest) + bool(released)


def relay_until(
    stopped: Callable[[float], bool], engine: Engine, actors: Actors, after: float, every: float
) -> None:
    """Relays until ``stopped(seconds)``, which waits so long, says so. A broker or database that is away is tried again."""
    while not stopped(every):
        try:
            relay_once(engine, actors, after)
        except Exception as error:  # noqa: BLE001  (the loop must survive; the next round tries again)
            logger.warning("relay: %s; trying again", type(error).__name__)
