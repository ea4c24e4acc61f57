"""The example of docs/adding-an-erp.md: the conformance suite holds for it, and the page shows its code."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import pytest

from adapters.contract import START, AdapterError, Known, SourceAway
from adapters.registry import ADAPTERS, open_erp
from adapters.settings import AdapterFile, load_settings
from pointbook.v1 import redemptions_pb2
from tests.adapters.conformance import conftest as suite
from tests.adapters.conformance.conftest import Following, of, order_of
from tests.adapters.conformance.shop import Sold
from tests.adapters.conformance.test_once_in_any_order import until_an_order
from tests.adapters.conftest import FakeIntake
from tests.adapters.example_erp.conftest import SHOPS
from tests.adapters.example_erp.fake import KEY
from tests.adapters.example_erp.redemptions import Redemptions
from tests.adapters.example_erp.shop import SETTINGS, QuernstoneShop

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "adding-an-erp.md"
OPENER = "tests.adapters.example_erp.adapter:open_erp"
OF_ONE_ERP = {"test_command_line"}  # these start processes, beside an ERP they name themselves
MUGS = Sold("MUG-01", Decimal(2), Decimal("9.99"))
REDEMPTION = redemptions_pb2.Redemption(redemption_id="R17", quantity=2, sku="MUG-01")
MEMBER = Known("C-1")
HARDLY = timedelta(microseconds=1)  # so that only the stages find what changed, not the overlap


def cases() -> Iterator[tuple[str, Callable[..., None]]]:
    """Yields the tests of the suite, as they would be if this ERP were the only one of its SHOPS."""
    for path in sorted(Path(suite.__file__).parent.glob("test_*.py")):
        if path.stem in OF_ONE_ERP:
            continue
        with patch.dict(suite.SHOPS, SHOPS, clear=True):
            module = once_more(f"tests.adapters.conformance.{path.stem}")
        for name, case in vars(module).items():
            if name.startswith("test_"):
                yield name, case


def once_more(name: str) -> ModuleType:
    """Returns a module of its own, from a file that others may have imported already."""
    spec = find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def is_of_others(case: Callable[..., None]) -> bool:
    """Whether a test is one of what this ERP's people cannot do."""
    marks: list[pytest.Mark] = getattr(case, "pytestmark", [])
    return any(mark.args[:2] == ("shop", []) for mark in marks)


globals().update((name, case) for name, case in cases() if not is_of_others(case))


def test_a_line_that_is_edited_is_found_although_its_order_keeps_its_stamp(
    shop: QuernstoneShop, following: Following, intake: FakeIntake
) -> None:
    first, _ = shop.sell([MUGS]), shop.sell([MUGS])
    assert following.look(shop.open(overlap=HARDLY))
    shop.amend(first, {0: Decimal(5)})
    assert following.look(shop.open(overlap=HARDLY))
    assert order_of(intake, first).lines[0].quantity == "5"


def test_lines_that_are_edited_while_the_first_look_goes_on_are_found_by_the_next(
    shop: QuernstoneShop, following: Following, intake: FakeIntake
) -> None:
    numbers = [shop.sell([MUGS]) for _ in range(2)]
    with following.of(shop.open(overlap=HARDLY)) as follower:
        changes = follower.erp.changes(START)
        follower.spool.append(until_an_order(changes))
        for number in numbers:  # both have been read, with one page
            shop.amend(number, {0: Decimal(5)})
        follower.spool.append(list(changes))
    assert following.look(shop.open(overlap=HARDLY))
    assert [order_of(intake, number).lines[0].quantity for number in numbers] == ["5", "5"]


def test_the_first_line_there_ever_is_is_found(
    shop: QuernstoneShop, following: Following, intake: FakeIntake
) -> None:
    first, _ = shop.sell([]), shop.sell([])
    assert following.look(shop.open(overlap=HARDLY))
    shop.fake.insert(
        "order-lines", order_id=1, sku="MUG-01", text="", quantity="1", net="1", tax="0"
    )
    assert following.look(shop.open(overlap=HARDLY))
    assert [line.sku for line in order_of(intake, first).lines] == ["MUG-01"]


def test_money_that_is_given_back_is_off_a_line_or_off_the_order(
    shop: QuernstoneShop, following: Following, intake: FakeIntake
) -> None:
    number = shop.sell([MUGS])
    shop.ship(number)
    shop.give_back(number, "5.00", "0.95", line=1)
    shop.give_back(number, "2.00", "0.38")
    assert following.look(shop.open())
    lines = [line for back in of(intake, "return") for line in back.lines]
    assert [(each.line_id, each.quantity, each.amount_minor, each.tax_minor) for each in lines] == [
        ("1", "1", 500, 95),
        ("", "", 200, 38),
    ]


def test_a_look_costs_as_many_calls_for_thirty_orders_as_for_one(
    shop: QuernstoneShop, following: Following
) -> None:
    counted = []
    for orders in (1, 30):
        for _ in range(orders):
            shop.ship(shop.sell([MUGS]))
        shop.fake.calls = 0
        assert following.look(shop.open())
        counted.append(shop.fake.calls)
    assert counted == [5, 6]  # a page of each kind, and from the second look on the orders of lines


