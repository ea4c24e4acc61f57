"""Members the ERP has not told us about: parked, enrolled or ignored, as the program says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import permutations, product
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from plugin.events import Event, Kind, Member, TierGrant
from plugin.store.documents import Collision
from plugin.store.members import add_identities, create_members
from workers.handlers.records import known_members, settle_members
from workers.handlers.touched import Arrived

PHONE = "+8613800000000"
ANN, ZOE = "external_id:erp:ann", "external_id:erp:zoe"
ENROL = 'unknown_member = "enrol"'
BEFORE = date(2024, 12, 31)  # The day before the program begins.
PARKING_FROM = date(2100, 1, 1)  # A later version of the program can only begin in the future.


def told_in_every_way(open_shop: Callable[..., Any], *events: Event) -> list[tuple[Any, ...]]:
    """Tells events in every order and every split into batches; returns each outcome once.

    The program enrols whoever buys, and from 2100 on lets unknown members wait. An outcome is the points by member key and the
    reasons of what is parked.
    """
    outcomes = []
    orders = permutations(events)
    splits = product((False, True), repeat=len(events) - 1)
    for number, (order, cuts) in enumerate(product(orders, list(splits))):
        shop = open_shop(code=f"way-{number}", accrual=ENROL)
        shop.change_program(PARKING_FROM, accrual='unknown_member = "park"')
        batches = [[order[0]]]
        for is_cut, event in zip(cuts, order[1:], strict=True):
            if is_cut:
                batches.append([])
            batches[-1].append(event)
        for batch in batches:
            shop.say(*batch, source=shop.book.code)
            shop.release()
        outcome = points_by_key(shop), parked_in(shop)
        if outcome not in outcomes:
            outcomes.append(outcome)
    return outcomes


def points_by_key(shop: Any) -> dict[str, int]:
    """Returns the points of everybody in the shop by the key they are known by."""
    return dict(
        shop.sql(
            "SELECT i.key, m.points FROM identity i JOIN member m ON m.id = i.member_id WHERE i.book_id = :book ORDER BY 1",
            book=shop.book.id,
        )
    )


def parked_in(shop: Any) -> list[str]:
    """Returns the reasons of what is parked in the shop's book."""
    return [
        reason
        for (reason,) in shop.sql(
            "SELECT reason FROM parked WHERE resolution = 'open' AND book_id = :book ORDER BY 1",
            book=shop.book.id,
        )
    ]


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
    shop = open_shop(accrual=ENROL)
    shop.say(shop.order("SO-1"), shop.order("SO-2"))
    shop.say(shop.order("SO-3"))
    assert shop.points() == (300, 0)
    assert shop.sql("SELECT count(*) FROM member") == [(1,)]
    shop.say(shop.member(display_name="Ann"))
    assert shop.sql("SELECT display_name FROM member_profile") == [("Ann",)]
    assert shop.sql("SELECT count(*) FROM member") == [(1,)]


def test_an_order_from_before_the_program_keeps_nobody_from_being_enrolled(
    open_shop: Callable[..., Any],
) -> None:
    shop = open_shop(accrual=ENROL, code="maker")
    told = told_in_every_way(open_shop, shop.order("SO-1"), shop.order("OLD", on=BEFORE))
    assert told == [({ANN: 100}, ["PROGRAM_MISSING"])]


def test_a_version_from_before_the_program_keeps_nobody_from_being_enrolled(
    open_shop: Callable[..., Any],
) -> None:
    shop = open_shop(accrual=ENROL, code="maker")
    shop.say(shop.order(on=BEFORE), shop.order(version=2))
    assert (points_by_key(shop), shop.parked()) == ({ANN: 100}, [])


def test_whoever_any_version_names_is_enrolled_even_if_a_newer_one_came_first(
    open_shop: Callable[..., Any],
) -> None:
    shop = open_shop(accrual=ENROL, code="maker")
    told = told_in_every_way(
        open_shop, shop.order(member="zoe"), shop.order(version=2), shop.order(version=3)
    )
    assert told == [({ANN: 100, ZOE: 0}, [])]


def test_an_order_that_would_wait_counts_once_another_enrols_its_member(
    open_shop: Callable[..., Any],
) -> None:
    shop = open_shop(accrual=ENROL, code="maker")
    orders = [shop.order("SO-1"), shop.order("SO-2", on=PARKING_FROM), shop.order("OLD", on=BEFORE)]
    assert told_in_every_way(open_shop, *orders) == [({ANN: 200}, ["PROGRAM_MISSING"])]


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


def test_a_record_that_is_refused_does_not_hide_an_older_one(
    open_shop: Callable[..., Any],
) -> None:
    shop = open_shop()
    shop.say(shop.member("ann", cards=("C-1",)), shop.member("bob"))
    better = shop.member("bob", version=2, gold_from=date(2026, 1, 1))
    wrong = shop.member("bob", version=3, cards=("C-1",), phone=PHONE)
    shop.say(wrong, better, shop.order(member="bob"))
    assert (shop.points("bob"), shop.parked()) == ((200, 0), ["IDENTITY_TAKEN"])
    shop.say(shop.member("bob", version=4, cards=("C-2",)))
    assert shop.points("bob") == (100, 0)
    shop.say(shop.member("carl", phone=PHONE))
    assert shop.sql("SELECT count(*) FROM member") == [(3,)]


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
    newer = {("erp", Kind.MEMBER.value, "ann"): [Arrived(1 << 8, "erp", record)]}
    with engine.begin() as ours:
        changes, _ = known_members(ours, 1, newer)
        assert changes.owners == {}
        with engine.begin() as theirs:
            (member_id,) = create_members(theirs, 1, 1)
            add_identities(theirs, 1, [("external_id:erp:ann", member_id)])
        with pytest.raises(Collision):
            settle_members(ours, 1, changes, [])
