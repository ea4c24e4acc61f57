"""Table ``[erp]`` of an ERPNext adapter's settings file."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from adapters.contract import AdapterError
from adapters.settings import Settings
from adapters.wire_values import exponent

Text = Annotated[str, Field(min_length=1)]
Code = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]


class ErpnextSettings(Settings):
    """Where the site is, what of it is read, and how its values are meant.

    Attributes:
        url: Where the site answers, without a path: "https://erp.example.com".
        host: Value of the ``Host`` header, where one server has several sites; empty for the URL's.
        api_key_env: Variable that holds the user's API key.
        api_secret_env: Variable that holds the user's API secret.
        company: Company whose documents are read, by name.
        currency: The book's currency, ISO 4217.
        company_currency: The company's currency, which ERPNext's conversion rates lead to; empty when it is the book's.
        time_zone: The *site's* zone ("System Settings", "Time Zone"): Frappe writes local times without one.
        rates: Units of the book's currency for one unit of another, in place of a document's own rate; needed where
            the book's currency is not the company's.
        warehouses: Pointbook's warehouse code to ERPNext's warehouse: counted, and where rewards leave from.
        skus: Items whose stock is counted in these warehouses; none means all.
        settle_seconds: How long an order that was sent, but not answered, is looked for before it is sent
            again: longer than the site lets a request run, 120 s unless it was changed.
    """

    url: Annotated[str, Field(pattern=r"^https?://[^/]+(/[^?#]*)?$")]
    host: str = ""
    api_key_env: Text = "ERPNEXT_API_KEY"
    api_secret_env: Text = "ERPNEXT_API_SECRET"  # noqa: S105 – the variable's name
    company: Text
    currency: str
    company_currency: str = ""
    time_zone: str
    rates: dict[str, Annotated[Decimal, Field(gt=0)]] = Field(default={})
    warehouses: dict[Code, Text] = Field(default={})
    skus: tuple[Text, ...] = ()
    settle_seconds: Annotated[float, Field(ge=0, le=86_400)] = 180.0

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"'{name}' is no IANA time zone, such as 'Europe/Berlin'") from error
        return name

    @field_validator("currency", "company_currency")
    @classmethod
    def _is_a_currency(cls, code: str) -> str:
        try:
            exponent(code or "EUR")
        except AdapterError as error:
            raise ValueError(str(error)) from error
        return code

    @field_validator("warehouses")
    @classmethod
    def _names_each_once(cls, warehouses: dict[str, str]) -> dict[str, str]:
        if len(set(warehouses.values())) < len(warehouses):
            raise ValueError("two codes name the same warehouse: its pieces would count twice")
        return warehouses

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if not self.currency:
            raise ValueError("currency: name the book's, for example 'EUR'")
        if self.skus and not self.warehouses:
            raise ValueError("skus: they are counted in warehouses; name at least one")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The site's zone."""
        return ZoneInfo(self.time_zone)

    @property
    def home_currency(self) -> str:
        """The company's currency."""
        return self.company_currency or self.currency
