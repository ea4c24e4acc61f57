"""Counts what the demo's files must give, from the files alone.

Standard library, nothing of Pointbook, nothing of make_slice: a second opinion.

Usage: ``python known_answers.py``.
"""

import collections
import csv
import datetime as dt
import decimal
import hashlib
import lzma
import pathlib
import sys

FACTOR_IN_QUARTERS = {"basic": 4, "silver": 5, "gold": 6}


def main() -> None:
    here = pathlib.Path(__file__).parents[2] / "workers" / "demo" / "data"
    content = lzma.decompress((here / "orders.csv.xz").read_bytes())
    lines = list(csv.DictReader(content.decode().splitlines()))
    members = list(csv.DictReader((here / "members.csv").open(newline="")))
    returned = list(csv.DictReader((here / "returns.csv").open(newline="")))

    tier_from = {m["household_id"]: (m["tier"], instant(m["tier_from"])) for m in members}
    total: dict[str, int] = collections.Counter()
    head: dict[str, dict[str, str]] = {}
    by_line: dict[tuple[str, str], dict[str, str]] = {}
    for line in lines:
        basket = line["basket_id"]
        total[basket] += to_cents(line["amount"])
        head.setdefault(basket, line)
        key = (basket, line["line"])
        assert key not in by_line
        by_line[key] = line
    tier_of = {}
    for basket, line in head.items():
        tier, since = tier_from[line["household_id"]]
        tier_of[basket] = tier if instant(line["transaction_timestamp"]) >= since else "basic"
    issued = {basket: points(total[basket], tier_of[basket]) for basket in head}

    left = dict(total)
    pieces_left = {key: int(line["quantity"]) for key, line in by_line.items()}
    cents_left = {key: to_cents(line["amount"]) for key, line in by_line.items()}
    reversed_by = []
    in_order = sorted(returned, key=lambda row: (instant(row["returned_at"]), row["return_id"]))
    for row in in_order:
        basket, key = row["basket_id"], (row["basket_id"], row["line"])
        assert instant(row["returned_at"]) > instant(head[basket]["transaction_timestamp"])
        pieces_left[key] -= int(row["quantity"])
        cents_left[key] -= to_cents(row["amount"])
        assert pieces_left[key] >= 0
        assert cents_left[key] >= 0
        before = points(left[basket], tier_of[basket])
        left[basket] -= to_cents(row["amount"])
        reversed_by.append(before - points(left[basket], tier_of[basket]))

    say("sha256 of orders.csv", hashlib.sha256(content).hexdigest())
    say("lines", len(lines))
    say("baskets", len(head))
    say("households", len({line["household_id"] for line in lines}))
    say("stores", len({line["store_id"] for line in lines}))
    say("products", len({line["product_id"] for line in lines}))
    say("first basket", min((line["transaction_timestamp"] for line in lines), key=instant))
    say("last basket", max((line["transaction_timestamp"] for line in lines), key=instant))
    say("days with a basket", len({line["transaction_timestamp"][:10] for line in lines}))
    say("total amount", dollars(sum(total.values())))
    say("total discount", dollars(sum(to_cents(line["discount"]) for line in lines)))
    say("lines of amount 0.00", sum(line["amount"] == "0.00" for line in lines))
    say("lines of quantity 0", sum(line["quantity"] == "0" for line in lines))
    paid_nothing = [x for x in lines if x["quantity"] == "0" and x["amount"] != "0.00"]
    say("lines of quantity 0 with an amount", len(paid_nothing))
    say("baskets of total 0.00", sum(not amount for amount in total.values()))
    say("baskets worth no point", sum(not amount for amount in issued.values()))
    lines_of = collections.Counter(line["basket_id"] for line in lines)
    say("lines in the largest basket", max(lines_of.values()))
    for tier in FACTOR_IN_QUARTERS:
        of = [basket for basket in head if tier_of[basket] == tier]
        say(f"{tier}: households", sum(m["tier"] == tier for m in members))
        say(f"{tier}: baskets", len(of))
        say(f"{tier}: amount", dollars(sum(total[basket] for basket in of)))
        say(f"{tier}: points issued", sum(issued[basket] for basket in of))
    say("points issued", sum(issued.values()))
    say("points of the base rule alone", sum(amount // 100 for amount in total.values()))
    say("returns", len(returned))
    say("baskets with a return", len({row["basket_id"] for row in returned}))
    say("amount returned", dollars(sum(to_cents(row["amount"]) for row in returned)))
    say("returns that take no point", sum(not taken for taken in reversed_by))
    say("points reversed", sum(reversed_by))
    say("points left", sum(issued.values()) - sum(reversed_by))
    months: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0, 0, 0])
    for basket, line in head.items():
        month = months[line["transaction_timestamp"][:7]]
        month[0] += 1
        month[1] += total[basket]
        month[2] += issued[basket]
    for row, taken in zip(in_order, reversed_by, strict=True):
        months[row["returned_at"][:7]][3] += taken
    say("month", "baskets | amount | points issued | points reversed")
    for name, (baskets, amount, given, taken) in sorted(months.items()):
        say(name, f"{baskets} | {dollars(amount)} | {given} | {taken}")


def points(cents: int, tier: str) -> int:
    """1 per whole dollar, rounded down; times the tier's factor, rounded down again."""
    return cents // 100 * FACTOR_IN_QUARTERS[tier] // 4


def to_cents(text: str) -> int:
    scaled = decimal.Decimal(text) * 100
    assert scaled == int(scaled)
    assert scaled >= 0
    return int(scaled)


def dollars(cents: int) -> str:
    return str(decimal.Decimal(cents).scaleb(-2))


def instant(text: str) -> dt.datetime:
    found = dt.datetime.fromisoformat(text)
    assert found.tzinfo is not None
    return found


def say(what: str, value: object) -> None:
    sys.stdout.write(f"{what}: {value}\n")


if __name__ == "__main__":
    main()
