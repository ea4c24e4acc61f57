"""What is measured: each source with as many documents as asked for, and the adapter that reads it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

from adapters.contract import Adapter, Change
from adapters.erpnext.adapter import open_erp as open_erpnext
from adapters.json_mapping.mapping import JsonMapping
from adapters.json_mapping.refused import as_body
from adapters.json_mapping.values import parse_json
from adapters.odoo.adapter import open_erp as open_odoo
from adapters.registry import Opener
from adapters.rest.adapter import open_erp as open_rest
from adapters.settings import Running
from adapters.table.adapter import TableAdapter
from adapters.table.grouping import RowError
from adapters.table.mapping import FileName, load_mapping
from adapters.tryton.adapter import open_erp as open_tryton
from tests.adapters.bench import replayed
from tests.adapters.bench.elsewhere import Server, elsewhere, processor_seconds
from tests.adapters.erpnext.fake import KEY as ERPNEXT_KEY
from tests.adapters.erpnext.fake import SECRET as ERPNEXT_SECRET
from tests.adapters.generic import example
from tests.adapters.generic.fake_shop import TOKEN
from tests.adapters.odoo.fake import SECRET_ENV as ODOO_SECRET_ENV
from tests.adapters.odoo.server import SECRET as ODOO_SECRET
from tests.adapters.tryton.shop import SALE, SHIPMENT, TrytonShop, open_shop

TABLES = Path(__file__).parents[3] / "workers" / "demo" / "data"
SECRETS = {
    "ERPNEXT_API_KEY": ERPNEXT_KEY,
    "ERPNEXT_API_SECRET": ERPNEXT_SECRET,
    ODOO_SECRET_ENV: ODOO_SECRET,
    "SHOP_TOKEN": TOKEN,
}
SALES_PER_CALL = 100  # one call of Tryton's is one transaction


@dataclass(frozen=True, slots=True)
class Opened:
    """A source that is ready to be read.

    Attributes:
        open: Opens an adapter that asks for so many rows at once, and keeps what is refused in a folder.
        holds: How many documents of some kinds it has.
        spent: Seconds of processor time that the source has spent; None when it runs in the adapter's process.
        is_erp: Whether it is an ERP that is followed, not a table that is sent.
    """

    open: Callable[[int, Path], Adapter]
    holds: Mapping[str, int]
    spent: Callable[[], float] | None = None
    is_erp: bool = True


Source = Callable[[int], AbstractContextManager[Opened]]
"""Opens a source with about so many documents."""


@dataclass(frozen=True, slots=True)
class First:
    """The first documents of an adapter. See ``adapters.contract.Adapter``."""

    adapter: Adapter
    documents: int

    def changes(self, cursor: str) -> Iterator[Change]:
        """Yields them."""
        return islice(self.adapter.changes(cursor), self.documents)


@dataclass(frozen=True, slots=True)
class Bodies:
    """JSON texts of one order each, read with a mapping file. See ``adapters.contract.Adapter``."""

    mapping: JsonMapping
    bodies: list[bytes]

    def changes(self, cursor: str) -> Iterator[Change]:
        """Yields what they hold, from the beginning."""
        for number, body in enumerate(self.bodies):
            for read in self.mapping.read(parse_json(body)):
                yield from (Change(event, str(number)) for event in read.events)


@contextmanager
def csv(documents: int) -> Iterator[Opened]:
    """Opens the demo's table: baskets of a supermarket, nine lines each on average."""
    paths: dict[FileName, Path] = {
        "main": TABLES / "orders.csv.xz",
        "returns": TABLES / "returns.csv",
    }

    def opened(_rows: int, _folder: Path) -> Adapter:
        table = TableAdapter(load_mapping(TABLES / "orders.toml"), paths, _complain)
        return First(table, documents)

    yield Opened(opened, {}, is_erp=False)


def _complain(error: RowError) -> None:
    raise AssertionError(f"row {error.row} of the demo's table: {error.message}")


@contextmanager
def json(documents: int) -> Iterator[Opened]:
    """Opens bodies of docs/any-system.md, as an outbox or a queue would hand them over."""
    bodies = [as_body(replayed.body(number)) for number in range(documents)]

    def opened(_rows: int, _folder: Path) -> Adapter:
        return Bodies(example.mapping(), bodies)

    yield Opened(opened, {"order": documents}, is_erp=False)


@contextmanager
def rest(documents: int) -> Iterator[Opened]:
    """Opens a shop with a REST API, read by configuration, page by page."""
    with elsewhere(replayed.rest, documents) as shop:
        endpoint = {
            "name": "rows",
            "path": "/rows",
            "items": "$.data[*]",
            "paging": "key",
            "params": {"after": "{after}", "rows": "{rows}", "since": "{since}"},
            "key": "@.id",
            "stamp": "@.changed",
        }

        def opened(rows: int, folder: Path) -> Adapter:
            (folder / "shop.toml").write_text(example.MAPPING)
            settings = {
                "url": shop.said,
                "auth": {"scheme": "bearer", "token_env": "SHOP_TOKEN"},
                "mapping": folder / "shop.toml",
                "endpoints": [endpoint],
            }
            return _opened(open_rest, settings, rows, folder)

        yield Opened(opened, {"order": documents}, shop.spent)


def _replayed(server: Server, opener: Opener, *args: Any) -> Source:
    @contextmanager
    def source(documents: int) -> Iterator[Opened]:
        sales = max(documents // 2, 1)
        with elsewhere(server, *args, sales) as erp:
            opened = partial(_opened, opener, erp.said)
            yield Opened(opened, {"order": sales, "shipment": sales}, erp.spent)

    return source


@contextmanager
def tryton(documents: int) -> Iterator[Opened]:
    """Opens a real Tryton with sales, all of them shipped."""
    sales = max(documents // 2, 1)
    with open_shop() as shop:
        sell(shop, sales)
        assert shop.server.process is not None
        pids = [shop.server.process.pid, shop.house.postgres.pid or 0]
        opened = partial(_opened, open_tryton, shop.settings())
        yield Opened(opened, {"order": sales, "shipment": sales}, lambda: processor_seconds(*pids))


def sell(shop: TrytonShop, sales: int) -> None:
    """Makes one sale, copies it, and ships all, many with each call: one by one they would take many times as long."""
    made = [shop.sale(shop.sell(replayed.GOODS, confirm=False))]
    shop.admin.press(SALE, "draft", *made)
    while len(made) < sales:
        made += shop.admin.call(SALE, "copy", made[: sales - len(made)])
    for start in range(0, sales, SALES_PER_CALL):
        some = made[start : start + SALES_PER_CALL]
        for button in ("quote", "confirm"):
            shop.admin.press(SALE, button, *some)
        rows = shop.admin.rows(SALE, [["id", "in", some]], ["shipments"])
        shipments = [number for row in rows for number in row["shipments"]]
        for button in ("wait", "assign_try", "pick", "pack", "do"):
            shop.admin.press(SHIPMENT, button, *shipments)


def _opened(opener: Opener, settings: dict[str, Any], rows: int, folder: Path) -> Adapter:
    with patch.dict(os.environ, SECRETS):
        return opener(settings, Running(rows_per_page=rows, spool=folder))


SOURCES: dict[str, Source] = {
    "csv": csv,
    "json": json,
    "rest": rest,
    "erpnext": _replayed(replayed.erpnext, open_erpnext),
    "odoo-17": _replayed(replayed.odoo, open_odoo, "17", "jsonrpc"),
    "odoo-19": _replayed(replayed.odoo, open_odoo, "19", "json2"),
    "tryton": tryton,
}
