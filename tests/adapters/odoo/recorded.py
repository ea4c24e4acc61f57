"""What Odoo is known to understand: taken from recordings of live servers, and a short list beyond them.

The replayed server refuses everything else, so a call that nobody has seen work cannot slip into the adapter.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

RECORDINGS = Path(__file__).with_name("recordings")

MAGIC = ("id", "write_date", "create_date")  # every model has them; recorded on several


class Addition(NamedTuple):
    """Something that no recording shows, and why it is used all the same.

    Attributes:
        kind: "field", "method", "named" (argument) or "operator".
        model: The model; "*" for any.
        name: Its name.
        reason: Why.
        versions: Where it exists.
    """

    kind: str
    model: str
    name: str
    reason: str
    versions: Sequence[str] = ("17", "19")


ADDITIONS = (
    Addition("field", "res.partner", "active", "archived contacts are members that were closed"),
    Addition("field", "res.partner", "phone", "only with phone_field = 'phone'"),
    Addition("field", "product.product", "active", "archived products still stand in old orders"),
    Addition("field", "product.product", "standard_price", "the unit cost; unit_costs turns it off"),
    Addition("field", "product.product", "default_code", "recorded on product.template, which it inherits"),
    Addition("field", "product.product", "name", "recorded on product.template, which it inherits"),
    Addition("field", "product.product", "categ_id", "recorded on product.template, which it inherits"),
    Addition("field", "product.product", "qty_available", "named in our notes on the live servers"),
    Addition("field", "product.template", "active", "as on product.product"),
    Addition("field", "sale.order.line", "display_type", "tells sections and notes from goods"),
    Addition("field", "sale.order.line", "tax_id", "for orders without taxes", ("17",)),
    Addition("field", "sale.order.line", "tax_ids", "its name in 19", ("19",)),
    Addition("field", "sale.order", "warehouse_id", "only for a redemption from a named warehouse"),
    Addition("field", "res.company", "name", "for messages of check()"),
    Addition("field", "res.company", "currency_id", "check() compares it with the settings"),
    Addition("method", "res.partner", "search_read", "recorded on other models: the same method of all"),
    Addition("method", "product.template", "search_read", "recorded on other models"),
    Addition("method", "sale.order", "search_read", "in our notes on JSON-2; here on JSON-RPC, too"),
    Addition("method", "stock.picking", "search_read", "recorded as read, which takes ids"),
    Addition("method", "sale.order.line", "fields_get", "asks which name the tax field has"),
    Addition("named", "*", "order", "of search_read; in our notes on JSON-2"),
    Addition("named", "*", "context", "recorded on create and on buttons"),
    Addition("operator", "*", ">=", "in our notes on JSON-2, on write_date"),
    Addition("operator", "*", ">", "on id, for pages; the notes say what 19 does with it on times"),
    Addition("operator", "*", "<", "on date_order and date_done, for days"),
    Addition("operator", "*", "!=", "default_code set"),
)  # fmt: skip


class Call(NamedTuple):
    """One recorded call of ``execute_kw``."""

    step: str
    model: str
    method: str
    args: list[Any]
    named: dict[str, Any]
    result: Any


@dataclass
class Vocabulary:
    """Models, their methods and fields, operators, and names of arguments."""

    methods: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    fields: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    operators: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)


def calls(version: str) -> Iterator[Call]:
    """Yields the recorded calls of one version; numbers as they were sent."""
    for line in (RECORDINGS / f"trace{version}.jsonl").read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        params = json.loads(said["request"])["params"]
        if params["method"] == "execute_kw":
            _, _, _, model, method, args, named = params["args"]
            result = json.loads(said["response"]).get("result")
            yield Call(said["step"], model, method, args, named, result)


def vocabulary(version: str) -> Vocabulary:
    """Returns what the recordings of a version use, and the additions."""
    known = Vocabulary()
    for call in calls(version):
        known.methods[call.model].add(call.method)
        known.fields[call.model].update(MAGIC)
        known.named.update(call.named)
        _learn_arguments(known, call)
    for each in ADDITIONS:
        if version in each.versions:
            _add(known, each)
    return known


def _learn_arguments(known: Vocabulary, call: Call) -> None:
    fields = known.fields[call.model]
    if call.method in ("search_read", "search_count"):
        for name, operator, _ in call.args[0]:
            fields.add(name)
            known.operators.add(operator)
    if call.method in ("search_read", "read"):
        fields.update(call.args[1])
    if call.method == "create":
        for values in call.args[0]:
            _learn_values(known, call.model, values)
    if call.method == "write":
        fields.update(call.args[1])


def _learn_values(known: Vocabulary, model: str, values: Mapping[str, Any]) -> None:
    known.fields[model].update(values)
    for command in values.get("order_line", ()):
        known.fields["sale.order.line"].update(command[2])


def _add(known: Vocabulary, each: Addition) -> None:
    if each.kind == "field":
        known.fields[each.model].add(each.name)
    elif each.kind == "method":
        known.methods[each.model].add(each.name)
    elif each.kind == "named":
        known.named.add(each.name)
    else:
        known.operators.add(each.name)
