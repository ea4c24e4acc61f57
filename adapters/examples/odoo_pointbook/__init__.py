"""An addon for Odoo 17, 18 and 19: orders, deliveries and returns go into an outbox. See ``docs/inside-the-erp.md``."""

from . import models  # noqa: F401, TID252 - Odoo imports it as odoo.addons.odoo_pointbook
