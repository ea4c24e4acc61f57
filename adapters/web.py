"""HTTP for adapters: deadlines, retries of what may be repeated, JSON whose numbers are decimals."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from adapters.client import Patience, delay_seconds
from adapters.contract import AdapterError, SourceAway

AWAY = frozenset({408, 425, 429, 502, 503, 504})
ERP_PATIENCE = Patience(attempts_max=5, delay_seconds_max=5.0, deadline_seconds=60.0)
_SAID_CHARACTERS_MAX = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said.

    Attributes:
        status: HTTP status.
        body: The raw body.
        headers: Its headers, names in small letters.
    """

    status: int
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> Any:
        """Returns the body as JSON; every number with a point is a ``Decimal``, never a float.

        Raises:
            AdapterError: It is not JSON.
        """
        try:
            return json.loads(self.body, parse_float=Decimal)
        except ValueError as error:
            raise AdapterError(
                f"the source answered {self.status} and no JSON: {self.said()}"
            ) from error

    def said(self) -> str:
        """Returns the beginning of the body, for messages."""
        return self.body[:_SAID_CHARACTERS_MAX].decode("utf-8", "replace")


class Web:
    """Calls one server. Use one per thread.

    Args:
        url: What paths are put after.
        headers: Sent with every call.
        patience: How long and how often to try.
        transport: For tests.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        patience: Patience = ERP_PATIENCE,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._url = url.rstrip("/")
        self._patience = patience
        self._sleep = sleep
        self._chance = chance
        self._client = httpx.Client(
            headers=dict(headers or {}), timeout=patience.deadline_seconds, transport=transport
        )

    def call(
        self,
        method: str,
        path: str,
        *,
        json_body: str | None = None,
        params: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        may_repeat: bool,
    ) -> Answer:
        """Calls the server and returns its answer, whatever its status but those in ``AWAY``.

        Args:
            method: HTTP method.
            path: Begins with a slash.
            json_body: Body, JSON already.
            params: Query; as pairs where a name comes more than once.
            headers: Beside those of every call.
            may_repeat: Whether doing it twice does no harm; a call that does is tried once.

        Raises:
            SourceAway: No answer, or one that says to come back later.
        """
        attempts = self._patience.attempts_max if may_repeat else 1
        sent = dict(headers or {})
        if json_body is not None:
            sent["content-type"] = "application/json"
        for attempt in range(1, attempts + 1):
            try:
                response = self._client.request(
                    method,
                    self._url + path,
                    content=json_body.encode() if json_body is not None else None,
                    params=_pairs(params),
                    headers=sent,
                )
                why = f"answered {response.status_code}"
            except httpx.TransportError as error:
                response, why = None, f"did not answer: {str(error) or type(error).__name__}"
            if response is not None and response.status_code not in AWAY:
                lower = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, response.content, lower)
            if attempt < attempts:
                self._sleep(delay_seconds(self._patience, attempt, self._chance()))
        raise SourceAway(f"{self._url} {why} (after {attempts} attempts)")

    def close(self) -> None:
        """Closes its connections."""
        self._client.close()


def _pairs(
    params: Mapping[str, str] | Sequence[tuple[str, str]] | None,
) -> list[tuple[str, str | int | float | bool | None]] | None:
    if not params:
        return None
    return list(params.items() if isinstance(params, Mapping) else params)
