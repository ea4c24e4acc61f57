"""Mapping files: strict, and every mistake named with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.table import mappings
from adapters.table.mapping import Constant, MappingInvalid, RowNumber, load_mapping, parse_mapping

SMALL = """
format = 1
source = "shop"
[money]
currency = { constant = "EUR" }
exponents = { EUR = 2 }
[[documents]]
kind = "order"
id = ["No"]
time = "Date"
status = "completed"
[documents.line]
amount = "Net"
"""


def test_a_small_mapping_has_these_defaults() -> None:
    mapping = parse_mapping(SMALL)
    order = mapping.documents[0]
    assert order.kind == "order"
    assert order.line.id == RowNumber(row_number=True)
    assert order.version == Constant(constant="1")
    assert order.member is None
    form = mapping.file_format("main")
    assert (form.encoding, form.delimiter, form.decimal, form.time_zone) == (
        "utf-8",
        ",",
        ".",
        "UTC",
    )
    assert mapping.names() == ["main"]


def test_a_file_without_a_table_is_written_like_the_main_one() -> None:
    mapping = parse_mapping(SMALL + '[files.main]\ndelimiter = ";"\n')
    assert mapping.file_format("returns").delimiter == ";"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("amount =", "amout =", "documents.0.order.line.amout: Extra inputs"),
        ('id = ["No"]', "id = []", "documents.0.order.id: List should have at least 1"),
        ('"completed"', '"done"', "documents.0.order.status"),
        ('"order"', '"invoice"', "documents.0: Input tag 'invoice'"),
        ("EUR = 2", "EUR = 2.0", "money.exponents.EUR: Input should be a valid integer"),
        ("EUR = 2", "EUR = 9", "money.exponents.EUR: Input should be less than"),
        ("format = 1", "format = 2", "format: Input should be 1"),
        ('"shop"', '"a shop"', "source: String should match"),
        ("[money]", '[files.main]\nencoding = "utf-9"\n[money]', "no encoding is called 'utf-9'"),
        ("[money]", '[files.main]\ntime_zone = "Mars/Base"\n[money]', "no time zone is called"),
        ("[money]", '[files.main]\ndecimal = ","\nthousands = ","\n[money]', "must differ"),
        ("time =", 'when = [{ column = "A" }]\ntime =', "needs equals, one_of, prefix or empty"),
        ("[money]", "[money", "is not TOML"),
        ('"order"', '"shipment"', "documents.0.shipment.order_id: Field required"),
    ],
)
def test_a_mistake_is_named_with_its_place(before: str, after: str, told: str) -> None:
    with pytest.raises(MappingInvalid) as caught:
        parse_mapping(SMALL.replace(before, after, 1))
    assert told in str(caught.value)


def test_orders_need_to_know_their_money() -> None:
    start, end = SMALL.index("[money]"), SMALL.index("[[documents]]")
    with pytest.raises(MappingInvalid, match="need a \\[money\\] table"):
        parse_mapping(SMALL[:start] + SMALL[end:])


def test_a_missing_mapping_is_told(tmp_path: Path) -> None:
    with pytest.raises(MappingInvalid, match=r"none\.toml"):
        load_mapping(tmp_path / "none.toml")


def test_every_mapping_we_ship_is_valid() -> None:
    folder = Path(next(iter(mappings.__path__)))
    shipped = sorted(folder.glob("*.toml"))
    assert shipped
    assert [load_mapping(path).format for path in shipped] == [1] * len(shipped)
