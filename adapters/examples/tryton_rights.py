"""Gives the Tryton adapter a user of its own, with no more rights than it needs, and a key for the REST API.

Run it once beside the server, with the server's own configuration:

    trytond-console -c trytond.conf -d erp -f tryton_rights.py

It prints the key. Who runs it again gets another key for the same user.
"""

from __future__ import annotations

import sys
from typing import Any

from trytond.pool import Pool  # type: ignore[import-not-found]
from trytond.transaction import Transaction  # type: ignore[import-not-found]

NAME, LOGIN = "Pointbook", "pointbook"

# Tryton lets nobody without a right to the first four; the others are open to everybody, so that a group has to
# say "read only". Everything else the adapter reads is open to everybody for reading only.
RIGHTS = {
    "sale.sale": ("read", "write", "create"),
    "sale.line": ("read", "write", "create"),
    "stock.shipment.out": ("read", "write"),
    "stock.move": ("read", "write"),
    "stock.shipment.out.return": ("read",),
    "party.party": ("read",),
    "party.address": ("read",),
    "party.contact_mechanism": ("read",),
    "product.product": ("read",),
    "product.cost_price": ("read",),
}


def grant() -> str:
    """Returns a new key; makes group and user when they are not there."""
    pool = Pool()
    users = pool.get("res.user")
    found = users.search([("login", "=", LOGIN)])
    user = found[0] if found else _user(pool)
    application = pool.get("res.user.application")(user=user, application="rest")
    application.save()
    return str(application.key)


def _user(pool: Any) -> Any:
    group = pool.get("res.group")(name=NAME)
    group.save()
    access = pool.get("ir.model.access")
    for model, rights in RIGHTS.items():
        allowed = {
            f"perm_{right}": right in rights for right in ("read", "write", "create", "delete")
        }
        access(model=model, group=group, **allowed).save()
    companies = pool.get("company.company").search([])
    user = pool.get("res.user")(
        name=NAME, login=LOGIN, groups=[group], companies=companies, company=companies[0]
    )
    user.save()
    return user


key = grant()
Transaction().commit()
sys.stdout.write(f"The key of user '{LOGIN}': {key}\n")
