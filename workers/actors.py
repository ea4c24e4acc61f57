"""Dramatiq actors: thin envelopes around handlers, registered on a broker that is passed in."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from dramatiq import Actor, Broker, actor
from sqlalchemy import Engine

from workers.handlers.batches import apply_lane, retry_parked
from workers.handlers.books import Books
from workers.handlers.lanes import LaneDesk
from workers.settings import Settings


@dataclass(frozen=True, slots=True)
class Actors:
    """The actors of a broker; ``send`` on one enqueues a message."""

    apply_batch: Actor[[int, int], None]
    retry_events: Actor[[list[int]], None]


def declare_actors(broker: Broker, engine: Engine | None, settings: Settings) -> Actors:
    """Registers the actors on a broker.

    Args:
        broker: Where messages come from.
        engine: The database; None where messages are only sent.
        settings: Queue name and sizes.
    """
    local = threading.local()
    desk = LaneDesk()

    def books() -> Books:
        known: Books | None = getattr(local, "books", None)
        if known is None:
            known = local.books = Books()
        return known

    def database() -> Engine:
        if engine is None:
            raise RuntimeError("this process only sends messages")
        return engine

    def apply_batch(lane: int, batch_id: int) -> None:
        with desk.take(lane, batch_id) as wanted:
            for one in wanted:
                apply_lane(database(), books(), lane, one, settings.apply_events_max)

    def retry_events(seqs: Sequence[int]) -> None:
        retry_parked(database(), books(), seqs)

    return Actors(
        actor(actor_name="apply_batch", queue_name=settings.queue, broker=broker)(apply_batch),
        actor(actor_name="retry_events", queue_name=settings.queue, broker=broker)(retry_events),
    )
