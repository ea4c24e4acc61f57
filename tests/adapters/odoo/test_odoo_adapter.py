"""The adapter on a replayed Odoo: what is read, how often it asks, what it misses (nothing)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from adapters.contract import START, AdapterError, Erp
from adapters.numbering import digest, identity
from pointbook.v1 import events_pb2
from tests.adapters.conformance.shop import Sold
from tests.adapters.odoo.business import LINE, MOVE, ORDER
from tests.adapters.odoo.fake import OdooShop, open_odoo
from tests.adapters.odoo.recorded import vocabulary
from tests.adapters.odoo.server import OdooServer
from tests.adapters.odoo.tables import NotRecorded

COFFEE, MUGS = (
    Sold("COF-250", Decimal(3), Decimal("7.9")),
    Sold("MUG-01", Decimal(2), Decimal("9.99")),
)
DELIVERY = Sold("DELIV", Decimal(1), Decimal("4.9"))
SALE = (COFFEE, MUGS, DELIVERY)
BRIEFLY = timedelta(seconds=2)


@pytest.fixture(params=[("17", "jsonrpc"), ("19", "jsonrpc"), ("19", "json2")], ids="-".join)
def shop(request: pytest.FixtureRequest) -> Iterator[OdooShop]:
    version, api = request.param
    with open_odoo(version, api) as opened:
        yield opened


class Reading:
    """Reads pass after pass and keeps what a spool would: documents whose content is new."""

    def __init__(self, erp: Erp) -> None:
        self.erp = erp
        self.cursor = START
        self.kept: dict[str, events_pb2.Event] = {}
        self._digests: dict[str, bytes] = {}

    def look(self) -> list[str]:
        """Reads one pass; returns the identities of what is new or changed."""
        new = []
        for change in self.erp.changes(self.cursor):
            self.cursor = change.cursor
            if change.event is None:
                continue
            key = str(identity(change.event))
            if self._digests.get(key) != digest(change.event):
                self._digests[key] = digest(change.event)
                self.kept[key] = change.event
                new.append(key)
        return new

    def order(self, number: str) -> events_pb2.Order:
        return self.kept[f"order:{number}"].order


def counted(event: events_pb2.Event) -> list[tuple[str, str]]:
    """Returns line ids and quantities of a shipment or return."""
    document = getattr(event, event.WhichOneof("payload") or "")
    return [(line.line_id, line.quantity) for line in document.lines]


def test_the_first_look_reads_members_products_and_orders_once(shop: OdooShop) -> None:
    order = shop.sell(SALE)
    reading = Reading(shop.open())
    events = [change.event for change in reading.erp.changes(START) if change.event]
    kinds = [event.WhichOneof("payload") for event in events]
    assert [kinds.count(kind) for kind in ("member", "product", "order")] == [5, 4, 1]
    assert [line.amount_minor for line in events[-1].order.lines] == [2370, 1998, 490]
    assert events[-1].order.id == order


def test_nothing_new_is_nothing_new(shop: OdooShop) -> None:
    shop.sell(SALE)
    reading = Reading(shop.open())
    reading.look()
    assert reading.look() == []


def test_an_edited_line_is_seen_though_the_header_did_not_move(shop: OdooShop) -> None:
    order = shop.sell(SALE)
    reading = Reading(shop.open(overlap=BRIEFLY))
    reading.look()
    shop.set_clock(timedelta(minutes=5))
    header = shop.server.tables.get(ORDER, shop.id_of(order))["write_date"]
    shop.amend(order, {0: Decimal(2)})
    assert shop.server.tables.get(ORDER, shop.id_of(order))["write_date"] == header
    assert reading.look() == [f"order:{order}"]
    assert reading.order(order).lines[0].amount_minor == 1580


def test_a_part_and_its_backorder_are_two_shipments(shop: OdooShop) -> None:
    order = shop.sell(SALE)
    coffee, mugs, _ = map(str, shop.lines_of(order))
    reading = Reading(shop.open())
    reading.look()
    shop.ship(order, {0: Decimal(2)})
    assert reading.look() == ["shipment:WH/OUT/00001"]
    shop.ship(order)
    assert reading.look() == ["shipment:WH/OUT/00002"]
    assert counted(reading.kept["shipment:WH/OUT/00001"]) == [(coffee, "2")]
    assert counted(reading.kept["shipment:WH/OUT/00002"]) == [(coffee, "1"), (mugs, "2")]


def test_a_return_of_one_piece_is_a_return_of_one_piece(shop: OdooShop) -> None:
    order = shop.sell(SALE)
    shop.ship(order)
    reading = Reading(shop.open())
    reading.look()
    shop.take_back(order, {0: Decimal(1)})
    assert reading.look() == ["return:WH/IN/00001"]
    coffee = str(shop.lines_of(order)[0])
    assert counted(reading.kept["return:WH/IN/00001"]) == [(coffee, "1")]


def test_a_corrected_delivery_is_seen_though_only_its_move_moved(shop: OdooShop) -> None:
    order = shop.sell(SALE)
    shop.ship(order)
    reading = Reading(shop.open())
    reading.look()
    (move,) = shop.server.tables.all(MOVE, sale_line_id=shop.lines_of(order)[0])
    shop.server.tables.write(MOVE, move["id"], {"quantity": Decimal(1)})
    assert reading.look() == ["shipment:WH/OUT/00001"]
    assert counted(reading.kept["shipment:WH/OUT/00001"])[0][1] == "1"


def test_cancelling_and_going_back_to_draft_are_states_of_one_document(shop: OdooShop) -> None:
    order = shop.sell(SALE)
    reading = Reading(shop.open())
    states = []
    for step in (lambda: None, lambda: shop.cancel(order), lambda: shop.unapprove(order)):
        step()
        reading.look()
        states.append(reading.order(order).status)
    shop.confirm(order)
    reading.look()
    states.append(reading.order(order).status)
    confirmed, cancelled, draft = 2, 4, 1
    assert states == [confirmed, cancelled, draft, confirmed]


def test_a_header_that_moves_without_a_change_is_no_new_document(shop: OdooShop) -> None:
    order = shop.sell(SALE)
    reading = Reading(shop.open())
    reading.look()
    shop.touch(order)
    assert reading.look() == []


def test_orders_of_a_slow_transaction_are_read_when_they_show(shop: OdooShop) -> None:
    slow = [shop.sell(SALE, confirm=False) for _ in range(3)]
    quick = shop.sell(SALE, confirm=False)
    reading = Reading(shop.open())
    reading.look()
    commit = shop.confirm_together(slow)
    shop.set_clock(timedelta(seconds=7))
    shop.confirm(quick)
    assert reading.look() == [f"order:{quick}"]
    commit()  # stamped seven seconds before what was seen already
    assert reading.look() == [f"order:{order}" for order in slow]


def test_what_changes_during_a_long_first_look_is_read_by_the_second(shop: OdooShop) -> None:
    first, *_, last = [shop.sell([COFFEE]) for _ in range(5)]
    reading = Reading(shop.open(rows_per_page=2, overlap=BRIEFLY))
    for change in reading.erp.changes(START):
        reading.cursor = change.cursor
        if change.event is not None and change.event.order.id == first:
            shop.set_clock(timedelta(minutes=20))
            shop.cancel(first)  # its page has been read
            shop.set_clock(timedelta(minutes=40))
            shop.touch(last)  # the last page shows a stamp that is 20 minutes later
    assert f"order:{first}" in reading.look()
    assert reading.order(first).status == events_pb2.ORDER_STATUS_CANCELLED


def test_a_look_that_was_broken_off_is_gone_on_with(shop: OdooShop) -> None:
    orders = [shop.sell([COFFEE]) for _ in range(5)]
    cursor, seen = START, []
    for change in shop.open(rows_per_page=2).changes(START):
        cursor = change.cursor
        if change.event is not None and change.event.HasField("order"):
            seen.append(change.event.order.id)
        if len(seen) == 3:
            break
    rest = [change.event for change in shop.open(rows_per_page=2).changes(cursor) if change.event]
    seen += [event.order.id for event in rest if event.HasField("order")]
    assert sorted(set(seen)) == sorted(orders)


def test_a_line_added_to_an_order_that_had_none_is_seen(shop: OdooShop) -> None:
    number = shop.server.business.create_order({"partner_id": 8, "order_line": []})
    reading = Reading(shop.open())
    reading.look()
    shop.server.business._create_line(
        number, {"product_id": 6, "product_uom_qty": 1}, transaction := shop.server.tables.begin()
    )
    shop.server.tables.commit(transaction)
    assert reading.look() == ["order:S00001"]


def test_pages_cost_a_fixed_number_of_calls(shop: OdooShop) -> None:
    for _ in range(50):
        shop.ship(shop.sell(SALE))
    erp = shop.open(rows_per_page=25)
    shop.server.asked.clear()
    orders = [each for each in erp.changes(START) if each.event and each.event.HasField("order")]
    asked = shop.server.asked
    assert len(orders) == 50
    assert asked.count("sale.order.line.search_read") <= 1 + 2 + 2  # newest, per page of each kind
    assert asked.count("stock.move.search_read") <= 1 + 2
    assert len(asked) < 30


def test_a_new_category_shows_on_the_products_of_its_template(shop: OdooShop) -> None:
    reading = Reading(shop.open())
    reading.look()
    tables = shop.server.tables
    tables.insert("product.category", {"name": "All / Kitchen"}, number=9)
    tables.write("product.template", 6, {"categ_id": 9})
    tables.get("product.product", 6)["categ_id"] = 9  # shared with its template, and not stamped
    assert reading.look() == ["product:MUG-01"]
    assert reading.kept["product:MUG-01"].product.category == "Kitchen"


def test_an_archived_contact_is_a_member_that_was_closed(shop: OdooShop) -> None:
    reading = Reading(shop.open())
    reading.look()
    shop.server.tables.write("res.partner", 8, {"active": False})
    assert reading.look() == ["member:8"]
    assert not reading.kept["member:8"].member.is_active


def test_stock_is_counted_in_each_look_and_said_when_it_differs(shop: OdooShop) -> None:
    reading = Reading(shop.open(warehouses=["WH"], skus=["MUG-01"]))
    assert "stock:WH/MUG-01" in reading.look()
    assert reading.look() == []
    shop.server.tables.get("product.product", 6)["qty_available"] = Decimal(98)  # no stamp moves
    assert reading.look() == ["stock:WH/MUG-01"]
    assert reading.kept["stock:WH/MUG-01"].stock.quantity == "98"


def test_documents_of_a_day_are_orders_placed_and_goods_moved_on_it(shop: OdooShop) -> None:
    today = datetime.now(UTC).date()
    old = shop.sell(SALE, on=date(2026, 1, 31))
    shop.sell(SALE, on=date(2026, 2, 1))
    shop.ship(old)
    erp = shop.open(rows_per_page=1)

    def found(begin: date, end: date) -> list[str]:
        return [str(identity(event)) for event in erp.documents(begin, end)]

    assert found(date(2026, 1, 31), date(2026, 2, 1)) == [f"order:{old}"]
    assert found(today, today + timedelta(days=2)) == ["shipment:WH/OUT/00001"]


def test_a_day_is_one_of_the_zone_that_the_settings_name(shop: OdooShop) -> None:
    order = shop.sell(SALE, on=date(2026, 1, 31))  # noon in London
    shop.server.tables.get(ORDER, shop.id_of(order))["date_order"] = datetime(
        2026, 1, 31, 18, tzinfo=UTC
    )
    erp = shop.open(timezone="Asia/Shanghai")  # two in the morning of the day after
    days = [date(2026, 1, 31), date(2026, 2, 1), date(2026, 2, 2)]
    found = [len(list(erp.documents(begin, end))) for begin, end in pairwise(days)]
    assert found == [0, 1]


def test_an_order_in_another_currency_stops_the_look_and_is_named(shop: OdooShop) -> None:
    order = shop.sell(SALE)
    with pytest.raises(AdapterError, match=f"order {order} is in USD, the book in EUR"):
        list(shop.open(currency="EUR", company_currency="USD").changes(START))


def test_check_says_version_rights_and_company(shop: OdooShop) -> None:
    said = "\n".join(shop.open(warehouses=["WH"]).check())
    for part in (f"Odoo {shop.server.version}.0", "sale.order: readable", "USD", "warehouses WH"):
        assert part in said


@pytest.mark.parametrize(
    ("model", "right"),
    [
        ("sale.order", "Sales / User: All Documents"),
        ("stock.move", "Inventory / User"),
        ("res.company", "any internal user"),
    ],
)
def test_check_names_a_right_that_is_missing(shop: OdooShop, model: str, right: str) -> None:
    shop.server.forbidden.add(model)
    with pytest.raises(AdapterError, match=f"'adapter' may not read {model}: give them {right}"):
        shop.open().check()


def test_check_refuses_a_secret_that_is_not_the_users(
    shop: OdooShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTBOOK_TEST_ODOO_SECRET", "wrong")
    with pytest.raises(AdapterError, match="POINTBOOK_TEST_ODOO_SECRET"):
        shop.open().check()


def test_check_names_the_companys_currency_and_warehouses_that_exist(shop: OdooShop) -> None:
    with pytest.raises(AdapterError, match=r"in USD, the settings say EUR: set company_currency"):
        shop.open(currency="EUR").check()
    with pytest.raises(AdapterError, match="no warehouse NORTH that its user sees, only WH"):
        shop.open(warehouses=["NORTH"]).check()


# The replayed server itself


def ask(shop: OdooShop, model: str, domain: Sequence[Sequence[object]], *fields: str) -> list[int]:
    """Returns the ids a search of the replayed server finds."""
    return [row["id"] for row in shop.server.tables.search(model, domain, fields, "id asc", 0)]


@pytest.mark.parametrize(("version", "later"), [("17", [1]), ("19", [])])
def test_later_than_its_own_stamp_is_a_row_on_17_and_none_on_19(
    version: str, later: list[int]
) -> None:
    with open_odoo(version, "jsonrpc") as shop:
        shop.sell(SALE)
        shop.server.tables.get(ORDER, 1)["write_date"] = datetime(
            2026, 11, 23, 10, 0, 0, 500_000, UTC
        )
        stamp = "2026-11-23 10:00:00"  # as it is read, cut to seconds
        assert ask(shop, ORDER, [["write_date", ">", stamp]]) == later
        assert ask(shop, ORDER, [["write_date", ">=", stamp]]) == [1]


@pytest.mark.parametrize(
    ("model", "domain", "fields"),
    [
        (ORDER, [["nope", "=", 1]], []),
        (ORDER, [["id", "child_of", 1]], []),
        (ORDER, ["id", "=", 1], []),
        (LINE, [], ["nope"]),
        ("res.users", [], ["login"]),
    ],
)
def test_what_nobody_saw_odoo_do_fails(
    model: str, domain: list[list[object]], fields: list[str]
) -> None:
    server = OdooServer("17")
    server.answer("/jsonrpc", {}, _search(model, domain, fields))
    with pytest.raises(NotRecorded):
        server.close()


def _search(model: str, domain: list[list[object]], fields: list[str]) -> object:
    secret = "0123456789abcdef0123456789abcdef01234567"
    args = ["pointbook-test", 2, secret, model, "search_read", [domain, fields], {}]
    params = {"service": "object", "method": "execute_kw", "args": args}
    return {"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}


def test_the_vocabulary_comes_from_the_recordings() -> None:
    known = vocabulary("19")
    assert {"action_confirm", "action_cancel", "create"} <= known.methods["sale.order"]
    assert {"sale_line_id", "origin_returned_move_id"} <= known.fields["stock.move"]
    assert "invented" not in known.fields["sale.order"]
