"""What people do in Tryton, in a process of its own: run by the Python of an environment that has Tryton.

    python tryton_driver.py CONFIGURATION DATABASE COMMAND [ARGUMENT …]

Prints one line of JSON. A command that ends in ``!`` dies by SIGKILL right after its commit.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import sys
import warnings
from decimal import Decimal
from typing import Any

warnings.filterwarnings("error", category=DeprecationWarning, module=r"adapters\.")

from trytond import config  # noqa: E402

config.update_etc(sys.argv[1])

from trytond.pool import Pool  # noqa: E402
from trytond.transaction import Transaction, TransactionError  # noqa: E402

DATABASE = sys.argv[2]
PRICES = {"COFFEE": "7.90", "MUG": "9.99"}


def get(name: str) -> Any:
    return Pool().get(name)


def one(name: str, *clauses: tuple[object, ...]) -> Any:
    found = get(name).search(list(clauses), limit=1)
    return found[0]


def seed() -> dict[str, object]:
    """A company with two products and a customer, and nothing else."""
    currency = get("currency.currency")(
        name="Euro", code="EUR", numeric_code="978", symbol="€", digits=2, rounding=Decimal("0.01"),
        rates=[{"date": dt.date(2000, 1, 1), "rate": Decimal(1)}],
    )  # fmt: skip
    currency.save()
    dollar = get("currency.currency")(
        name="Dollar", code="USD", numeric_code="840", symbol="$", digits=2, rounding=Decimal("0.01"),
        rates=[{"date": dt.date(2000, 1, 1), "rate": Decimal("1.25")}],
    )  # fmt: skip
    dollar.save()
    party = get("party.party")(name="Shop", addresses=[{"street": "1 Main"}])
    party.save()
    company = get("company.company")(party=party, currency=currency, timezone="Europe/Berlin")
    company.save()
    user = get("res.user")(Transaction().user)
    user.companies = [company]
    user.company = company
    user.groups = get("res.group").search([])
    user.save()
    with Transaction().set_context(company=company.id, companies=[company.id]):
        _chart(company)
        _goods(company)
        _customer()
    return {}


def _chart(company: Any) -> None:
    template = get("account.account.template")(
        get("ir.model.data").get_id("account", "account_template_root_en")
    )
    wizard = Pool().get("account.create_chart", type="wizard")
    session, _, _ = wizard.create()
    create = wizard(session)
    create.account.account_template = template
    create.account.company = company
    create.transition_create_account()

    def account(kind: str) -> Any:
        return one("account.account", ("type." + kind, "=", True), ("closed", "!=", True))

    create.properties.company = company
    for kind in ("receivable", "payable"):
        setattr(create.properties, f"account_{kind}", account(kind))
    create.properties.category_account_expense = account("expense")
    create.properties.category_account_revenue = account("revenue")
    create.transition_create_properties()


def _goods(company: Any) -> None:
    account = one("account.account", ("code", "=", "6.3.6"))
    tax = get("account.tax")(
        name="VAT 20%", description="VAT 20%", type="percentage", rate=Decimal("0.2"),
        company=company, invoice_account=account, credit_note_account=account,
    )  # fmt: skip
    tax.save()
    expense = one("account.account", ("type.expense", "=", True), ("closed", "!=", True))
    revenue = one("account.account", ("type.revenue", "=", True), ("closed", "!=", True))
    category = get("product.category")(
        name="Taxed", accounting=True, account_expense=expense, account_revenue=revenue,
        customer_taxes=[tax],
    )  # fmt: skip
    category.save()
    drinks = get("product.category")(name="Drinks")
    drinks.save()
    unit = one("product.uom", ("name", "=", "Unit"))
    for code, price in PRICES.items():
        template = get("product.template")(
            name=code.title(), code=code, type="goods", default_uom=unit, salable=True, sale_uom=unit,
            list_price=Decimal(price), cost_price_method="fixed", account_category=category,
            categories=[drinks], products=[{}],
        )  # fmt: skip
        template.save()


def _customer() -> None:
    get("party.party")(name="Ada", code="C-1", addresses=[{"street": "2 Main"}]).save()


def new_sale(pieces: dict[str, float], currency: str = "EUR") -> Any:
    """A quoted sale, lines in the order given."""
    customer = one("party.party", ("code", "=", "C-1"))
    unit = one("product.uom", ("name", "=", "Unit"))
    tax = one("account.tax", ("name", "=", "VAT 20%"))
    sale = get("sale.sale")(
        company=Transaction().context["company"],
        party=customer,
        currency=one("currency.currency", ("code", "=", currency)),
        invoice_address=customer.addresses[0],
        shipment_address=customer.addresses[0],
        warehouse=one("stock.location", ("type", "=", "warehouse")),
        sale_date=dt.date(2026, 7, 1),
        invoice_method="manual",
        shipment_method="order",
        lines=[
            {
                "type": "line", "product": one("product.product", ("code", "=", code)).id,
                "quantity": quantity, "unit": unit.id, "unit_price": Decimal(PRICES[code]),
                "taxes": [tax.id],
            }
            for code, quantity in pieces.items()
        ],
    )  # fmt: skip
    sale.save()
    get("sale.sale").quote([sale])
    return sale


def confirmed(many: str = "1", currency: str = "EUR") -> dict[str, object]:
    """Confirms so many new sales in this one transaction."""
    sales = [new_sale({"COFFEE": 3.0, "MUG": 2.0}, currency) for _ in range(int(many))]
    get("sale.sale").confirm(sales)
    return {"sales": [sale.number for sale in sales]}


def rolled_back() -> dict[str, object]:
    """Confirms a sale, looks into the outbox, and thinks better of it."""
    result = confirmed()
    with Transaction().connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pointbook_outbox")
        ((seen,),) = cursor.fetchall()
    return {**result, "seen_before": seen}


def cancelled() -> dict[str, object]:
    sale = new_sale({"MUG": 1.0})
    get("sale.sale").cancel([sale])
    return {"sales": [sale.number]}


def processed(number: str) -> dict[str, object]:
    sale = one("sale.sale", ("number", "=", number))
    get("sale.sale").process([sale])
    return {"shipments": [shipment.number for shipment in sale.shipments]}


def shipped(number: str) -> dict[str, object]:
    shipment = one("stock.shipment.out", ("number", "=", number))
    model = get("stock.shipment.out")
    model.assign_force([shipment])
    for step in (model.pick, model.pack, model.do):
        step([shipment])
    return {"state": shipment.state}


def unshipped(number: str) -> dict[str, object]:
    shipment = one("stock.shipment.out", ("number", "=", number))
    get("stock.shipment.out").cancel([shipment])
    return {"state": shipment.state}


def returned(number: str) -> dict[str, object]:
    """One coffee of a sale comes back."""
    sale = one("sale.sale", ("number", "=", number))
    models = get("sale.sale")
    with Transaction().set_context(
        active_model="sale.sale", active_id=sale.id, active_ids=[sale.id]
    ):
        wizard = Pool().get("sale.return_sale", type="wizard")
        session, _, _ = wizard.create()
        _, data = wizard(session).do_return_({"views": [1]})
    back = models(data["res_id"][0])
    get("sale.line").delete([line for line in back.lines if line.product.code != "COFFEE"])
    back = models(back.id)
    get("sale.line").write(list(back.lines), {"quantity": -1.0})
    for step in (models.quote, models.confirm, models.process):
        step([models(back.id)])
    back = models(back.id)
    shipments = list(back.shipment_returns)
    model = get("stock.shipment.out.return")
    model.receive(shipments)
    model.do([each for each in model.browse(shipments) if each.state != "done"])
    return {"returns": [each.number for each in shipments], "sale": back.number}


COMMANDS = {
    each.__name__: each
    for each in (
        seed, confirmed, rolled_back, cancelled, processed, shipped, unshipped, returned,
    )
}  # fmt: skip


def main() -> None:
    Pool.start()
    pool = Pool(DATABASE)
    with Transaction().start(DATABASE, 0):
        pool.init()
    with Transaction().start(DATABASE, 0):
        user = one("res.user", ("login", "=", "admin"))
        company = user.company.id if user.company else None
    name, *arguments = sys.argv[3:]
    context = {"company": company, "companies": [company] if company else []}
    extras: dict[str, Any] = {}
    while (
        True
    ):  # as Tryton's dispatcher does: what lacks a lock is rolled back and done again with it
        try:
            with Transaction().start(DATABASE, user.id, context=context, **extras) as transaction:
                result = COMMANDS[name.rstrip("!")](*arguments)
                if name == "rolled_back":
                    transaction.rollback()
                transaction.commit()
                if name.endswith("!"):
                    answer(result)
                    os.kill(os.getpid(), signal.SIGKILL)
                break
        except TransactionError as error:
            error.fix(extras)
    answer(result)


def answer(result: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


main()
