"""Table ``[erp]`` of the example."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from adapters.setting_types import CurrencyCode, Rate, ServerUrl, SettleSeconds, ZoneName
from adapters.settings import Settings, secret


class QuernstoneSettings(Settings):
    """What the adapter needs to know of one company.

    Attributes:
        url: Address of the server.
        key_env: Variable that holds the API key.
        currency: The book's currency, ISO 4217.
        rates: Units of the book's currency for one unit of another, for orders in others.
        time_zone: Zone of the company's days.
        phones: Whether telephone numbers are read.
        settle_seconds: How long an order that was sent, but not answered, is looked for before it is sent again.
    """

    url: ServerUrl
    key_env: Annotated[str, Field(min_length=1)] = "QUERNSTONE_API_KEY"
    currency: CurrencyCode
    rates: dict[CurrencyCode, Rate] = Field(default_factory=dict)
    time_zone: ZoneName
    phones: bool = False
    settle_seconds: SettleSeconds = 60.0

    @property
    def zone(self) -> ZoneInfo:
        """The zone itself."""
        return ZoneInfo(self.time_zone)

    def key(self) -> str:
        """Returns the API key.

        Raises:
            AdapterError: The variable is empty.
        """
        return secret(self.key_env, "API key of Quernstone")
