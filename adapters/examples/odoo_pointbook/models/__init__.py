"""What the addon adds to Odoo's models."""

from . import sale_order, stock_picking  # noqa: F401, TID252 - as Odoo wants it
