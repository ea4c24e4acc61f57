"""A pull by configuration, against a small system over real HTTP, with every kind of paging."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from adapters.contract import START, AdapterError, Known, SourceAway
from adapters.json_mapping.refused import RefusedFolder
from adapters.numbering import identity
from adapters.rest.adapter import Rest, open_erp
from adapters.rest.settings import RestSettings
from adapters.rest.stages import written
from adapters.rest.write import json_body
from adapters.settings import AdapterFile, Running, validated
from adapters.spool import Spool
from pointbook.v1 import redemptions_pb2
from tests.adapters.generic import example
from tests.adapters.generic.fake_shop import TOKEN, FakeShop, running
from tests.adapters.generic.rest_shop import open_shop

PAGINGS: dict[str, dict[str, Any]] = {
    "key": {"params": {"after": "{after}", "rows": "{rows}"}, "key": "@.id"},
    "page": {"params": {"page": "{page}", "rows": "{rows}"}},
    "offset": {"params": {"offset": "{offset}", "rows": "{rows}"}},
    "next_url": {"params": {"rows": "{rows}"}, "next_url": "$.next"},
    "none": {"params": {}},
}
MEMBER = Known("K-17")


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeShop]:
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    with running() as fake:
        yield fake


class Opener:
    """Opens adapters of a fake in a folder."""

    def __init__(self, shop: FakeShop, folder: Path) -> None:
        self.shop = shop
        self.folder = folder
        self.open: list[Rest] = []
        (folder / "shop.toml").write_text(example.MAPPING)

    def __call__(self, kind: str, /, rows: int = 3, erp: Any = None, **more: Any) -> Rest:
        endpoint = {"name": "rows", "path": "/rows", "items": "$.data[*]", "paging": kind}
        said = {
            "url": self.shop.url,
            "auth": {"scheme": "bearer", "token_env": "SHOP_TOKEN"},
            "mapping": self.folder / "shop.toml",
            "endpoints": [endpoint | PAGINGS[kind] | more],
        }
        run = Running(spool=self.folder / "spool", rows_per_page=rows)
        self.open.append(open_erp(said | (erp or {}), run))
        return self.open[-1]


@pytest.fixture
def opened(shop: FakeShop, tmp_path: Path) -> Iterator[Opener]:
    opener = Opener(shop, tmp_path)
    yield opener
    for rest in opener.open:
        rest.close()


def ids(rest: Rest, cursor: str = START) -> list[str]:
    return [identity(each.event).id for each in rest.changes(cursor) if each.event is not None]


def pull(rest: Rest, spool: Spool) -> list[str]:
    """Follows one pass with a spool, and returns the events that were new."""
    return [
        event.event_id for each in rest.changes(spool.cursor()) for event in spool.append([each])
    ]


@pytest.mark.parametrize("paging", PAGINGS)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 6, 7])
@pytest.mark.parametrize("rows_max", [2, 1_000])
def test_every_row_comes_once_whatever_the_paging_and_wherever_pages_end(
    opened: Opener, paging: str, count: int, rows_max: int
) -> None:
    for number in range(1, count + 1):
        opened.shop.add(number)
    opened.shop.rows_max = rows_max if paging != "none" else 1_000
    assert ids(opened(paging)) == [f"SO-{number}" for number in range(1, count + 1)]


def test_a_short_page_is_the_last_only_if_the_settings_say_so(opened: Opener) -> None:
    for number in range(1, 5):
        opened.shop.add(number)
    assert len(ids(opened("key", short_page_is_last=True))) == 4
    assert len(opened.shop.requests) == 2
    opened.shop.rows_max = 2
    assert len(ids(opened("key", short_page_is_last=True))) == 2  # the setting was wrong


@pytest.mark.parametrize("paging", PAGINGS)
def test_rows_with_one_stamp_across_pages_and_later_changes_come_once_each(
    opened: Opener, paging: str, tmp_path: Path
) -> None:
    """All stamps are equal, over more than one page; the next look asks from the stamp less the overlap."""
    params = {**PAGINGS[paging]["params"], "since": "{since}"}
    stamp = {"params": params, "stamp": "@.changed"}
    for number in range(1, 8):
        opened.shop.add(number)
    with Spool(tmp_path / "pull.sqlite3") as spool:
        assert len(pull(opened(paging, **stamp), spool)) == 7
        opened.shop.add(3, "2026-03-01T00:00:05Z", state="done")
        opened.shop.add(8, "2026-03-01T00:00:00Z")
        events = pull(opened(paging, **stamp), spool)
        assert opened.shop.requests[-1][2].get("since", "2026-02-28T23:50:00Z") == "2026-02-28T23:50:00Z"  # fmt: skip
        assert [each for each in events if ":SO-3:" in each] == ["order:SO-3:1772323205000"]
        assert [each for each in events if ":SO-8:" in each] == ["order:SO-8:1772323200000"]


def test_unnumbered_documents_are_left_out_the_second_time(opened: Opener, tmp_path: Path) -> None:
    (opened.folder / "shop.toml").write_text(example.unversioned())
    for number in range(1, 8):
        opened.shop.add(number)
    with Spool(tmp_path / "pull.sqlite3") as spool:
        assert len(pull(opened("page"), spool)) == 7
        assert pull(opened("page"), spool) == []
        opened.shop.add(5, state="void")
        assert [each.rsplit(":", 1)[0] for each in pull(opened("page"), spool)] == ["order:SO-5"]


@pytest.mark.parametrize("paging", ["key", "page", "offset", "next_url"])
def test_a_pass_that_was_broken_off_goes_on_where_it_was(opened: Opener, paging: str) -> None:
    for number in range(1, 8):
        opened.shop.add(number)
    cursor = ""
    for each in opened(paging).changes(START):
        if each.event is None:
            cursor = each.cursor
            break
    assert ids(opened(paging), cursor) == ["SO-4", "SO-5", "SO-6", "SO-7"]


@pytest.mark.parametrize("paging", ["key", "page", "offset"])
def test_a_system_that_does_not_know_the_parameter_is_told_from_one_with_many_rows(
    opened: Opener, paging: str
) -> None:
    for number in range(1, 8):
        opened.shop.add(number)
    opened.shop.deaf = True
    with pytest.raises(AdapterError, match="is the same again"):
        ids(opened(paging))


@pytest.mark.parametrize("paging", ["key", "page", "offset", "next_url"])
def test_a_page_that_was_read_but_not_kept_is_read_again(opened: Opener, paging: str) -> None:
    for number in range(1, 8):
        opened.shop.add(number)
    (stage,) = opened(paging)._stages
    first = stage.page(None, None, 3)
    second = stage.page(None, first.last, 3)
    assert stage.page(None, first.last, 3).events == second.events
    assert len(stage.page(None, second.last, 3).events) == 1


def test_a_next_page_at_another_host_is_not_asked(opened: Opener) -> None:
    for number in range(1, 8):
        opened.shop.add(number)
    opened.shop.next_host = "http://evil.example"
    with pytest.raises(AdapterError, match="the next page is not under"):
        ids(opened("next_url"))
    opened.shop.next_host = opened.shop.url.removesuffix("/api")
    assert len(ids(opened("next_url"))) == 7


def test_a_row_that_breaks_the_mapping_is_kept_aside_and_the_others_go_on(opened: Opener) -> None:
    opened.shop.add(1)
    opened.shop.add(2, state="lost")
    opened.shop.add(3)
    rest = opened("key")
    assert ids(rest) == ["SO-1", "SO-3"]
    assert ids(rest) == ["SO-1", "SO-3"]
    errors, kept = sorted((opened.folder / "spool" / "refused").glob("*.json"))
    assert json.loads(kept.read_bytes())["number"] == "SO-2"
    assert "$.state is 'lost'" in errors.read_text()


def test_a_folder_of_refused_documents_has_a_named_maximum(tmp_path: Path) -> None:
    folder = RefusedFolder(tmp_path, 2)
    assert folder.keep("a", b"1", [])
    assert folder.keep("a", b"2", [])
    assert not folder.keep("a", b"2", [])
    with pytest.raises(AdapterError, match="holds 2 refused bodies"):
        folder.keep("a", b"3", [])


def test_a_stamp_that_is_yet_to_come_does_not_hide_what_changes_until_then(opened: Opener) -> None:
    opened.shop.add(1, "2999-01-01T00:00:00Z")
    *_, last = opened("key", stamp="@.changed").changes(START)
    assert datetime.fromisoformat(json.loads(last.cursor)["rows"][1]) <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ok": {"path": "$.code", "equals": 1}}, "but not as ok says"),
        ({"path": "/nowhere"}, "GET /nowhere was answered 404"),
        ({"key": "@.none"}, "@.none of a row is no text or number"),
        ({"stamp": "@.none"}, "stamp: @.none is missing or empty"),
    ],
)
def test_answers_that_are_not_good_are_told(
    opened: Opener, change: dict[str, Any], said: str
) -> None:
    opened.shop.add(1)
    with pytest.raises(AdapterError, match=said):
        ids(opened("key", **change))


def test_documents_are_those_of_the_days_in_the_mappings_zone(opened: Opener) -> None:
    opened.shop.add(1, placed="2026-03-01 00:00:00")
    opened.shop.add(2, placed="2026-03-01 23:59:59")
    opened.shop.add(3, placed="2026-03-02 00:00:00")
    opened.shop.add(4, placed="2026-02-28 23:59:59")
    found = list(opened("key", rows=1).documents(date(2026, 3, 1), date(2026, 3, 2)))
    assert [each.order.id for each in found] == ["SO-1", "SO-2"]
    assert {(each.event_id, each.order.version) for each in found} == {("", 0)}


def test_check_tells_what_the_first_page_gave(opened: Opener) -> None:
    for number in range(1, 8):
        opened.shop.add(number)
    assert opened("key").check() == ["endpoint rows: 3 events on the first page, more follow"]


WRITE_BACK = {
    "currency": "EUR",
    "find": {"method": "GET", "path": "/orders", "params": {"reference": "{reference}"}, "order": "$.data[0].number"},
    "create": {
        "method": "POST",
        "path": "/orders",
        "json": '{"reference": "{reference}", "to": "{member}", "lines": [{"sku": "{sku}", "qty": "{quantity}", "total": "{amount}"}]}',
        "order": "$.number",
    },
    "cancel": {"method": "POST", "path": "/orders/{order_id}/cancel"},
}  # fmt: skip
REDEMPTION = redemptions_pb2.Redemption(
    redemption_id="R17", sku='MUG "big"', quantity=2, amount_minor=1050
)


def test_a_redemption_becomes_one_order_which_is_found_and_cancelled(opened: Opener) -> None:
    rest = opened("key", erp={"write_back": WRITE_BACK})
    assert rest.find_order("R17") == ""
    assert rest.create_order(REDEMPTION, MEMBER) == "W-1"
    assert rest.create_order(REDEMPTION, MEMBER) == "W-1"
    assert opened.shop.orders["W-1"] == {
        "reference": "pointbook:R17",
        "to": "K-17",
        "lines": [{"sku": 'MUG "big"', "qty": 2, "total": 10.50}],
    }
    rest.cancel_order("R17")
    rest.cancel_order("R18")
    assert opened.shop.orders["W-1"]["cancelled"]


def test_a_redemptions_order_that_is_shipped_arrives_as_its_shipment() -> None:
    with open_shop() as people:
        rest = people.open()
        people.redemption_ship(rest.create_order(REDEMPTION, MEMBER))
        events = [each.event for each in rest.changes(START) if each.event is not None]
        (shipment,) = [each.redemption_shipment for each in events if each.HasField("redemption_shipment")]  # fmt: skip
        assert (shipment.redemption_id, shipment.lines[0].quantity) == ("R17", "2")
        assert not any(each.HasField("shipment") for each in events)


def test_an_order_whose_answer_was_lost_is_found_and_not_made_twice(opened: Opener) -> None:
    opened.shop.swallow_answers = 1
    rest = opened("key", erp={"write_back": WRITE_BACK})
    assert rest.create_order(REDEMPTION, MEMBER) == "W-1"
    assert list(opened.shop.orders) == ["W-1"]


def test_an_order_that_shows_late_is_waited_for_before_it_is_made_again(opened: Opener) -> None:
    rest = opened("key", erp={"write_back": WRITE_BACK})
    now = [0.0]
    rest._orders._clock = lambda: now[0]
    opened.shop.swallow_answers = opened.shop.hide_orders = 1
    for now[0] in (0.0, 59.0):
        with pytest.raises(SourceAway):
            rest.create_order(REDEMPTION, MEMBER)
    assert list(opened.shop.orders) == ["W-1"]
    opened.shop.hide_orders = 0
    assert rest.create_order(REDEMPTION, MEMBER) == "W-1"


def test_without_configuration_no_order_is_made_and_the_error_says_so(opened: Opener) -> None:
    with pytest.raises(AdapterError, match=r"\[erp.write_back\] is missing"):
        opened("key").create_order(REDEMPTION, MEMBER)
    without_cancel = {**WRITE_BACK, "cancel": None}
    rest = opened("key", erp={"write_back": without_cancel})
    rest.create_order(REDEMPTION, MEMBER)
    with pytest.raises(AdapterError, match="W-1 of redemption R17 has to be cancelled by hand"):
        rest.cancel_order("R17")


def test_values_in_json_are_escaped_and_braces_that_name_nothing_are_told() -> None:
    assert json_body('{"a": "x {b}", "n": 1.50}', {"b": '"\\'}) == '{"a": "x \\"\\\\", "n": 1.50}'
    with pytest.raises(AdapterError, match="braces hold one of b"):
        json_body('{"a": "{c}"}', {"b": ""})
    with pytest.raises(AdapterError, match="braces hold one of b"):
        json_body('{"a": "{b.__class__.c}"}', {"b": ""})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"params": {"a": "{later}"}}, "{later} is none of"),
        ({"params": {}}, "paging 'key' needs a parameter with {after}"),
        ({"params": {"a": "{after} {since}"}}, "{since} needs stamp"),
        ({"key": None}, "paging 'key' needs key"),
        ({"next_url": "$.next"}, "paging 'next_url' and next_url go together"),
        ({"items": "data"}, "it begins with neither $ nor @"),
        ({"paging": "cursor"}, "endpoints.0.paging"),
    ],
)
def test_wrong_settings_are_told(opened: Opener, change: dict[str, Any], said: str) -> None:
    with pytest.raises(AdapterError) as caught:
        opened("key", **change)
    assert said in str(caught.value)


def test_each_way_in_sends_its_header(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", "x")
    for auth, expected in (
        ({"scheme": "basic", "user_env": "OTHER", "password_env": "OTHER"}, ("authorization", "Basic eDp4")),
        ({"scheme": "header", "name": "X-Api-Key", "value_env": "OTHER"}, ("x-api-key", "x")),
        ({"scheme": "none"}, ("accept", "application/json")),
    ):  # fmt: skip
        with pytest.raises(AdapterError, match="401") as caught:
            ids(opened("key", erp={"auth": auth}))
        assert opened.shop.headers[-1][expected[0]] == expected[1]
        assert "eDp4" not in str(caught.value)


@pytest.mark.parametrize(
    ("form", "zone", "expected"),
    [
        ("iso8601", "UTC", "2026-03-01T00:00:00Z"),
        ("iso8601", "Asia/Shanghai", "2026-03-01T08:00:00+08:00"),
        ("unix", "UTC", "1772323200"),
        ("unix_ms", "UTC", "1772323200000"),
        ("%Y%m%d %H:%M", "Asia/Shanghai", "20260301 08:00"),
    ],
)
def test_since_is_written_as_the_system_wants_it_and_never_later(
    form: str, zone: str, expected: str
) -> None:
    at = datetime(2026, 3, 1, 0, 0, 0, 999_999, tzinfo=UTC)
    assert written(at, form, ZoneInfo(zone)) == expected


def test_the_documented_settings_are_right() -> None:
    text = next(block for block in example.blocks("toml") if 'adapter = "rest"' in block)
    file = validated(AdapterFile, tomllib.loads(text), "docs")
    settings = validated(RestSettings, file.erp, "[erp]")
    assert [each.name for each in settings.endpoints] == ["orders", "credits"]
    assert settings.write_back is not None
