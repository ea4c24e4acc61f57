"""Tryton's JSON-RPC, as its own clients speak it: how people work in the Tryton of the tests."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx

from adapters.tryton.rest import from_tryton, to_tryton

TIMEOUT_SECONDS = 300.0


class Fault(Exception):
    """Tryton refused; the first argument is the kind of error or the message."""


class Session:
    """Somebody who has logged in."""

    def __init__(self, url: str, database: str, login: str, password: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS)
        self._database = database
        self._count = 0
        self.context: dict[str, Any] = {}
        found = self._call("common.db.login", [login, {"password": password}, "en"])
        self.user_id, token, _ = found
        said = base64.b64encode(f"{login}:{self.user_id}:{token}".encode()).decode()
        self._http.headers["authorization"] = f"Session {said}"
        self.refresh()

    def refresh(self) -> None:
        """Reads the user's preferences again, which are the context of every call."""
        self.context = {}
        self.context = self.call("res.user", "get_preferences", True)

    def call(self, model: str, method: str, /, *args: Any, **context: Any) -> Any:
        """Calls a method of a model."""
        return self._call(f"model.{model}.{method}", [*args, {**self.context, **context}])

    def create(self, model: str, *values: dict[str, Any]) -> list[int]:
        """Creates records and returns their ids."""
        found: list[int] = self.call(model, "create", list(values))
        return found

    def make(self, model: str, /, **values: Any) -> int:
        """Creates one record and returns its id."""
        (found,) = self.create(model, values)
        return found

    def write(self, model: str, number: int, /, **values: Any) -> None:
        """Changes a record."""
        self.call(model, "write", [number], values)

    def rows(self, model: str, domain: Sequence[Any], fields: Sequence[str]) -> list[Any]:
        """Returns records in the order of their ids."""
        found: list[Any] = self.call(
            model, "search_read", domain, 0, None, [["id", "ASC"]], list(fields)
        )
        return found

    def one(self, model: str, *domain: Any) -> int:
        """Returns the id of the first record."""
        return int(self.rows(model, list(domain), ["id"])[0]["id"])

    def press(self, model: str, button: str, *numbers: int) -> Any:
        """Presses a button of some records, all in one transaction."""
        return self.call(model, button, list(numbers))

    @contextmanager
    def wizard(
        self, name: str, /, **context: Any
    ) -> Iterator[Callable[[dict[str, Any], str], Any]]:
        """Opens a wizard; what it yields takes what is filled in and the state it leads to."""
        whole = {**self.context, **context}
        session, _, _ = self._call(f"wizard.{name}.create", [whole])

        def go(filled: dict[str, Any], state: str) -> Any:
            return self._call(f"wizard.{name}.execute", [session, filled, state, whole])

        yield go
        self._call(f"wizard.{name}.delete", [session, whole])

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()

    def _call(self, method: str, params: list[Any]) -> Any:
        self._count += 1
        body = json.dumps(
            {"id": self._count, "method": method, "params": params}, default=to_tryton
        )
        answer = self._http.post(
            f"/{self._database}/rpc/", content=body, headers={"content-type": "application/json"}
        )
        answer.raise_for_status()
        said = json.loads(answer.content, parse_float=Decimal, object_hook=from_tryton)
        if "error" in said:
            raise Fault(*said["error"])
        return said["result"]
