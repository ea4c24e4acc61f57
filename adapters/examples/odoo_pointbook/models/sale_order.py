"""Orders: what confirms, completes, cancels, reopens or amends one also puts it into the outbox."""
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-untyped-call,no-any-return,untyped-decorator"

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from odoo import api, models

from adapters.outbox.table import Dialect, Outbox, first_number

from ..documents import SALE, order_event  # noqa: TID252 - as Odoo wants it

OUTBOX = Outbox(Dialect.POSTGRESQL)
# A change of one of these on a confirmed order is an amendment. Taxes are tax_id up to 18 and tax_ids from 19 on.
AMENDED_BY = frozenset(
    {"product_id", "product_uom_qty", "price_unit", "discount", "tax_id", "tax_ids"}
)


class SaleOrder(models.Model):
    """``sale.order`` with an outbox."""

    _inherit = "sale.order"

    def init(self) -> None:
        """Makes the outbox, when the addon is installed or updated."""
        super().init()
        OUTBOX.create(self.env.cr, first_number(datetime.now(UTC)))

    def action_confirm(self) -> Any:
        """Confirms orders."""
        result = super().action_confirm()
        put_orders(self)
        return result

    def _action_cancel(self) -> Any:
        """Cancels orders; ``action_cancel`` may only have asked whether to."""
        result = super()._action_cancel()
        put_orders(self)
        return result

    def action_draft(self) -> Any:
        """Takes orders back to draft."""
        result = super().action_draft()
        put_orders(self)
        return result

    def action_lock(self) -> Any:
        """Completes orders."""
        result = super().action_lock()
        put_orders(self)
        return result

    def action_unlock(self) -> Any:
        """Opens completed orders again."""
        result = super().action_unlock()
        put_orders(self)
        return result


class SaleOrderLine(models.Model):
    """``sale.order.line``: amending a confirmed order puts it into the outbox again."""

    _inherit = "sale.order.line"

    @api.model_create_multi
    def create(self, vals_list: list[Mapping[str, Any]]) -> Any:
        """Adds lines."""
        lines = super().create(vals_list)
        put_orders(order for order in lines.order_id if order.state == SALE)
        return lines

    def write(self, vals: Mapping[str, Any]) -> Any:
        """Changes lines."""
        result = super().write(vals)
        if AMENDED_BY & vals.keys():
            put_orders(order for order in self.order_id if order.state == SALE)
        return result


def put_orders(orders: Iterable[Any]) -> None:
    """Puts orders into the outbox; they are sent if, and only if, the current transaction commits.

    Odoo holds writes back. They are flushed first, so that the order's row is locked before the outbox gives a
    number: of two transactions that change one order the later one then has the higher number.
    """
    for order in orders:
        order.env.flush_all()
        OUTBOX.put(order.env.cr, order_event(order))
