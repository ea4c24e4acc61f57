"""Deliveries and returns: what is done also goes into the outbox."""
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-untyped-call,no-any-return"

from __future__ import annotations

from typing import Any

from odoo import models

from adapters.outbox.table import Dialect, Outbox

from ..documents import picking_events  # noqa: TID252 - as Odoo wants it

OUTBOX = Outbox(Dialect.POSTGRESQL)


class StockPicking(models.Model):
    """``stock.picking`` with an outbox."""

    _inherit = "stock.picking"

    def _action_done(self) -> Any:
        """Finishes deliveries and returns. Odoo cannot undo what is done, so there is nothing else to say."""
        result = super()._action_done()
        for picking in self:
            picking.env.flush_all()
            for event in picking_events(picking):
                OUTBOX.put(picking.env.cr, event)
        return result
