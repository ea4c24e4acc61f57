"""Several who wait for the disk share a commit: each is told of its own documents, and of nothing that was not kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.contract import START, Change
from adapters.spool import Spool
from adapters.webhook.keeper import Keeper
from pointbook.v1 import events_pb2


def change(number: int) -> Change:
    order = events_pb2.Order(id=f"SO-{number}", version=1)
    return Change(events_pb2.Event(event_id=f"order:SO-{number}:1", order=order), str(number))


def ids(events: list[events_pb2.Event]) -> list[str]:
    return [event.order.id for event in events]


def test_what_is_appended_together_is_all_kept(tmp_path: Path) -> None:
    with Spool(tmp_path / "spool.sqlite3") as spool:
        with spool.together():
            assert ids(spool.append([change(1)])) == ["SO-1"]
            assert spool.append([]) == []
            assert ids(spool.append([change(2), change(3)])) == ["SO-2", "SO-3"]
        assert (spool.waiting(), spool.cursor()) == (3, "3")


def test_what_is_appended_together_is_not_kept_when_one_part_fails(tmp_path: Path) -> None:
    def fails(spool: Spool) -> None:
        with spool.together():
            spool.append([change(1)])
            raise LookupError

    with Spool(tmp_path / "spool.sqlite3") as spool:
        with pytest.raises(LookupError):
            fails(spool)
        assert (spool.waiting(), spool.cursor()) == (0, START)
        assert ids(spool.append([change(2)])) == ["SO-2"]  # and the spool goes on
        assert spool.waiting() == 1


def test_everyone_who_waits_is_told_of_their_own_documents(tmp_path: Path) -> None:
    with Keeper(tmp_path / "spool.sqlite3") as keeper:
        kept = [keeper.append([change(number)]) for number in range(100)]
        assert [ids(each.result(10)) for each in kept] == [[f"SO-{n}"] for n in range(100)]
        assert keeper.waiting() == 100


def test_everyone_who_waits_is_told_when_nothing_could_be_kept(tmp_path: Path) -> None:
    nameless = Change(events_pb2.Event(order=events_pb2.Order()), "")  # has no number to keep it by
    with Keeper(tmp_path / "spool.sqlite3") as keeper:
        kept = [keeper.append([nameless]) for _ in range(100)]
        for each in kept:
            with pytest.raises(Exception, match="has no number"):
                each.result(10)
        assert keeper.waiting() == 0
        assert ids(keeper.append([change(1)]).result(10)) == ["SO-1"]
