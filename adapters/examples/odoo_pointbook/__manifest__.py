{  # noqa: B018 - Odoo evaluates this file
    "name": "Pointbook outbox",
    "summary": "Puts orders, deliveries and returns into an outbox, within the transaction that makes them.",
    "version": "1.0.0",
    "category": "Sales",
    "license": "Other OSI approved licence",  # MIT
    "author": "Pointbook authors",
    "depends": ["sale_stock"],
    "external_dependencies": {"python": ["protobuf", "iso4217"]},
    "data": [],
    "installable": True,
}
