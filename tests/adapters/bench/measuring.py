"""Measures a source through an adapter's whole way: read, map, keep on disk, send. And the textbook's way beside it."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import cast
from unittest.mock import patch

from adapters.backfill import Destination, backfill
from adapters.client import EVENTS_PER_BATCH, IntakeClient, Target
from adapters.contract import START, Adapter, Erp
from adapters.follow import Follower
from adapters.health import Health
from adapters.json_mapping.refused import as_body
from adapters.numbering import numbered
from adapters.settings import Pointbook, Running
from adapters.spool import Spool
from adapters.webhook.serving import prepared
from adapters.webhook.settings import Hook, WebhookFile
from tests.adapters.bench import replayed
from tests.adapters.bench.elsewhere import Elsewhere, elsewhere
from tests.adapters.bench.intake import accepting
from tests.adapters.bench.sources import Source
from tests.adapters.generic import example

BOOK, NAME = "", "bench"
SECRET_ENV, SECRET = "BENCH_HOOK_SECRET", "a secret of the bench"
ARRIVAL_SECONDS_MAX = 600.0
LOOK_SECONDS = 0.01
ACCEPTED = 202


@dataclass(frozen=True, slots=True)
class Measured:
    """What a source took.

    Attributes:
        documents: How many arrived at the intake.
        seconds: By the clock on the wall, from the first question to the last answer.
        adapter_seconds: Processor time of the adapter, all its threads.
        source_seconds: That of the source's processes; None when it is read in the adapter's.
        intake_seconds: That of the intake's process.
    """

    documents: int
    seconds: float
    adapter_seconds: float
    source_seconds: float | None
    intake_seconds: float

    @property
    def per_s(self) -> float:
        """Documents a second."""
        return self.documents / self.seconds

    @property
    def adapter_us(self) -> float:
        """Microseconds of the adapter's processor time for a document."""
        return 1e6 * self.adapter_seconds / self.documents

    @property
    def share(self) -> float:
        """How much of the time on the wall the adapter spent on a processor, from 0."""
        return self.adapter_seconds / self.seconds


class Wrong(Exception):
    """What arrived is not what the source has."""


@dataclass(slots=True)
class _Watch:
    seconds: float = 0.0
    adapter: float = 0.0
    source: float | None = None
    intake: float = 0.0

    @contextmanager
    def running(self, intake: Elsewhere, source: Callable[[], float] | None) -> Iterator[None]:
        gc.collect()  # what the source before left behind is not this one's
        began = intake.spent(), source() if source else 0.0
        wall, ours = time.perf_counter(), time.process_time()
        yield
        self.seconds = time.perf_counter() - wall
        self.adapter = time.process_time() - ours
        self.intake = intake.spent() - began[0]
        self.source = source() - began[1] if source else None

    def measured(self, documents: int) -> Measured:
        return Measured(documents, self.seconds, self.adapter, self.source, self.intake)


def pull(source: Source, documents: int, folder: Path) -> Measured:
    """Measures what an adapter reads, as its command does it: pages and batches of the usual size, a durable spool.

    Raises:
        Wrong: Something did not arrive.
    """
    watch = _Watch()
    with ExitStack() as stack:
        intake = stack.enter_context(elsewhere(accepting))
        opened = stack.enter_context(source(documents))
        spool = stack.enter_context(Spool(folder / "spool.sqlite3"))
        client = stack.enter_context(IntakeClient(Target(intake.said)))
        adapter = opened.open(Running().rows_per_page, folder)
        stack.callback(_close, adapter)
        to = Destination(client, NAME, BOOK, EVENTS_PER_BATCH)
        with watch.running(intake, opened.spent):
            if opened.is_erp:
                spool.begin(NAME)
                Follower(cast(Erp, adapter), spool, to, None, Health(10), 10).look()
            else:
                backfill(adapter, spool, to, NAME)
        kinds = intake.asked()
        kept = {each.outcome: each.events for each in spool.tallies()}
        if spool.waiting() or kept != {"accepted": sum(kinds.values())}:
            raise Wrong(f"{spool.waiting()} documents wait, {kept} were answered, {kinds} arrived")
        if any(kinds.get(kind) != many for kind, many in opened.holds.items()):
            raise Wrong(f"the source has {dict(opened.holds)}, {kinds} arrived")
    return watch.measured(sum(kinds.values()))


def textbook(source: Source, documents: int, folder: Path) -> Measured:
    """Measures the textbook design: one document is read with each request and sent with a call of its own, without a spool.

    Mapping and client are the adapter's.

    Raises:
        Wrong: Something did not arrive.
    """
    watch = _Watch()
    with ExitStack() as stack:
        intake = stack.enter_context(elsewhere(accepting))
        opened = stack.enter_context(source(documents))
        client = stack.enter_context(IntakeClient(Target(intake.said)))
        adapter = opened.open(1, folder)
        stack.callback(_close, adapter)
        changes = adapter.changes(START)
        events = (each.event for each in changes if each.event is not None)
        sent = 0
        with watch.running(intake, opened.spent):
            for sent, event in enumerate(islice(events, documents), 1):
                whole = event if event.event_id else numbered(event, sent)
                client.record(NAME, BOOK, [whole])
        if sum(intake.asked().values()) != sent:
            raise Wrong(f"{sent} documents were sent, {intake.asked()} arrived")
    return watch.measured(sent)


def push(documents: int, folder: Path) -> Measured:
    """Measures webhooks: signed deliveries of one order each, kept on disk, answered, sent.

    Raises:
        Wrong: A delivery was not taken, or something did not arrive.
    """
    (folder / "shop.toml").write_text(example.MAPPING)
    bodies = [as_body(replayed.body(number)) for number in range(documents)]
    watch = _Watch()
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, {SECRET_ENV: SECRET}))
        intake = stack.enter_context(elsewhere(accepting))
        address = stack.enter_context(_webhooks(intake.said, folder))
        sender = stack.enter_context(elsewhere(replayed.sender, address, SECRET.encode(), bodies))
        with watch.running(intake, sender.spent):
            statuses = sender.asked()
            _wait_for(intake, documents)
        if statuses != {ACCEPTED: documents}:
            raise Wrong(f"deliveries were answered {dict(statuses)}")
    return watch.measured(documents)


@contextmanager
def _webhooks(intake: str, folder: Path) -> Iterator[str]:
    file = WebhookFile(
        source=NAME,
        pointbook=Pointbook(address=intake),
        listen="127.0.0.1:0",
        spool=folder,
        hooks={"shop": Hook(secret_envs=[SECRET_ENV], mapping=folder / "shop.toml")},
    )
    with prepared(file) as listening:
        thread = threading.Thread(target=listening.run)
        thread.start()
        try:
            yield listening.address
        finally:
            listening.server.should_exit = True
            thread.join()


def _wait_for(intake: Elsewhere, documents: int) -> None:
    ends_at = time.monotonic() + ARRIVAL_SECONDS_MAX
    while sum(intake.asked().values()) < documents:
        if time.monotonic() > ends_at:
            raise Wrong(f"{intake.asked()} arrived of {documents}")
        time.sleep(LOOK_SECONDS)


def _close(adapter: Adapter) -> None:
    close = getattr(adapter, "close", None)  # tables and bodies hold nothing open
    if close is not None:
        close()
