"""Odoo 17, 18 and 19 as a source: JSON-RPC everywhere, JSON-2 on 19. See ``docs/erp-odoo.md``."""
