"""People at work in a system that is read by configuration: ``tests.adapters.conformance.shop.Shop``.

The system numbers no document, so the mapping has no ``version``: the spool numbers what arrives.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from adapters.contract import Erp
from adapters.rest.adapter import Rest, open_erp
from adapters.settings import Running
from tests.adapters.conformance.shop import Abilities, Sold, Totals
from tests.adapters.generic import example
from tests.adapters.generic.fake_shop import TOKEN, FakeShop, running

CENT = Decimal("0.01")
ALWAYS = datetime(2026, 1, 1, tzinfo=UTC)
SINCE = "%Y-%m-%dT%H:%M:%S.%f%z"  # not cut to seconds, so that only the overlap finds late commits
TYPES = ("customer", "order", "parcel", "credit")  # in the order they are read
MAPPING = """
format = 1

[time]
zone = "Europe/Berlin"

[money]
currency = { constant = "EUR" }
amounts = "net"

[[documents]]
kind = "member"
when = [{ path = "$.type", equals = "customer" }]
id = "$.number"
joined_at = "$.joined"
display_name = "$.name"

[[documents]]
kind = "order"
when = [{ path = "$.type", equals = "order" }]
id = "$.number"
status = { path = "$.state", values = { open = "draft", paid = "confirmed", void = "cancelled" } }
ordered_at = "$.placed"
changed_at = "$.changed"
member = { path = "$.customer" }
[documents.line]
each = "$.lines[*]"
id = "@.no"
sku = "@.sku"
quantity = "@.qty"
amount = "@.net"
tax = { amount = "@.tax" }

[[documents]]
kind = "shipment"
when = [{ path = "$.type", equals = "parcel" }, { path = "$.reference", exists = false }]
id = "$.number"
shipped_at = "$.moved"
order_id = "$.of"
[documents.line]
each = "$.lines[*]"
id = "@.line"
quantity = "@.qty"

[[documents]]
kind = "redemption_shipment"
when = [{ path = "$.type", equals = "parcel" }, { path = "$.reference", exists = true }]
id = "$.number"
shipped_at = "$.moved"
redemption_id = "$.reference"
[documents.line]
each = "$.lines[*]"
id = "@.line"
quantity = "@.qty"

