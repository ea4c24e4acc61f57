"""A spool that cannot grow: nothing is lost, the cursor waits, and people are told."""

from __future__ import annotations

import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from itertools import takewhile
from pathlib import Path

import pytest

from adapters.contract import START, Change
from adapters.follow import Follower
from adapters.numbering import COUNTED, Identity, identity
from adapters.spool import Spool, SpoolUnusable
from pointbook.v1 import events_pb2
from tests.adapters.conformance.conftest import Following, arrived, of
from tests.adapters.conformance.shop import Shop, Sold
from tests.adapters.conftest import FakeIntake

MUGS = Sold("MUG-01", Decimal(2), Decimal("9.99"))
HARDLY = timedelta(microseconds=1)  # so that what a cursor has passed is not read again
PAGE_BYTES = 4096
LOOKS_MAX = 200


@contextmanager
def room_for(file_bytes: int) -> Iterator[None]:
    """For a while the system lets no file of this process grow beyond some bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def written(spool: Path) -> int:
    """Returns the bytes of the file that a spool writes first."""
    return Path(f"{spool}-wal").stat().st_size


@pytest.mark.parametrize("free", [0, 8])
def test_on_a_full_disk_people_are_told_and_all_arrives_when_there_is_room(
    shop: Shop, following: Following, intake: FakeIntake, free: int
) -> None:
    numbers = [shop.sell([MUGS]) for _ in range(3)]
    with following.of(shop.open(rows_per_page=2, overlap=HARDLY)) as follower:
        with room_for(written(following.path) + free * PAGE_BYTES):
            assert not follower.look()
            problem = following.health.said()["problems"]["spool"]
            assert str(following.path) in problem
            assert "disk" in problem
            numbers.append(shop.sell([MUGS]))
            shop.ship(numbers[0])
            assert not follower.look()
            assert len(of(intake, "order")) < len(numbers)
        assert follower.look()
    assert following.health.said()["problems"] == {}
    assert sorted(each.id for each in of(intake, "order")) == sorted(numbers)
    assert [each.order_id for each in of(intake, "shipment")] == [numbers[0]]
    assert len(intake.events) == len(arrived(intake))


def test_wherever_the_disk_is_full_the_cursor_passes_nothing_that_was_not_kept(
    shop: Shop, following: Following, intake: FakeIntake
) -> None:
    for _ in range(3):
        shop.sell([MUGS])
    erp = shop.open(rows_per_page=2, overlap=HARDLY)
    with following.of(erp) as follower:
        before = written(following.path)
        # Room grows by little, then by more: each look stops elsewhere, until one has enough.
        room = [before + n * n // 4 * PAGE_BYTES for n in range(LOOKS_MAX)]
        failed = list(takewhile(lambda file_bytes: not looked(follower, file_bytes), room))
    assert 4 < len(failed) < LOOKS_MAX
    events = (change.event for change in erp.changes(START))
    everything = {identity(event) for event in events if event is not None}
    assert not lasting(everything) - lasting(arrived(intake))
    assert len(intake.events) == len(arrived(intake))
    assert following.health.said()["problems"] == {}


def lasting(documents: Iterable[Identity]) -> set[Identity]:
    """Returns documents without counts of stock: each count is another one."""
    return {each for each in documents if each.kind != COUNTED}


def looked(follower: Follower, file_bytes: int) -> bool:
    """Looks once, with little room; returns whether everything worked."""
    with room_for(file_bytes):
        return follower.look()


@pytest.mark.parametrize("free", [0, 1, 3])
def test_that_the_disk_is_full_is_said_in_these_words(tmp_path: Path, free: int) -> None:
    batch = [Change(events_pb2.Event(event_id=f"order:{n}"), str(n)) for n in range(100)]
    with Spool(tmp_path / "shop.sqlite3") as spool:
        spool.begin("test")
        (pages,) = spool._database.execute("PRAGMA page_count").fetchone()
        spool._database.execute(f"PRAGMA max_page_count = {pages + free}")
        with pytest.raises(SpoolUnusable, match=r"shop\.sqlite3: database or disk is full"):
            fill(spool, batch)
        kept = spool.waiting()
        assert kept % len(batch) == 0, "a batch is kept whole or not at all"
        assert spool.cursor() == ("99" if kept else START)
        spool._database.execute(f"PRAGMA max_page_count = {pages + 1000}")
        spool.append(batch)
        assert spool.waiting() == kept + len(batch)


def fill(spool: Spool, batch: list[Change]) -> None:
    """Appends until it fails."""
    while True:
        spool.append(batch)
