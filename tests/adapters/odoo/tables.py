"""Tables of a replayed Odoo: what a transaction writes carries its begin, and shows when it commits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.adapters.odoo.recorded import Vocabulary

Values = dict[str, Any]

SECOND = timedelta(seconds=1)
RELATIONS = {
    "partner_id": "res.partner",
    "currency_id": "res.currency",
    "product_id": "product.product",
    "categ_id": "product.category",
    "product_tmpl_id": "product.template",
    "order_id": "sale.order",
    "sale_id": "sale.order",
    "sale_line_id": "sale.order.line",
    "picking_id": "stock.picking",
    "return_id": "stock.picking",
    "origin_returned_move_id": "stock.move",
    "warehouse_id": "stock.warehouse",
}


class NotRecorded(AssertionError):
    """The adapter asked for something that nobody has seen Odoo do."""


@dataclass
class Transaction:
    """Writes that carry one stamp and are not seen before ``Tables.commit``."""

    stamp: datetime
    writes: list[tuple[str, int, Values]] = field(default_factory=list)


class Tables:
    """Records by model and id; instants with microseconds, amounts as decimals, references as ids."""

    def __init__(self, known: Vocabulary, version: str) -> None:
        self.known = known
        self.version = version
        self.shift = timedelta()
        self._rows: dict[str, dict[int, Values]] = defaultdict(dict)
        self._last: dict[str, int] = defaultdict(int)

    def now(self) -> datetime:
        """Returns the server's clock."""
        return datetime.now(UTC) + self.shift

    def begin(self) -> Transaction:
        """Begins a transaction, as Odoo stamps it: now."""
        return Transaction(self.now())

    def commit(self, transaction: Transaction) -> None:
        """Shows what a transaction wrote."""
        for model, number, values in transaction.writes:
            self._rows[model].setdefault(number, {}).update(values)

    def next_id(self, model: str, at_least: int = 1) -> int:
        """Takes the next id; a sequence gives it away at once, whatever becomes of the transaction."""
        self._last[model] = max(self._last[model] + 1, at_least)
        return self._last[model]

    def insert(
        self, model: str, values: Values, within: Transaction | None = None, number: int = 0
    ) -> int:
        """Creates a record and returns its id."""
        number = self.next_id(model, number)
        transaction = within or self.begin()
        stamps = {"create_date": transaction.stamp, "write_date": transaction.stamp}
        transaction.writes.append((model, number, {"id": number, **stamps, **values}))
        if within is None:
            self.commit(transaction)
        return number

    def write(
        self, model: str, number: int, values: Values, within: Transaction | None = None
    ) -> None:
        """Changes a record; no values at all still move its stamp."""
        transaction = within or self.begin()
        transaction.writes.append((model, number, {**values, "write_date": transaction.stamp}))
        if within is None:
            self.commit(transaction)

    def get(self, model: str, number: int) -> Values:
        """Returns a committed record."""
        return self._rows[model][number]

    def all(self, model: str, **equal: Any) -> list[Values]:
        """Returns committed records by id whose fields have some values."""
        rows = (self._rows[model][number] for number in sorted(self._rows[model]))
        return [row for row in rows if all(row.get(name) == value for name, value in equal.items())]

    def search(
        self, model: str, domain: Sequence[Any], fields: Sequence[str], order: str, limit: int
    ) -> list[Values]:
        """Returns records as ``search_read`` answers."""
        for name in fields:
            self.check_field(model, name)
        tests = [self._test(model, leaf) for leaf in domain]
        rows = [row for row in self.all(model) if all(test(row) for test in tests)]
        if model in ("res.partner", "product.product", "product.template") and not any(
            leaf[0] == "active" for leaf in domain
        ):
            rows = [row for row in rows if row.get("active", True)]
        self._sort(model, rows, order)
        return [self._answer(model, row, fields) for row in (rows[:limit] if limit else rows)]

    def check_field(self, model: str, name: str) -> None:
        """Raises ``NotRecorded`` for a field nobody has seen on a model."""
        if name not in self.known.fields.get(model, ()):
            raise NotRecorded(f"field {model}.{name} is neither recorded nor an addition")

    def _test(self, model: str, leaf: Any) -> Callable[[Values], bool]:
        if not (isinstance(leaf, list) and len(leaf) == 3):
            raise NotRecorded(f"domain of {model}: {leaf!r} is not [field, operator, value]")
        name, operator, wanted = leaf
        self.check_field(model, name)
        if operator not in self.known.operators:
            raise NotRecorded(f"operator {operator!r} is neither recorded nor an addition")
        return lambda row: self._holds(row.get(name, False), operator, wanted)

    def _holds(self, value: Any, operator: str, wanted: Any) -> bool:
        value = False if value is None else value
        if operator == "in":
            return value in wanted
        if operator in ("=", "!="):
            return bool(value == wanted) is (operator == "=")
        if isinstance(value, datetime):
            return self._holds_time(value, operator, _instant(wanted))
        if value is False:
            return False
        return bool({">": value > wanted, ">=": value >= wanted, "<": value < wanted}[operator])

    def _holds_time(self, value: datetime, operator: str, wanted: datetime) -> bool:
        """Compares microseconds; 19 takes ``>`` a second as after its end, 17 as after its begin."""
        if operator == ">" and self.version == "19":
            return value >= wanted + SECOND
        return {">": value > wanted, ">=": value >= wanted, "<": value < wanted}[operator]

    def _sort(self, model: str, rows: list[Values], order: str) -> None:
        for part in reversed([part.split() for part in order.split(",") if part]):
            if len(part) != 2 or part[1] not in ("asc", "desc"):
                raise NotRecorded(f"order {order!r} is not 'field asc' or 'field desc'")
            self.check_field(model, part[0])
            rows.sort(key=lambda row: row[part[0]], reverse=part[1] == "desc")

    def _answer(self, model: str, row: Values, fields: Sequence[str]) -> Values:
        for name in fields:
            self.check_field(model, name)
        return {"id": row["id"]} | {
            name: self._value(name, row.get(name)) for name in fields if name != "id"
        }

    def _value(self, name: str, value: Any) -> Any:
        """Returns a value as recorded: ``[id, name]``, ``False`` for empty, floats, times cut to seconds."""
        if value is None:
            return False
        if name in RELATIONS:
            return [value, self._name(RELATIONS[name], value)]
        if isinstance(value, datetime):
            return value.strftime("%Y-%m-%d %H:%M:%S")
        return float(value) if isinstance(value, Decimal) else value

    def _name(self, model: str, number: int) -> str:
        row = self._rows[model].get(number, {})
        if model == "product.product":
            return f"[{row['default_code']}] {row['name']}"
        return str(row.get("display_name") or row.get("name") or f"{model},{number}")


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
