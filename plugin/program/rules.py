"""Rules: what an order's eligible lines are worth in points.

Order of combination (semantics, section 3): base effects sum; multipliers multiply; fixed points are added after;
of each exclusive group the highest priority counts alone; caps come last.

A new kind of effect (``ladder``, ``rate_table``) is one more branch in `_base_points` or `earn` and one more model in
``program.versions``; nothing else asks for an effect's kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

from plugin.events import MICRO, OrderLine
from plugin.money import Rounding, rounded
from plugin.program.conditions import Condition, OrderContext

EffectKind = Literal["per_amount", "per_unit", "fixed", "multiplier"]
Exact = int | Fraction
NO_LINE = OrderLine(line_id="", quantity_micro=0)


class EligibleLine(NamedTuple):
    """What is left of a line: amount in the book's minor units and pieces in millionths, both 0 or more."""

    line: OrderLine
    amount_minor: Exact
    quantity_micro: Exact


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule.

    ``points`` are given per ``per_minor`` of amount (``per_amount``), per piece (``per_unit``) or once (``fixed``);
    ``factor`` belongs to ``multiplier``.
    """

    id: str
    kind: EffectKind
    condition: Condition
    points: int = 0
    per_minor: int = 0
    factor: Fraction = Fraction(1)
    group: str = ""
    priority: int = 0


class Earned(NamedTuple):
    """Points of an order and how many each rule gave; the parts sum to ``points``."""

    points: int
    by_rule: tuple[tuple[str, int], ...]


NOTHING = Earned(0, ())


def earn(
    rules: Sequence[Rule],
    order: OrderContext,
    lines: Sequence[EligibleLine],
    rounding: Rounding,
    cap_per_order: int | None,
) -> Earned:
    """Returns the points that eligible lines earn.

    Worked: 1 per 1.00 on 19.99 gives 19; a second rule 1 per 2.00 gives 9 more, 28; gold's × 1.5 on 19 alone gives 28
    (28.5, rounded down).
    """
    if not lines:
        return NOTHING
    chosen = _highest_of_each_group([rule for rule in rules if _applies(rule, order, lines)])
    parts: list[tuple[str, int]] = []
    base = 0
    for rule in chosen:
        if rule.kind in ("per_amount", "per_unit"):
            points = _base_points(rule, order, lines)
            base += points
            parts.append((rule.id, points))
    total = _multiply(base, [r for r in chosen if r.kind == "multiplier"], rounding, parts)
    for rule in chosen:
        if rule.kind == "fixed":
            total += rule.points
            parts.append((rule.id, rule.points))
    if cap_per_order is not None and total > cap_per_order:
        parts.append(("cap", cap_per_order - total))
        total = cap_per_order
    return Earned(total, tuple(part for part in parts if part[1]))


def _applies(rule: Rule, order: OrderContext, lines: Sequence[EligibleLine]) -> bool:
    condition = rule.condition
    if condition.asks_lines:
        return any(condition.holds(order, line.line) for line in lines)
    return condition.holds(order, NO_LINE)


def _highest_of_each_group(rules: list[Rule]) -> list[Rule]:
    """Keeps, of every named group, the rule of highest priority; of equal ones the first in the file."""
    best: dict[str, Rule] = {}
    for rule in rules:
        if rule.group and (rule.group not in best or rule.priority > best[rule.group].priority):
            best[rule.group] = rule
    if not best:
        return rules
    return [rule for rule in rules if not rule.group or best[rule.group] is rule]


def _base_points(rule: Rule, order: OrderContext, lines: Sequence[EligibleLine]) -> int:
    """Returns points per whole amount or per whole piece: 5 per 2.50 on 3.00 is 5; never below 0."""
    holds = rule.condition.holds
    matching = (
        [line for line in lines if holds(order, line.line)] if rule.condition.asks_lines else lines
    )
    if rule.kind == "per_amount":
        total: Exact = sum(line.amount_minor for line in matching)
        return max(0, int(total // rule.per_minor)) * rule.points
    pieces: Exact = sum(line.quantity_micro for line in matching)
    return max(0, int(pieces // MICRO)) * rule.points


def _multiply(
    base: int, multipliers: list[Rule], rounding: Rounding, parts: list[tuple[str, int]]
) -> int:
    """Multiplies exactly, rounds the product, and notes what each multiplier added on the way."""
    product = Fraction(base)
    before = base
    for rule in multipliers:
        product *= rule.factor
        after = rounded(product, rounding)
        parts.append((rule.id, after - before))
        before = after
    return before
