"""Table ``[erp]`` of a Tryton adapter."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from adapters.setting_types import (
    Code,
    CurrencyCode,
    OptionalCurrencyCode,
    Rate,
    ServerUrl,
    SettleSeconds,
)
from adapters.settings import Settings, secret


class TrytonSettings(Settings):
    """What the adapter needs to know of one company in a Tryton database.

    Attributes:
        url: Address of the server, for example "https://tryton.example.com".
        database: Database name.
        key_env: Variable that holds the key of the user application.
        company_id: Id of the company to read.
        currency: The book's currency, ISO 4217.
        company_currency: The company's currency; empty when it is the book's.
        rates: Units of the book's currency for one unit of another, for sales in others.
        warehouses: Codes of warehouses whose stock is counted and from which rewards leave.
        skus: SKUs that are counted; empty for every product that has one.
        unit_costs: Whether the products' cost price is read as unit cost.
        phones: Whether telephone numbers of parties are read.
        settle_seconds: How long a sale that was sent, but not answered, is looked for before it is sent
            again: longer than the server works on a request.
    """

    url: ServerUrl
    database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    key_env: Annotated[str, Field(min_length=1)] = "TRYTON_API_KEY"
    company_id: Annotated[int, Field(ge=1)] = 1
    currency: CurrencyCode
    company_currency: OptionalCurrencyCode = ""
    rates: dict[CurrencyCode, Rate] = Field(default_factory=dict)
    warehouses: tuple[Code, ...] = ()
    skus: tuple[Code, ...] = ()
    unit_costs: bool = True
    phones: bool = False
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
    def has_costs(self) -> bool:
        """Whether products' costs are read: they are in the company's currency, which must be the book's."""
        return self.unit_costs and self.home_currency == self.currency

    def key(self) -> str:
        """Returns the application's key.

        Raises:
            AdapterError: The variable is empty.
        """
        return secret(self.key_env, "key of a Tryton user application")
