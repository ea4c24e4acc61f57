"""A module for Tryton 8.2, named ``pointbook`` there: orders, shipments and returns go into an outbox.

See ``docs/inside-the-erp.md``.
"""
