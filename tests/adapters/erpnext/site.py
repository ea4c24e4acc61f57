"""A small ERPNext: documents, what submitting and cancelling does to them, and lists. No HTTP.

Its answers are copies of recorded ones with other values, so that they have the recorded shape.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tests.adapters.erpnext import strict

BERLIN = ZoneInfo("Europe/Berlin")
COMPANY, WAREHOUSE = "Points Ltd", "Stores - PL"
ORDER, NOTE, BIN, ITEM, CUSTOMER = "Sales Order", "Delivery Note", "Bin", "Item", "Customer"
SERIES = {ORDER: "SAL-ORD", NOTE: "MAT-DN"}
CENT = Decimal("0.01")
Document = dict[str, Any]

SHAPES: dict[str, Document] = {
    ORDER: strict.answer("cancel", "POST /api/resource/Sales Order"),
    NOTE: strict.answer("return", "POST /api/resource/Delivery Note"),
    CUSTOMER: strict.answer("loyalty", "POST /api/resource/Customer"),
    ITEM: strict.answer("seed", "POST /api/resource/Item"),
    BIN: strict.answer("bin")[0],
}
for _shape in (SHAPES[ORDER], SHAPES[NOTE]):
    _shape["line"] = _shape["items"][0]
    _shape["items"] = []
SHAPES[NOTE] |= {"is_return": 0, "return_against": None}
SHAPES[NOTE]["line"] |= {"dn_detail": None}
SHAPES[ORDER] |= {"po_no": None, "amended_from": None}


class Refused(Exception):
    """What Frappe answers with an error.

    Attributes:
        status: HTTP status.
        body: The answer.
    """

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {
            "exception": f"frappe.exceptions.{kind}: {message}",
            "exc_type": kind,
            "exc": '["Traceback (most recent call last):\\n  File \\"apps/frappe/frappe/app.py\\""]',
        }


@dataclass
class Site:
    """One site with one company.

    Attributes:
        kept: Documents by doctype and name, as committed.
        shift: How far the site's clock is off.
        lock: Held by whoever reads or writes.
    """

    kept: dict[str, dict[str, Document]] = field(default_factory=dict)
    shift: timedelta = timedelta()
    lock: threading.RLock = field(default_factory=threading.RLock)
    _numbers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.kept = {doctype: {} for doctype in (*SHAPES, "Company")}
        company = strict.answer("seed", "GET /api/resource/Company")[0]
        self.kept["Company"][COMPANY] = company
        for sku, group, rate in (
            ("COF-250", "Products", 7.9),
            ("COF-1000", "Products", 24.5),
            ("MUG-01", "Products", 9.99),
            ("DELIV", "Products", 4.9),
        ):
            values = {
                "item_code": sku,
                "item_name": sku,
                "item_group": group,
                "standard_rate": rate,
            }
            self._keep(ITEM, sku, values)
            if sku != "DELIV":  # a service, which no warehouse holds
                self._keep(BIN, f"bin-{sku}", {"item_code": sku, "actual_qty": 10_000.0})
        for number in range(3):
            name = f"Customer {number:03}"
            self._keep(CUSTOMER, name, {"customer_name": name})

    def now(self) -> str:
        """Returns the site's local time, as Frappe writes it."""
        local = (datetime.now(UTC) + self.shift).astimezone(BERLIN)
        return local.strftime("%Y-%m-%d %H:%M:%S.%f")

    def get(self, doctype: str, name: str) -> Document:
        """Returns a document."""
        found = self.kept.get(doctype, {}).get(name)
        if found is None:
            raise Refused(404, "DoesNotExistError", f"{doctype} {name} not found")
        return found

    def insert(self, doctype: str, values: Mapping[str, Any]) -> Document:
        """Inserts a document, and submits it if its docstatus says so."""
        strict.expect_document(doctype, values)
        document = self._keep(doctype, self._named(doctype, values), values, commit=False)
        if doctype == CUSTOMER:
            self.kept[CUSTOMER][document["name"]] = document
            return document
        self._check_links(doctype, document)
        document["items"] = [
            self._line(doctype, document, number, line)
            for number, line in enumerate(values["items"], 1)
        ]
        self._add_up(document)
        self.kept[doctype][document["name"]] = document
        if document["docstatus"] == 1:
            self._submitted(doctype, document)
        return document

    def submit(self, doctype: str, name: str) -> Document:
        """Submits a draft."""
        document = self.get(doctype, name)
        if document["docstatus"] == 2:
            raise Refused(417, "ValidationError", "Cannot edit cancelled document")
        if document["docstatus"] == 0:
            self.touch(doctype, name, docstatus=1)
            self._submitted(doctype, document)
        return document

    def cancel(self, doctype: str, name: str) -> Document:
        """Cancels a submitted document that nothing submitted stands on."""
        document = self.get(doctype, name)
        if document["docstatus"] != 1:
            raise Refused(417, "ValidationError", f"Cannot cancel {name}: not submitted")
        for note in self.kept[NOTE].values():
            stands = note["return_against"] == name or any(
                line["against_sales_order"] == name for line in note["items"]
            )
            if note["docstatus"] == 1 and stands and note["name"] != name:
                raise _linked(name, note["name"])
        self.touch(doctype, name, docstatus=2, status="Cancelled")
        if doctype == NOTE:
            self._moved(document, -1)
        return document

    def touch(self, doctype: str, name: str, **values: Any) -> str:
        """Changes fields and the stamp; returns the stamp."""
        document = self.get(doctype, name)
        document |= {**values, "modified": self.now()}
        for line in document.get("items", []):
            line |= {"modified": document["modified"], "docstatus": document["docstatus"]}
        return str(document["modified"])

    def edit(self, order: str, items: Sequence[Document]) -> None:
        """Changes the lines of a draft; each stays the line it was."""
        document = self.get(ORDER, order)
        document["items"] = [
            self._line(ORDER, document, number, line) for number, line in enumerate(items, 1)
        ]
        self._add_up(document)
        self.touch(ORDER, order)

    def listed(self, doctype: str, query: strict.Query) -> list[dict[str, Any]]:
        """Returns what a list call asks for; a row for each line when it asks for fields of lines."""
        named = [
            value for name, operator, value in query.filters if (name, operator) == ("name", "in")
        ]
        kept = self.kept[doctype]
        found = [kept[name] for name in named[0] if name in kept] if named else list(kept.values())
        found = [each for each in found if all(_holds(each, *test) for test in query.filters)]
        for term in reversed(query.order_by.split(", ")):
            name, _, direction = term.partition(" ")
            found.sort(key=lambda each: each[name], reverse=direction == "desc")
        has_lines = any(name.startswith("items.") for name, _ in query.fields)
        rows = [
            (each, line)
            for each in found
            for line in (each["items"] or [{}] if has_lines else [{}])
        ]
        until = query.start + query.rows if query.rows else None
        return [_row(each, line, query.fields) for each, line in rows[query.start : until]]

    def draft_note(self, order: Document) -> Document:
        """Returns what ``make_delivery_note`` does: the rest of an order."""
        lines = [
            line | {"against_sales_order": order["name"], "so_detail": line["name"], "qty": rest}
            for line in order["items"]
            if (rest := line["qty"] - line["delivered_qty"]) > 0
        ]
        return {
            **_head(order),
            "po_no": order["po_no"],
            "items": [_only_known(NOTE, line) for line in lines],
        }

    def draft_return(self, note: Document) -> Document:
        """Returns what ``make_sales_return`` does: all of a note, negative."""
        lines = [line | {"dn_detail": line["name"], "qty": -line["qty"]} for line in note["items"]]
        made = {
            **_head(note),
            "is_return": 1,
            "return_against": note["name"],
            "po_no": note["po_no"],
        }
        return made | {"items": [_only_known(NOTE, line) for line in lines]}

    def _named(self, doctype: str, values: Mapping[str, Any]) -> str:
        if doctype == CUSTOMER:
            return str(values["customer_name"])
        if old := values.get("amended_from"):
            is_first = self.kept[doctype][old]["amended_from"] is None
            base, _, number = (old, "", "0") if is_first else old.rpartition("-")
            return f"{base}-{int(number) + 1}"
        self._numbers[doctype] = number = self._numbers.get(doctype, 0) + 1
        return f"{SERIES[doctype]}-{self.now()[:4]}-{number:05}"

    def _keep(
        self, doctype: str, name: str, values: Mapping[str, Any], *, commit: bool = True
    ) -> Document:
        now = self.now()
        document = copy.deepcopy(SHAPES[doctype])
        document.pop("line", None)
        document |= {"name": name, "creation": now, "docstatus": 0}
        if doctype in SERIES:
            document |= {"status": "Draft", "transaction_date": now[:10]}
            document |= {"posting_date": now[:10], "posting_time": _unpadded(now[11:])}
        document |= values
        document |= {"modified": now}
        if commit:
            self.kept[doctype][name] = document
        return document

    def _check_links(self, doctype: str, document: Document) -> None:
        self._expect(CUSTOMER, document["customer"])
        for line in document["items"]:
            self._expect(ITEM, line["item_code"])
            if line.get("warehouse", WAREHOUSE) != WAREHOUSE:
                raise Refused(
                    417, "LinkValidationError", f"Could not find Row #1: {line['warehouse']}"
                )

    def _expect(self, doctype: str, name: str) -> None:
        if name not in self.kept[doctype]:
            raise Refused(417, "LinkValidationError", f"Could not find {doctype}: {name}")

    def _line(self, doctype: str, document: Document, number: int, values: Document) -> Document:
        line = copy.deepcopy(SHAPES[doctype]["line"]) | values
        item = self.kept[ITEM][line["item_code"]]
        qty = Decimal(str(line["qty"]))
        line |= {
            "name": f"{document['name'][-7:]}.{number}".lower(),
            "parent": document["name"],
            "idx": number,
            "item_name": item["item_name"],
            "item_group": item["item_group"],
            "qty": float(qty),
            "stock_qty": float(qty * Decimal(str(values.get("conversion_factor", 1)))),
            "price_list_rate": values.get("price_list_rate", item["standard_rate"]),
            "docstatus": document["docstatus"],
            "delivered_qty": 0.0,
        }
        off = Decimal(str(values.get("discount_percentage", 0)))
        rate = Decimal(str(values.get("rate") or line["price_list_rate"]))
        if off == 100 or not values.get("rate"):
            rate = rate * (100 - off) / 100
        line["rate"] = float(_cents(rate))
        line["amount"] = float(_cents(qty * Decimal(str(line["rate"]))))
        line["net_amount"] = line["amount"]
        return line

    def _add_up(self, document: Document) -> None:
        total = sum((Decimal(str(line["amount"])) for line in document["items"]), Decimal(0))
        off = Decimal(str(document.get("discount_amount") or 0))
        if off:
            self._take_off(document["items"], off, total)
        net = total - off
        percent = sum(
            (Decimal(str(each["rate"])) for each in document.get("taxes", ())), Decimal(0)
        )
        tax = _cents(net * percent / 100)
        document |= {"total": float(total), "net_total": float(net)}
        document |= {"total_taxes_and_charges": float(tax), "grand_total": float(net + tax)}

    def _take_off(self, lines: Sequence[Document], off: Decimal, total: Decimal) -> None:
        """Takes a discount on the net total off all lines; what rounding left is the last one's.

        Not recorded: ``apply_discount_amount`` in erpnext/controllers/taxes_and_totals.py.
        """
        net_total = Decimal(0)
        for line in lines:
            amount = Decimal(str(line["amount"]))
            net = _cents(amount - off * amount / total)
            net_total += net
            if line is lines[-1]:
                net += total - net_total - off
            line["net_amount"] = float(net)

    def _submitted(self, doctype: str, document: Document) -> None:
        if doctype == NOTE:
            self._moved(document, 1)

    def _moved(self, note: Document, sign: int) -> None:
        """Goods moved: bins, the orders' lines and, for a return, the note it takes back are written."""
        for line in note["items"]:
            pieces = sign * line["stock_qty"]
            if (bin_name := f"bin-{line['item_code']}") in self.kept[BIN]:
                held = self.kept[BIN][bin_name]["actual_qty"]
                self.touch(BIN, bin_name, actual_qty=held - pieces)
            order = self.kept[ORDER].get(line["against_sales_order"] or "")
            if order is not None:
                target = next(each for each in order["items"] if each["name"] == line["so_detail"])
                target["delivered_qty"] += pieces
                self.touch(ORDER, order["name"], per_delivered=50.0, status="To Bill")
        if note["return_against"]:
            self.touch(NOTE, note["return_against"], per_returned=50.0)


