"""Sales: what confirms, completes, cancels or reopens one also puts it into the outbox.

The methods are not decorated as transitions: what they call writes the new state, and only then is the
document what it will be when the transaction commits.
"""
# mypy: disable-error-code="import-not-found,import-untyped,metaclass,misc,no-untyped-call"

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from trytond.pool import Pool, PoolMeta
from trytond.transaction import Transaction

from adapters.examples.tryton_pointbook.documents import order_event, order_lines
from adapters.examples.tryton_pointbook.outbox import create_table, put


class Sale(metaclass=PoolMeta):
    """``sale.sale`` with an outbox."""

    __name__ = "sale.sale"

    @classmethod
    def __register__(cls, module: str) -> None:
        super().__register__(module)
        create_table()

    @classmethod
    def draft(cls, sales: list[Any]) -> None:
        """Takes sales back to draft."""
        super().draft(sales)
        put_sales(cls.browse(sales))

    @classmethod
    def confirm(cls, sales: list[Any]) -> None:
        """Confirms sales. Processing, right after or later, changes nothing that Pointbook knows."""
        super().confirm(sales)
        put_sales(cls.browse(sales))

    @classmethod
    def proceed(cls, sales: list[Any]) -> None:
        """Sets sales to processing; those that were done are open again."""
        reopened = [sale for sale in sales if sale.state == "done"]
        super().proceed(sales)
        put_sales(cls.browse(reopened))

    @classmethod
    def do(cls, sales: list[Any]) -> None:
        """Completes sales."""
        super().do(sales)
        put_sales(cls.browse(sales))

    @classmethod
    def cancel(cls, sales: list[Any]) -> None:
        """Cancels sales."""
        super().cancel(sales)
        put_sales(cls.browse(sales))


def put_sales(sales: Iterable[Any]) -> None:
    """Puts sales into the outbox as they stand now."""
    put(order_event(sale, taxes(sale), rate_to_company(sale), today(sale)) for sale in sales)


def today(record: Any) -> date:
    """Returns today's date where the record's company is."""
    with Transaction().set_context(company=record.company.id):
        on: date = Pool().get("ir.date").today()
        return on


def taxes(sale: Any) -> dict[int, Decimal]:
    """Returns the tax of each line, by its id."""
    tax = Pool().get("account.tax")
    on = sale.sale_date or today(sale)
    return {
        line.id: sum(
            (
                each["amount"]
                for each in tax.compute(line.taxes, line.unit_price, line.quantity, on)
            ),
            Decimal(0),
        )
        for line in order_lines(sale)
    }


def rate_to_company(sale: Any) -> Decimal | None:
    """Returns what a unit of the sale's currency is in the company's on the sale's day; None for the same."""
    if sale.currency == sale.company.currency:
        return None
    with Transaction().set_context(date=sale.sale_date or today(sale)):
        theirs, ours = (
            Pool().get("currency.currency").browse([sale.currency, sale.company.currency])
        )
        rate: Decimal = ours.rate / theirs.rate
        return rate
