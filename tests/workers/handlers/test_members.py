"""Members the ERP has not told us about: parked, enrolled or ignored, as the program says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from plugin.events import Kind, Member, TierGrant
from plugin.store.documents import Collision
from plugin.store.members import add_identities, create_members
from workers.handlers.records import known_members, settle_members
from workers.handlers.touched import Arrived

PHONE = "+8613800000000"


def test_an_order_of_an_unknown_member_waits_and_is_released_when_the_member_comes(
    open_shop: Callable[..., Any],
) -> None:
    shop = open_shop()
    shop.say(shop.order(), shop.back())
    assert (shop.parked(), shop.facts()) == (["MEMBER_UNKNOWN"], [])
    assert shop.release() == 0
    shop.say(shop.member())
    assert shop.release() == 1
    assert (shop.parked(), shop.points()) == ([], (50, 0))
    assert shop.release() == 0


def test_versions_that_waited_for_a_member_converge_too(open_shop: Callable[..., Any]) -> None:
    shop = open_shop()
    shop.say(shop.order(amount=12_000, version=2))
    shop.say(shop.order(amount=10_000, version=1))
    shop.say(shop.member())
    assert shop.release() == 2
    assert shop.facts() == [("order:SO-1", 120)]
    assert shop.parked() == []


def test_an_order_and_its_member_in_one_batch_need_no_waiting(
    open_shop: Callable[..., Any],
) -> None:
    shop = open_shop()
    shop.say(shop.order(), shop.member())
    assert (shop.parked(), shop.points()) == ([], (100, 0))


def test_an_older_version_counts_while_a_newer_one_waits_for_its_member(shop: Any) -> None:
    shop.say(shop.order(), shop.order(version=2, member="zoe"))
    assert (shop.points("ann"), shop.parked()) == ((100, 0), ["MEMBER_UNKNOWN"])
    shop.say(shop.member("zoe"))
    shop.release()
    assert (shop.points("ann"), shop.points("zoe")) == ((0, 0), (100, 0))


def test_enrolling_makes_a_member_of_whoever_buys(open_shop: Callable[..., Any]) -> None:
    shop = open_shop(accrual='unknown_member = "enrol"')
    shop.say(shop.order("SO-1"), shop.order("SO-2"))
    shop.say(shop.order("SO-3"))
    assert shop.points() == (300, 0)
    assert shop.sql("SELECT count(*) FROM member") == [(1,)]
    shop.say(shop.member(display_name="Ann"))
    assert shop.sql("SELECT display_name FROM member_profile") == [("Ann",)]
    assert shop.sql("SELECT count(*) FROM member") == [(1,)]


def test_ignoring_keeps_the_order_and_gives_nothing(open_shop: Callable[..., Any]) -> None:
    shop = open_shop(accrual='unknown_member = "ignore"')
    shop.say(shop.order())
    assert (shop.parked(), shop.facts()) == ([], [])
    assert shop.sql("SELECT order_version, member_id FROM order_state") == [(1, None)]


def test_a_guest_order_is_kept_and_gives_nothing(shop: Any) -> None:
    shop.say(shop.order(member=""), shop.back())
    assert (shop.parked(), shop.facts()) == ([], [])


def test_telephone_and_card_name_the_same_member(shop: Any) -> None:
    shop.say(shop.member(version=2, phone=PHONE, cards=("C-1", "C-2")))
    for number, way in enumerate((f"phone:{PHONE}", "card:C-1", "card:C-2"), 1):
        shop.say(replace(shop.order(f"SO-{number}"), member=way))
    assert shop.points() == (300, 0)


def test_a_member_is_named_by_our_own_number(shop: Any) -> None:
    ((number,),) = shop.sql("SELECT id FROM member")
    shop.say(
        replace(shop.order(), member=f"id:{number}"), replace(shop.order("SO-2"), member="id:999")
    )
    assert (shop.points(), shop.parked()) == ((100, 0), ["MEMBER_UNKNOWN"])


def test_a_card_of_another_member_parks_the_record_and_nothing_else(shop: Any) -> None:
    shop.say(shop.member("ann", version=2, cards=("C-1",)), shop.member("bob"))
    shop.say(shop.member("bob", version=2, cards=("C-1",)), shop.order())
    assert shop.parked() == ["IDENTITY_TAKEN"]
    assert shop.points() == (100, 0)


def test_one_telephone_in_one_batch_or_in_two_is_one_member(open_shop: Callable[..., Any]) -> None:
    for accrual in ('unknown_member = "park"', 'unknown_member = "enrol"'):
        together, apart = (
            open_shop(accrual=accrual, code=f"{name}-{len(accrual)}") for name in ("a", "b")
        )
        for shop in (together, apart):
            order = replace(shop.order(), member=f"phone:{PHONE}")
            events = [order, shop.member("ann", phone=PHONE), shop.member("ann-too", phone=PHONE)]
            source = shop.book.code
            if shop is together:
                shop.say(*events, source=source)
            else:
                for event in events:
                    shop.say(event, source=source)
                    shop.release()
            found = shop.sql("SELECT points FROM member WHERE book_id = :book", book=shop.book.id)
            assert (found, shop.parked()) == ([(100,)], []), (accrual, source)


def test_a_member_whom_another_lane_enrols_meanwhile_is_decided_on_again(engine: Engine) -> None:
    """The record's lane looked before the other lane's commit and writes after it: nobody may become two members."""
    record = Member(id="ann", version=1, joined_at=0, tiers=(TierGrant("gold", 0),))
    newer = {("erp", Kind.MEMBER.value, "ann"): Arrived(1 << 8, "erp", record)}
    with engine.begin() as ours:
        changes = known_members(ours, 1, newer)
        assert changes.owners == {}
        with engine.begin() as theirs:
            (member_id,) = create_members(theirs, 1, 1)
            add_identities(theirs, 1, [("external_id:erp:ann", member_id)])
        with pytest.raises(Collision):
            settle_members(ours, 1, changes, [])