def _cents(amount: Decimal) -> Decimal:
    """Returns an amount as a site of version 15 rounds it unless it is told otherwise: half to even."""
    return amount.quantize(CENT, ROUND_HALF_EVEN)


def _head(document: Document) -> Document:
    return {key: document[key] for key in ("customer", "company", "currency", "conversion_rate")}


def _only_known(doctype: str, line: Document) -> Document:
    known = strict.known_fields()[doctype]
    left_out = {"name", "creation", "modified", "parent", "parenttype", "doctype", "idx"}
    return {key: line[key] for key in line if f"items.{key}" in known and key not in left_out}


def _unpadded(clock: str) -> str:
    hour, minute, second = clock.split(":")
    return f"{int(hour)}:{minute}:{second.removeprefix('0')}"


def _linked(name: str, note: str) -> Refused:
    refused = Refused(417, "LinkExistsError", "")
    text = strict.refusal("cancel.refused")["exception"]
    text = text.replace("SAL-ORD-2026-00003", name).replace("MAT-DN-2026-00003", note)
    refused.body = strict.refusal("cancel.refused") | {"exception": text}
    return refused


TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda has, wants: bool(has == wants),
    ">=": lambda has, wants: bool(has >= wants),
    ">": lambda has, wants: bool(has > wants),
    "<": lambda has, wants: bool(has < wants),
    "in": lambda has, wants: has in wants,
}


def _holds(document: Document, name: str, operator: str, value: Any) -> bool:
    return TESTS[operator](document.get(name), value)


def _row(document: Document, line: Document, fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    row = {}
    for name, called in fields:
        table, _, of_line = name.rpartition(".")
        row[called] = line.get(of_line) if table else document.get(name)
    return row
