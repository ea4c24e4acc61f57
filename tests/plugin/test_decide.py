"""An order is decided again whenever something about it arrives; points follow, other orders' points stay untouched."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from plugin.decide import OrderState, decide_order, post
from plugin.events import MICRO, DocumentStatus, OrderLine, OrderStatus, Return, ReturnLine
from plugin.orders.entitlement import Documents
from plugin.points.lots import Wallet

START = 1_760_000_000_000_000
DAY = 86_400_000_000
CONFIRMED = 'trigger = "confirmed"'
HALF_BACK = Return("R1", 1, DocumentStatus.DONE, START + DAY, "SO-1", (ReturnLine("1", 0, 5000),))


class Desk:
    """Decides one order again and again on members' wallets."""

    def __init__(self, program: Any) -> None:
        self.program = program
        self.state = OrderState("erp", "SO-1")
        self.wallets: dict[int, Wallet] = {}
        self.facts: list[Any] = []

    def decide(self, documents: Documents, member_id: int | None = 1) -> list[tuple[int, str, int]]:
        done = []
        for owner, movement in decide_order(self.state, documents, member_id, "", self.program):
            wallet = self.wallets.setdefault(owner, Wallet(owner, 0, 0))
            fact_id = len(self.facts) + 1
            posting = post(self.state, wallet, movement, fact_id, documents, "", self.program)
            self.facts.append(posting.fact)
            done.append((owner, movement.kind.name, movement.points))
        self.state.member_id = member_id
        return done


def test_confirmed_cancelled_confirmed_ends_with_exactly_one_accrual(
    program: Any, order: Any
) -> None:
    desk = Desk(program(accrual=CONFIRMED))
    confirmed = order(amount=10_000)
    cancelled = replace(confirmed, status=OrderStatus.CANCELLED, version=2)
    assert desk.decide(Documents(confirmed)) == [(1, "ACCRUED", 100)]
    assert desk.decide(Documents(confirmed)) == []
    assert desk.decide(Documents(cancelled)) == [(1, "ACCRUAL_REVERSED", -100)]
    assert desk.decide(Documents(replace(confirmed, version=3))) == [(1, "ACCRUED", 100)]
    assert (desk.wallets[1].points, desk.wallets[1].debt) == (100, 0)


def test_an_order_given_to_another_member_moves_its_points(program: Any, order: Any) -> None:
    desk = Desk(program(accrual=CONFIRMED))
    desk.decide(Documents(order(amount=10_000)), 1)
    assert desk.decide(Documents(order(amount=12_000)), 2) == [
        (1, "ACCRUAL_REVERSED", -100),
        (2, "ACCRUED", 120),
    ]
    assert (desk.wallets[1].points, desk.wallets[2].points) == (0, 120)


def test_an_order_that_lost_its_member_takes_its_points_back(program: Any, order: Any) -> None:
    desk = Desk(program(accrual=CONFIRMED))
    desk.decide(Documents(order(amount=10_000)))
    assert desk.decide(Documents(order(member="")), None) == [(1, "ACCRUAL_REVERSED", -100)]


def test_an_amended_order_posts_only_the_difference(program: Any, order: Any) -> None:
    desk = Desk(program(accrual=CONFIRMED))
    desk.decide(Documents(order(amount=10_000)))
    assert desk.decide(Documents(order(amount=12_000))) == [(1, "ACCRUED", 20)]
    assert desk.decide(Documents(order(amount=9_000))) == [(1, "ACCRUAL_REVERSED", -30)]
    assert desk.wallets[1].points == 90


def test_correcting_an_order_never_touches_points_of_other_orders(program: Any, order: Any) -> None:
    # 100 earned, 50 taken back; cancelling takes 100 and gives 50. What is given comes first, so that the order's own
    # points always suffice and no other lot, with its own expiry and cost, is taken meanwhile.
    desk = Desk(program(accrual=CONFIRMED))
    documents = Documents(order(amount=10_000), (), [HALF_BACK])
    desk.decide(documents)
    assert desk.wallets[1].points == 50
    desk.decide(documents._replace(order=order(amount=10_000, status=OrderStatus.CANCELLED)))
    assert (desk.wallets[1].points, desk.wallets[1].debt) == (0, 0)
    assert all(fact.debt_points == 0 for fact in desk.facts)


def test_giving_a_returned_order_to_another_member_leaves_no_debt_behind(
    program: Any, order: Any
) -> None:
    desk = Desk(program(accrual=CONFIRMED))
    documents = Documents(order(amount=10_000), (), [HALF_BACK])
    desk.decide(documents, 1)
    desk.decide(documents, 2)
    assert [(w.points, w.debt) for w in desk.wallets.values()] == [(0, 0), (50, 0)]
    assert all(fact.debt_points == 0 for fact in desk.facts)


def test_pending_points_become_available_after_the_return_window(program: Any, order: Any) -> None:
    desk = Desk(program(accrual=CONFIRMED + "\npending_days = 14"))
    desk.decide(Documents(order()))
    (lot,) = desk.wallets[1].lots.values()
    assert lot.available_at == START + 14 * DAY


def test_a_fact_names_its_order_store_cause_and_rules(program: Any, order: Any) -> None:
    desk = Desk(program(accrual=CONFIRMED))
    line = OrderLine("1", MICRO, 10_000)
    desk.decide(Documents(order(line, store="S7"), (), [HALF_BACK]))
    accrued, taken = desk.facts
    assert (accrued.cause, accrued.order_id, accrued.store) == ("order:SO-1", "SO-1", "S7")
    assert accrued.rules == (("base", 100),)
    assert (taken.cause, taken.kind.name, taken.points) == ("return:R1", "CLAWED_BACK", -50)
    assert taken.business_at == HALF_BACK.returned_at
    assert (accrued.amount_minor, taken.amount_minor) == (80, -40)