def test_a_customer_arrives_as_a_member(
    shop: QuernstoneShop, following: Following, intake: FakeIntake
) -> None:
    assert following.look(shop.open())
    (member,) = of(intake, "member")
    assert (member.id, member.display_name, member.phone) == ("C-1", "Ada Berg", "+49301234567")


def test_a_redemption_is_an_order_that_is_found_shipped_and_returned_as_one(
    shop: QuernstoneShop, following: Following, intake: FakeIntake
) -> None:
    erp = shop.open()
    assert erp.find_order("R17") == ""
    number = erp.create_order(REDEMPTION, MEMBER)
    assert erp.find_order("R17") == number
    shop.redemption_ship(number)
    shop.take_back(number, {0: Decimal(1)})
    assert following.look(erp)
    assert order_of(intake, number).is_redemption
    (shipment,) = of(intake, "redemption_shipment")
    (back,) = of(intake, "redemption_return")
    assert (shipment.redemption_id, shipment.lines[0].quantity) == ("R17", "2")
    assert (back.redemption_id, back.lines[0].quantity) == ("R17", "1")
    assert of(intake, "shipment") == of(intake, "return") == []
    with pytest.raises(AdapterError, match="409 to 'orders': D-1 has left"):
        erp.cancel_order("R17")


def test_a_redemption_is_cancelled_as_often_as_one_likes(shop: QuernstoneShop) -> None:
    erp = shop.open()
    erp.cancel_order("R17")
    erp.create_order(REDEMPTION, MEMBER)
    for _ in range(2):
        erp.cancel_order("R17")
    assert [row["state"] for row in shop.fake.tables["orders"].values()] == ["void"]


def test_what_is_paid_beside_the_points_is_the_price_to_the_cent(shop: QuernstoneShop) -> None:
    three = redemptions_pb2.Redemption(
        redemption_id="R18", quantity=3, sku="MUG-01", amount_minor=1000
    )
    shop.open().create_order(three, MEMBER)
    lines = shop.fake.lines_of(1)
    assert [(line["quantity"], line["net"]) for line in lines] == [("2", "3.33"), ("1", "3.34")]


def test_after_a_lost_answer_the_order_is_looked_for_before_it_is_made_again(
    shop: QuernstoneShop,
) -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    redemptions = Redemptions(shop.api(), SETTINGS, lambda: now)
    shop.fake.answers_lost = 1
    with pytest.raises(SourceAway):
        redemptions.create(REDEMPTION, MEMBER)
    with pytest.raises(SourceAway, match="looked for until 12:01:00 UTC"):
        redemptions.create(REDEMPTION, MEMBER)  # it is there, but suppose it was not seen yet
    assert redemptions.find("R17") == "Q-1"
    shop.fake.tables["orders"].clear()  # suppose it had never arrived
    now += timedelta(seconds=61)
    assert redemptions.create(REDEMPTION, MEMBER) == "Q-1"


def test_check_names_what_it_may_read_and_what_it_may_not(shop: QuernstoneShop) -> None:
    said = shop.open().check()
    assert said[:2] == ["Quernstone 4.2, company Mill Ltd", "customers: readable"]
    shop.fake.forbidden.add("returns")
    with pytest.raises(AdapterError, match="may not use 'returns': give it that right"):
        shop.open().check()


def test_a_state_and_a_currency_that_nobody_foresaw_are_named_and_not_guessed(
    shop: QuernstoneShop, following: Following
) -> None:
    shop.fake.insert_order([], customer="", state="frozen")
    assert not following.look(shop.open())
    assert "Q-1 is in state 'frozen'" in following.health.said()["problems"]["source"]
    shop.fake.update("orders", 1, state="open", currency="CHF")
    assert not following.look(shop.open())
    assert "name a rate in [erp.rates]" in following.health.said()["problems"]["source"]


def test_the_registry_opens_it_with_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADAPTERS, "quernstone", OPENER)
    said = SETTINGS.model_dump(exclude={"rates"})
    file = AdapterFile(adapter="quernstone", source="shop", erp=said)
    with pytest.raises(AdapterError, match="QUERNSTONE_API_KEY holds no API key of Quernstone"):
        open_erp(file)
    monkeypatch.setenv("QUERNSTONE_API_KEY", KEY)
    open_erp(file).close()
    with pytest.raises(AdapterError, match=r"table \[erp\]: time_zone: .*'Mars/Base'"):
        open_erp(file.model_copy(update={"erp": said | {"time_zone": "Mars/Base"}}))


def test_every_piece_of_code_on_the_page_stands_in_the_example() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) > 5
    code = [path.read_text() for path in sorted(HERE.glob("*.py"))]
    for block in blocks:
        assert any(block in text for text in code), (
            f"not in the example:\n{textwrap.indent(block, '  ')}"
        )


def test_the_settings_file_on_the_page_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    path = tmp_path / "quernstone.toml"
    path.write_text(text)
    monkeypatch.setitem(ADAPTERS, "quernstone", OPENER)
    monkeypatch.setenv("QUERNSTONE_API_KEY", KEY)
    open_erp(load_settings(path)).close()


def test_the_page_names_every_test_of_the_suite() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text()))
    missing = {name for name, _ in cases()} - named
    assert not missing, f"say in {PAGE.name} what each case of the suite demands: {missing}"
