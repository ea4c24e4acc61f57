"""A shop in an empty Tryton: a company, its accounts, goods, customers and stock."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tests.adapters.tryton.rpc import Session

COMPANY_ZONE = "Europe/Berlin"
TAX_PERCENT = 20
PIECES = 1_000
CUSTOMERS = ("Anna Schmidt", "Li Wei", "Maria Rossi")
PHONES = ("+49 30 901820", "+86 138 0013 8000", "0138 0013")

# SKU, name, price, cost
GOODS = (
    ("COF-250", "Coffee 250 g", "7.90", "3.10"),
    ("COF-1000", "Coffee 1 kg", "24.50", "11.20"),
    ("MUG-01", "Mug", "9.99", "2.40"),
)


def seed(admin: Session) -> None:
    """Fills an empty database."""
    currency = _currency(admin)
    company = _company(admin, currency)
    accounts = _accounts(admin, company)
    _year(admin, company)
    tax = admin.make(
        "account.tax",
        name="VAT 20 %",
        description="VAT 20 %",
        type="percentage",
        rate=Decimal(TAX_PERCENT) / 100,
        company=company,
        invoice_account=accounts["tax"],
        credit_note_account=accounts["tax"],
    )
    goods = _goods(admin, accounts, tax)
    _customers(admin)
    _stock(admin, company, goods)


def _currency(admin: Session) -> int:
    names = {"EUR": ("Euro", "978", "€", "1"), "USD": ("Dollar", "840", "$", "1.25")}
    made = [
        admin.make(
            "currency.currency",
            name=name,
            code=code,
            numeric_code=numeric,
            symbol=symbol,
            digits=2,
            rounding=Decimal("0.01"),
            rates=[["create", [{"date": date(2000, 1, 1), "rate": Decimal(rate)}]]],
        )
        for code, (name, numeric, symbol, rate) in names.items()
    ]
    return made[0]


def _company(admin: Session, currency: int) -> int:
    party = admin.make(
        "party.party", name="Points Ltd", addresses=[["create", [{"street": "1 Main"}]]]
    )
    company = admin.make("company.company", party=party, currency=currency, timezone=COMPANY_ZONE)
    admin.write("res.user", admin.user_id, companies=[["add", [company]]], company=company)
    admin.refresh()
    return company


def _accounts(admin: Session, company: int) -> dict[str, int]:
    template = admin.call("ir.model.data", "get_id", "account", "account_template_root_en")
    found: dict[str, int] = {}
    with admin.wizard("account.create_chart") as go:
        start = {"company": company, "account_template": template}
        go({"account": start}, "create_account")
        for kind in ("receivable", "payable", "revenue", "expense"):
            domain = [[f"type.{kind}", "=", True], ["closed", "!=", True]]
            found[kind] = admin.one("account.account", *domain)
        properties = {
            "company": company,
            "account_receivable": found["receivable"],
            "account_payable": found["payable"],
            "category_account_expense": found["expense"],
            "category_account_revenue": found["revenue"],
        }
        go({"properties": properties}, "create_properties")
    found["tax"] = admin.one("account.account", ["code", "=", "6.3.6"])
    return found


def _year(admin: Session, company: int) -> None:
    this = date.today().year  # noqa: DTZ011 - Tryton's own year, as its clerks would enter it

    def sequence(kind: str) -> int:
        found = admin.one("ir.sequence.type", ["name", "=", kind])
        return admin.make(
            "ir.sequence.strict", name=f"{this} {kind}", sequence_type=found, company=company
        )

    invoices = sequence("Invoice")
    numbers = {
        "company": company,
        "out_invoice_sequence": invoices,
        "in_invoice_sequence": invoices,
        "out_credit_note_sequence": invoices,
        "in_credit_note_sequence": invoices,
    }
    year = admin.make(
        "account.fiscalyear",
        name=str(this),
        start_date=date(this, 1, 1),
        end_date=date(this, 12, 31),
        company=company,
        move_sequence=sequence("Account Move"),
        invoice_sequences=[["create", [numbers]]],
    )
    admin.press("account.fiscalyear", "create_period", year)


def _goods(admin: Session, accounts: dict[str, int], tax: int) -> dict[str, int]:
    unit = admin.one("product.uom", ["name", "=", "Unit"])
    taxed = admin.make(
        "product.category",
        name="Taxed",
        accounting=True,
        account_expense=accounts["expense"],
        account_revenue=accounts["revenue"],
        customer_taxes=[["add", [tax]]],
    )
    coffee = admin.make("product.category", name="Coffee")
    common = {
        "default_uom": unit,
        "salable": True,
        "sale_uom": unit,
        "cost_price_method": "fixed",
        "account_category": taxed,
    }
    found: dict[str, int] = {}
    for sku, name, price, cost in GOODS:
        template = admin.make(
            "product.template",
            name=name,
            code=sku,
            type="goods",
            list_price=Decimal(price),
            categories=[["add", [coffee]]] if sku.startswith("COF") else [],
            products=[["create", [{"cost_price": Decimal(cost)}]]],
            **common,
        )
        found[sku] = admin.one("product.product", ["template", "=", template])
    admin.make(
        "product.template",
        name="Delivery",
        code="DELIV",
        type="service",
        list_price=Decimal("4.90"),
        products=[["create", [{}]]],
        **common,
    )
    return found


def _customers(admin: Session) -> None:
    for name, phone in zip(CUSTOMERS, PHONES, strict=True):
        admin.make(
            "party.party",
            name=name,
            addresses=[["create", [{"street": "7 High Street", "city": "Berlin"}]]],
            contact_mechanisms=[["create", [{"type": "mobile", "value": phone}]]],
        )


def _stock(admin: Session, company: int, goods: dict[str, int]) -> None:
    storage = admin.one("stock.location", ["code", "=", "STO"])
    lines = [{"product": number, "quantity": PIECES} for number in goods.values()]
    inventory = admin.make(
        "stock.inventory", location=storage, company=company, lines=[["create", lines]]
    )
    admin.press("stock.inventory", "confirm", inventory)
