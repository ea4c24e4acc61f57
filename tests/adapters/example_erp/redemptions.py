"""Redemptions as orders of Quernstone: found by their reference, made once, cancelled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from adapters.contract import Known, SourceAway
from adapters.unanswered import Unanswered
from adapters.wire_values import ascii_id, priced, redemption_reference
from pointbook.v1 import redemptions_pb2
from tests.adapters.example_erp.api import Api, Row
from tests.adapters.example_erp.settings import QuernstoneSettings


class Redemptions:
    """The orders of redemptions in one company."""

    def __init__(
        self, api: Api, settings: QuernstoneSettings, clock: Callable[[], datetime]
    ) -> None:
        self._api = api
        self._currency = settings.currency
        self._unanswered = Unanswered(settings.settle_seconds, clock)

    def find(self, redemption_id: str) -> str:
        """See ``adapters.contract.Erp.find_order``."""
        found = self._found(redemption_id)
        if found is None:
            return ""
        self._unanswered.forget(redemption_id)
        return ascii_id(found["number"])

    def create(self, redemption: redemptions_pb2.Redemption, member: Known) -> str:
        """See ``adapters.contract.Erp.create_order``."""
        number = redemption.redemption_id
        self._unanswered.expect_settled(number)
        try:
            made = self._api.create_order(self._values(redemption, member))
        except SourceAway:
            self._unanswered.note(number)  # it may be there, or be there in a moment
            raise
        return ascii_id(made["number"])

    def cancel(self, redemption_id: str) -> None:
        """See ``adapters.contract.Erp.cancel_order``; what has left is refused by Quernstone."""
        found = self._found(redemption_id)
        if found is not None:
            self._api.cancel_order(found["id"])

    def _found(self, redemption_id: str) -> Row | None:
        """Returns the redemption's order; of several the first that is not void."""
        found = self._api.rows("orders", 10, reference=redemption_reference(redemption_id))
        alive = [row for row in found if row["state"] != "void"]
        return next(iter(alive or found), None)

    def _values(self, redemption: redemptions_pb2.Redemption, member: Known) -> Row:
        prices = priced(redemption.quantity, redemption.amount_minor, self._currency)
        return {
            "reference": redemption_reference(redemption.redemption_id),
            "customer": member.external_id,
            "currency": self._currency,
            "warehouse": redemption.warehouse,
            "lines": [
                {"sku": redemption.sku, "quantity": str(pieces), "price": str(price)}
                for pieces, price in prices
            ],
        }
