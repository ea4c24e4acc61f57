"""Checks a ledger with Beancount, and more strictly than Beancount does. A program of its own: ``python -m accounting.check FILE``.

Licence: Beancount is GPL-2.0-only. This file is the only one of the project that imports it. It runs as a separate process, reads the
text files we write and answers in JSON; it imports nothing else of ours, and nothing of ours imports it. In particular, no module
that imports psycopg (LGPL-3), dramatiq (LGPL-3) or grpcio (Apache-2.0) imports Beancount.

Checked: everything ``bean-check`` checks, without its cache, every error fatal; then: every transaction sums to exactly zero in every
currency (Beancount allows a tolerance), no amount is left out, there is no cost and no price, no directive that we do not write, every
entry is there once, and what a day's file says about its entries and its detail is so.

Answer, on standard output::

    {"file": "…/main.beancount", "holds": true, "errors": [], "transactions": 24, "entries": 9000,
     "accounts": {"Liabilities:Loyalty:Points": {"CNY": "-80.00"}},
     "days": {"2026-11-23": {"entries": 9000, "sha256": "…", "chain": "…",
                             "accounts": {"Liabilities:Loyalty:Points": {"CNY": "-80.00"}}}}}

``accounts`` holds balances that are not zero. Exit status: 0 holds, 1 does not, 2 could not run.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

from beancount import loader
from beancount.core import data

ERRORS_MAX = 1_000
"""More errors than this are not reported one by one."""

_WRITTEN = (data.Open, data.Commodity, data.Transaction, data.Balance, data.Custom)
_DAY = "pointbook-day"
_Balances = dict[str, dict[str, Decimal]]


@dataclass(slots=True)
class _Day:
    """What one accounting day's summary file says and sums to."""

    entries: int = 0
    sha256: str = ""
    chain: str = ""
    summarised: int = 0
    balances: _Balances = field(default_factory=lambda: defaultdict(lambda: defaultdict(Decimal)))


@dataclass(slots=True)
class Findings:
    """What reading a file found."""

    file: Path
    errors: list[str] = field(default_factory=list)
    transactions: int = 0
    entries: int = 0
    balances: _Balances = field(default_factory=lambda: defaultdict(lambda: defaultdict(Decimal)))
    days: dict[str, _Day] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def as_json(self) -> dict[str, Any]:
        """Returns the answer."""
        return {
            "file": str(self.file),
            "holds": not self.errors,
            "errors": self.errors[:ERRORS_MAX],
            "transactions": self.transactions,
            "entries": self.entries,
            "accounts": _written(self.balances),
            "days": {
                day: {
                    "entries": found.entries,
                    "sha256": found.sha256,
                    "chain": found.chain,
                    "accounts": _written(found.balances),
                }
                for day, found in sorted(self.days.items())
            },
        }


def check_file(path: Path) -> Findings:
    """Checks one file and what it includes: a main file, or one day's detail."""
    loader.initialize(use_cache=False)
    directives, errors, _ = loader.load_file(str(path))
    findings = Findings(path, [_located(error.source, error.message) for error in errors])
    for directive in directives:
        if not isinstance(directive, _WRITTEN):
            findings.errors.append(
                _located(directive.meta, f"{type(directive).__name__} is not what we write")
            )
        elif isinstance(directive, data.Transaction):
            findings.errors += _check_transaction(directive, findings)
        elif isinstance(directive, data.Custom):
            findings.errors += _check_day(directive, findings)
    findings.errors += _check_sums(findings)
    return findings


def check_detail(main: Path, findings: Findings) -> None:
    """Checks every detail file below a main file's folder, and that details sum to the summary of their day."""
    for day, summary in sorted(findings.days.items()):
        balances: _Balances = defaultdict(lambda: defaultdict(Decimal))
        entries = 0
        for part in detail_parts(main.parent, day):
            found = check_file(part)
            findings.errors += [f"{part.name}: {error}" for error in found.errors]
            entries += found.entries
            for account, currency, number in _flat(found.balances):
                balances[account][currency] += number
        if entries != summary.entries:
            findings.errors.append(
                f"{day}: the detail has {entries} entries, the summary {summary.entries}"
            )
        if _written(balances) != _written(summary.balances):
            findings.errors.append(f"{day}: the detail does not sum to the summary")


