"""Table ``[erp]`` of an Odoo adapter."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from adapters.contract import AdapterError
from adapters.settings import Settings, secret
from adapters.wire_values import exponent

RATE_DECIMALS_MAX = 10


def _currency(code: str) -> str:
    try:
        exponent(code)
    except AdapterError as error:
        raise ValueError(str(error)) from error
    return code


def _rate(text: str) -> str:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"'{text}' is not a decimal number") from error
    if not value.is_finite() or value <= 0 or "e" in text.lower():
        raise ValueError(f"'{text}' is not a positive decimal number without exponent")
    if len(text.partition(".")[2]) > RATE_DECIMALS_MAX:
        raise ValueError(f"'{text}' has more than {RATE_DECIMALS_MAX} decimals")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"'{name}' is not a time zone") from error
    return name


CurrencyCode = Annotated[str, AfterValidator(_currency)]
Rate = Annotated[str, AfterValidator(_rate)]
ZoneName = Annotated[str, AfterValidator(_zone)]
FieldName = Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]{0,62})?$")]
Code = Annotated[str, Field(min_length=1, max_length=64)]


class OdooSettings(Settings):
    """What the adapter needs to know of one Odoo database.

    Attributes:
        url: Address of the server, for example "https://odoo.example.com".
        database: Database name.
        user: Login of the user; with ``api = "json2"`` only for messages.
        secret_env: Variable that holds the password or, better, an API key.
        api: "jsonrpc" on 17, 18 and 19; "json2" on 19.
        currency: The book's currency, ISO 4217.
        company_currency: The company's currency; empty when it is the book's.
        company_id: Id of the company to read; None for the user's own.
        rates: Units of the book's currency for one unit of another, for orders in others.
        completed: What closes an order: "locked" (somebody or something locked it), or "delivered"
            (its delivery status is "full").
        timezone: Zone of the days that ``reconcile`` is asked for.
        warehouses: Codes of warehouses whose stock is counted; empty for none.
        skus: SKUs that are counted; empty for every product that has one.
        unit_costs: Whether the products' cost is read as unit cost.
        phone_field: Field of ``res.partner`` with the telephone number; empty for not reading it.
        card_field: Field of ``res.partner`` with the loyalty card; empty for not reading it.
        settle_seconds: How long an order that was sent, but not answered, is looked for before it is
            sent again: longer than Odoo's ``limit_time_real``.
    """

    url: Annotated[str, Field(pattern=r"^https?://[^\s/]+")]
    database: Annotated[str, Field(min_length=1)]
    user: Annotated[str, Field(min_length=1)]
    secret_env: Annotated[str, Field(min_length=1)]
    api: Literal["jsonrpc", "json2"] = "jsonrpc"
    currency: CurrencyCode
    company_currency: str = ""
    company_id: Annotated[int, Field(ge=1)] | None = None
    rates: dict[CurrencyCode, Rate] = Field(default_factory=dict)
    completed: Literal["locked", "delivered"] = "locked"
    timezone: ZoneName = "UTC"
    warehouses: tuple[Code, ...] = ()
    skus: tuple[Code, ...] = ()
    unit_costs: bool = True
    phone_field: FieldName = ""
    card_field: FieldName = ""
    settle_seconds: Annotated[float, Field(ge=0, le=86_400)] = 180.0

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        _currency(self.home_currency)
        if self.skus and not self.warehouses:
            raise ValueError("skus: they are counted in warehouses; name at least one")
        return self

    @property
    def home_currency(self) -> str:
        """The company's currency."""
        return self.company_currency or self.currency

    @property
    def zone(self) -> ZoneInfo:
        """The zone of business days."""
        return ZoneInfo(self.timezone)

    def secret(self) -> str:
        """Returns the password or API key.

        Raises:
            AdapterError: The variable is empty.
        """
        return secret(self.secret_env, f"password or API key of Odoo user {self.user}")
