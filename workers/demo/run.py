"""``pointbook demo``: a year of retail orders through adapter, gRPC, inbox, workers, points, journal, ledger and reconciliation."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select, text

from accounting.balances import trial_balance
from accounting.chart import POINTS_CURRENCY, Account, chart_names
from accounting.ledger import LedgerWriter
from accounting.reconcile import reconcile
from accounting.render import KINDS
from accounting.reports import rollforward
from plugin.errors import Rejected, Unavailable
from plugin.money import format_minor
from plugin.program.tiers import tier_at
from plugin.store.books import Book, find_book, load_programs
from plugin.store.counts import inbox_counts
from plugin.store.members import read_tiers
from plugin.store.tables import member
from workers.demo.rewards import a_day_of_rewards
from workers.embedded import Embedded, running
from workers.handlers.books import Books
from workers.handlers.expire import expire_lots
from workers.settings import Settings
from workers.show.books import show_reconciliation, show_rollforward
from workers.show.output import FOUND_SOMETHING, console, print_json, print_table
from workers.telemetry import configure_logging, spare_garbage_collector
from workers.text import _

DATA = Path(__file__).parent / "data"
FIRST_DAY, LAST_DAY = date(2017, 1, 1), date(2018, 1, 1)
APPLY_SECONDS_MAX = 300.0
MARKER = "this folder belongs to pointbook demo"


def run_demo(settings: Settings, *, keep: bool, as_json: bool) -> int:
    """Runs the demonstration; returns the exit status: 0 when every reconciliation holds.

    Args:
        settings: The data folder; everything else is the demo's own.
        keep: Whether to go on with what an earlier demo left.
        as_json: Whether to print one JSON document instead of tables.
    """
    configure_logging("warning")
    folder = _fresh_folder(settings.data_dir / "demo", keep)
    own = settings.model_copy(
        update={
            "data_dir": folder,
            "listen": "127.0.0.1:0",
            "database_url": None,
            "broker_url": None,
        }
    )
    say: Callable[[str], None] = (lambda _message: None) if as_json else console.print
    began = time.monotonic()
    say(
        _(
            "[bold]Pointbook demo[/] in {folder}: PostgreSQL, server and workers in one process"
        ).format(folder=folder)
    )
    with running(own, (DATA / "program.toml").read_text()) as embedded:
        spare_garbage_collector()
        sent = [
            _backfill(embedded, folder, "members.toml", "members.csv"),
            _backfill(embedded, folder, "orders.toml", "orders.csv.xz", "returns.csv"),
        ]
        _wait_until_applied(embedded.engine)
        with embedded.engine.connect() as connection:
            book = find_book(connection, "demo")
        expired = expire_lots(embedded.engine, Books(), book.id, LAST_DAY)
        year = _year(embedded.engine, book, sent, expired)
        say(_("A day of rewards: today, over gRPC"))
        rewards = a_day_of_rewards(embedded.target, lambda: _wait_until_applied(embedded.engine))
        answer = year | _books(embedded, book)
        answer["rewards"] = {**rewards, "journal": _journal_of_today(embedded, book)}
    answer["seconds"] = round(time.monotonic() - began, 1)
    if as_json:
        print_json(answer)
    else:
        _show(answer, book)
    return 0 if answer["reconcile"]["holds"] else FOUND_SOMETHING


def _fresh_folder(folder: Path, keep: bool) -> Path:
    """Returns the demo's folder, emptied of what an earlier demo left; never another's."""
    marker = folder / ".pointbook-demo"
    if folder.exists() and not keep:
        if not marker.exists():
            raise Rejected(
                "FOLDER_NOT_OURS", f"{folder} exists and is no demo's; choose another --data-dir"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    marker.write_text(MARKER + "\n")
    return folder.resolve()


def _backfill(
    embedded: Embedded, folder: Path, mapping: str, path: str, returns: str = ""
) -> dict[str, Any]:
    """Sends files as an integrator would: with the CSV adapter, a program of its own that knows nothing but gRPC."""
    command = [
        *(sys.executable, "-m", "adapters", "backfill", "csv", "--json"),
        *("--config", str(DATA / mapping), "--path", str(DATA / path)),
        *("--target", embedded.target, "--spool", str(folder / "spool" / mapping)),
        *(("--returns", str(DATA / returns)) if returns else ()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 2 or not done.stdout:
        raise Unavailable(
            "BACKFILL_FAILED", f"the CSV adapter could not run: {done.stderr.strip()[-2000:]}"
        )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _wait_until_applied(engine: Engine) -> None:
    ends_at = time.monotonic() + APPLY_SECONDS_MAX
    while True:
        with engine.connect() as connection:
            if not inbox_counts(connection).waiting:
                return
        if time.monotonic() > ends_at:
            raise Unavailable("NOT_APPLIED", f"events still wait after {APPLY_SECONDS_MAX} s")
        time.sleep(0.1)


def _year(engine: Engine, book: Book, sent: list[dict[str, Any]], expired: int) -> dict[str, Any]:
    """Collects what is shown of the year of orders."""
    with engine.connect() as connection:
        counts = inbox_counts(connection)
        documents = {kind: n for one in sent for kind, n in one["documents"].items()}
        return {
            "came_in": {
                "rows": sum(one["rows_read"] for one in sent),
                "documents": documents,
                "received": counts.received,
                "applied": counts.applied,
                "parked": counts.parked,
            },
            "expired_lots": expired,
            "tiers": _points_by_tier(connection, book),
            "rollforward": rollforward(connection, book, FIRST_DAY, LAST_DAY).as_json(),
        }


def _books(embedded: Embedded, book: Book) -> dict[str, Any]:
    """Writes the ledger and collects what is shown of the books, the day of rewards included."""
    folder = embedded.settings.books_dir / book.code
    names = chart_names(embedded.settings.accounts)
    written = LedgerWriter(embedded.engine, book, folder, names).write(waits=True)
    with embedded.engine.connect() as connection:
        return {
            "trial_balance": trial_balance(connection, book, names).as_json(),
            "reconcile": reconcile(embedded.engine, book, folder, names).as_json(),
            "ledger": str(folder / "main.beancount"),
            "ledger_days": written.days,
        }


def _points_by_tier(connection: Connection, book: Book) -> list[dict[str, Any]]:
    """Sums accrued and open points by the tier members have at the end."""
    program = load_programs(connection, book.id)[-1]
    at = int(datetime(2018, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    accrued = text(
        "SELECT member_id, sum(points) FROM point_fact WHERE kind = 1 AND book_id = :book GROUP BY member_id"
    )
    gained = {row[0]: int(row[1]) for row in connection.execute(accrued, {"book": book.id})}
    rows = connection.execute(
        select(member.c.id, member.c.points).where(member.c.book_id == book.id)
    ).all()
    tiers = read_tiers(connection, [row.id for row in rows])
    sums = {tier: [0, 0, 0] for tier in program.tiers}
    for row in rows:
        line = sums[tier_at(tiers[row.id], at, program.first_tier)]
        line[0] += 1
        line[1] += gained.get(row.id, 0)
        line[2] += row.points
    return [
        {"tier": tier, "members": members, "accrued": accrued_points, "open": open_points}
        for tier, (members, accrued_points, open_points) in sums.items()
    ]


def _show(answer: dict[str, Any], book: Book) -> None:
    came_in = answer["came_in"]
    rows: list[Sequence[object]] = [(_("rows read from CSV"), came_in["rows"])]
    rows += [
        (_("documents: {kind}").format(kind=kind), n) for kind, n in came_in["documents"].items()
    ]
    rows += [
        (_("events received by gRPC"), came_in["received"]),
        (_("events applied"), came_in["applied"]),
        (_("events parked"), came_in["parked"]),
        (_("lots expired on 2018-01-01"), answer["expired_lots"]),
    ]
    print_table(_("What came in"), ("", ""), rows, numbers=(1,))
    tiers = [(t["tier"], t["members"], t["accrued"], t["open"]) for t in answer["tiers"]]
    print_table(
        _("Points by member tier"),
        (_("tier"), _("members"), _("accrued"), _("open now")),
        tiers,
        numbers=(1, 2, 3),
    )
    show_rollforward(answer["rollforward"], book)
    _show_rewards(answer["rewards"], book)
    balances = [
        (account, amount, currency)
        for account, amounts in answer["trial_balance"]["accounts"].items()
        for currency, amount in amounts.items()
    ]
    print_table(_("Trial balance"), (_("account"), _("balance"), ""), balances, numbers=(1,))
    show_reconciliation(answer["reconcile"])
    ledger = answer["ledger"]
    console.print(_("The Beancount ledger: {ledger}").format(ledger=ledger), soft_wrap=True)
    console.print(
        _("Open it in Fava:      {command}").format(command=fava_command(ledger)), soft_wrap=True
    )
    console.print(_("Done in {seconds} s.").format(seconds=answer["seconds"]))


def _journal_of_today(embedded: Embedded, book: Book) -> list[dict[str, Any]]:
    """Returns the entries of today without accruals: what redemption and stock posted, summed by kind and accounts."""
    names = chart_names(embedded.settings.accounts)
    with embedded.engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT kind, account, is_points, sum(quantity)::bigint AS quantity FROM posting"
                " WHERE book_id = :book AND accounting_on > :last AND kind <> 1"
                " GROUP BY 1, 2, 3 HAVING sum(quantity) <> 0"
                " ORDER BY min(min(entry_id)) OVER (PARTITION BY kind), 3, 4 DESC"
            ),
            {"book": book.id, "last": LAST_DAY},
        ).all()
    return [
        {
            "kind": KINDS[row.kind].narration,
            "account": names[Account(row.account)],
            "amount": str(row.quantity)
            if row.is_points
            else format_minor(row.quantity, book.currency_code),
            "currency": POINTS_CURRENCY if row.is_points else book.currency_code,
        }
        for row in rows
    ]


def _show_rewards(rewards: dict[str, Any], book: Book) -> None:
    print_table(
        _("A day of rewards"),
        (_("who"), _("what"), _("outcome"), _("spendable"), _("held")),
        [(s["who"], s["what"], s["outcome"], s["available"], s["held"]) for s in rewards["steps"]],
        numbers=(3, 4),
    )
    for when, title in (("before", _("Reward stock before")), ("after", _("Reward stock after"))):
        print_table(
            title,
            (_("SKU"), _("on hand"), _("reserved"), _("available"), book.currency_code),
            [
                (
                    level["sku"],
                    level["on_hand"],
                    level["reserved"],
                    level["available"],
                    format_minor(level["value_minor"], book.currency_code),
                )
                for level in rewards[f"stock_{when}"]
            ],
            numbers=(1, 2, 3, 4),
        )
    shown, before = [], ""
    for line in rewards["journal"]:
        kind = line["kind"] if line["kind"] != before else ""
        before = line["kind"]
        shown.append((kind, line["account"], line["amount"], line["currency"]))
    print_table(
        _("What redemption and stock posted"),
        (_("entries"), _("account"), _("amount"), ""),
        shown,
        numbers=(2,),
    )


def fava_command(ledger: str) -> str:
    """Returns the one line that opens a ledger in Fava, with what this installation has."""
    folder = Path(sys.executable).parent
    if (folder / "fava").exists():
        return f"{folder / 'fava'} {ledger}"
    if (folder / "uv").exists():
        return f"{folder / 'uv'} tool run fava {ledger}"
    return f"{sys.executable} -m pip install fava && {folder / 'fava'} {ledger}"