[[documents]]
kind = "return"
when = [{ path = "$.type", equals = "credit" }]
id = "$.number"
returned_at = "$.moved"
order_id = "$.of"
[documents.line]
each = "$.lines[*]"
id = "@.line"
quantity = "@.qty"
"""


class RestShop:
    """A shop on a system of its own.

    Args:
        fake: The system.
        folder: Where the mapping file and the adapter's spool are.
    """

    abilities = Abilities(tax_percent=Decimal(19), zone="Europe/Berlin")

    def __init__(self, fake: FakeShop, folder: Path) -> None:
        self.fake = fake
        self._folder = folder
        self._mapping = folder / "shop.toml"
        self._mapping.write_text(MAPPING)
        self._shift = timedelta()
        self._opened: list[Rest] = []
        self._insert("customer", "K-17", ALWAYS, name="Ada Berg", joined=_local(ALWAYS))

    def open(self, *, rows_per_page: int = 200, overlap: timedelta = timedelta(minutes=10)) -> Erp:
        """See ``Shop``."""
        run = Running(
            spool=self._folder / "spool",
            rows_per_page=rows_per_page,
            overlap_seconds=overlap.total_seconds(),
        )
        self._opened.append(open_erp(self._settings(), run))
        return self._opened[-1]

    def close(self) -> None:
        """Closes what was opened."""
        for rest in self._opened:
            rest.close()

    def sell(self, lines: Sequence[Sold], *, confirm: bool = True, on: date | None = None) -> str:
        """See ``Shop``."""
        now = self._now()
        placed = datetime.combine(on, time()).isoformat(" ") if on else _local(now)
        return self._insert(
            "order",
            f"SO-{self._next()}",
            now,
            state="paid" if confirm else "open",
            placed=placed,
            customer="K-17",
            lines=[_line(number, sold) for number, sold in enumerate(lines, 1)],
        )

    def confirm(self, order: str) -> None:
        """See ``Shop``."""
        self._update(order, self._now(), state="paid")

    def confirm_together(self, orders: Sequence[str]) -> Callable[[], None]:
        """See ``Shop``: stamped when it begins, seen when it ends."""
        began = self._now()

        def commit() -> None:
            for order in orders:
                self._update(order, began, state="paid")

        return commit

    def ship(self, order: str, quantities: Mapping[int, Decimal] | None = None) -> None:
        """See ``Shop``."""
        if quantities is None:
            quantities = dict(enumerate(self._unshipped(order)))
        self._move("parcel", quantities, of=order)

    def take_back(self, order: str, quantities: Mapping[int, Decimal]) -> None:
        """See ``Shop``."""
        self._move("credit", quantities, of=order)

    def cancel(self, order: str) -> None:
        """See ``Shop``."""
        self._update(order, self._now(), state="void")

    def amend(self, order: str, quantities: Mapping[int, Decimal]) -> str:
        """See ``Shop``: whatever changes about an order, its stamp moves."""
        lines = [dict(line) for line in self._row(order)["lines"]]
        for index, quantity in quantities.items():
            net = Decimal(lines[index]["net"]) * quantity / Decimal(lines[index]["qty"])
            lines[index] |= {"qty": str(quantity), **_amounts(net)}
        self._update(order, self._now(), lines=lines)
        return order

    def unapprove(self, order: str) -> None:
        """See ``Shop``."""
        self._update(order, self._now(), state="open")

    def totals(self, order: str) -> Totals:
        """See ``Shop``."""
        lines = self._row(order)["lines"]
        net, tax = (
            sum((Decimal(line[name]) for line in lines), Decimal(0)) for name in ("net", "tax")
        )
        return Totals(net, tax)

    def touch(self, order: str) -> None:
        """See ``Shop``: somebody writes a note."""
        self._update(order, self._now(), note="call before delivery")

    def set_clock(self, shift: timedelta) -> None:
        """See ``Shop``."""
        self._shift = shift

    def redemption_ship(self, order: str) -> None:
        """See ``Shop``."""
        said = self.fake.orders[order]
        goods = {index: Decimal(line["qty"]) for index, line in enumerate(said["lines"])}
        self._move("parcel", goods, reference=said["reference"])

    def _settings(self) -> dict[str, Any]:
        """Returns table ``[erp]``; redemptions are written as the document says."""
        return {
            "url": self.fake.url,
            "auth": {"scheme": "bearer", "token_env": "SHOP_TOKEN"},
            "mapping": self._mapping,
            "endpoints": [_endpoint(each) for each in TYPES],
            "write_back": _documented()["write_back"],
        }

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._shift

    def _next(self) -> int:
        return len(self.fake.rows) + 1

    def _insert(self, kind: str, number: str, at: datetime, **values: Any) -> str:
        key = self._next()
        row = {"id": key, "type": kind, "number": number, "changed": at.isoformat()}
        self.fake.rows[key] = row | values
        return number

    def _update(self, order: str, at: datetime, **values: Any) -> None:
        self._row(order).update(values, changed=at.isoformat())

    def _row(self, order: str) -> dict[str, Any]:
        return self.fake.rows[int(order.removeprefix("SO-"))]

    def _unshipped(self, order: str) -> list[Decimal]:
        left = {line["no"]: Decimal(line["qty"]) for line in self._row(order)["lines"]}
        for row in self.fake.rows.values():
            if row["type"] == "parcel" and row.get("of") == order:
                for line in row["lines"]:
                    left[line["line"]] -= Decimal(line["qty"])
        return list(left.values())

    def _move(self, kind: str, quantities: Mapping[int, Decimal], **values: Any) -> None:
        now = self._now()
        lines = [
            {"line": index + 1, "qty": str(quantity)}
            for index, quantity in quantities.items()
            if quantity > 0
        ]
        number = f"{kind[0].upper()}-{self._next()}"
        self._insert(kind, number, now, moved=_local(now), lines=lines, **values)


def _endpoint(kind: str) -> dict[str, Any]:
    return {
        "name": f"{kind}s",
        "path": "/rows",
        "params": {"type": kind, "since": "{since}", "after": "{after}", "rows": "{rows}"},
        "items": "$.data[*]",
        "paging": "key",
        "key": "@.id",
        "stamp": "@.changed",
        "since": SINCE,
        "short_page_is_last": True,
        "ok": {"path": "$.code", "equals": 0},
    }


def _documented() -> dict[str, Any]:
    """Returns table ``[erp]`` of the document."""
    text = next(block for block in example.blocks("toml") if 'adapter = "rest"' in block)
    erp: dict[str, Any] = tomllib.loads(text)["erp"]
    return erp


def _local(at: datetime) -> str:
    """Days are written in the shop's zone and do not say so; the mapping does."""
    return at.astimezone(ZoneInfo(RestShop.abilities.zone)).strftime("%Y-%m-%d %H:%M:%S")


def _line(number: int, sold: Sold) -> dict[str, Any]:
    net = sold.quantity * sold.price * (100 - sold.discount) / 100
    return {"no": number, "sku": sold.sku, "qty": str(sold.quantity), **_amounts(net)}


def _amounts(net: Decimal) -> dict[str, str]:
    """The system rounds each line, and its tax, to cents."""
    rounded = net.quantize(CENT, ROUND_HALF_UP)
    tax = (rounded * RestShop.abilities.tax_percent / 100).quantize(CENT, ROUND_HALF_UP)
    return {"net": str(rounded), "tax": str(tax)}


@contextmanager
def open_shop() -> Iterator[RestShop]:
    """Opens a shop of its own, with its own system."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch, running() as fake:
        patch.setenv("SHOP_TOKEN", TOKEN)
        shop = RestShop(fake, Path(folder))
        try:
            yield shop
        finally:
            shop.close()
