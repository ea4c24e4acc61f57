"""Table ``[erp]`` of an Odoo adapter."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from adapters.setting_types import (
    Code,
    CurrencyCode,
    OptionalCurrencyCode,
    Rate,
    ServerUrl,
    SettleSeconds,
    ZoneName,
)
from adapters.settings import Settings, secret

FieldName = Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]{0,62})?$")]


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

    url: ServerUrl
    database: Annotated[str, Field(min_length=1)]
    user: Annotated[str, Field(min_length=1)]
    secret_env: Annotated[str, Field(min_length=1)]
    api: Literal["jsonrpc", "json2"] = "jsonrpc"
    currency: CurrencyCode
    company_currency: OptionalCurrencyCode = ""
    company_id: Annotated[int, Field(ge=1)] | None = None
    rates: dict[CurrencyCode, Rate] = Field(default_factory=dict)
    completed: Literal["locked", "delivered"] = "locked"
    timezone: ZoneName = "UTC"
    warehouses: tuple[Code, ...] = ()
    skus: tuple[Code, ...] = ()
    unit_costs: bool = True
    phone_field: FieldName = ""
    card_field: FieldName = ""
    settle_seconds: SettleSeconds = 180.0

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
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
