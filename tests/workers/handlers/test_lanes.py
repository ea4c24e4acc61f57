"""One thread a lane: messages for a lane that is taken go to the thread that has it."""

from __future__ import annotations

import pytest

from workers.handlers.lanes import LaneDesk


def test_a_free_lane_gives_the_batch_and_is_free_again() -> None:
    desk = LaneDesk()
    with desk.take(0, 7) as wanted:
        assert list(wanted) == [7]
    with desk.take(0, 8) as wanted:
        assert list(wanted) == [8]


def test_a_message_for_a_taken_lane_is_handed_to_who_has_it() -> None:
    desk = LaneDesk()
    applied = []
    with desk.take(0, 7) as wanted:
        for batch_id in wanted:
            applied.append(batch_id)
            if batch_id == 7:
                for later in (9, 8):
                    with desk.take(0, later) as nothing:
                        assert list(nothing) == []
                with desk.take(1, 5) as other_lane:
                    assert list(other_lane) == [5]
    assert applied == [7, 9]


def test_a_lane_whose_thread_failed_is_free_again() -> None:
    desk = LaneDesk()
    with pytest.raises(OSError, match="away"), desk.take(0, 7) as wanted:  # noqa: PT012
        for _ in wanted:
            raise OSError("away")
    with desk.take(0, 8) as wanted:
        assert list(wanted) == [8]
