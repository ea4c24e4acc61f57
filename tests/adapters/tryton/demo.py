"""``make demo-tryton``: a real Tryton and Pointbook side by side, the adapter between them, and people at work in both."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import grpc

from accounting.balances import trial_balance
from accounting.chart import chart_names
from accounting.ledger import LedgerWriter
from accounting.reconcile import reconcile
from plugin.store.books import find_book
from pointbook.v1 import (
    events_pb2,
    ledger_pb2,
    ledger_pb2_grpc,
    members_pb2,
    members_pb2_grpc,
    operations_pb2,
    operations_pb2_grpc,
    redemptions_pb2_grpc,
)
from pointbook.v1 import redemptions_pb2 as pb
from tests.adapters.conformance.shop import Sold
from tests.adapters.tryton.house import house
from tests.adapters.tryton.shop import SALE, TrytonShop, open_shop
from workers.embedded import Embedded, running
from workers.settings import Settings
from workers.show.books import show_reconciliation
from workers.show.output import console, print_table
from workers.telemetry import configure_logging

FOLDER = Path("pointbook-data") / "demo-tryton"
SOURCE = "tryton"
SECONDS_MAX = 60.0
COFFEE = Sold("COF-1000", Decimal(10), Decimal("24.50"))
PROGRAM = """
rewards = [
  { code = "mug", kind = "goods", name = "Mug", points = 100, sku = "MUG-01", warehouse = "WH" },
]
[book]
code = "shop"
currency = "EUR"
time_zone = "Europe/Berlin"
[program]
code = "points"
effective_from = 2020-01-01T00:00:00Z
[accrual]
trigger = "shipped"
unknown_member = "enrol"
[points]
unit_cost = "0.01"
[expiry]
kind = "months"
months = 24
[[rules]]
id = "base"
effect = { kind = "per_amount", points = 1, per = "1.00" }
"""
ADAPTER_FILE = """\
adapter = "tryton"
source = "{source}"

[pointbook]
address = "{target}"

[run]
interval_seconds = 0.5
spool = "{spool}"

[erp]
url = "{url}"
database = "{database}"
currency = "EUR"
warehouses = ["WH"]
skus = ["MUG-01"]
"""


class Story:
    """Tells what happens and waits until Pointbook has heard of it."""

    def __init__(self, shop: TrytonShop, target: str, channel: grpc.Channel) -> None:
        self.shop = shop
        self.target = target
        self.members = members_pb2_grpc.MemberServiceStub(channel)
        self.redemptions = redemptions_pb2_grpc.RedemptionServiceStub(channel)
        self.operations = operations_pb2_grpc.OperationsServiceStub(channel)
        self.ledger = ledger_pb2_grpc.LedgerServiceStub(channel)
        (party,) = shop.admin.rows("party.party", [["id", "=", shop.customer()]], ["code", "name"])
        self.name = party["name"]
        self.member = members_pb2.MemberSelector(
            source=SOURCE, member=events_pb2.MemberRef(external_id=party["code"])
        )
        self.rows: list[Sequence[object]] = []

    def balance(self) -> tuple[int, int]:
        """Returns the points a member has, and those that are held."""
        request = members_pb2.GetBalanceRequest(selector=self.member)
        try:
            found = self.members.GetBalance(request, timeout=SECONDS_MAX)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                return 0, 0  # the adapter has not told of the member yet
            raise
        return found.available, found.held

    def stock(self) -> int:
        """Returns the mugs on hand."""
        request = pb.GetStockRequest(sku="MUG-01")
        levels = self.redemptions.GetStock(request, timeout=SECONDS_MAX).levels
        return sum(int(level.on_hand) for level in levels)

    def has_order(self, number: str) -> bool:
        """Whether an order has arrived."""
        request = operations_pb2.ListDocumentsRequest(source=SOURCE, kind="order")
        found = self.operations.ListDocuments(request, timeout=SECONDS_MAX).documents
        return any(each.id == number for each in found)

    def redemption(self, redemption_id: str) -> pb.Redemption:
        """Returns a redemption as it stands."""
        request = pb.GetRedemptionRequest(redemption_id=redemption_id)
        found: pb.Redemption = self.redemptions.GetRedemption(
            request, timeout=SECONDS_MAX
        ).redemption
        return found

    def tell(self, who: str, what: str, holds: Callable[[], bool], outcome: str) -> None:
        """Waits until something holds in Pointbook, and notes the step down with how long that took."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > SECONDS_MAX:
                raise SystemExit(f"{who} {what}: not in Pointbook after {SECONDS_MAX:.0f} s")
            time.sleep(0.05)
        available, held = self.balance()
        seconds = f"{time.monotonic() - began:.1f}"
        self.rows.append((who, what, outcome, seconds, available, held, self.stock()))
        console.print(f"  [green]✓[/] {who} {what} [dim]({outcome}, {seconds} s)[/]")


def act(story: Story) -> None:
    """The day: a sale, two deliveries, a return, a reward."""
    shop = story.shop
    story.tell("the adapter", "reads what there is", lambda: story.stock() > 0, "stock is counted")
    number = shop.sell([COFFEE])
    story.tell(
        story.name,
        "buys 10 kg of coffee",
        lambda: story.has_order(number),
        f"sale {number}, nothing shipped yet",
    )
    shop.ship(number, {0: Decimal(6)})
    story.tell(
        "the warehouse", "ships 6", lambda: story.balance()[0] == 147, "147.00 are 147 points"
    )
    shop.ship(number)
    story.tell(
        "the warehouse", "ships the other 4", lambda: story.balance()[0] == 245, "245.00 are 245"
    )
    shop.take_back(number, {0: Decimal(1)})
    story.tell(
        story.name, "brings one back", lambda: story.balance()[0] == 220, "220.50 are 220: 25 less"
    )
    _reward(story)