def detail_parts(folder: Path, day: str) -> list[Path]:
    """Returns a day's detail files that exist: ``detail/2026/11/23.beancount``, ``23-2.beancount``, …"""
    year, month, number = day.split("-")
    parts: list[Path] = []
    while True:
        suffix = f"-{len(parts) + 1}" if parts else ""
        path = folder / "detail" / year / month / f"{number}{suffix}.beancount"
        if not path.exists():
            return parts
        parts.append(path)


def _check_transaction(transaction: data.Transaction, findings: Findings) -> Iterator[str]:
    findings.transactions += 1
    day = findings.days.setdefault(transaction.date.isoformat(), _Day())
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for posting in transaction.postings:
        if posting.meta is None or "__automatic__" in posting.meta or posting.units is None:
            yield _located(transaction.meta, f"an amount is left out on {posting.account}")
            continue
        if posting.cost is not None or posting.price is not None:
            yield _located(transaction.meta, f"a cost or price on {posting.account}")
        number, currency = posting.units
        assert number is not None
        sums[currency] += number
        findings.balances[posting.account][currency] += number
        day.balances[posting.account][currency] += number
    for currency, total in sums.items():
        if total != 0:
            yield _located(transaction.meta, f"sums to {total} {currency}, not exactly to zero")
    yield from _check_identity(transaction, day, findings)


def _check_identity(transaction: data.Transaction, day: _Day, findings: Findings) -> Iterator[str]:
    """A detail transaction names its entry, which is there once; a summary says how many it sums."""
    entry, entries = transaction.meta.get("entry"), transaction.meta.get("entries")
    if entry is not None:
        findings.entries += 1
        if entry in findings.seen:
            yield _located(transaction.meta, f"entry {entry} is there twice")
        findings.seen.add(entry)
    elif isinstance(entries, Decimal) and entries == int(entries) and entries > 0:
        findings.entries += int(entries)
        day.summarised += int(entries)
    else:
        yield _located(transaction.meta, "names neither its entry nor how many it sums")


def _check_day(directive: data.Custom, findings: Findings) -> Iterator[str]:
    day = findings.days.setdefault(directive.date.isoformat(), _Day())
    if directive.type != _DAY or day.sha256 or len(directive.values) != 1:
        yield _located(directive.meta, f"custom {directive.type!r} is not what we write here")
        return
    day.entries = int(directive.values[0].value)
    day.sha256 = str(directive.meta.get("sha256", ""))
    day.chain = str(directive.meta.get("chain", ""))


def _check_sums(findings: Findings) -> Iterator[str]:
    """Summaries count what their day says, and the detail on disk is the one that was summed."""
    for day, found in sorted(findings.days.items()):
        if not found.sha256:
            continue
        if found.summarised != found.entries:
            yield f"{day}: summaries count {found.summarised} entries, the day says {found.entries}"
        parts = detail_parts(findings.file.parent, day)
        if _sha256(parts) != found.sha256:
            yield f"{day}: the detail is not the one the summary was made from (sha256 differs)"


def _sha256(paths: Iterable[Path]) -> str:
    digest = sha256()
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def _flat(balances: _Balances) -> Iterator[tuple[str, str, Decimal]]:
    for account, currencies in balances.items():
        for currency, number in currencies.items():
            yield account, currency, number


def _written(balances: _Balances) -> dict[str, dict[str, str]]:
    written: dict[str, dict[str, str]] = {}
    for account, currency, number in sorted(_flat(balances)):
        if number:
            written.setdefault(account, {})[currency] = f"{number:f}"
    return written


def _located(meta: Any, message: str) -> str:
    name = Path(str(meta.get("filename", "?"))).name if meta else "?"
    return f"{name}:{meta.get('lineno', 0) if meta else 0}: {message}"


def main(arguments: list[str] | None = None) -> int:
    """Runs the check; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m accounting.check", description=__doc__.split("\n")[0]
    )
    parser.add_argument("file", type=Path, help="main.beancount, or a day's detail file")
    parser.add_argument(
        "--details",
        action="store_true",
        help="also every detail file (slow: 9,000 entries a second)",
    )
    options = parser.parse_args(arguments)
    if not options.file.is_file():
        sys.stderr.write(f"{options.file} is not there\n")
        return 2
    findings = check_file(options.file)
    if options.details:
        check_detail(options.file, findings)
    json.dump(findings.as_json(), sys.stdout, ensure_ascii=False)
    return 0 if not findings.errors else 1


if __name__ == "__main__":
    sys.exit(main())
