"""Redemptions as orders in any system: found by reference, created once, cancelled."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from adapters.contract import AdapterError, Known, SourceAway
from adapters.json_mapping.paths import JsonPath, Scope
from adapters.json_mapping.values import text_of
from adapters.rest.settings import Call, WriteBack
from adapters.rest.stages import checked
from adapters.web import Answer, Web
from adapters.wire_values import exponent, redemption_reference
from pointbook.v1 import redemptions_pb2

NOT_FOUND = 404
_NUMBERS = frozenset({"{quantity}", "{amount}"})

NOT_CONFIGURED = (
    "this adapter makes no orders: [erp.write_back] is missing; or set write_back = false in [run]"
)


class Orders:
    """The orders that carry redemptions.

    Args:
        web: The system.
        settings: Table ``[erp.write_back]``; None when there is none.
        clock: Seconds, of a clock that never goes back.
    """

    def __init__(
        self,
        web: Web,
        settings: WriteBack | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._web = web
        self._settings = settings
        self._clock = clock
        self._lost_at: dict[str, float] = {}

    def find(self, redemption_id: str) -> str:
        """Returns the order of a redemption; empty when there is none.

        Raises:
            AdapterError: It cannot be looked for.
        """
        settings = self._configured()
        answer = self._call(settings.find, _named(redemption_id), may_repeat=True)
        if answer.status == NOT_FOUND:
            return ""
        return _order_of(settings.find, answer)

    def create(self, redemption: redemptions_pb2.Redemption, member: Known) -> str:
        """Makes the order of a redemption, unless there is one, and returns its number.

        Raises:
            SourceAway: No answer; it is looked for before it is made again.
            AdapterError: It was not made.
        """
        settings = self._configured()
        if known := self.find(redemption.redemption_id):
            return known
        self._wait_for_lost(redemption.redemption_id, settings.settle_seconds)
        amount = Decimal(redemption.amount_minor).scaleb(-exponent(settings.currency))
        values = {
            **_named(redemption.redemption_id),
            "member": member.external_id,
            "sku": redemption.sku,
            "quantity": str(redemption.quantity),
            "amount": format(amount, "f"),
            "warehouse": redemption.warehouse,
            "store": redemption.store,
        }
        try:
            answer = self._call(settings.create, values, may_repeat=False)
        except SourceAway:
            # It may have been made all the same, and be found now or a little later.
            self._lost_at[redemption.redemption_id] = self._clock()
            if known := self.find(redemption.redemption_id):
                return known
            raise
        number = _order_of(settings.create, answer)
        if not number:
            raise AdapterError(
                f"redemption {redemption.redemption_id}: the answer to create has no order number at "
                f"{settings.create.order}: {answer.said()}"
            )
        return number

    def cancel(self, redemption_id: str) -> None:
        """Cancels the order of a redemption; without an order there is nothing to do.

        Raises:
            AdapterError: The system will not, or cancelling is not configured.
        """
        settings = self._configured()
        number = self.find(redemption_id)
        if not number:
            return
        if settings.cancel is None:
            raise AdapterError(
                f"order {number} of redemption {redemption_id} has to be cancelled by hand: "
                "[erp.write_back.cancel] is missing"
            )
        answer = self._call(
            settings.cancel, {**_named(redemption_id), "order_id": number}, may_repeat=True
        )
        checked(answer, f"cancelling order {number}", settings.cancel.ok)

    def _wait_for_lost(self, redemption_id: str, settle_seconds: float) -> None:
        lost_at = self._lost_at.get(redemption_id)
        if lost_at is not None and self._clock() < lost_at + settle_seconds:
            raise SourceAway(
                f"the order of redemption {redemption_id} was sent and not answered; it is looked for "
                f"{settle_seconds:g} seconds before it is sent again"
            )
        self._lost_at.pop(redemption_id, None)

    def _configured(self) -> WriteBack:
        if self._settings is None:
            raise AdapterError(NOT_CONFIGURED)
        return self._settings

    def _call(self, call: Call, values: Mapping[str, str], *, may_repeat: bool) -> Answer:
        in_path = {name: quote(value, safe="") for name, value in values.items()}
        return self._web.call(
            call.method,
            _filled(call.path, in_path),
            json_body=json_body(call.json_template, values) if call.json_template else None,
            params={name: _filled(text, values) for name, text in call.params.items()},
            may_repeat=may_repeat,
        )


def json_body(template: str, values: Mapping[str, str]) -> str:
    """Returns a JSON body: placeholders in its texts are replaced, whatever the values hold.

    ``{"qty": "{quantity}", "note": "Gift {redemption_id}"}`` with 2 and R17 is ``{"qty": 2, "note": "Gift R17"}``.

    Raises:
        AdapterError: The template is no JSON, or names something unknown.
    """
    try:
        said = json.loads(template, parse_float=Decimal)
    except ValueError as error:
        raise AdapterError(f"[erp.write_back] json is no JSON: {error}") from error
    return _json(said, values)


def _json(said: Any, values: Mapping[str, str]) -> str:
    if isinstance(said, dict):
        parts = (f"{json.dumps(name)}: {_json(each, values)}" for name, each in said.items())
        return f"{{{', '.join(parts)}}}"
    if isinstance(said, list):
        return f"[{', '.join(_json(each, values) for each in said)}]"
    if isinstance(said, str):
        filled = _filled(said, values)
        return filled if said in _NUMBERS else json.dumps(filled)
    return str(said) if isinstance(said, Decimal) else json.dumps(said)


def _filled(text: str, values: Mapping[str, str]) -> str:
    try:
        return text.format_map(values)
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        known = ", ".join(sorted(values))
        raise AdapterError(f"[erp.write_back] {text!r}: braces hold one of {known}") from error


def _named(redemption_id: str) -> dict[str, str]:
    return {"redemption_id": redemption_id, "reference": redemption_reference(redemption_id)}


def _order_of(call: Call, answer: Answer) -> str:
    assert call.order is not None, "the settings were checked"
    body = checked(answer, f"{call.method} {call.path}", call.ok)
    found = JsonPath(call.order).all(Scope(body, body))
    return text_of(found[0], call.order) if found else ""