def _reward(story: Story) -> None:
    before = story.stock()
    request = pb.RequestRedemptionRequest(
        selector=story.member, reward="mug", quantity=2, idempotency_key="demo", actor=story.name
    )
    made = story.redemptions.RequestRedemption(request, timeout=SECONDS_MAX).redemption
    key = made.redemption_id
    story.tell(
        story.name, "asks for two mugs", lambda: story.balance() == (20, 200), f"{key}, 200 held"
    )
    story.tell(
        "the adapter",
        "writes the sale in Tryton",
        lambda: story.redemption(key).status == "ordered",
        "priced 0.00, acknowledged",
    )
    sale = story.redemption(key).erp_order_id
    story.shop.redemption_ship(sale)
    story.tell(
        "the warehouse",
        f"ships sale {sale} in Tryton",
        lambda: story.redemption(key).status == "shipped" and story.stock() == before - 2,
        "stock deducted, points spent",
    )


def show(story: Story, embedded: Embedded, file: Path) -> bool:
    """Shows both sides; returns whether all reconciliations hold."""
    print_table(
        "One day in Tryton and in Pointbook",
        ("who", "does what", "outcome", "seconds", "points", "held", "mugs"),
        story.rows,
        numbers=(3, 4, 5, 6),
    )
    fields = ("number", "reference", "state", "shipment_state", "untaxed_amount", "origin")
    sales = [
        ["" if row[name] is None else row[name] for name in fields]
        for row in story.shop.admin.rows(SALE, [], fields)
    ]
    print_table("Sales in Tryton", [name.replace("_", " ") for name in fields], sales, numbers=(4,))
    entries = story.ledger.ListEntries(ledger_pb2.ListEntriesRequest(), timeout=SECONDS_MAX).entries
    postings = [
        (entry.kind, entry.order_id, posting.account, posting.amount, posting.currency_code)
        for entry in entries
        for posting in entry.postings
    ]
    print_table(
        "The journal", ("entry", "document", "account", "amount", ""), postings, numbers=(3,)
    )
    holds = _books(embedded)
    today = datetime.now(UTC).date()
    days = ("--from", f"{today - timedelta(days=1)}", "--until", f"{today + timedelta(days=2)}")
    compared = _adapter("reconcile", str(file), *days)
    console.print(compared.stdout, markup=False, highlight=False)
    return holds and compared.returncode == 0


def _books(embedded: Embedded) -> bool:
    with embedded.engine.connect() as connection:
        book = find_book(connection, "shop")
        names = chart_names(embedded.settings.accounts)
        balance = trial_balance(connection, book, names).as_json()
    folder = embedded.settings.books_dir / book.code
    LedgerWriter(embedded.engine, book, folder, names).write(waits=True)
    result = reconcile(embedded.engine, book, folder, names)
    rows = [
        (account, amount, currency)
        for account, amounts in balance["accounts"].items()
        for currency, amount in amounts.items()
    ]
    print_table("Trial balance", ("account", "balance", ""), rows, numbers=(1,))
    show_reconciliation(result.as_json())
    ledger = (folder / "main.beancount").resolve()
    console.print(f"The Beancount ledger: {ledger}", soft_wrap=True)
    return result.holds


def _adapter(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "adapters", *words]
    environment = {**os.environ, "COLUMNS": "120"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@contextmanager
def followed(file: Path) -> Iterator[None]:
    """Runs the adapter beside us, as an operator does."""
    with (file.parent / "adapter.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "adapters", "run", str(file)], stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def main() -> int:
    """Runs the demonstration; returns 0 when every reconciliation holds."""
    configure_logging("warning")
    began = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    console.print(
        "[bold]Tryton 8.2[/]: PostgreSQL, modules, a shop, a server (a minute the first time)"
    )
    house()
    settings = Settings(data_dir=FOLDER.resolve(), listen="127.0.0.1:0", work_threads=2)
    with open_shop() as shop, running(settings, PROGRAM) as embedded:
        console.print(f"  [green]✓[/] up after {time.monotonic() - began:.1f} s: {shop.server.url}")
        file = FOLDER / "tryton.toml"
        file.write_text(
            ADAPTER_FILE.format(
                source=SOURCE,
                target=embedded.target,
                spool=FOLDER.resolve() / "spool",
                url=shop.server.url,
                database=shop.server.database,
            )
        )
        console.print(f"[bold]pointbook-adapter check {file}[/]")
        console.print(_adapter("check", str(file)).stdout, markup=False, highlight=False)
        console.print(f"[bold]pointbook-adapter run {file}[/], and people at work")
        with followed(file), grpc.insecure_channel(embedded.target) as channel:
            story = Story(shop, embedded.target, channel)
            act(story)
            holds = show(story, embedded, file)
    if not holds:
        console.print("[bold red]A reconciliation breaks.[/]")
    console.print(f"Done in {time.monotonic() - began:.1f} s.")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
