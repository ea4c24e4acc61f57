"""Roll-forward and reconciliation as tables."""

from __future__ import annotations

from plugin.store.books import Book
from workers.show.output import print_table
from workers.text import _


def show_rollforward(answer: dict[str, object], book: Book) -> None:
    """Prints a roll-forward as a table."""
    points, money = answer["points"], answer["money"]
    assert isinstance(points, dict)
    assert isinstance(money, dict)
    rows = [
        (name.replace("_", " "), points.get(name, ""), amount) for name, amount in money.items()
    ]
    title = _("Roll-forward of {book}, {first} to {last}: {closes}").format(
        book=book.code,
        first=answer["from"],
        last=answer["to"],
        closes=_("closes") if answer["closes"] else _("DOES NOT CLOSE"),
    )
    print_table(title, ("", _("points"), book.currency_code), rows, numbers=(1, 2))


def show_reconciliation(answer: dict[str, object]) -> None:
    """Prints a reconciliation as a table, each break a row."""
    checks = answer["checks"]
    assert isinstance(checks, list)
    rows = [(c["number"], c["name"], _("holds") if c["holds"] else _("BREAKS")) for c in checks]
    title = _("All reconciliations hold") if answer["holds"] else _("Reconciliations break")
    print_table(title, ("", _("check"), ""), rows)
    breaks = [(c["number"], b["amount"], b["reason"]) for c in checks for b in c["breaks"]]
    if breaks:
        print_table(_("Breaks"), ("", _("amount"), _("reason")), breaks[:100])
