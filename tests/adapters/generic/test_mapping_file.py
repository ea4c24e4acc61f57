"""A wrong mapping file is told before the first document is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.json_mapping.mapping import MappingInvalid, load_json_mapping, parse_json_mapping
from tests.adapters.generic.example import MAPPING, mapping, unversioned


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ('id = "$.number"', 'id = "$.a["', "documents.0.order.id.text: Value error, '$.a[' is no JSONPath"),
        ('id = "$.number"', 'id = "number"', "it begins with neither $ nor @"),
        ('sku = "@.sku"', 'skuu = "@.sku"', "documents.0.order.line.skuu: Extra inputs are not permitted"),
        ('paid = "confirmed"', 'paid = "payed"', "documents.0.order.status.OrderStatusOf.values.paid"),
        ('zone = "Asia/Shanghai"', 'zone = "Asia/Peking"', "no time zone is called 'Asia/Peking'"),
        ('formats = ["iso8601"]', 'formats = ["iso"]', "'iso' is none of iso8601, unix, unix_ms"),
        ('tax = { percent = "@.vat" }', "", "documents.0 (order): amounts are gross, so name the tax in them"),
        ("[money]", "[mony]", "mony: Extra inputs are not permitted"),
        ("format = 1", "format = ", "is not TOML"),
        (", equals = true", "", "documents.0.order.line.gift: Value error, needs equals, in, starts_with or exists"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_told_with_file_place_and_rule(
    was: str, now: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "shop.toml"
    path.write_text(MAPPING.replace(was, now, 1))
    with pytest.raises(MappingInvalid) as caught:
        load_json_mapping(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


def test_a_receipt_without_version_is_told_in_the_mapping() -> None:
    text = 'format = 1\n[[documents]]\nkind = "stock"\ncounted = false\nid = "$.i"\ncounted_at = "$.a"\nsku = "$.s"\nwarehouse = "$.w"\nquantity = "$.q"\n'
    with pytest.raises(MappingInvalid, match="a receipt needs a version"):
        parse_json_mapping(text)
    versioned = f'{text}version = {{ number = "$.v" }}'
    receipt = {"i": "G1", "v": 2, "a": "2026-01-01", "s": "A", "w": "W", "q": 1}
    (event,) = parse_json_mapping(versioned).read_document(receipt).events
    assert (event.event_id, event.stock.id, event.stock.version) == ("stock:G1:2", "G1", 2)


def test_a_mapping_knows_whether_all_its_documents_have_versions() -> None:
    assert mapping().is_versioned
    assert not parse_json_mapping(unversioned()).is_versioned
